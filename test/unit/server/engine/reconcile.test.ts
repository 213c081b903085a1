import { instant, NEVER, type Instant, type Subject } from 'banban-shared';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planList, type ListFacts } from '../../../../packages/server/src/engine/reconcile.ts';
import { nth } from '../../../support/records.ts';

const active = (...untils: readonly (readonly [number, number])[]): Map<Subject, { until: Instant }> => new Map(untils.map(([who, until]) => [nth(who), { until: instant(until) }]));
const set = (...who: readonly number[]): Set<Subject> => new Set(who.map(nth));
const list = (...who: readonly number[]): Subject[] => who.map(nth);
/** The plan, with the rows to add by their subjects. */
const plan = (facts: ListFacts) => {
  const { add, ...rest } = planList(facts);
  return { add: add.map((row) => row.subject), ...rest };
};

describe('a list with room for all', () => {
  test('gets what it lacks and loses what is ours and ended', () => {
    expect(plan({ active: active([1, 10], [2, 20]), ended: set(3, 4), listed: set(2, 3), capacity: 100 })).toEqual({ add: list(1), remove: list(3), waiting: [], foreign: 0 });
  });
  test('that is as it should be gets no write', () => {
    expect(plan({ active: active([1, 10]), ended: set(), listed: set(1), capacity: 100 })).toEqual({ add: [], remove: [], waiting: [], foreign: 0 });
  });
  test('keeps the rows that banban never wrote', () => {
    expect(plan({ active: active([1, 10]), ended: set(2), listed: set(2, 3, 4), capacity: 100 })).toEqual({ add: list(1), remove: list(2), waiting: [], foreign: 2 });
  });
  test('takes over a row that somebody else wrote for a banned address', () => {
    expect(plan({ active: active([1, 10]), ended: set(), listed: set(1), capacity: 1 })).toEqual({ add: [], remove: [], waiting: [], foreign: 0 });
  });
  test('keeps the row of an address that is banned again before the old row was seen gone', () => {
    expect(plan({ active: active([1, 10]), ended: set(1), listed: set(1), capacity: 100 })).toEqual({ add: [], remove: [], waiting: [], foreign: 0 });
  });
  test('has no bound where the kernel tells of none', () => {
    const all = Array.from({ length: 5000 }, (_, i) => [i, i] as const);
    expect(plan({ active: active(...all), ended: set(), listed: set(), capacity: undefined }).add).toHaveLength(5000);
  });
});

describe('a list with too little room', () => {
  test('has the longest-lasting bans, for ever before all; the others wait', () => {
    expect(plan({ active: active([1, 10], [2, 30], [3, 20], [4, Infinity]), ended: set(), listed: set(), capacity: 2 })).toEqual({ add: list(4, 2), remove: [], waiting: list(1, 3), foreign: 0 });
  });
  test('lets a shorter one go for a longer', () => {
    expect(plan({ active: active([1, 10], [2, 30], [3, 20]), ended: set(), listed: set(1, 3), capacity: 2 })).toEqual({ add: list(2), remove: list(1), waiting: list(1), foreign: 0 });
  });
  test('does not swap equals', () => {
    expect(plan({ active: active([1, 10], [2, 10], [3, 10]), ended: set(), listed: set(3), capacity: 1 })).toEqual({ add: [], remove: [], waiting: list(1, 2), foreign: 0 });
    expect(plan({ active: active([1, Infinity], [2, Infinity]), ended: set(), listed: set(2), capacity: 1 })).toEqual({ add: [], remove: [], waiting: list(1), foreign: 0 });
  });
  test('leaves the rows of others their places', () => {
    expect(plan({ active: active([1, 10], [2, 30]), ended: set(), listed: set(7, 8), capacity: 3 })).toEqual({ add: list(2), remove: [], waiting: list(1), foreign: 2 });
  });
  test('that others fill altogether gets nothing', () => {
    expect(plan({ active: active([1, 10]), ended: set(), listed: set(7, 8, 9), capacity: 2 })).toEqual({ add: [], remove: [], waiting: list(1), foreign: 3 });
  });
});

test('whatever the list: carried out, the plan is right and needs no other', () => {
  const who = fc.integer({ min: 0, max: 12 });
  const facts = fc.record({
    bans: fc.uniqueArray(fc.tuple(who, fc.constantFrom(1, 2, 3, Infinity)), { selector: ([n]) => n }),
    ended: fc.uniqueArray(who),
    listed: fc.uniqueArray(who),
    capacity: fc.option(fc.integer({ min: 1, max: 14 }), { nil: undefined }),
  });
  let crowded = 0;
  fc.assert(
    fc.property(facts, ({ bans, ended, listed, capacity }) => {
      const given = { active: active(...bans), ended: new Set(list(...ended)), capacity };
      const before = new Set(list(...listed));
      const planned = plan({ ...given, listed: before });
      const rows = new Set(before);
      for (const address of planned.remove) expect(rows.delete(address), 'only what is there is removed').toBe(true);
      for (const address of planned.add) {
        expect(rows.has(address), 'only what is not there is added').toBe(false);
        rows.add(address);
        if (before.size <= (capacity ?? Infinity)) expect(rows.size, 'never a row too many').toBeLessThanOrEqual(capacity ?? Infinity);
      }
      const banned = new Map([...given.active].map(([subject, { until }]) => [subject, until]));
      const foreign = [...before].filter((a) => !banned.has(a) && !given.ended.has(a));
      expect(planned.foreign).toBe(foreign.length);
      for (const address of foreign) expect(rows.has(address), 'rows of others stay').toBe(true);
      for (const address of given.ended) expect(rows.has(address) && !banned.has(address), 'what ended is gone').toBe(false);
      const held = [...banned.keys()].filter((a) => rows.has(a));
      expect(held.length).toBe(Math.min(banned.size, Math.max(0, (capacity ?? Infinity) - foreign.length)));
      expect(new Set([...held, ...planned.waiting])).toEqual(new Set(banned.keys()));
      if (planned.waiting.length > 0 && held.length > 0) {
        crowded++;
        const shortest = Math.min(...held.map((a) => banned.get(a) ?? NEVER));
        for (const address of planned.waiting) expect(banned.get(address)).toBeLessThanOrEqual(shortest);
      }
      expect(plan({ ...given, listed: rows })).toMatchObject({ add: [], remove: [] });
    }),
    { numRuns: 3000 },
  );
  expect(crowded).toBeGreaterThan(300);
});
