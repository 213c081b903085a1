/**
 * DESIGN section 9: random sequences of what can happen, run on the real engine, the real store and a kernel that
 * misbehaves, and on a reference model; after each step both agree and I1 to I6 hold.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FOREVER, ms, parseAddress, parseSubject, type Address, type Subject } from 'banban-shared';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { TargetConfig } from '../../packages/server/src/config/config.ts';
import type { Policy } from '../../packages/server/src/engine/policy.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { pattern, policy, prefix, rule, target } from '../support/policies.ts';
import { RealEngine } from '../support/real-engine.ts';
import { ReferenceModel, type ModelPolicy, type ModelRule } from '../support/reference-model.ts';
import { scaled } from '../support/search.ts';
import { unrulyFirewall } from '../support/unruly-firewall.ts';

const SECOND = 1000;
const CAPACITY = 3;

/** As a service might write them; two of them are the same address, some are neighbours. */
const TEXTS = ['192.0.2.1', '192.0.2.2', '192.0.2.3', '198.51.100.7', '2001:db8::1', '2001:DB8:0:0:0:0:0:2', '::ffff:192.0.2.1', '203.0.113.9', '2001:db8:1::1'];
const NETWORKS = ['192.0.2.0/24', '192.0.2.0/30', '192.0.0.0/16', '2001:db8::/64', '2001:db8::/32', '198.51.100.0/25'];
const STRANGERS = ['10.9.9.1', '10.9.9.2', '2001:db8:ffff::1'];
const at = (text: string): Address => {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(text);
  return address;
};

const named = (text: string): Subject => {
  const subject = parseSubject(text);
  if (subject === undefined) throw new Error(text);
  return subject;
};

const RULES: readonly ModelRule[] = [
  { name: 'twice', target: 'A', occurrences: 2, interval: 20 * SECOND, memory: 300 * SECOND, ban: [100 * SECOND, 200 * SECOND, Infinity], kinds: ['bad', 'both'] },
  { name: 'thrice', target: 'A', occurrences: 3, interval: 60 * SECOND, memory: 600 * SECOND, ban: [150 * SECOND], kinds: ['bad', 'worse'] },
  { name: 'once', target: 'B', occurrences: 1, interval: 10 * SECOND, memory: 100 * SECOND, ban: [30 * SECOND, 61 * SECOND], kinds: ['worse', 'both'] },
];
const TARGETS = [['A', 'B'], ['A', 'B'], ['A'], ['B']];
const ALLOWED = [[], ['192.0.2.1/32'], ['192.0.2.0/24', '2001:db8::/64'], ['2001:db8::2'], ['192.0.2.200', '2001:db8::42']];

/** What may be configured: which targets, whom they spare, and with which lists. */
interface Setting {
  readonly targets: readonly string[];
  readonly allowed: readonly string[];
  readonly lists: 'many' | 'few';
}
/** A has single addresses, B networks for IPv6 addresses and for too many neighbours; one of its lists is kept by a program. */
const TARGET = {
  A: { many: ['xt_recent', 'nftables'], few: ['xt_recent'], ipv6Prefix: 128, networkAfter: undefined },
  B: { many: ['nftables', 'command'], few: ['xt_recent', 'command'], ipv6Prefix: 64, networkAfter: 2 },
} as const;

const targetsOf = ({ targets, lists }: Setting): TargetConfig[] =>
  targets.map((name) => {
    const { ipv6Prefix, networkAfter, ...own } = TARGET[name === 'A' ? 'A' : 'B'];
    return target(name, { ban: [ms(120 * SECOND)], backends: own[lists], ipv6Prefix, networkAfter });
  });

const modelOf = (setting: Setting): ModelPolicy => ({
  allowed: setting.allowed.map(prefix),
  rules: RULES.filter((r) => setting.targets.includes(r.target)),
  targets: targetsOf(setting).map((config) => ({ ...config, canHold: (subject) => config.backends.some((backend) => RealEngine.takes(config, backend, subject)) })),
});

