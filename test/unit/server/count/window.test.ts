import { instant, ms, type Instant } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import { PIECE } from '../../../../packages/server/src/count/line-store.ts';
import { createWindows, type Threshold } from '../../../../packages/server/src/count/window.ts';
import { address, nth, subject, T0 } from '../../../support/records.ts';
import { scaled } from '../../../support/search.ts';

const rule = (given: Partial<Threshold> = {}): Threshold => ({ rule: 'ssh', occurrences: 3, interval: ms(1000), ...given });
const at = (milliseconds: number): Instant => instant(T0 + milliseconds);
const A = address('192.0.2.1');
const B = address('2001:db8::1');

describe('a window', () => {
  test('is full with the n-th match, and gives the lines that filled it, oldest first', () => {
    const windows = createWindows();
    expect(windows.hit(rule(), A, at(0), 'one')).toBeUndefined();
    expect(windows.hit(rule(), A, at(1), 'two')).toBeUndefined();
    expect(windows.hit(rule(), A, at(2), 'three')).toEqual({ rule: 'ssh', address: A, at: at(2), lines: ['one', 'two', 'three'] });
  });
  test('of a network is another than that of its first address', () => {
    const windows = createWindows();
    for (const text of ['2001:db8::/64', '2001:db8::', '2001:db8::/64', '2001:db8::']) expect(windows.hit(rule(), subject(text), at(0), 'x')).toBeUndefined();
    expect(windows.of([rule()], subject('2001:db8::/64'), at(0))).toMatchObject([{ matches: 2 }]);
    expect(windows.hit(rule(), subject('2001:db8::/64'), at(0), 'y')).toMatchObject({ address: '2001:db8::/64', lines: ['x', 'x', 'y'] });
    windows.forget(['ssh'], subject('2001:db8::'));
    expect(windows.size).toBe(0);
  });
  test('takes a match that is read late with those it was near to, and leaves them where they are for one that is too old', () => {
    const windows = createWindows();
    windows.hit(rule(), A, at(5000), 'one');
    expect(windows.hit(rule(), A, at(3999), 'too old', at(5500))).toBeUndefined();
    expect(windows.of([rule()], A, at(5500))).toMatchObject([{ matches: 1, lastAt: at(5000) }]);
    expect(windows.hit(rule(), A, at(4000), 'old', at(5500))).toBeUndefined();
    expect(windows.hit(rule(), A, at(5600), 'two')?.lines).toEqual(['one', 'old', 'two']);
  });
  test('is empty again after that', () => {
    const windows = createWindows();
    for (let i = 0; i < 3; i++) windows.hit(rule(), A, at(i), 'x');
    expect(windows.size).toBe(0);
    expect(windows.hit(rule(), A, at(3), 'four')).toBeUndefined();
    expect(windows.hit(rule(), A, at(4), 'five')).toBeUndefined();
    expect(windows.hit(rule(), A, at(5), 'six')?.lines).toEqual(['four', 'five', 'six']);
  });
  test('counts a match of exactly the interval ago, and not one of a millisecond more', () => {
    const exactly = createWindows();
    exactly.hit(rule({ occurrences: 2 }), A, at(0), 'one');
    expect(exactly.hit(rule({ occurrences: 2 }), A, at(1000), 'two')?.lines).toEqual(['one', 'two']);
    const over = createWindows();
    over.hit(rule({ occurrences: 2 }), A, at(0), 'one');
    expect(over.hit(rule({ occurrences: 2 }), A, at(1001), 'two')).toBeUndefined();
    expect(over.hit(rule({ occurrences: 2 }), A, at(2001), 'three')?.lines).toEqual(['two', 'three']);
  });
  test('slides: it does not begin anew with a match that is too old', () => {
    const windows = createWindows();
    windows.hit(rule(), A, at(0), 'one');
    windows.hit(rule(), A, at(900), 'two');
    expect(windows.hit(rule(), A, at(1001), 'three')).toBeUndefined();
    expect(windows.hit(rule(), A, at(1900), 'four')?.lines).toEqual(['two', 'three', 'four']);
  });
  test('of one occurrence is always full, and takes no room', () => {
    const windows = createWindows();
    expect(windows.hit(rule({ occurrences: 1 }), A, at(0), 'one')).toEqual({ rule: 'ssh', address: A, at: at(0), lines: ['one'] });
    expect(windows.size).toBe(0);
  });
  test('belongs to one rule and one address', () => {
    const windows = createWindows();
    for (const who of [A, B]) for (const name of ['ssh', 'ssh2']) for (let i = 0; i < 2; i++) expect(windows.hit(rule({ rule: name }), who, at(i), 'x')).toBeUndefined();
    expect(windows.size).toBe(4);
    expect(windows.hit(rule(), B, at(3), 'x')).toMatchObject({ rule: 'ssh', address: B });
    expect(windows.size).toBe(3);
  });
  test('takes matches of the same millisecond', () => {
    const windows = createWindows();
    expect([1, 2, 3].map(() => windows.hit(rule(), A, at(0), 'x') !== undefined)).toEqual([false, false, true]);
  });
});

