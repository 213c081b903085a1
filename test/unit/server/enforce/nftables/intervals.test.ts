/** Intervals against the arithmetic of large numbers. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bitsOf, overlapping, pairs, putEnd, putLast, type Interval } from '../../../../../packages/server/src/enforce/nftables/intervals.ts';
import { scaled } from '../../../../support/search.ts';

const RUNS = { numRuns: scaled(2000) };
const width = fc.constantFrom(4, 16);
const numberOf = (bytes: Buffer): bigint => BigInt(`0x${bytes.toString('hex')}`);
const bytesOf = (value: bigint, length: number): Buffer => Buffer.from(value.toString(16).padStart(length * 2, '0'), 'hex');
const network = width.chain((length) => fc.record({
  length: fc.constant(length),
  bits: fc.nat(length * 8),
  bytes: fc.oneof({ weight: 3, arbitrary: fc.uint8Array({ minLength: length, maxLength: length }) }, { weight: 1, arbitrary: fc.constantFrom(new Uint8Array(length), new Uint8Array(length).fill(0xff)) }),
})).map(({ length, bits, bytes }) => {
  const size = 1n << BigInt(length * 8 - bits);
  return { length, bits, size, start: (numberOf(Buffer.from(bytes)) / size) * size };
});

test('a network ends one before the next, and what goes to the last address of all has no next', () => {
  let endless = 0;
  fc.assert(fc.property(network, ({ length, bits, size, start }) => {
    const key = Buffer.concat([Buffer.alloc(2), bytesOf(start, length)]);
    const into = Buffer.alloc(length);
    const hasEnd = putEnd(key, 2, length, bits, into, 0);
    const end = start + size;
    const isEndless = end === 1n << BigInt(length * 8);
    if (isEndless) endless++;
    expect(hasEnd).toBe(!isEndless);
    if (hasEnd) expect(numberOf(into)).toBe(end);
    const last = Buffer.alloc(length);
    putLast(key, 2, length, bits, last, 0);
    expect(numberOf(last)).toBe(end - 1n);
    expect(bitsOf(bytesOf(start, length), hasEnd ? into : undefined)).toBe(bits);
  }), RUNS);
  expect(endless).toBeGreaterThan(50);
});

test('a range that is no network has no bits', () => {
  const range = fc.tuple(fc.nat(1023), fc.nat(1023)).filter(([a, b]) => a < b);
  fc.assert(fc.property(range, ([from, to]) => {
    const size = to - from;
    const isNetwork = (size & (size - 1)) === 0 && from % size === 0;
    expect(bitsOf(bytesOf(BigInt(from), 4), bytesOf(BigInt(to), 4))).toBe(isNetwork ? 32 - Math.log2(size) : undefined);
  }), RUNS);
});

const key = (n: number): string => String.fromCharCode(0, 0, n >> 8, n & 0xff);
/** Ranges of small numbers that have nothing in common; the last may go on for ever. */
const ranges = fc.uniqueArray(fc.nat(400), { maxLength: 20 }).map((cuts) => cuts.sort((a, b) => a - b)).chain((cuts) =>
  fc.record({ cuts: fc.constant(cuts), gaps: fc.array(fc.boolean(), { minLength: cuts.length, maxLength: cuts.length }), isEndless: fc.boolean() }),
).map(({ cuts, gaps, isEndless }) => cuts.flatMap((from, i) => {
  const to = cuts[i + 1];
  if (gaps[i] === true || (to === undefined && !isEndless)) return [];
  return [{ from, to }];
}));

test('starts find their ends in any order, with ends among them whose starts are gone', () => {
  fc.assert(fc.property(ranges, fc.array(fc.nat(400)), fc.boolean(), (all, more, hasZero) => {
    const isInside = (n: number): boolean => all.some(({ from, to }) => n > from && (to === undefined || n <= to));
    const stale = more.filter((n) => !isInside(n));
    const starts = all.map(({ from }) => [key(from), from] as const);
    const ends = [...all.flatMap(({ to }) => to ?? []), ...stale, ...(hasZero && !isInside(0) ? [0] : [])].map(key);
    const expected = all.map(({ from, to }) => ({ start: key(from), end: to === undefined ? undefined : key(to), value: from }));
    for (const turned of [(list: readonly unknown[]) => list, (list: readonly unknown[]) => [...list].reverse()]) {
      expect(pairs({ starts: turned(starts) as typeof starts, ends: turned(ends) as string[] })).toEqual(expected);
    }
  }), RUNS);
});

test('the first that has something in common is found', () => {
  fc.assert(fc.property(ranges, fc.tuple(fc.nat(420), fc.option(fc.nat(420), { nil: undefined })), fc.nat(20), ([...all], [from, to], ignored) => {
    if (to !== undefined && to <= from) return;
    const intervals: Interval<number>[] = all.map((one, i) => ({ start: key(one.from), end: one.to === undefined ? undefined : key(one.to), value: i }));
    const meets = all.findIndex((one, i) => i !== ignored && (to === undefined || one.from < to) && (one.to === undefined || one.to > from));
    expect(overlapping(intervals, key(from), to === undefined ? undefined : key(to), ({ value }) => value === ignored)?.value).toBe(meets < 0 ? undefined : meets);
  }), RUNS);
});
