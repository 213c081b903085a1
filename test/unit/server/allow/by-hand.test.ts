import { after, instant, ms, NEVER, type Instant, type Prefix } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import { byHand, type ByHand } from '../../../../packages/server/src/allow/by-hand.ts';
import { StoreError, type AllowedRecord, type AllowStore } from '../../../../packages/server/src/store/store.ts';
import { fakeClock } from '../../../support/fake-clock.ts';
import { HOUR, prefix } from '../../../support/policies.ts';

/** A store in memory that fails when it is told to. */
function room() {
  const clock = fakeClock();
  const rows = new Map<Prefix, AllowedRecord>();
  let isBroken = false;
  const store: Pick<AllowStore, 'byHand' | 'change'> = {
    byHand: () => [...rows.values()],
    change({ put, remove }) {
      if (isBroken) throw new StoreError('the disk is full');
      for (const record of put) rows.set(record.prefix, record);
      for (const { prefix: gone } of remove) rows.delete(gone);
    },
  };
  const calls: string[][] = [];
  const begin = (): ByHand => byHand(clock, store, (prefixes) => calls.push([...prefixes]));
  return { clock, rows, calls, begin, people: begin(), now: () => calls.at(-1), breakIt: (is = true): void => void (isBroken = is) };
}
const asked = (text: string, until: Instant = NEVER) => ({ prefixes: text.split(' ').map(prefix), until, reason: 'a guest', by: 'ann' });

describe('what people allow', () => {
  test('is in force and in the database when the call returns', () => {
    const { people, rows, now, clock } = room();
    expect(people.allow(asked('203.0.113.7 2001:db8::/32'))).toMatchObject([{ outcome: 'allowed' }, { outcome: 'allowed' }]);
    expect(now()).toEqual(['203.0.113.7/32', '2001:db8::/32']);
    expect(rows.get(prefix('203.0.113.7'))).toEqual({ prefix: '203.0.113.7/32', since: clock.now(), until: NEVER, reason: 'a guest', by: 'ann' });
  });

  test('ends at its time, and nothing else with it', () => {
    const { people, clock, now, rows } = room();
    people.allow(asked('203.0.113.7', after(clock.now(), ms(HOUR))));
    people.allow(asked('203.0.113.8', after(clock.now(), ms(2 * HOUR))));
    people.allow(asked('203.0.113.9'));
    clock.advance(HOUR - 1);
    expect(now()).toHaveLength(3);
    clock.advance(1);
    expect(now()).toEqual(['203.0.113.8/32', '203.0.113.9/32']);
    clock.advance(HOUR);
    expect(now()).toEqual(['203.0.113.9/32']);
    expect([...rows.keys()]).toEqual(['203.0.113.9/32']);
    clock.advance(10_000 * HOUR);
    expect(people.list()).toHaveLength(1);
  });

  test('is allowed for the longer of two times', () => {
    const { people, clock } = room();
    const soon = after(clock.now(), ms(HOUR));
    const later = after(clock.now(), ms(3 * HOUR));
    people.allow(asked('203.0.113.7', later));
    expect(people.allow(asked('203.0.113.7', soon))).toMatchObject([{ outcome: 'unchanged', record: { until: later } }]);
    expect(people.allow({ ...asked('203.0.113.7'), reason: undefined, by: 'bert' })).toMatchObject([{ outcome: 'extended', record: { until: NEVER, reason: 'a guest', by: 'bert' } }]);
    expect(people.allow(asked('203.0.113.7', later))).toMatchObject([{ outcome: 'unchanged', record: { until: NEVER } }]);
    clock.advance(4 * HOUR);
    expect(people.list()).toHaveLength(1);
  });

  test('is there again after a restart, but for what ended meanwhile', () => {
    const { people, clock, begin, now } = room();
    people.allow(asked('203.0.113.7', after(clock.now(), ms(HOUR))));
    people.allow(asked('203.0.113.8', after(clock.now(), ms(3 * HOUR))));
    clock.crash(2 * HOUR);
    expect(begin().list().map((r) => r.prefix)).toEqual(['203.0.113.8/32']);
    expect(now()).toEqual(['203.0.113.8/32']);
    clock.advance(HOUR);
    expect(now()).toEqual([]);
  });

  test('asked for twice in one request is one', () => {
    const { people } = room();
    expect(people.allow(asked('203.0.113.7 203.0.113.7/32'))).toHaveLength(1);
  });

  test('is removed by anybody, and what was not there is said', () => {
    const { people, now, rows } = room();
    people.allow(asked('203.0.113.0/24 203.0.113.7'));
    expect(people.remove([prefix('203.0.113.7'), prefix('203.0.113.8')], 'bert')).toEqual([true, false]);
    expect(now()).toEqual(['203.0.113.0/24']);
    expect(rows.size).toBe(1);
  });

  test('is at most 20,000 entries', () => {
    const { people, rows } = room();
    people.allow({ ...asked('203.0.113.7'), prefixes: Array.from({ length: 20_000 }, (_, i) => prefix(`10.0.${i >> 8}.${i & 255}`)) });
    expect(() => people.allow(asked('203.0.113.7'))).toThrow('20001 entries would be allowed by hand, and at most 20000 can be: write them into a file of the allowlist; nothing was done');
    expect(people.allow(asked('10.0.0.1'))).toMatchObject([{ outcome: 'unchanged' }]);
    expect(rows.size).toBe(20_000);
  });
});

describe('while the database can’t be written', () => {
  test('nothing is allowed or removed', () => {
    const { people, breakIt, now } = room();
    people.allow(asked('203.0.113.7'));
    breakIt();
    expect(() => people.allow(asked('203.0.113.8'))).toThrow('the disk is full');
    expect(() => people.remove([prefix('203.0.113.7')], 'ann')).toThrow('the disk is full');
    expect(people.list().map((r) => r.prefix)).toEqual(['203.0.113.7/32']);
    expect(now()).toEqual(['203.0.113.7/32']);
  });

  test('what ends ends all the same, and stays ended after a restart', () => {
    const { people, clock, breakIt, now, begin } = room();
    people.allow(asked('203.0.113.7', after(clock.now(), ms(HOUR))));
    breakIt();
    clock.advance(HOUR);
    expect(now()).toEqual([]);
    expect(begin().list()).toEqual([]);
  });
});

test('an end is noticed within a minute when the clock was put forward', () => {
  const clock = fakeClock();
  let offset = 0;
  const calls: string[][] = [];
  const people = byHand({ ...clock, now: () => instant(clock.now() + offset) }, { byHand: () => [], change: () => undefined }, (prefixes) => calls.push([...prefixes]));
  people.allow(asked('203.0.113.7', after(clock.now(), ms(24 * HOUR))));
  offset = 25 * HOUR;
  clock.advance(59_999);
  expect(calls.at(-1)).toHaveLength(1);
  clock.advance(1);
  expect(calls.at(-1)).toEqual([]);
});