describe('where the clock was put back', () => {
  test('matches that lie ahead count as of now, so that none outlives its interval', () => {
    const windows = createWindows();
    windows.hit(rule(), A, at(86_400_000), 'one');
    expect(windows.hit(rule(), A, at(0), 'two')).toBeUndefined();
    expect(windows.hit(rule(), A, at(1001), 'three')).toBeUndefined();
    expect(windows.of([rule()], A, at(1001))).toEqual([{ rule: 'ssh', matches: 1, lastAt: at(1001) }]);
  });
  test('a window still fills', () => {
    const windows = createWindows();
    windows.hit(rule(), A, at(86_400_000), 'one');
    windows.hit(rule(), A, at(0), 'two');
    expect(windows.hit(rule(), A, at(1000), 'three')?.lines).toEqual(['one', 'two', 'three']);
  });
});

describe('forgetting', () => {
  test('drops an address in the rules that are given, and nobody else', () => {
    const windows = createWindows();
    for (const who of [A, B]) for (const name of ['ssh', 'mail', 'web']) windows.hit(rule({ rule: name }), who, at(0), 'x');
    windows.forget(['ssh', 'mail', 'unknown'], A);
    expect(windows.size).toBe(4);
    const names = ['ssh', 'mail', 'web'].map((name) => rule({ rule: name }));
    expect(windows.of(names, A, at(0)).map((w) => w.rule)).toEqual(['web']);
    expect(windows.of(names, B, at(0)).map((w) => w.rule)).toEqual(['ssh', 'mail', 'web']);
    windows.hit(rule(), A, at(1), 'x');
    expect(windows.hit(rule(), A, at(2), 'x')).toBeUndefined();
  });
  test('a rule that went takes its windows with it', () => {
    const windows = createWindows();
    for (const name of ['ssh', 'mail']) for (const who of [A, B]) windows.hit(rule({ rule: name }), who, at(0), 'x');
    windows.keepRules(new Set(['mail', 'new']));
    expect(windows.size).toBe(2);
    expect(windows.of([rule(), rule({ rule: 'mail' })], A, at(0)).map((w) => w.rule)).toEqual(['mail']);
  });
  test('old windows are swept away, a few at a time', () => {
    const windows = createWindows();
    for (let i = 0; i < 10; i++) windows.hit(rule(), nth(i), at(i), 'x');
    windows.sweep(at(1005), ms(1000), 100);
    expect(windows.size).toBe(5);
    windows.sweep(at(5000), ms(1000), 2);
    expect(windows.size).toBe(3);
    windows.sweep(at(5000), ms(1000), 100);
    expect(windows.size).toBe(0);
    expect(windows.evicted).toBe(0);
  });
  test('a window that was hit again is not swept for its first match', () => {
    const windows = createWindows();
    windows.hit(rule({ interval: ms(5000) }), A, at(0), 'x');
    windows.hit(rule({ interval: ms(5000) }), B, at(1), 'x');
    windows.hit(rule({ interval: ms(5000) }), A, at(2000), 'x');
    windows.sweep(at(2500), ms(1000), 100);
    expect(windows.of([rule({ interval: ms(5000) })], A, at(2500))).toEqual([{ rule: 'ssh', matches: 2, lastAt: at(2000) }]);
    expect(windows.size).toBe(1);
  });
});

describe('what is shown of an address', () => {
  test('are the matches that still count', () => {
    const windows = createWindows();
    windows.hit(rule(), A, at(0), 'x');
    windows.hit(rule(), A, at(500), 'x');
    expect(windows.of([rule()], A, at(1000))).toEqual([{ rule: 'ssh', matches: 2, lastAt: at(500) }]);
    expect(windows.of([rule()], A, at(1001))).toEqual([{ rule: 'ssh', matches: 1, lastAt: at(500) }]);
    expect(windows.of([rule()], A, at(1501))).toEqual([]);
    expect(windows.of([rule()], B, at(0))).toEqual([]);
  });
});

