/** The windows against a list of all hits that is searched from its beginning: slow, and plainly right. */
import { FOREVER, instant, ms, type Address, type Instant } from 'banban-shared';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createWindows, type Threshold } from '../../packages/server/src/count/window.ts';
import { naiveWindows } from '../support/naive-windows.ts';
import { nth, subject, T0 } from '../support/records.ts';
import { scaled } from '../support/search.ts';

interface NaiveHit {
  readonly key: string;
  readonly at: Instant;
  readonly line: string;
}

/** All hits since the last full window; the last `occurrences` of a key decide. */
function allHits() {
  let hits: NaiveHit[] = [];
  const inside = (key: string, interval: number, at: Instant): NaiveHit[] => hits.filter((h) => h.key === key && at - h.at <= interval);
  return {
    hit({ rule, occurrences, interval }: Threshold, address: Address, at: Instant, line: string): readonly string[] | undefined {
      const key = `${rule} ${address}`;
      hits.push({ key, at, line });
      const now = inside(key, interval, at);
      if (now.length < occurrences) return undefined;
      hits = hits.filter((h) => h.key !== key);
      return now.map((h) => h.line);
    },
    forget(rule: string, address: Address): void {
      hits = hits.filter((h) => h.key !== `${rule} ${address}`);
    },
    count: ({ rule, interval }: Threshold, address: Address, at: Instant): number => inside(`${rule} ${address}`, interval, at).length,
  };
}

const thresholds: readonly Threshold[] = [
  { rule: 'a', occurrences: 1, interval: ms(10) },
  { rule: 'b', occurrences: 2, interval: ms(1) },
  { rule: 'c', occurrences: 3, interval: ms(10) },
  { rule: 'd', occurrences: 7, interval: ms(100) },
];
const step = fc.record({
  rule: fc.constantFrom(...thresholds),
  who: fc.nat(1),
  /** How long after the step before: often nothing, often an interval to the very millisecond. */
  wait: fc.constantFrom(0, 0, 0, 0, 0, 0, 1, 1, 2, 5, 9, 10, 11, 50, 100, 101),
  what: fc.constantFrom('hit', 'hit', 'hit', 'hit', 'hit', 'hit', 'hit', 'forget', 'look', 'sweep'),
});

test('windows agree with a list of all hits', () => {
  let full = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 200, size: 'max' }), (steps) => {
      const windows = createWindows();
      const naive = allHits();
      let now: number = T0;
      steps.forEach(({ rule, who, wait, what }, i) => {
        now += wait;
        const at = instant(now);
        const address = nth(who);
        if (what === 'forget') {
          windows.forget([rule.rule], address);
          naive.forget(rule.rule, address);
        } else if (what === 'sweep') windows.sweep(at, ms(100), 2);
        else if (what === 'look') expect(windows.of([rule], address, at)[0]?.matches ?? 0).toBe(naive.count(rule, address, at));
        else {
          const expected = naive.hit(rule, address, at, `line ${i}`);
          expect(windows.hit(rule, address, at, `line ${i}`)?.lines).toEqual(expected);
          if (expected !== undefined && expected.length > 1) full++;
        }
      });
      expect(windows.evicted).toBe(0);
    }),
    { numRuns: scaled(1000) },
  );
  expect(full, 'windows of several hits that were full').toBeGreaterThan(1000);
});

test('a clock that jumps about makes no window of fewer lines, and none of lines that came an interval before', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ rule: fc.constantFrom(...thresholds), to: fc.nat(300) }), { maxLength: 150, size: 'max' }), (steps) => {
      const windows = createWindows();
      /** For each rule, the instants of the hits that are in the window or were: by then the clock was there at least. */
      const lines = new Map<string, Instant>();
      steps.forEach(({ rule, to }, i) => {
        const at = instant(T0 + to);
        const line = `${rule.rule} ${i}`;
        // What lies ahead of the clock counts as of now.
        for (const [key, seen] of lines) if (key.startsWith(`${rule.rule} `) && seen > at) lines.set(key, at);
        lines.set(line, at);
        const full = windows.hit(rule, nth(0), at, line);
        if (full === undefined) return;
        expect(full.lines.length).toBe(rule.occurrences);
        for (const one of full.lines) expect(at - (lines.get(one) ?? -Infinity)).toBeLessThanOrEqual(rule.interval);
      });
      expect(windows.size).toBeLessThanOrEqual(thresholds.length);
    }),
    { numRuns: scaled(1000) },
  );
});

const subjects = ['10.0.0.1', '10.0.0.2', '0.0.0.1', '10.0.0.0/24', '2001:db8::', '2001:db8::1', '2001:db8::/64', '2001:db8:0:1::/64', '::', '::a00:1', '::a00:1/127', '1:2:3:4:5:6:7:8'].map(subject);
const change = fc.record({
  what: fc.constantFrom('hit', 'hit', 'hit', 'hit', 'hit', 'hit', 'hit', 'hit', 'hit', 'hit', 'hit', 'forget', 'sweep', 'keep'),
  rule: fc.constantFrom(...thresholds),
  who: fc.nat(subjects.length - 1),
  /** Now and then the clock is put back. */
  wait: fc.constantFrom(0, 0, 0, 0, 1, 1, 2, 5, 11, 50, -1, -60),
  line: fc.oneof(fc.nat(200).map((length) => 'x'.repeat(length)), fc.string({ maxLength: 80, unit: 'binary' })),
  kept: fc.subarray(['a', 'b', 'c', 'd']),
});

test('never more windows than there is room for, never more lines, and else nothing but what objects in a list would say', () => {
  const seen = { evicted: 0, faded: 0, whole: 0 };
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.constantFrom(0, 64, 500, 1500, 100_000), fc.integer(), fc.array(change, { minLength: 50, maxLength: 300, size: 'max' }), (capacity, evidence, chance, changes) => {
      const windows = createWindows(capacity, evidence, chance);
      const naive = naiveWindows(capacity, evidence);
      let now: number = T0;
      for (const { what, rule, who, wait, line, kept } of changes) {
        now += wait;
        const at = instant(now);
        const address = subjects[who] ?? nth(0);
        if (what === 'forget') for (const each of [windows, naive]) each.forget([rule.rule, 'a'], address);
        else if (what === 'keep') {
          naive.keepRules(new Set(kept));
          windows.keepRules(new Set(kept));
          // Until they are swept away, windows of rules that went have the room of their lines.
          for (const each of [windows, naive]) each.sweep(at, FOREVER, 1000);
        } else if (what === 'sweep') for (const each of [windows, naive]) each.sweep(at, ms(100), 1000);
        else {
          const expected = naive.hit(rule, address, at, line);
          expect(windows.hit(rule, address, at, line)).toEqual(expected);
          if (expected !== undefined) seen[expected.lines.length < rule.occurrences ? 'faded' : 'whole']++;
        }
        expect(windows.of(thresholds, address, at)).toEqual(naive.of(thresholds, address, at));
        expect([windows.size, windows.evicted]).toEqual([naive.size, naive.evicted]);
      }
      seen.evicted += naive.evicted;
    }),
    { numRuns: scaled(300) },
  );
  for (const [what, count] of Object.entries(seen)) expect(count, what).toBeGreaterThan(150);
});
