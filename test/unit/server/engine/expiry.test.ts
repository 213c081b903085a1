import { instant, type Instant } from 'banban-shared';
import { expect, test } from 'vitest';
import type { Clock } from '../../../../packages/server/src/clock.ts';
import { createExpiry } from '../../../../packages/server/src/engine/expiry.ts';
import { fakeClock } from '../../../support/fake-clock.ts';
import { T0 } from '../../../support/records.ts';

const DAY = 86_400_000;
const at = (milliseconds: number): Instant => instant(T0 + milliseconds);

/** An expiry that knows of one end and does with it what the engine does: looks whether it has come, and aims again. */
function room(clock: Clock, next: { end: Instant | undefined }) {
  const calls: number[] = [];
  const ended: number[] = [];
  const expiry = createExpiry(clock, () => {
    calls.push(clock.now());
    if (next.end !== undefined && next.end <= clock.now()) {
      ended.push(clock.now());
      next.end = undefined;
    }
    expiry.aim(next.end);
  });
  expiry.aim(next.end);
  return { expiry, calls, ended };
}

test('it calls at the very instant of the next end, once', () => {
  const clock = fakeClock();
  const { calls, ended } = room(clock, { end: at(1234) });
  clock.advance(1233);
  expect(calls).toEqual([]);
  clock.advance(1);
  expect(ended).toEqual([T0 + 1234]);
  clock.advance(DAY);
  expect(calls).toEqual([T0 + 1234]);
});

test('aimed at an earlier end it calls then, aimed at a later one not before that', () => {
  const clock = fakeClock();
  const next: { end: Instant | undefined } = { end: at(5000) };
  const { expiry, calls } = room(clock, next);
  next.end = at(2000);
  expiry.aim(next.end);
  clock.advance(2000);
  expect(calls).toEqual([T0 + 2000]);
  next.end = at(4000);
  expiry.aim(next.end);
  next.end = at(9000);
  expiry.aim(next.end);
  clock.advance(5000);
  expect(calls).toEqual([T0 + 2000]);
  clock.advance(2000);
  expect(calls).toEqual([T0 + 2000, T0 + 9000]);
});

test('aimed at nothing, or stopped, it never calls', () => {
  const clock = fakeClock();
  const one = room(clock, { end: at(100) });
  one.expiry.aim(undefined);
  const two = room(clock, { end: at(100) });
  two.expiry.stop();
  clock.advance(DAY);
  expect([...one.calls, ...two.calls]).toEqual([]);
  two.expiry.aim(at(2 * DAY));
  clock.advance(DAY);
  expect(two.calls, 'and can be aimed again').toEqual([T0 + 2 * DAY]);
});

test('an end that is past already is called for at once', () => {
  const clock = fakeClock();
  const { ended } = room(clock, { end: at(-5) });
  clock.advance(0);
  expect(ended).toEqual([T0]);
});

test('an end beyond the longest timer of the system (2^31 ms) comes at its instant, and not 24 days early', () => {
  const real = fakeClock();
  // As setTimeout does it behind the system's clock: what is longer is cut to the longest.
  const clock: Clock = { ...real, after: (delay, action) => real.after(Math.min(delay, 2 ** 31 - 1) as typeof delay, action) };
  const { calls, ended } = room(clock, { end: at(100 * DAY) });
  real.advance(100 * DAY - 1);
  expect(ended).toEqual([]);
  expect(calls.length, 'it looked on the way, and not again and again').toBe(4);
  real.advance(1);
  expect(ended).toEqual([T0 + 100 * DAY]);
});

test('a clock that was put back is waited for', () => {
  const real = fakeClock();
  let offset = 0;
  const clock: Clock = { ...real, now: () => instant(real.now() + offset) };
  const { ended } = room(clock, { end: at(1000) });
  offset = -5000;
  real.advance(5999);
  expect(ended).toEqual([]);
  real.advance(1);
  expect(ended).toEqual([T0 + 1000]);
});
