/**
 * DESIGN section 9: random sequences of what can happen, run on the real engine, the real store and a kernel that
 * misbehaves, and on a reference model; after each step both agree and I1 to I6 hold.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FOREVER, ms, parseAddress, prefixSet, type Address } from 'banban-shared';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Policy } from '../../packages/server/src/engine/policy.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { pattern, policy, prefix, rule, target } from '../support/policies.ts';
import { RealEngine } from '../support/real-engine.ts';
import { ReferenceModel, type ModelRule } from '../support/reference-model.ts';
import { scaled } from '../support/search.ts';
import { unrulyFirewall } from '../support/unruly-firewall.ts';

const SECOND = 1000;
const CAPACITY = 4;

/** As a service might write them; two of them are the same address. */
const TEXTS = ['192.0.2.1', '192.0.2.2', '198.51.100.7', '2001:db8::1', '2001:DB8:0:0:0:0:0:2', '::ffff:192.0.2.1', '203.0.113.9', '2001:db8:1::1'];
const STRANGERS = ['10.9.9.1', '10.9.9.2', '2001:db8:ffff::1'];
const at = (text: string): Address => {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(text);
  return address;
};

const RULES: readonly ModelRule[] = [
  { name: 'twice', target: 'A', occurrences: 2, interval: 20 * SECOND, memory: 300 * SECOND, ban: [100 * SECOND, 200 * SECOND, Infinity], kinds: ['bad', 'both'] },
  { name: 'thrice', target: 'A', occurrences: 3, interval: 60 * SECOND, memory: 600 * SECOND, ban: [150 * SECOND], kinds: ['bad', 'worse'] },
  { name: 'once', target: 'B', occurrences: 1, interval: 10 * SECOND, memory: 100 * SECOND, ban: [30 * SECOND, 61 * SECOND], kinds: ['worse', 'both'] },
];
const TARGETS = [['A', 'B'], ['A'], ['B']];
const ALLOWED = [[], ['192.0.2.1/32'], ['192.0.2.0/24', '2001:db8::/64'], ['2001:db8::2']];

const rulesFor = (targets: readonly string[]): readonly ModelRule[] => RULES.filter((r) => targets.includes(r.target));