function policyFor(setting: Setting): Policy {
  const { allowed, rules } = modelOf(setting);
  return policy({
    allowlist: allowed,
    targets: targetsOf(setting),
    goodPatterns: [pattern(String.raw`sshd\[\d+\]: good from <ip>$`)],
    rules: rules.map((r) =>
      rule(r.name, {
        target: r.target,
        occurrences: r.occurrences,
        interval: ms(r.interval),
        memory: ms(r.memory),
        ban: r.ban.map((length) => (length === Infinity ? FOREVER : ms(length))),
        // A rule counts a line once, though two of its patterns match.
        badPatterns: [...r.kinds.map((kind) => pattern(String.raw`sshd\[\d+\]: ${kind} from <ip>$`)), pattern(String.raw`sshd\[\d+\]: (?:${r.kinds.join('|')}) from (?<ip>\S+)$`)],
      }),
    ),
  });
}

interface Situation {
  readonly model: ReferenceModel;
  setting: Setting;
}

/** What happened so far in all runs, to see that the sequences reach what they are to reach. */
const reached = new Map<string, number>();
const count = (what: string): void => void reached.set(what, (reached.get(what) ?? 0) + 1);

abstract class Step implements fc.Command<Situation, RealEngine> {
  abstract readonly shown: string;
  abstract run(situation: Situation, real: RealEngine): void;
  check(): boolean {
    return true;
  }
  toString(): string {
    return this.shown;
  }

  protected look({ model }: Situation, real: RealEngine): void {
    // The loop turns.
    model.workOff();
    real.checkKernel(CAPACITY);
  }

  protected agree({ model }: Situation, real: RealEngine): void {
    count(this.shown.split(' ')[0] ?? '');
    for (const ban of real.engine.bans()) {
      if (ban.level !== undefined && ban.level > 1) count('later level');
      if (ban.origin.kind === 'manual' && ban.level !== undefined) count('ban by hand over a rule’s');
      if (ban.origin.kind === 'rule' && ban.address.includes('/')) count(ban.level === undefined ? 'network of neighbours' : 'network for an address');
      if (model.holding(ban.address, ban.target).length > 0) count(ban.address.includes('/') ? 'network in a network' : 'address in a network');
    }
    for (const { state } of real.engine.targetStates()) count(state);
    real.checkAlways();
    const shape = (address: string, name: string, by: string, level: number | undefined, since: number, until: number): string => `${name} ${address} ${by} level ${level} since ${since} until ${until}`;
    expect(real.engine.bans().map((b) => shape(b.address, b.target, `${b.origin.kind}:${b.origin.name}`, b.level, b.since, b.until)).sort()).toEqual(
      model.bans.map((b) => shape(b.address, b.target, b.by, b.level, b.since, b.until)).sort(),
    );
  }
}

class Hit extends Step {
  readonly shown: string;
  constructor(private readonly kind: string, private readonly text: string, private readonly turn: boolean) {
    super();
    this.shown = `hit ${kind} ${text}${turn ? '' : ' (not worked off)'}`;
  }
  run(situation: Situation, real: RealEngine): void {
    const now = real.clock.now();
    real.engine.deliver(Buffer.from(`<38>Jan  2 03:04:05 host sshd[1]: ${this.kind} from ${this.text}\n`), now);
    situation.model.queue.push({ kind: this.kind, address: at(this.text), at: now });
    if (this.turn) {
      real.clock.turn();
      situation.model.workOff();
    }
    this.agree(situation, real);
  }
}

class Ban extends Step {
  readonly shown: string;
  constructor(private readonly text: string, private readonly pick: number, private readonly seconds: number) {
    super();
    this.shown = `ban ${text} in target ${pick} for ${seconds} s`;
  }
  run(situation: Situation, real: RealEngine): void {
    const { model, setting } = situation;
    const name = setting.targets[this.pick % setting.targets.length] ?? '';
    const asked = named(this.text);
    const length = this.seconds * SECOND;
    const [outcome, more] = real.engine.ban({ subjects: [asked, asked], target: name, length: length === Infinity ? FOREVER : ms(length), reason: undefined, by: 'ann' });
    const subject = model.banByHand(asked, name, real.clock.now(), length, 'ann');
    expect(more).toBeUndefined();
    expect(outcome?.outcome === 'refused').toBe(subject === undefined);
    if (outcome !== undefined && outcome.outcome !== 'refused' && subject !== undefined) {
      expect(outcome.subject).toBe(subject);
      expect(new Set(outcome.within.map((b) => b.address))).toEqual(new Set(model.holding(subject, name).map((b) => b.address)));
      // The answer is what the kernel has, where it tells at once.
      const [list = ''] = name === 'A' && setting.lists === 'few' ? ['A'] : [];
      if (list !== '') expect(outcome.enforcement === 'held').toBe(real.kernel.rows(list)?.has(subject) === true);
    }
    this.agree(situation, real);
  }
}

