import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { tickClock } from '../../../../packages/server/src/enforce/jiffies.ts';
import { fakeClock } from '../../../support/fake-clock.ts';
import { T0 } from '../../../support/records.ts';
import { tempDir } from '../../../support/temp-dir.ts';

const START = 2 ** 32 + 1_000_000;

/** A kernel of so many ticks a second, a day after its start. */
function machine(rate: number, start = START) {
  const timerList = join(tempDir(), 'timer_list');
  const clock = fakeClock();
  let moment = 0;
  let late = 0;
  let cost = 0;
  const count = (at: number): number => start + Math.floor((at * rate) / 1000);
  const show = (): void => writeFileSync(timerList, `Timer List Version: v0.10\nnow at 1 nsecs\n\ncpu: 0\n  .last_jiffies   : 5\njiffies: ${count(moment - late)}\n\ncpu: 1\njiffies: 7\n`);
  show();
  const ticks = tickClock({
    clock,
    timerList,
    now: () => (moment += cost),
  });
  return {
    clock, timerList, count, show,
    look: () => (show(), ticks.look()),
    pass(ms: number): void {
      moment += ms;
      clock.advance(ms);
    },
    setLate: (ms: number) => void (late = ms),
    setCost: (ms: number) => void (cost = ms),
  };
}

describe('a stamp', () => {
  test.each([100, 250, 256, 300, 1000, 1024])('at %i ticks a second is told as a time, three seconds after the first look', (rate) => {
    const { look, pass, count } = machine(rate);
    expect(look()).toBeUndefined();
    pass(2000);
    expect(look()).toBeUndefined();
    pass(1010);
    const reading = look();
    expect(Math.abs((reading?.moment(count(2500)) ?? NaN) - 2500)).toBeLessThanOrEqual(2000 / rate);
    expect(reading?.instant(2500)).toBe(T0 + 2500);
    pass(86_400_000);
    expect(Math.abs((look()?.moment(count(2500)) ?? NaN) - 2500)).toBeLessThanOrEqual(2000 / rate);
  });

  test('of before the first look has no instant: nobody knows how the clock went then', () => {
    const { look, pass } = machine(250);
    pass(4000);
    expect(look()?.instant(-1000)).toBeUndefined();
  });

  test.each([['set forward', 3_600_000], ['set back', -3_600_000]])('of before the clock was %s has no instant, those after it have the new time', (_, by) => {
    const { look, pass, clock } = machine(250);
    pass(4000);
    expect(look()?.instant(3000)).toBe(T0 + 3000);
    clock.crash(by);
    pass(1000);
    const reading = look();
    expect(reading?.instant(3000)).toBeUndefined();
    expect(reading?.instant(5000)).toBe(T0 + 5000 + by);
  });

  test('moves with a clock that is set by less than a second', () => {
    const { look, pass, clock } = machine(250);
    pass(4000);
    clock.crash(500);
    expect(look()?.instant(3000)).toBe(T0 + 3500);
  });
});

describe('nothing is told', () => {
  test('when the kernel counts late, until it does not', () => {
    const { look, pass, setLate } = machine(250);
    setLate(200);
    pass(4000);
    expect(look()).toBeUndefined();
    setLate(0);
    pass(4000);
    expect(look()).toBeUndefined();
    pass(4000);
    expect(look()).toBeDefined();
  });

  test('when a look takes long, because it may have been interrupted anywhere', () => {
    const { look, pass, setCost } = machine(250);
    pass(4000);
    setCost(10);
    expect(look()).toBeUndefined();
    setCost(0);
    expect(look()).toBeDefined();
  });

  test('any more when a look was very dear', () => {
    const { look, pass, setCost } = machine(250);
    pass(4000);
    setCost(60);
    expect(look()).toBeUndefined();
    setCost(0);
    expect(look()).toBeUndefined();
  });

  test.each([['in the first minutes, or on 32 bits', 2 ** 32 - 70_000, 250], ['with a rate that no kernel has', START, 420]])('%s', (_, start, rate) => {
    const { look, pass } = machine(rate, start);
    for (let i = 0; i < 5; i++) {
      pass(4000);
      expect(look()).toBeUndefined();
    }
  });

  test.each(['', 'jiffies: many\n', `  .idle_jiffies   : ${START}\n`, `${'x'.repeat(300_000)}\njiffies: ${START}\n`])('by a file that does not say', (text) => {
    const timerList = join(tempDir(), 'timer_list');
    writeFileSync(timerList, text);
    let moment = 0;
    const ticks = tickClock({ clock: fakeClock(), timerList, now: () => moment });
    moment = 4000;
    expect(ticks.look()).toBeUndefined();
    rmSync(timerList);
    expect(ticks.look()).toBeUndefined();
  });
});

test('a rate that is told is the right one, however late both looks were, within what a machine does', () => {
  fc.assert(
    fc.property(fc.constantFrom(100, 250, 300, 1000), fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 40 }), fc.integer({ min: 3000, max: 9000 }), (rate, before, after, span) => {
      const { look, pass, setLate, count } = machine(rate);
      setLate(before);
      look();
      pass(span);
      setLate(after);
      const told = look()?.moment(count(span - 3000));
      if (told !== undefined) expect(Math.abs(told - (span - 3000))).toBeLessThanOrEqual(50 + 2000 / rate);
    }),
    { numRuns: 50 },
  );
});