describe('memory is bounded', () => {
  test('the least recently hit window goes first, and is counted', () => {
    const windows = createWindows(3);
    for (const n of [1, 2, 3]) windows.hit(rule(), nth(n), at(n), 'x');
    windows.hit(rule(), nth(1), at(4), 'x');
    windows.hit(rule(), nth(4), at(5), 'x');
    expect(windows).toMatchObject({ size: 3, capacity: 3, evicted: 1 });
    expect([1, 2, 3, 4].filter((n) => windows.of([rule()], nth(n), at(5)).length > 0)).toEqual([1, 3, 4]);
  });
  test('an attacker who goes on is caught in a flood of others', () => {
    const windows = createWindows(100);
    const caught: number[] = [];
    for (let i = 0; i < 1000; i++) {
      windows.hit(rule(), nth(i), at(i), 'x');
      if (i % 50 === 0 && windows.hit(rule(), A, at(i), 'x') !== undefined) caught.push(i);
    }
    expect(caught.slice(0, 2)).toEqual([100, 250]);
    expect(windows.size).toBe(100);
    expect(windows.evicted).toBeGreaterThan(800);
  });
  test('the lines that are kept have a bound of their own: the least recently hit window loses its lines, and goes on counting', () => {
    const windows = createWindows(1000, 3 * PIECE);
    const two = rule({ occurrences: 2 });
    for (let i = 0; i < 5; i++) windows.hit(two, nth(i), at(i), `line ${i}`);
    expect(windows).toMatchObject({ size: 5, evicted: 0 });
    const lines = [0, 1, 2, 3, 4].map((i) => windows.hit(two, nth(i), at(9), 'last')?.lines);
    expect(lines).toEqual([['last'], ['last'], ['line 2', 'last'], ['line 3', 'last'], ['line 4', 'last']]);
  });
  test('room is given back by every way that a line goes: full, slid out, forgotten, swept, with its rule', () => {
    const windows = createWindows(1000, 2 * PIECE);
    const long = 'x'.repeat(40);
    for (let round = 0; round < 20; round++) {
      const now = round * 10_000;
      const two = rule({ occurrences: 2 });
      windows.hit(two, A, at(now), long);
      expect(windows.hit(two, A, at(now), long)).toBeDefined();
      windows.hit(rule(), A, at(now), long);
      windows.hit(rule(), A, at(now + 1001), long);
      windows.forget(['ssh'], A);
      windows.hit(rule(), B, at(now), long);
      windows.sweep(at(now + 2000), ms(1000), 10);
      windows.hit(rule(), B, at(now), long);
      windows.keepRules(new Set());
      windows.hit(rule(), A, at(now), long);
      windows.hit(rule(), B, at(now), long);
      expect(windows).toMatchObject({ size: 2, evicted: 0 });
      for (const who of [A, B]) {
        windows.hit(rule(), who, at(now), 'x');
        expect(windows.hit(rule(), who, at(now), 'y')?.lines, 'B’s line made room for A’s third').toHaveLength(who === A ? 3 : 2);
      }
    }
  });
  test('a line longer than all that may be kept counts, and is not kept', () => {
    const windows = createWindows(10, 2 * PIECE);
    windows.hit(rule(), B, at(1), 'x'.repeat(1000));
    windows.hit(rule(), B, at(2), 'two');
    expect(windows.hit(rule(), B, at(3), 'three')?.lines).toEqual(['two', 'three']);
  });
  test('matches have one, too: a rule that wants thousands does not fill the memory', () => {
    const windows = createWindows(1000, 0);
    const thousands = rule({ occurrences: 10_000 });
    for (let i = 0; i < 200_000; i++) windows.hit(thousands, nth(i % 25), at(0), 'x');
    expect(windows.evicted).toBeGreaterThan(0);
    expect(windows.hit(rule({ occurrences: 2, rule: 'other' }), A, at(0), 'x')).toBeUndefined();
    expect(windows.hit(rule({ occurrences: 2, rule: 'other' }), A, at(0), 'x')).toBeDefined();
  });
});

describe('a million of them', () => {
  test('are counted each by itself, and forgotten as time passes', { timeout: scaled(60_000) }, () => {
    const windows = createWindows();
    const two = rule({ occurrences: 2 });
    for (let i = 0; i < 1_000_000; i++) windows.hit(two, nth(i), at(0), 'x');
    expect(windows).toMatchObject({ size: 1_000_000, evicted: 0 });
    for (let i = 0; i < 1_000_000; i += 1000) expect(windows.hit(two, nth(i), at(1), 'y')?.address).toBe(nth(i));
    expect(windows.size).toBe(999_000);
    for (let i = 0; i < 100; i++) windows.sweep(at(5000), ms(1000), 10_000);
    expect(windows.size).toBe(0);
  });
  test('whose rule went are found by nobody, and go with the sweeps', () => {
    const windows = createWindows(10_000);
    for (let i = 0; i < 8000; i++) windows.hit(rule({ rule: i % 2 === 0 ? 'old' : 'kept' }), nth(i), at(0), 'x');
    windows.keepRules(new Set(['kept']));
    expect(windows.size).toBe(4000);
    expect(windows.of([rule({ rule: 'old' })], nth(0), at(0))).toEqual([]);
    windows.hit(rule({ rule: 'old' }), nth(0), at(0), 'a rule of that name again');
    for (let i = 0; i < 5999; i++) windows.hit(rule({ rule: 'old' }), nth(10_000 + i), at(0), 'x');
    expect(windows, 'they are in nobody’s way').toMatchObject({ size: 10_000, evicted: 0 });
    for (let i = 0; i < 20; i++) windows.sweep(at(0), ms(1000), 1000);
    expect(windows).toMatchObject({ size: 10_000, evicted: 0 });
  });
});
