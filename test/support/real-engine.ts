/** The real engine over the real store, with a clock and a kernel that the test commands. */
import { holds, isNetwork, parseSubject, subjectOf, type Enforcement, type Subject } from 'banban-shared';
import { expect } from 'vitest';
import type { BackendName, TargetConfig } from '../../packages/server/src/config/config.ts';
import { simulatedCutter } from '../../packages/server/src/enforce/simulated.ts';
import type { Engine } from '../../packages/server/src/engine/contract.ts';
import { createEngine } from '../../packages/server/src/engine/engine.ts';
import type { Policy } from '../../packages/server/src/engine/policy.ts';
import type { BanRecord, Store } from '../../packages/server/src/store/store.ts';
import { openStore } from '../../packages/server/src/store/sqlite.ts';
import type { FakeClock } from './fake-clock.ts';
import type { UnrulyFirewall } from './unruly-firewall.ts';
import { quietLog } from './quiet-log.ts';
import { overlap } from './reference-model.ts';

const WORST: readonly Enforcement[] = ['failed', 'missing', 'waiting', 'held'];
/** The lists that do what they are told in their own time. */
const DEFERRING: readonly BackendName[] = ['hosts_deny', 'command'];

const listName = (target: string, backend: BackendName): string => (backend === 'xt_recent' ? target : `${target} ${backend}`);

export class RealEngine {
  engine: Engine;
  store: Store;
  /** The `until` of every active ban after the last step, for I3. */
  private untils = new Map<number, number>();

  constructor(
    private readonly path: string,
    readonly clock: FakeClock,
    readonly kernel: UnrulyFirewall,
    public policy: Policy,
  ) {
    this.store = openStore(path);
    this.engine = this.begin();
  }

  private begin(): Engine {
    const { clock, store, kernel } = this;
    const engine = createEngine({ clock, store, firewall: kernel, cutter: simulatedCutter(), log: quietLog() }, this.policy);
    engine.start();
    return engine;
  }

  /** As kill -9 does, or a stop with everything received worked off; begins again after `downFor`. */
  restart(gracefully: boolean, downFor: number): void {
    if (gracefully) this.engine.stop();
    // Whose they were is forgotten with whoever wanted to free them: the admin has to.
    for (const list of this.strange()) this.kernel.empty(list);
    this.clock.crash(downFor);
    this.kernel.crash();
    this.store.close();
    this.store = openStore(this.path);
    this.engine = this.begin();
  }

  reload(policy: Policy): void {
    this.policy = policy;
    this.engine.reload(policy);
  }

  /** Lists of no target that have rows of ours. */
  private strange(): string[] {
    const configured = new Set([...this.policy.targets.values()].flatMap((t) => t.backends.map((backend) => listName(t.name, backend))));
    return this.kernel.lists().filter((list) => !configured.has(list) && this.kernel.written(list).size > 0);
  }

  /** The programs that keep lists get round to everything that they were asked for. */
  settle(): void {
    this.clock.turn();
    // What a step tells makes the engine ask for more, which is there for the next.
    for (let quiet = 0; quiet < 2; ) {
      quiet = this.kernel.step() ? 0 : quiet + 1;
      this.clock.turn();
    }
  }

  /** Whether a list of a backend can have a row. */
  static takes({ ipv6Prefix }: Pick<TargetConfig, 'ipv6Prefix'>, backend: BackendName, subject: Subject): boolean {
    if (backend !== 'xt_recent') return true;
    return subject.includes(':') && ipv6Prefix < 128 ? subject.endsWith(`/${ipv6Prefix}`) : !isNetwork(subject);
  }

  close(): void {
    this.store.close();
  }

  /** I1 to I3 and I6, which hold at every moment. */
  checkAlways(): void {
    const bans = this.engine.bans();
    const keys = bans.map((b) => `${b.target} ${b.address}`);
    expect(new Set(keys).size, 'I2: one active ban for an address in a target').toBe(keys.length);
    expect(byId(this.store.activeBans()), 'memory and store agree').toEqual(byId(bans));
    const allowed = this.policy.config.allowlist.map(subjectOf);
    for (const ban of bans) {
      for (const prefix of allowed) expect(overlap(prefix, ban.address), `I1: ${ban.address} is banned and ${prefix} is allowed`).toBe(false);
      expect(parseSubject(ban.address)).toBe(ban.address);
      expect(ban.until, `I3: the ban of ${ban.address} became shorter`).toBeGreaterThanOrEqual(this.untils.get(ban.id) ?? 0);
      this.checkReason(ban);
    }
    this.untils = new Map(bans.map((b) => [b.id, b.until]));
    if (this.kernel.deaf) return;
    for (const { name, backends } of this.policy.targets.values()) {
      for (const backend of backends.filter((one) => !DEFERRING.includes(one))) this.checkAllowed(listName(name, backend));
    }
  }

  private checkAllowed(list: string): void {
    const rows = [...this.kernel.written(list)];
    for (const prefix of this.policy.config.allowlist.map(subjectOf)) {
      for (const row of rows) expect(overlap(prefix, row), `I1: ${row} is in ${list} and ${prefix} is allowed`).toBe(false);
    }
    const networks = rows.filter(isNetwork);
    for (const one of networks) for (const other of networks) if (one !== other) expect(holds(one, other), `${one} and ${other} overlap in ${list}`).toBe(false);
  }

