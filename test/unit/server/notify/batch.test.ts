import { describe, expect, test } from 'vitest';
import { batchOf, cut, gathering } from '../../../../packages/server/src/notify/batch.ts';
import { linesOf } from '../../../../packages/server/src/notify/notice.ts';
import { banNotice } from '../../../support/notices.ts';
import { nth, T0 } from '../../../support/records.ts';

describe('a gathering', () => {
  test('is empty at first, and after it was taken', () => {
    const gathered = gathering();
    expect(gathered.take()).toBeUndefined();
    gathered.add(banNotice());
    expect(gathered.size).toBe(1);
    expect(gathered.take()).toMatchObject({ total: 1, from: T0, to: T0 });
    expect([gathered.size, gathered.take()]).toEqual([0, undefined]);
  });

  test('keeps the first fifty whole and counts all, by kind, target and rule', () => {
    const gathered = gathering();
    for (let n = 0; n < 300; n++) gathered.add(banNotice({ address: nth(n), origin: { kind: 'rule', name: n % 3 === 0 ? 'web' : 'ssh' } }));
    gathered.add({ at: T0, type: 'stop' });
    const batch = gathered.take();
    expect(batch?.whole.map((notice) => (notice.type === 'ban' ? notice.ban.address : ''))).toEqual(Array.from({ length: 50 }, (_, n) => nth(n)));
    expect(batch?.counts).toEqual([{ type: 'ban', target: 'BLOCKER', rule: 'web', count: 100 }, { type: 'ban', target: 'BLOCKER', rule: 'ssh', count: 200 }, { type: 'stop', target: undefined, rule: undefined, count: 1 }]);
    expect(batch?.total).toBe(301);
  });

  test('does not grow with rules, lines or sentences without end', () => {
    const gathered = gathering();
    for (let n = 0; n < 5000; n++) gathered.add(banNotice({ origin: { kind: 'rule', name: `rule-${n}` } }, Array.from({ length: 1000 }, () => 'x'.repeat(10_000))));
    for (let n = 0; n < 5000; n++) gathered.add({ at: T0, type: 'error', message: `${n} ${'x'.repeat(10_000)}` });
    const batch = gathered.take();
    expect(batch?.total).toBe(10_000);
    expect(batch?.counts.length).toBeLessThan(120);
    expect(batch?.counts.reduce((sum, { count }) => sum + count, 0)).toBe(10_000);
    expect(JSON.stringify(batch).length).toBeLessThan(500_000);
  });

  test('says what is said again and again once, and counts it', () => {
    const gathered = gathering();
    for (let n = 0; n < 9; n++) gathered.add({ at: T0, type: 'error', message: 'the disk is full' });
    gathered.add({ at: T0, type: 'list', list: 'a', message: 'the disk is full' });
    expect(gathered.take()).toMatchObject({ whole: [{ type: 'error' }, { type: 'list' }], total: 10 });
  });

  test('keeps the first lines of a ban, and the last', () => {
    const [notice] = batchOf(banNotice({}, Array.from({ length: 30 }, (_, n) => `line ${n}`))).whole;
    expect(notice === undefined ? [] : linesOf(notice)).toEqual([...Array.from({ length: 9 }, (_, n) => `line ${n}`), 'line 29']);
  });
});

test('text is cut at its length and not within a character', () => {
  expect(cut('abc', 3)).toBe('abc');
  expect(cut('abcd', 3)).toBe('ab…');
  expect(cut('a😀bc', 3)).toBe('a…');
});