class Unban extends Step {
  readonly shown: string;
  constructor(private readonly text: string | undefined, private readonly pick: number | undefined) {
    super();
    this.shown = `unban ${text ?? 'all'} in ${pick === undefined ? 'every target' : `target ${pick}`}`;
  }
  run(situation: Situation, real: RealEngine): void {
    const { model, setting } = situation;
    const asked = this.text === undefined ? undefined : named(this.text);
    const name = this.pick === undefined ? undefined : setting.targets[this.pick % setting.targets.length];
    const before = real.engine.bans();
    const outcomes = real.engine.unban({ subjects: asked === undefined ? undefined : [asked], target: name, by: 'ann' });
    model.unban(asked, name);
    for (const one of outcomes) {
      const isIt = (b: { address: Subject; target: string }): boolean => (asked === undefined ? b.address === one.subject : model.isOf(b, one.subject)) && (name === undefined || b.target === name);
      if (one.targets.length > 0) count('unban that ended something');
      if (one.heldBy.length > 0) count('unban of what a network holds');
      expect([...one.targets].sort()).toEqual(before.filter(isIt).map((b) => b.target).sort());
      expect(one.heldBy.map((b) => `${b.target} ${b.address}`).sort(), 'I5: what still holds it is named').toEqual(model.holding(one.subject, name).map((b) => `${b.target} ${b.address}`).sort());
      real.checkFree(one.subject, isIt);
      if (!real.kernel.deaf) expect(one.unreleased).toEqual([]);
    }
    this.agree(situation, real);
  }
}

/** Longer than the time between two looks at the kernel. */
const LOOKED = 1600;

class Advance extends Step {
  readonly shown: string;
  constructor(private readonly milliseconds: number) {
    super();
    this.shown = `advance ${milliseconds} ms`;
  }
  run(situation: Situation, real: RealEngine): void {
    situation.model.workOff();
    real.clock.advance(this.milliseconds);
    situation.model.passTo(real.clock.now());
    if (this.milliseconds >= LOOKED) this.look(situation, real);
    this.agree(situation, real);
  }
}

class Reload extends Step {
  readonly shown: string;
  constructor(private readonly setting: Setting) {
    super();
    const { targets, allowed, lists } = setting;
    this.shown = `reload targets ${targets.join()} with ${lists} lists allowing ${allowed.join() || 'nobody'}`;
  }
  run(situation: Situation, real: RealEngine): void {
    if (situation.setting.lists !== this.setting.lists) count('other lists');
    situation.setting = this.setting;
    real.reload(policyFor(this.setting));
    situation.model.reload(modelOf(this.setting));
    this.look(situation, real);
    this.agree(situation, real);
  }
}

class Restart extends Step {
  readonly shown: string;
  constructor(private readonly gracefully: boolean, private readonly downFor: number) {
    super();
    this.shown = `${gracefully ? 'restart' : 'crash'} and down for ${downFor} ms`;
  }
  run(situation: Situation, real: RealEngine): void {
    if (this.gracefully) situation.model.workOff();
    real.restart(this.gracefully, this.downFor);
    situation.model.crash();
    situation.model.passTo(real.clock.now());
    this.look(situation, real);
    this.agree(situation, real);
  }
}

class Reconcile extends Step {
  readonly shown = 'reconcile';
  run(situation: Situation, real: RealEngine): void {
    real.engine.reconcile();
    this.look(situation, real);
    this.agree(situation, real);
  }
}

/** The programs that keep lists get round to it, or half of it. */
class Work extends Step {
  readonly shown: string;
  constructor(private readonly half: boolean) {
    super();
    this.shown = half ? 'begin' : 'work';
  }
  run(situation: Situation, real: RealEngine): void {
    if (this.half) real.kernel.begin();
    else real.kernel.step();
    real.clock.turn();
    situation.model.workOff();
    this.agree(situation, real);
  }
}

