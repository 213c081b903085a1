/** The real engine over the real store, with a clock and a kernel that the test commands. */
import { parseAddress, prefixSet, type Address } from 'banban-shared';
import { expect } from 'vitest';
import { simulatedCutter } from '../../packages/server/src/enforce/simulated.ts';
import type { Engine } from '../../packages/server/src/engine/contract.ts';
import { createEngine } from '../../packages/server/src/engine/engine.ts';
import type { Policy } from '../../packages/server/src/engine/policy.ts';
import type { BanRecord, Store } from '../../packages/server/src/store/store.ts';
import { openStore } from '../../packages/server/src/store/sqlite.ts';
import type { FakeClock } from './fake-clock.ts';
import type { UnrulyFirewall } from './unruly-firewall.ts';
import { quietLog } from './quiet-log.ts';

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
    this.clock.crash(downFor);
    this.store.close();
    this.store = openStore(this.path);
    this.engine = this.begin();
  }

  reload(policy: Policy): void {
    this.policy = policy;
    this.engine.reload(policy);
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
    const allowed = prefixSet(this.policy.config.allowlist);
    for (const ban of bans) {
      expect(allowed.find(ban.address), `I1: ${ban.address} is allowed and banned`).toBeUndefined();
      expect(parseAddress(ban.address)).toBe(ban.address);
      expect(ban.until, `I3: the ban of ${ban.address} became shorter`).toBeGreaterThanOrEqual(this.untils.get(ban.id) ?? 0);
      this.checkReason(ban);
    }
    this.untils = new Map(bans.map((b) => [b.id, b.until]));
    if (this.kernel.deaf) return;
    for (const list of this.policy.targets.keys()) {
      for (const row of this.kernel.written(list)) expect(allowed.find(row), `I1: ${row} is allowed and in ${list}`).toBeUndefined();
    }
  }

  private checkReason(ban: BanRecord): void {
    expect(ban.origin.name, 'I6').not.toBe('');
    if (ban.origin.kind !== 'rule') return;
    const offence = this.store.offencesOf(ban.address, 1000).find((o) => o.target === ban.target && o.rule === ban.origin.name && o.decision !== 'none' && o.level === ban.level);
    expect(offence, `I6: no offence stands behind the ban of ${ban.address}`).toBeDefined();
    expect(offence?.lines.every((line) => line.includes('sshd[1]: ')), 'I6: the lines are the evidence').toBe(true);
  }

  /** I4, which holds once the kernel has been looked at. */
  checkKernel(capacity: number): void {
    if (this.kernel.deaf) return;
    for (const state of this.engine.targetStates()) {
      const bans = this.engine.bans().filter((b) => b.target === state.name);
      const rows = this.kernel.rows(state.name);
      if (rows === undefined) {
        expect(state.state, 'a list that is gone is said to be gone').toBe('missing');
        expect(bans.map((b) => this.engine.enforcementOf(b))).toEqual(bans.map(() => 'missing'));
        continue;
      }
      const active = new Set(bans.map((b) => b.address));
      for (const row of this.kernel.written(state.name)) expect(active.has(row), `I4: ${row} is in ${state.name} without a ban`).toBe(true);
      const foreign = [...rows].filter((r) => !active.has(r));
      expect(state.foreign, 'I4: rows of others are counted').toBe(foreign.length);
      const held = bans.filter((b) => rows.has(b.address));
      const waiting = bans.filter((b) => !rows.has(b.address));
      expect(held.length, 'I4: as many as there is room for').toBe(Math.min(bans.length, Math.max(0, capacity - foreign.length)));
      expect(new Set(state.notHeld), 'I4: what does not fit is reported').toEqual(new Set(waiting.map((b) => b.address)));
      expect(state.held).toBe(held.length);
      const shortest = Math.min(...held.map((b) => b.until));
      for (const ban of waiting) expect(ban.until, 'I4: the longest-lasting stay').toBeLessThanOrEqual(shortest);
      for (const ban of bans) expect(this.engine.enforcementOf(ban)).toBe(rows.has(ban.address) ? 'held' : 'waiting');
      expect(state.state).toBe(waiting.length > 0 ? 'full' : 'ok');
    }
  }

  /** I5, after an unban of `address`, in `target` or everywhere. */
  checkFree(address: Address, target: string | undefined): void {
    const isIt = (b: BanRecord): boolean => b.address === address && (target === undefined || b.target === target);
    expect(this.engine.bans().filter(isIt), 'I5: no active ban is left').toEqual([]);
    expect(this.store.activeBans().filter(isIt), 'I5: nor in the store').toEqual([]);
    if (this.kernel.deaf) return;
    for (const list of target === undefined ? this.policy.targets.keys() : [target]) {
      expect(this.kernel.written(list).has(address), `I5: ${address} is still in ${list}`).toBe(false);
    }
  }
}

const byId = (bans: readonly BanRecord[]): BanRecord[] => [...bans].sort((a, b) => a.id - b.id);