function policyFor(targets: readonly string[], allowed: readonly string[]): Policy {
  return policy({
    allowlist: allowed.map(prefix),
    targets: targets.map((name) => target(name, { ban: [ms(120 * SECOND)] })),
    goodPatterns: [pattern(String.raw`sshd\[\d+\]: good from <ip>$`)],
    rules: rulesFor(targets).map((r) =>
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
  targets: readonly string[];
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

  protected agree({ model }: Situation, real: RealEngine): void {
    count(this.shown.split(' ')[0] ?? '');
    for (const ban of real.engine.bans()) {
      if (ban.level !== undefined && ban.level > 1) count('later level');
      if (ban.origin.kind === 'manual' && ban.level !== undefined) count('ban by hand over a rule’s');
    }
    if (real.engine.targetStates().some((t) => t.state === 'full')) count('full');
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
    const name = situation.targets[this.pick % situation.targets.length] ?? '';
    const address = at(this.text);
    const length = this.seconds * SECOND;
    const [outcome] = real.engine.ban({ addresses: [address, address], target: name, length: length === Infinity ? FOREVER : ms(length), reason: undefined, by: 'ann' });
    situation.model.banByHand(address, name, real.clock.now(), length, 'ann');
    expect(outcome?.outcome === 'refused').toBe(situation.model.allowed.find(address) !== undefined);
    if (outcome !== undefined && outcome.outcome !== 'refused') {
      // The answer is what the kernel has.
      const isIn = real.kernel.rows(name)?.has(address) === true;
      expect(outcome.enforcement === 'held').toBe(isIn);
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
    const address = this.text === undefined ? undefined : at(this.text);
    const name = this.pick === undefined ? undefined : situation.targets[this.pick % situation.targets.length];
    const before = real.engine.bans();
    const outcomes = real.engine.unban({ addresses: address === undefined ? undefined : [address], target: name, by: 'ann' });
    situation.model.unban(address, name);
    for (const one of outcomes) {
      if (one.targets.length > 0) count('unban that ended something');
      expect([...one.targets].sort()).toEqual(before.filter((b) => b.address === one.address && (name === undefined || b.target === name)).map((b) => b.target).sort());
      real.checkFree(one.address, name);
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
    if (this.milliseconds >= LOOKED) real.checkKernel(CAPACITY);
    this.agree(situation, real);
  }
}

class Reload extends Step {
  readonly shown: string;
  constructor(private readonly targets: readonly string[], private readonly allowed: readonly string[]) {
    super();
    this.shown = `reload targets ${targets.join()} allowing ${allowed.join() || 'nobody'}`;
  }
  run(situation: Situation, real: RealEngine): void {
    situation.targets = this.targets;
    real.reload(policyFor(this.targets, this.allowed));
    situation.model.reload(prefixSet(this.allowed.map(prefix)), rulesFor(this.targets), new Set(this.targets));
    real.checkKernel(CAPACITY);
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
    real.checkKernel(CAPACITY);
    this.agree(situation, real);
  }
}

class Reconcile extends Step {
  readonly shown = 'reconcile';
  run(situation: Situation, real: RealEngine): void {
    real.engine.reconcile();
    real.checkKernel(CAPACITY);
    this.agree(situation, real);
  }
}

/** What somebody else does to the kernel: no ban changes by it. */
class Kernel extends Step {
  readonly shown: string;
  constructor(private readonly deed: 'vanish' | 'comeBack' | 'empty' | 'evict' | 'plant' | 'deaf' | 'hears', private readonly list: string, private readonly text: string) {
    super();
    this.shown = `${deed} ${list} ${text}`;
  }
  run(situation: Situation, real: RealEngine): void {
    const { kernel } = real;
    if (this.deed === 'evict' || this.deed === 'plant') kernel[this.deed](this.list, at(this.text));
    else if (this.deed === 'deaf' || this.deed === 'hears') kernel.setDeaf(this.deed === 'deaf');
    else kernel[this.deed](this.list);
    if (this.deed === 'hears') {
      situation.model.workOff();
      real.clock.advance(LOOKED);
      situation.model.passTo(real.clock.now());
      real.checkKernel(CAPACITY);
    }
    this.agree(situation, real);
  }
}

const anyone = fc.constantFrom(...TEXTS);
const hits = fc.record({ kind: fc.constantFrom('bad', 'bad', 'worse', 'both', 'good'), text: anyone, turn: fc.boolean() }).map(({ kind, text, turn }) => new Hit(kind, text, turn));
const steps = [
  hits,
  hits,
  hits,
  fc.tuple(anyone, fc.nat(1), fc.constantFrom(1, 20, 90, 1000, Infinity)).map(([text, pick, seconds]) => new Ban(text, pick, seconds)),
  fc.tuple(fc.option(anyone, { nil: undefined, freq: 8 }), fc.option(fc.nat(1), { nil: undefined })).map(([text, pick]) => new Unban(text, pick)),
  fc.constantFrom(1, 400, LOOKED, 9999, 10_000, 20_000, 20_001, 61_000, 200_000, 301_000).map((milliseconds) => new Advance(milliseconds)),
  fc.tuple(fc.constantFrom(...TARGETS), fc.constantFrom(...ALLOWED)).map(([targets, allowed]) => new Reload(targets, allowed)),
  fc.tuple(fc.boolean(), fc.constantFrom(0, 50, 40_000)).map(([gracefully, downFor]) => new Restart(gracefully, downFor)),
  fc.constant(new Reconcile()),
  fc
    .tuple(fc.constantFrom('vanish', 'comeBack', 'comeBack', 'empty', 'evict', 'plant', 'plant', 'deaf', 'hears', 'hears'), fc.constantFrom('A', 'B'), fc.oneof(anyone, fc.constantFrom(...STRANGERS)))
    .map(([deed, list, text]) => new Kernel(deed as 'vanish', list, text)),
];

const RUNS = 200;

test('whatever happens, banban holds what it should, and I1 to I6 hold', { timeout: scaled(120_000) }, () => {
  fc.assert(
    fc.property(fc.commands(steps, { maxCommands: 120, size: 'max' }), (commands) => {
      const dir = mkdtempSync(join(tmpdir(), 'banban-model-'));
      try {
        const targets = TARGETS[0] ?? [];
        const real = new RealEngine(join(dir, 'banban.db'), fakeClock(), unrulyFirewall(CAPACITY), policyFor(targets, []));
        try {
          const model = new ReferenceModel(prefixSet([]), RULES);
          fc.modelRun(() => ({ model: { model, targets }, real }), commands);
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
  for (const what of ['hit', 'ban', 'unban', 'advance', 'reload', 'crash', 'restart', 'reconcile', 'vanish', 'evict', 'plant', 'deaf', 'full', 'later level', 'unban that ended something', 'ban by hand over a rule’s']) {
    expect(reached.get(what) ?? 0, `no sequence had: ${what}`).toBeGreaterThan(20);
  }
});
