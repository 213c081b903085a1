import { after, FOREVER, formatDuration, instant, LONGEST_DURATION, ms, NEVER, parseDuration, toIso, toSeconds } from 'banban-shared';
import { describe, expect, test } from 'vitest';

const S = 1000;
const M = 60 * S;
const H = 60 * M;
const D = 24 * H;

describe('a duration', () => {
  test.each([
    ['90s', 90 * S], ['10m', 10 * M], ['1h30m', H + 30 * M], ['7d', 7 * D], ['2w', 14 * D], ['1w2d3h4m5s', 9 * D + 3 * H + 4 * M + 5 * S], ['48h', 2 * D], ['90m', 90 * M],
    ['60', 60 * S], [60, 60 * S], [0.5, 500], ['007', 7 * S], ['forever', FOREVER], ['3650d', LONGEST_DURATION], ['315360000', LONGEST_DURATION], [315_360_000, LONGEST_DURATION],
  ])('%s is %i ms', (text, length) => {
    expect(parseDuration(text)).toBe(length);
  });
  test.each([
    '', ' ', '0', '0s', '0w0d', 0, 0.0001, -1, '-1', '-1h', '+1h', NaN, Infinity, -Infinity, '1.5h', '1e3', '1 h', ' 1h', '1h ', '1h\n', 'h', '1H', '1y', '1h1h', '30m1h', '1s1m', '1d12', 'for ever', 'Forever', 'never', 'infinity', '3651d', 315_360_001, '9'.repeat(13), `${'9'.repeat(10)}s`, '999999999w', '१h',
  ])('%j is none', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });
  test.each([
    [90 * S, '1m30s'], [H + 30 * M, '1h30m'], [48 * H, '2d'], [30 * D, '30d'], [7 * D, '1w'], [14 * D, '2w'], [9 * D, '9d'], [D + S, '1d1s'], [FOREVER, 'forever'], [0, '0s'], [499, '0s'], [500, '1s'], [1499, '1s'], [-5, '0s'],
  ])('of %i ms is written %s', (length, text) => {
    expect(formatDuration(ms(length))).toBe(text);
  });
  test('in whole seconds is rounded up, so that what remains is never nothing', () => {
    expect([0, 1, 999, 1000, 1001].map((n) => toSeconds(ms(n)))).toEqual([0, 1, 1, 1, 2]);
    expect(toSeconds(FOREVER)).toBeNull();
  });
});

describe('an instant', () => {
  test('is ISO 8601 in UTC to the millisecond, and null for never', () => {
    expect(toIso(instant(0))).toBe('1970-01-01T00:00:00.000Z');
    expect(toIso(instant(Date.UTC(2026, 1, 28, 23, 59, 59, 999)))).toBe('2026-02-28T23:59:59.999Z');
    expect(toIso(NEVER)).toBeNull();
  });
  test('for ever after any other is never', () => {
    expect(after(instant(5), ms(7))).toBe(12);
    expect(after(instant(5), FOREVER)).toBe(NEVER);
  });
});