  private checkReason(ban: BanRecord): void {
    expect(ban.origin.name, 'I6').not.toBe('');
    if (ban.origin.kind !== 'rule') return;
    if (ban.level === undefined) {
      expect(ban.reason, 'I6: a network says why').toMatch(/^\d+ banned addresses in this network, the last one \S+$/);
      return;
    }
    const offence = this.store.offencesOf(ban.address, 1000).find((o) => o.target === ban.target && o.rule === ban.origin.name && o.decision !== 'none' && o.level === ban.level);
    expect(offence, `I6: no offence stands behind the ban of ${ban.address}`).toBeDefined();
    expect(offence?.lines.every((line) => line.includes('sshd[1]: ')), 'I6: the lines are the evidence').toBe(true);
  }

  /** I4, which holds once the kernel has been looked at; lets the loop turn. */
  checkKernel(capacity: number): void {
    this.settle();
    if (this.kernel.deaf) return;
    for (const list of this.strange()) expect([...this.kernel.written(list)], `${list} is no target's`).toEqual([]);
    for (const config of this.policy.targets.values()) this.checkTarget(config, capacity);
  }

  private checkTarget(config: TargetConfig, capacity: number): void {
    const state = this.engine.targetStates().find((t) => t.name === config.name);
    const bans = this.engine.bans().filter((b) => b.target === config.name);
    const found = new Map<Subject, Enforcement[]>(bans.map((b) => [b.address, []]));
    for (const [i, backend] of config.backends.entries()) {
      const list = listName(config.name, backend);
      const seen = state?.backends[i];
      const rows = this.kernel.rows(list);
      const own = bans.filter((b) => RealEngine.takes(config, backend, b.address));
      expect(seen).toMatchObject({ backend, bans: own.length });
      if (rows === undefined) {
        expect(seen?.state, 'a list that is gone is said to be gone').toBe('missing');
        for (const ban of own) found.get(ban.address)?.push('missing');
        continue;
      }
      this.checkAllowed(list);
      const networks = own.filter((b) => isNetwork(b.address));
      const coverOf = (ban: BanRecord): BanRecord | undefined => (isNetwork(ban.address) ? networks.find((n) => n !== ban && holds(n.address, ban.address)) : undefined);
      const listed = own.filter((b) => coverOf(b) === undefined);
      const active = new Set(bans.map((b) => b.address));
      for (const row of this.kernel.written(list)) expect(listed.some((b) => b.address === row), `I4: ${row} is in ${list} without a ban that needs it`).toBe(true);
      const foreign = [...rows].filter((r) => !active.has(r));
      expect(new Set(seen?.foreign), 'I4: rows of others are named').toEqual(new Set(foreign));
      const held = listed.filter((b) => rows.has(b.address));
      const waiting = listed.filter((b) => !rows.has(b.address));
      const places = backend === 'xt_recent' ? Math.max(0, capacity - foreign.length) : Infinity;
      expect(held.length, `I4: as many in ${list} as there is room for`).toBe(Math.min(listed.length, places));
      expect(new Set(seen?.notHeld), 'I4: what does not fit is reported').toEqual(new Set(waiting.map((b) => b.address)));
      const shortest = Math.min(...held.map((b) => b.until));
      for (const ban of waiting) expect(ban.until, 'I4: the longest-lasting stay').toBeLessThanOrEqual(shortest);
      expect(seen?.state).toBe(waiting.length > 0 ? 'full' : 'ok');
      for (const ban of own) found.get(ban.address)?.push(waiting.includes(ban) ? 'waiting' : 'held');
    }
    const worst = (each: readonly Enforcement[]): Enforcement => WORST.find((one) => each.includes(one)) ?? 'failed';
    for (const ban of bans) expect(this.engine.enforcementOf(ban), `${ban.address} in ${config.name}`).toBe(worst(found.get(ban.address) ?? []));
    const notHeld = bans.filter((b) => worst(found.get(b.address) ?? []) !== 'held');
    expect(new Set(state?.notHeld)).toEqual(new Set(notHeld.map((b) => b.address)));
    expect(state?.held).toBe(bans.length - notHeld.length);
  }

  /** I5, after an unban of what `isIt` knows, in the lists that do at once what they are told. */
  checkFree(subject: Subject, isIt: (ban: { readonly address: Subject; readonly target: string }) => boolean): void {
    expect(this.engine.bans().filter(isIt), 'I5: no active ban is left').toEqual([]);
    expect(this.store.activeBans().filter(isIt), 'I5: nor in the store').toEqual([]);
    if (this.kernel.deaf) return;
    for (const { name, backends } of this.policy.targets.values()) {
      for (const backend of backends.filter((one) => !DEFERRING.includes(one))) {
        const left = [...this.kernel.written(listName(name, backend))].filter((row) => isIt({ address: row, target: name }));
        expect(left, `I5: ${subject} is still in ${name}`).toEqual([]);
      }
    }
  }
}

const byId = (bans: readonly BanRecord[]): BanRecord[] => [...bans].sort((a, b) => a.id - b.id);
