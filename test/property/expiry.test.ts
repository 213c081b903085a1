/** Bans of random lengths, made and lengthened at random times: each ends at its own `until`, and none touches another. */
import { FOREVER, instant, ms, type Subject } from 'banban-shared';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { simulatedCutter } from '../../packages/server/src/enforce/simulated.ts';
import type { Engine } from '../../packages/server/src/engine/contract.ts';
import { createEngine } from '../../packages/server/src/engine/engine.ts';
import { openStore } from '../../packages/server/src/store/sqlite.ts';
import { fakeClock, type FakeClock } from '../support/fake-clock.ts';
import { policy, target } from '../support/policies.ts';
import { quietLog } from '../support/quiet-log.ts';
import { nth } from '../support/records.ts';
import { scaled } from '../support/search.ts';
import { unrulyFirewall, type UnrulyFirewall } from '../support/unruly-firewall.ts';

const DAY = 86_400_000;
const TICK = 500;
const TARGETS = ['A', 'B'];

interface Step {
  readonly who: number;
  readonly target: string;
  readonly length: number;
  readonly pass: number;
}

/** Lengths and waits that meet: the end of one is often the very instant of another's, or a millisecond beside it. */
const length = fc.constantFrom(1, 2, 499, 500, 501, 1000, 10_000, 60_000, 60_001, DAY, 25 * DAY, 60 * DAY, Infinity);
const wait = fc.constantFrom(0, 0, 1, 499, 500, 501, 999, 1000, 9999, 59_999, 60_000, 24 * DAY, 26 * DAY);
const steps = (pass: fc.Arbitrary<number>): fc.Arbitrary<Step[]> => fc.array(fc.record({ who: fc.nat(5), target: fc.constantFrom(...TARGETS), length, pass }), { minLength: 5, maxLength: 40, size: 'max' });
const awake = wait.filter((milliseconds) => milliseconds <= 61_000);

/** Longer than this is no waiting (it would be millions of ticks): the machine sleeps, and wakes up to another time. */
const ASLEEP = 61_000;

interface Room {
  readonly clock: FakeClock;
  readonly sleep: (milliseconds: number) => void;
  readonly kernel: UnrulyFirewall;
  readonly engine: Engine;
}

/** @param wake how the system rounds: what a timer of so many milliseconds waits for */
function withEngine(action: (room: Room) => void, wake: (delay: number) => number = (delay) => delay): void {
  const dir = mkdtempSync(join(tmpdir(), 'banban-expiry-'));
  const store = openStore(join(dir, 'banban.db'));
  try {
    const real = fakeClock();
    let slept = 0;
    const clock: FakeClock = { ...real, now: () => instant(real.now() + slept), after: (delay, run) => real.after(ms(wake(delay)), run) };
    const sleep = (milliseconds: number): void => {
      slept += milliseconds;
      real.advance(TICK);
    };
    const kernel = unrulyFirewall();
    const engine = createEngine({ clock, store, firewall: kernel, cutter: simulatedCutter(), log: quietLog() }, policy({ targets: TARGETS.map((name) => target(name)), rules: [] }));
    engine.start();
    action({ clock, sleep, kernel, engine });
  } finally {
    store.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** What should stand: the end of each ban by target and address. */
class Expected {
  readonly untils = new Map<string, number>();
  key = (list: string, subject: Subject): string => `${list} ${subject}`;

  /** @param late how long after its end a ban may still be there */
  check({ clock, kernel, engine }: Room, late: number): void {
    const now = clock.now();
    const active = new Map(engine.bans().map((b) => [this.key(b.target, b.address), b.until]));
    for (const [key, until] of this.untils) {
      if (until > now) expect(active.get(key), `${key} ended early`).toBe(until);
      else if (until <= now - late) {
        expect(active.has(key), `${key} should be over since ${now - until} ms`).toBe(false);
        this.untils.delete(key);
        ended++;
      }
    }
    for (const [key, until] of active) expect(this.untils.get(key), `${key} is nobody’s ban`).toBe(until);
    const rows = TARGETS.flatMap((list) => [...(kernel.rows(list) ?? [])].map((address) => this.key(list, address)));
    expect(rows.sort(), 'the kernel has what stands').toEqual([...active.keys()].sort());
  }
}

function run(all: readonly Step[], room: Room, late: number): void {
  const expected = new Expected();
  for (const { who, target: list, length: asked, pass } of all) {
    const address = nth(who);
    const key = expected.key(list, address);
    const now = room.clock.now();
    const before = expected.untils.get(key);
    room.engine.ban({ subjects: [address], target: list, length: asked === Infinity ? FOREVER : ms(asked), reason: undefined, by: 'ann' });
    // A late end: the old ban may still be standing, and is then the one that is lengthened. Its end is never earlier.
    expected.untils.set(key, Math.max(before !== undefined && before > now - late ? before : 0, now + asked));
    if (pass > ASLEEP) {
      room.sleep(pass);
      expected.check(room, TICK);
      continue;
    }
    // Looked at on the way, above all around the ends.
    for (const part of [Math.floor(pass / 2), 1, pass - Math.floor(pass / 2) - 1]) {
      if (part < 0) continue;
      room.clock.advance(part);
      expected.check(room, late);
    }
  }
  // And once all that has an end is over, all that has none is there.
  room.sleep(61 * DAY);
  expected.check(room, TICK);
  expect(room.engine.bans().every((b) => b.until === Infinity)).toBe(true);
}

let ended = 0;

test('a ban ends at its instant, whatever else is banned, lengthened or ended around it', { timeout: scaled(120_000) }, () => {
  fc.assert(fc.property(steps(awake), (all) => withEngine((room) => run(all, room, 0))), { numRuns: scaled(60) });
  expect(ended).toBeGreaterThan(300);
  ended = 0;
});

test('and within a tick of it where the machine sleeps, timers are late, and are cut to 2^31 ms as the system cuts them', { timeout: scaled(120_000) }, () => {
  const late = (delay: number): number => Math.min(delay, 2 ** 31 - 1) + (delay > 1000 ? 400 : 0);
  fc.assert(fc.property(steps(wait), (all) => withEngine((room) => run(all, room, TICK), late)), { numRuns: scaled(60) });
  expect(ended).toBeGreaterThan(300);
  ended = 0;
});