/** What somebody else does to the kernel: no ban changes by it. */
class Kernel extends Step {
  readonly shown: string;
  constructor(private readonly deed: 'vanish' | 'comeBack' | 'empty' | 'evict' | 'plant' | 'deaf' | 'half deaf' | 'hears', private readonly list: string, private readonly text: string) {
    super();
    this.shown = `${deed} ${list} ${text}`;
  }
  run(situation: Situation, real: RealEngine): void {
    const { kernel } = real;
    if (this.deed === 'evict' || this.deed === 'plant') kernel[this.deed](this.list, at(this.text));
    else if (this.deed === 'deaf' || this.deed === 'hears') kernel.setDeaf(this.deed === 'deaf');
    else if (this.deed === 'half deaf') kernel.setDeaf(true, this.list);
    else kernel[this.deed](this.list);
    if (this.deed === 'hears') {
      situation.model.workOff();
      real.clock.advance(LOOKED);
      situation.model.passTo(real.clock.now());
      this.look(situation, real);
    }
    this.agree(situation, real);
  }
}

const anyone = fc.constantFrom(...TEXTS);
const anything = fc.oneof({ weight: 3, arbitrary: anyone }, { weight: 2, arbitrary: fc.constantFrom(...NETWORKS) });
const hits = fc.record({ kind: fc.constantFrom('bad', 'bad', 'worse', 'both', 'good'), text: anyone, turn: fc.boolean() }).map(({ kind, text, turn }) => new Hit(kind, text, turn));
const steps = [
  hits,
  hits,
  hits,
  fc.tuple(anything, fc.nat(1), fc.constantFrom(1, 20, 90, 1000, Infinity)).map(([text, pick, seconds]) => new Ban(text, pick, seconds)),
  fc.tuple(fc.option(anything, { nil: undefined, freq: 8 }), fc.option(fc.nat(1), { nil: undefined })).map(([text, pick]) => new Unban(text, pick)),
  fc.constantFrom(1, 400, LOOKED, 9999, 10_000, 20_000, 20_001, 61_000, 200_000, 301_000).map((milliseconds) => new Advance(milliseconds)),
  fc.record<Setting>({ targets: fc.constantFrom(...TARGETS), allowed: fc.constantFrom(...ALLOWED), lists: fc.constantFrom('many', 'many', 'few') }).map((setting) => new Reload(setting)),
  fc.tuple(fc.boolean(), fc.constantFrom(0, 50, 40_000)).map(([gracefully, downFor]) => new Restart(gracefully, downFor)),
  fc.constant(new Reconcile()),
  fc.boolean().map((half) => new Work(half)),
  fc
    .tuple(fc.constantFrom('vanish', 'comeBack', 'comeBack', 'empty', 'evict', 'plant', 'plant', 'deaf', 'half deaf', 'hears', 'hears'), fc.constantFrom('A', 'A nftables', 'B nftables', 'B command'), fc.oneof(anyone, fc.constantFrom(...STRANGERS)))
    .map(([deed, list, text]) => new Kernel(deed as 'vanish', list, text)),
];

const RUNS = 200;

test('whatever happens, banban holds what it should, and I1 to I6 hold', { timeout: scaled(240_000) }, () => {
  fc.assert(
    fc.property(fc.commands(steps, { maxCommands: 120, size: 'max' }), (commands) => {
      const dir = mkdtempSync(join(tmpdir(), 'banban-model-'));
      try {
        const setting: Setting = { targets: ['A', 'B'], allowed: [], lists: 'many' };
        const real = new RealEngine(join(dir, 'banban.db'), fakeClock(), unrulyFirewall(CAPACITY), policyFor(setting));
        try {
          const model = new ReferenceModel(modelOf(setting));
          fc.modelRun(() => ({ model: { model, setting }, real }), commands);
          // Whatever it was: once the kernel answers again, everything is in order within 2 seconds.
          real.kernel.setDeaf(false);
          real.clock.advance(2 * SECOND);
          real.checkKernel(CAPACITY);
          real.checkAlways();
        } finally {
          real.close();
        }
      } finally {
        rmSync(dir, { recursive: true, force: true });
      }
    }),
    { numRuns: scaled(RUNS) },
  );
  // The sequences went where it is interesting.
  for (const what of ['hit', 'ban', 'unban', 'advance', 'reload', 'crash', 'restart', 'reconcile', 'vanish', 'evict', 'plant', 'deaf', 'full', 'later level', 'unban that ended something', 'unban of what a network holds', 'ban by hand over a rule’s', 'network for an address', 'network of neighbours', 'network in a network', 'address in a network', 'other lists', 'missing', 'pending', 'failed', 'work', 'begin']) {
    // Some are rare, and how rare depends on the seed.
    expect(reached.get(what) ?? 0, `no sequence had: ${what}`).toBeGreaterThan(0);
  }
});
