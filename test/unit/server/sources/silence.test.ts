import { instant, ms } from 'banban-shared';
import { expect, test } from 'vitest';
import { watchSilence } from '../../../../packages/server/src/sources/silence.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const T0 = 1_000_000_000_000;

/** Looks every minute for so long at a source that has a line as often as `every` says; what it says at the end. */
function after(length: number, { silentAfter, every, stopsAt = Infinity, matches = () => 0, perLook = 10 }: { readonly silentAfter?: number; readonly every: (at: number) => number; readonly stopsAt?: number; readonly matches?: (at: number) => number; readonly perLook?: number }): string | undefined {
  const watch = watchSilence(silentAfter === undefined ? undefined : ms(silentAfter), instant(T0));
  let lines = 0;
  let matched = 0;
  let lastAt: number | undefined;
  let lastMatchAt: number | undefined;
  let said: string | undefined;
  for (let at = 0; at <= length; at += MINUTE) {
    if (at < stopsAt && (lastAt === undefined || at - lastAt >= every(at))) {
      lines += perLook;
      lastAt = at;
      const fresh = matches(at);
      matched += fresh;
      if (fresh > 0) lastMatchAt = at;
    }
    const stamp = (time: number | undefined) => (time === undefined ? undefined : instant(T0 + time));
    said = watch.look(instant(T0 + at), { lines, matched, lastAt: stamp(lastAt), lastMatchAt: stamp(lastMatchAt) });
  }
  return said;
}

test('a source that is told how long it may be silent', () => {
  expect(after(59 * MINUTE, { silentAfter: 10 * MINUTE, every: () => MINUTE, stopsAt: 50 * MINUTE })).toBeUndefined();
  expect(after(HOUR + 2 * MINUTE, { silentAfter: 10 * MINUTE, every: () => MINUTE, stopsAt: 50 * MINUTE })).toBe('no line has come for 13m, and silent_after is 10m: see that what writes to it still does');
  expect(after(HOUR, { silentAfter: 10 * MINUTE, every: () => Infinity, stopsAt: 0 })).toContain('no line has come for 1h');
});

test('a source whose pauses were learnt', () => {
  expect(after(2 * DAY, { every: () => 10 * MINUTE, stopsAt: 2 * DAY - 50 * MINUTE })).toBeUndefined();
  expect(after(2 * DAY, { every: () => 10 * MINUTE, stopsAt: 2 * DAY - 2 * HOUR })).toMatch(/^it has fallen silent: no line has come for 2h\d*m?, and the longest pause before was 9m/);
  // It sleeps at night.
  const office = (at: number): number => (at % DAY < 8 * HOUR ? 8 * HOUR : MINUTE);
  expect(after(3 * DAY + 7 * HOUR, { every: office })).toBeUndefined();
});

test('a source that is hardly known is given time', () => {
  expect(after(20 * HOUR, { every: () => MINUTE, stopsAt: 10 * HOUR })).toBeUndefined();
  expect(after(3 * DAY, { every: () => HOUR, stopsAt: 2 * DAY, perLook: 1 })).toBeUndefined();
});

test('a source that speaks and matches nothing any more', () => {
  const speaks = { every: () => MINUTE };
  expect(after(4 * DAY, { ...speaks, matches: (at) => (at < DAY ? 1 : 0) })).toMatch(/^of its last \d+ lines none was matched, since \S+: perhaps its lines look otherwise now/);
  expect(after(4 * DAY, { ...speaks, matches: (at) => (at % DAY === 0 ? 20 : 0) }), 'matches seldom').toBeUndefined();
  expect(after(4 * DAY, speaks), 'never matched').toBeUndefined();
  expect(after(4 * DAY, { ...speaks, matches: (at) => (at < DAY ? 1 : 0), perLook: 1 }), 'speaks little').toBeUndefined();
});
