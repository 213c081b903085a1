import { instant, ms, NEVER, type Instant } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import { enforcerRoom as room } from '../../../support/enforcer-room.ts';
import { target } from '../../../support/policies.ts';
import { nth, subject, T0 } from '../../../support/records.ts';

const at = (milliseconds: number): Instant => instant(T0 + milliseconds);

describe('a ban', () => {
  test('is in its list when it has been applied, and in no other', () => {
    const r = room({ targets: ['A', 'B'] });
    const [ban] = r.ban(1);
    expect(r.rows()).toEqual([nth(1)]);
    expect(r.rows('B')).toEqual([]);
    expect(ban && r.is(ban)).toBe('held');
    expect(r.enforcer.stateOf('A')).toEqual({ name: 'A', state: 'ok', message: undefined, bans: 1, held: 1, foreign: [], capacity: undefined, notHeld: [], backends: [{ backend: 'xt_recent', state: 'ok', message: undefined, bans: 1, held: 1, foreign: [], capacity: undefined, notHeld: [] }] });
  });

  test('that ended is out of it, and that is confirmed', () => {
    const r = room();
    const [a, b] = r.ban(1, 2);
    expect(a && r.end(a)).toEqual([a]);
    expect(r.rows()).toEqual([nth(2)]);
    expect(b && r.is(b)).toBe('held');
  });

  test('costs one write and no look at the list while all is well', () => {
    const r = room();
    r.enforcer.check();
    const before = [r.kernel.reads, r.kernel.writes];
    r.ban(1);
    expect([r.kernel.reads, r.kernel.writes]).toEqual([before[0], (before[1] ?? 0) + 1]);
  });
});

describe('a list that is missing', () => {
  test('is said once and by name, and its bans are kept', () => {
    const r = room();
    r.kernel.vanish('A');
    const [ban] = r.ban(1);
    expect(ban && r.is(ban)).toBe('missing');
    expect(r.enforcer.stateOf('A')).toMatchObject({ state: 'missing', bans: 1, held: 0, notHeld: [nth(1)], message: 'the list A of xt_recent is not there; bans are kept and put in as soon as it is' });
    r.pass(5000);
    expect(r.log.said.map((s) => [s.level, s.event, s.fields['target']])).toEqual([['warn', 'list_missing', 'A']]);
  });

  test('is filled again at the first look after its return', () => {
    const r = room();
    const [a] = r.ban(1, 2);
    r.kernel.vanish('A');
    r.pass(500);
    expect(a && r.is(a)).toBe('missing');
    const [c] = r.ban(3);
    r.kernel.comeBack('A');
    r.pass(500);
    expect(r.rows()).toEqual([1, 2, 3].map(nth));
    expect([a, c].map((ban) => ban && r.is(ban))).toEqual(['held', 'held']);
    expect(r.log.events()).toEqual(['list_missing', 'list_back', 'reconciled']);
    expect(r.log.said.at(-1)?.fields).toEqual({ target: 'A', backend: 'xt_recent', added: 3, removed: 0 });
  });

  test('and back before anybody looked is filled again as well', () => {
    const r = room();
    r.ban(1, 2);
    r.kernel.vanish('A');
    r.kernel.comeBack('A');
    r.pass(500);
    expect(r.rows()).toEqual([1, 2].map(nth));
  });

  test('takes the rows of ended bans with it', () => {
    const r = room();
    const [ban] = r.ban(1);
    r.kernel.setDeaf(true);
    expect(ban && r.end(ban)).toEqual([]);
    r.kernel.vanish('A');
    r.pass(500);
    expect(r.released).toEqual([ban?.id]);
  });

  test('in the middle of a removal: what is gone with the list counts as removed', () => {
    const r = room();
    const [ban] = r.ban(1);
    r.kernel.vanish('A');
    expect(ban && r.end(ban)).toEqual([ban]);
    expect(r.enforcer.stateOf('A').state).toBe('missing');
  });
});

describe('a list that was emptied by hand', () => {
  test('is filled again within two looks, and a row taken out by hand is put back', () => {
    const r = room();
    r.ban(1, 2);
    r.kernel.empty('A');
    r.pass(1000);
    expect(r.rows()).toEqual([1, 2].map(nth));
    r.kernel.evict('A', nth(1));
    r.pass(1000);
    expect(r.rows()).toEqual([1, 2].map(nth));
  });

  test('is read anew for whoever asks', () => {
    const r = room();
    const [ban] = r.ban(1);
    r.pass(1000);
    r.kernel.setDeaf(true);
    r.kernel.evict('A', nth(1));
    r.setClock(60);
    r.enforcer.refresh();
    expect(ban && r.is(ban)).toBe('failed');
  });
});

describe('a kernel that refuses', () => {
  test('a write: the ban is not held, the reason is said once, and it is tried until it works', () => {
    const r = room();
    r.pass(500);
    r.kernel.setDeaf(true);
    const [ban] = r.ban(1);
    expect(ban && r.is(ban)).toBe('failed');
    expect(r.enforcer.stateOf('A')).toMatchObject({ state: 'failed', held: 0, notHeld: [nth(1)], message: `${nth(1)} could not be written to the list A of xt_recent: Input/output error` });
    r.pass(10_000);
    expect(r.log.events()).toEqual(['list_failed']);
    r.kernel.setDeaf(false);
    r.pass(500);
    expect(ban && r.is(ban)).toBe('held');
    expect(r.log.events()).toEqual(['list_failed', 'list_back', 'reconciled']);
  });

  test('a removal: it is not confirmed, the row counts as nobody else’s, and it is tried until it works', () => {
    const r = room();
    const [a, b] = r.ban(1, 2);
    r.kernel.setDeaf(true);
    expect(a && r.end(a)).toEqual([]);
    expect(r.enforcer.stateOf('A')).toMatchObject({ state: 'failed', bans: 1, held: 1, foreign: [] });
    expect(r.enforcer.sync('A'), 'nothing is said to be removed that is still there').toEqual({ added: 0, removed: 0 });
    r.pass(10_000);
    expect(r.log.events().filter((e) => e === 'list_back' || e === 'reconciled')).toEqual([]);
    expect(r.log.said.length, 'not said again and again').toBeLessThanOrEqual(2);
    expect(r.released).toEqual([]);
    r.kernel.setDeaf(false);
    r.pass(500);
    expect(r.released).toEqual([a?.id]);
    expect(r.rows()).toEqual([nth(2)]);
    expect(b && r.is(b)).toBe('held');
  });

  test('a removal, and the address is banned again meanwhile: the row stays and is the new ban’s', () => {
    const r = room();
    const [a] = r.ban(1);
    r.kernel.setDeaf(true);
    if (a !== undefined) r.end(a);
    r.kernel.setDeaf(false);
    const [again] = r.ban(1);
    r.pass(2000);
    expect(r.rows()).toEqual([nth(1)]);
    expect(again && r.is(again)).toBe('held');
    expect(r.released, 'the old ban’s row is not removed under the new one').toEqual([]);
  });

  test('to be read: nothing is said to be held', () => {
    const r = room();
    const [ban] = r.ban(1);
    r.unlike({ read: () => ({ state: 'failed', message: 'list A may not be read' }) });
    r.pass(1000);
    expect(ban && r.is(ban)).toBe('failed');
    expect(r.enforcer.stateOf('A')).toMatchObject({ state: 'failed', message: 'list A may not be read', held: 0 });
    r.unlike({});
    r.pass(500);
    expect(ban && r.is(ban)).toBe('held');
  });
});

describe('a list that is full', () => {
  const full = () => {
    const r = room({ capacity: 3 });
    const bans = [10, 40, 20, 30].map((until, i) => r.make(i + 1, at(until * 60_000)));
    r.enforcer.apply(bans);
    return { r, bans };
  };

  test('has the longest-lasting bans, and says which ones it has no place for', () => {
    const { r, bans } = full();
    expect(r.rows()).toEqual([2, 3, 4].map(nth));
    expect(bans.map(r.is)).toEqual(['waiting', 'held', 'held', 'held']);
    expect(r.enforcer.stateOf('A')).toMatchObject({ state: 'full', bans: 4, held: 3, capacity: 3, notHeld: [nth(1)] });
    expect(r.enforcer.stateOf('A').message).toContain('the kernel\'s list has 3 places and 4 bans want one');
  });

  test('gives a place that gets free to the next in line at once', () => {
    const { r, bans } = full();
    const [first, second] = bans;
    if (second !== undefined) r.end(second);
    expect(r.rows()).toEqual([1, 3, 4].map(nth));
    expect(first && r.is(first)).toBe('held');
    expect(r.enforcer.stateOf('A').state).toBe('ok');
  });

  test('lets a longer ban have the place of a shorter', () => {
    const { r } = full();
    r.ban(9);
    expect(r.rows()).toEqual([2, 4, 9].map(nth));
    expect(r.enforcer.stateOf('A').notHeld).toEqual([nth(3), nth(1)]);
  });

  test('makes a row of somebody else’s its own when the address is banned', () => {
    const r = room({ capacity: 2 });
    r.kernel.plant('A', nth(1));
    r.pass(1000);
    expect(r.enforcer.stateOf('A').foreign).toEqual([nth(1)]);
    r.ban(1, 2);
    expect(r.enforcer.stateOf('A')).toMatchObject({ state: 'ok', held: 2, foreign: [] });
  });

  test('never loses a row of somebody else', () => {
    const r = room({ capacity: 3 });
    r.kernel.plant('A', nth(100));
    r.kernel.plant('A', nth(101));
    r.pass(1000);
    r.ban(1, 2, 3);
    expect(r.rows()).toContain(nth(100));
    expect(r.rows()).toContain(nth(101));
    expect(r.enforcer.stateOf('A')).toMatchObject({ foreign: [nth(100), nth(101)], held: 1, state: 'full' });
  });

  test('is not read, nor are the bans that wait looked through, for each ban of a storm', () => {
    const { r } = full();
    const { reads } = r.kernel;
    let looks = 0;
    const { of } = r.bans;
    r.bans.of = (list) => {
      const all = of(list);
      return new Proxy(all, { get: (map, key) => (['values', 'keys', 'entries', 'forEach', Symbol.iterator].includes(key) && looks++, typeof Reflect.get(map, key) === 'function' ? Reflect.get(map, key).bind(map) : Reflect.get(map, key)) });
    };
    for (let i = 10; i < 30; i++) r.enforcer.apply([r.make(i, at(i * 60_000 + 60 * 60_000))]);
    expect(r.rows()).toEqual([27, 28, 29].map(nth));
    const waiting = [12, 11, 10].map((n) => of('A').get(nth(n))).flatMap((ban) => ban ?? []);
    for (const ban of waiting) r.end(ban);
    expect({ reads: r.kernel.reads, looks }).toEqual({ reads, looks: 0 });
    expect(r.rows()).toEqual([27, 28, 29].map(nth));
  });

  test('loses nothing by the renewal of a ban that it has', () => {
    const { r, bans } = full();
    r.enforcer.apply(bans.slice(1));
    expect(r.rows()).toEqual([2, 3, 4].map(nth));
  });
});

describe('a target whose firewall rule has --seconds', () => {
  const oldest = (r: ReturnType<typeof room>, who: readonly number[], milliseconds: number): number => {
    let most = 0;
    for (let i = 0; i < milliseconds; i += 500) {
      r.pass(500);
      for (const n of who) most = Math.max(most, r.kernel.age('A', nth(n)) ?? Infinity);
    }
    return most;
  };

  test('has every row renewed long before it stops matching', () => {
    const r = room({ seconds: 60 });
    r.ban(1);
    r.pass(10_000);
    r.ban(2);
    expect(oldest(r, [1, 2], 600_000)).toBeLessThanOrEqual(31_000);
  });

  test('is not written to more often than that', () => {
    const r = room({ seconds: 60 });
    r.ban(1, 2);
    const before = r.kernel.writes;
    r.pass(600_000);
    expect(r.kernel.writes - before).toBeGreaterThanOrEqual(19);
    expect(r.kernel.writes - before).toBeLessThanOrEqual(21);
  });

  test('without it rows are not renewed', () => {
    const r = room();
    r.ban(1);
    r.pass(600_000);
    expect(r.kernel.age('A', nth(1))).toBe(600_000);
  });

  test('has them renewed also while other rows have to be mended all the time', () => {
    const r = room({ seconds: 60 });
    r.ban(1, 2);
    r.pass(1000);
    let most = 0;
    for (let i = 0; i < 30; i++) {
      r.kernel.evict('A', nth(2));
      most = Math.max(most, oldest(r, [1], 10_000));
    }
    expect(most).toBeLessThanOrEqual(31_000);
  });

  test('has them renewed also when the clock was put back or forward', () => {
    const r = room({ seconds: 60 });
    r.ban(1);
    r.pass(10_000);
    r.setClock(-86_400_000);
    expect(oldest(r, [1], 120_000)).toBeLessThanOrEqual(31_000);
    r.setClock(86_400_000);
    expect(oldest(r, [1], 120_000)).toBeLessThanOrEqual(31_000);
  });

  test('has a renewal that was refused tried again in time', () => {
    const r = room({ seconds: 60 });
    r.ban(1);
    r.pass(29_000);
    r.kernel.setDeaf(true);
    r.pass(8000);
    r.kernel.setDeaf(false);
    expect(oldest(r, [1], 60_000)).toBeLessThan(60_000);
  });

  test('whose --seconds became shorter by a reload has them renewed by the new measure', () => {
    const r = room({ seconds: 86_400 });
    r.ban(1);
    r.pass(1000);
    r.enforcer.configure([target('A', { seconds: ms(60_000) })]);
    expect(oldest(r, [1], 120_000)).toBeLessThanOrEqual(31_000);
  });
});

describe('the clock', () => {
  test('put back by a day keeps nobody from looking', () => {
    const r = room();
    r.ban(1);
    r.pass(1000);
    r.setClock(-86_400_000);
    r.kernel.evict('A', nth(1));
    r.pass(1000);
    expect(r.rows()).toEqual([nth(1)]);
    r.kernel.evict('A', nth(1));
    r.setClock(-86_400_000);
    r.enforcer.refresh();
    expect(r.rows()).toEqual([nth(1)]);
  });
});

describe('configured targets', () => {
  test('that are new are held too; the list of one that went is left alone', () => {
    const r = room({ targets: ['A', 'B'] });
    r.ban(1);
    const b = r.make(2, NEVER, 'B');
    r.enforcer.apply([b]);
    r.enforcer.configure([target('B'), target('C')]);
    r.kernel.evict('A', nth(1));
    r.kernel.evict('B', nth(2));
    r.pass(1000);
    expect(r.rows('A')).toEqual([]);
    expect(r.rows('B')).toEqual([nth(2)]);
    expect(r.is(b)).toBe('held');
    expect(r.enforcer.stateOf('C').state).toBe('ok');
  });

  test('a ban of a target that is not configured any more is taken out of its list all the same', () => {
    const r = room();
    const [ban] = r.ban(1);
    r.enforcer.configure([]);
    expect(ban && r.end(ban)).toEqual([ban]);
    expect(r.rows()).toEqual([]);
  });

  test('that nobody has looked at are not said to be well', () => {
    expect(room().enforcer.stateOf('A')).toMatchObject({ state: 'failed', message: 'not looked at yet' });
  });
});

test('a simulated kernel is said to be simulated', () => {
  const r = room();
  r.unlike({ backend: 'simulated' });
  const [ban] = r.ban(1);
  expect(ban && r.is(ban)).toBe('simulated');
  expect(r.enforcer.stateOf('A').state).toBe('simulated');
});

describe('a target with two backends', () => {
  const two = (capacity?: number) => {
    const r = room({ configs: [target('A', { backends: ['xt_recent', 'nftables'] })], capacity });
    r.pass(500);
    return r;
  };

  test('has every ban in both lists, and takes it out of both', () => {
    const r = two();
    const [ban] = r.ban(1);
    expect([r.rows('A'), r.rows('A nftables')]).toEqual([[nth(1)], [nth(1)]]);
    expect(ban && r.is(ban)).toBe('held');
    expect(r.enforcer.stateOf('A')).toMatchObject({ state: 'ok', bans: 1, held: 1, backends: [{ backend: 'xt_recent', held: 1 }, { backend: 'nftables', held: 1 }] });
    expect(ban && r.end(ban)).toEqual([ban]);
    expect([r.rows('A'), r.rows('A nftables')]).toEqual([[], []]);
  });

  test('of which one fails: its bans are said not to be held, and the other goes on', () => {
    const r = two();
    const [a] = r.ban(1);
    r.kernel.setDeaf(true, 'A nftables');
    const [b] = r.ban(2);
    expect([r.rows('A'), r.rows('A nftables')]).toEqual([[nth(1), nth(2)], [nth(1)]]);
    expect([a, b].map((ban) => ban && r.is(ban))).toEqual(['held', 'failed']);
    expect(r.enforcer.stateOf('A')).toMatchObject({ state: 'failed', message: `nftables: ${nth(2)} could not be written to the list A of nftables: Input/output error`, bans: 2, held: 1, notHeld: [nth(2)], backends: [{ state: 'ok', held: 2 }, { state: 'failed', held: 1 }] });
    r.kernel.setDeaf(false);
    r.pass(500);
    expect(b && r.is(b)).toBe('held');
    expect(r.enforcer.stateOf('A').state).toBe('ok');
  });

  test('of which one keeps a row: the end is confirmed when the last of them is free of it', () => {
    const r = two();
    const [ban] = r.ban(1);
    r.kernel.setDeaf(true, 'A');
    expect(ban && r.end(ban)).toEqual([]);
    expect([r.rows('A'), r.rows('A nftables'), r.released]).toEqual([[nth(1)], [], []]);
    expect(ban && r.enforcer.owes(ban)).toBe(true);
    r.kernel.setDeaf(false);
    r.pass(500);
    expect([r.rows('A'), r.released, ban && r.enforcer.owes(ban)]).toEqual([[], [ban?.id], false]);
  });

  test('of which one keeps a row and one frees it later: neither confirms for the other', () => {
    const r = room({ configs: [target('A', { backends: ['xt_recent', 'command'] })] });
    r.pass(500);
    r.settle();
    const [ban] = r.ban(1);
    r.settle();
    r.kernel.setDeaf(true, 'A');
    expect(ban && r.end(ban)).toEqual([]);
    r.settle();
    expect([r.rows('A'), r.rows('A command'), r.released]).toEqual([[nth(1)], [], []]);
    r.kernel.setDeaf(false);
    r.pass(500);
    expect(r.released).toEqual([ban?.id]);
  });

  test('of which one is missing and one fails shows the worst', () => {
    const r = two();
    r.kernel.vanish('A');
    const [ban] = r.ban(1);
    expect(ban && r.is(ban)).toBe('missing');
    expect(r.enforcer.stateOf('A')).toMatchObject({ state: 'missing', message: expect.stringMatching(/^xt_recent: the list A /) });
    r.kernel.setDeaf(true, 'A nftables');
    const [other] = r.ban(2);
    expect(other && r.is(other)).toBe('failed');
    expect(r.enforcer.stateOf('A').state).toBe('failed');
  });

  test('of which one is full shows what that one has no place for, longest-lasting first', () => {
    const r = two(1);
    const bans = [30, 10, 20].map((until, i) => r.make(i + 1, at(until * 1000)));
    r.enforcer.apply(bans);
    expect(bans.map(r.is)).toEqual(['held', 'waiting', 'waiting']);
    expect(r.rows('A nftables')).toHaveLength(3);
    expect(r.enforcer.stateOf('A')).toMatchObject({ state: 'full', held: 1, capacity: 1, notHeld: [nth(3), nth(2)] });
  });

  test('bans a network where only one of them can hold it, and that one holds it', () => {
    const r = two();
    const [network] = r.ban('192.0.2.0/24');
    expect([r.rows('A'), r.rows('A nftables')]).toEqual([[], ['192.0.2.0/24']]);
    expect(network && r.is(network)).toBe('held');
    expect(r.enforcer.stateOf('A')).toMatchObject({ state: 'ok', bans: 1, held: 1, notHeld: [] });
    expect([r.enforcer.refuses('A', subject('192.0.2.0/24')), r.enforcer.refuses('A', nth(1))]).toEqual([undefined, undefined]);
    expect(network && r.end(network)).toEqual([network]);
  });

  test('tells what met a row in either of them', () => {
    const r = two();
    r.ban(1, '192.0.2.0/24');
    // The kernel of the tests counts a packet for each row.
    expect(r.enforcer.hitsOf('A').get(nth(1))).toEqual({ packets: 3, bytes: undefined, lastAt: undefined });
    expect(r.enforcer.hitsOf('A').get(subject('192.0.2.0/24'))).toMatchObject({ packets: 2 });
  });
});

describe('a target none of whose backends can hold a network', () => {
  test('refuses it with a reason', () => {
    const r = room();
    expect(r.enforcer.refuses('A', subject('192.0.2.0/24'))).toBe('192.0.2.0/24 can’t be had in A');
    expect(r.enforcer.refuses('nowhere', nth(1))).toBe('there is no target nowhere');
  });

  test('says of a ban that was made when it had another backend that nothing holds it, and lets it end', () => {
    const r = room({ configs: [target('A', { backends: ['nftables'] })] });
    const [network, host] = r.ban('192.0.2.0/24', 1);
    r.enforcer.configure([target('A')]);
    r.enforcer.sync('A');
    expect([network, host].map((ban) => ban && r.is(ban))).toEqual(['failed', 'held']);
    expect(r.enforcer.stateOf('A')).toMatchObject({ state: 'failed', message: '192.0.2.0/24 can’t be had in A', bans: 2, held: 1, notHeld: ['192.0.2.0/24'] });
    expect(network && r.end(network)).toEqual([network]);
    expect(r.enforcer.stateOf('A').state).toBe('ok');
  });

  test('holds IPv6 networks of its own length, and says of others that it can’t', () => {
    const r = room({ configs: [target('A', { ipv6Prefix: 64 })] });
    const [unit] = r.ban('2001:db8::/64');
    expect(unit && r.is(unit)).toBe('held');
    expect(r.enforcer.refuses('A', subject('2001:db8::/48'))).toBeDefined();
    expect(r.enforcer.refuses('A', subject('2001:db8::1'))).toBeDefined();
  });
});

describe('a list that no firewall rule looks at', () => {
  const unread = (why: string | undefined) => new Map(why === undefined ? [] : [['A', new Map([['nftables' as const, why]])]]);
  test('is said to be unread once, its bans too, until one does', () => {
    const r = room({ configs: [target('A', { backends: ['xt_recent', 'nftables'] })] });
    const [ban] = r.ban(1);
    for (let i = 0; i < 3; i++) r.enforcer.setUnread(unread('no rule names it'));
    expect(ban && r.is(ban)).toBe('unread');
    expect(r.enforcer.stateOf('A')).toMatchObject({ state: 'unread', message: 'nftables: no rule names it', held: 1, notHeld: [], backends: [{ state: 'ok' }, { state: 'unread' }] });
    expect(r.log.said.map((s) => [s.level, s.event, s.fields['backend'], s.fields['message']])).toEqual([['error', 'list_unread', 'nftables', 'no rule names it']]);
    r.enforcer.setUnread(unread(undefined));
    expect(ban && r.is(ban)).toBe('held');
    expect(r.log.events()).toEqual(['list_unread', 'list_read_again']);
  });

  test('and fails besides is said to fail', () => {
    const r = room({ configs: [target('A', { backends: ['nftables'] })] });
    r.ban(1);
    r.enforcer.setUnread(unread('no rule names it'));
    r.kernel.setDeaf(true);
    const [ban] = r.ban(2);
    expect(ban && r.is(ban)).toBe('failed');
    expect(r.enforcer.stateOf('A').state).toBe('failed');
  });

  test('of a simulated kernel is none', () => {
    const r = room({ configs: [target('A', { backends: ['nftables'] })] });
    r.unlike({ backend: 'simulated' });
    const [ban] = r.ban(1);
    r.enforcer.setUnread(unread('no rule names it'));
    expect(ban && r.is(ban)).toBe('simulated');
  });
});

describe('a target whose configuration changes', () => {
  test('gets the lists of its new backends filled, the old ones freed of our rows and closed; a list that it keeps is not touched', () => {
    const r = room({ configs: [target('A', { backends: ['xt_recent', 'ipset'] })] });
    const [ban] = r.ban(1);
    r.kernel.plant('A ipset', nth(9));
    const before = r.kernel.changes.filter((change) => change.list === 'A').length;
    r.enforcer.configure([target('A', { backends: ['nftables', 'xt_recent'] })]);
    r.enforcer.sync('A');
    expect([r.rows('A'), r.rows('A nftables'), r.rows('A ipset')]).toEqual([[nth(1)], [nth(1)], [nth(9)]]);
    expect(r.kernel.changes.filter((change) => change.list === 'A')).toHaveLength(before);
    expect(r.kernel.openLists().sort()).toEqual(['A', 'A nftables']);
    expect(ban && r.is(ban)).toBe('held');
    expect(r.enforcer.stateOf('A').backends.map((one) => one.backend)).toEqual(['nftables', 'xt_recent']);
  });

  test('in what is not the list’s business keeps it as it is', () => {
    const r = room();
    r.ban(1);
    const before = [r.kernel.writes, r.kernel.reads];
    r.enforcer.configure([target('A', { ban: [ms(1000)], ports: [{ first: 22, last: 22 }], action: 'reject', networkAfter: 3 })]);
    expect([r.kernel.writes, r.kernel.reads]).toEqual(before);
  });

  test('frees an old list that is kept by a program in its own time, and closes it then', () => {
    const r = room({ configs: [target('A', { backends: ['xt_recent', 'command'] })] });
    const [a] = r.ban(1);
    r.pass(500);
    r.settle();
    const [b] = r.ban(2);
    expect([r.rows('A command'), b && r.is(b)]).toEqual([[nth(1)], 'pending']);
    r.enforcer.configure([target('A')]);
    expect(r.kernel.openLists()).toEqual(['A', 'A command']);
    expect([a, b].map((ban) => ban && r.is(ban))).toEqual(['held', 'held']);
    r.pass(5000);
    expect(r.kernel.openLists(), 'it has not been freed yet').toEqual(['A', 'A command']);
    r.settle();
    r.pass(500);
    expect([r.rows('A command'), r.kernel.openLists()]).toEqual([[], ['A']]);
  });

  test('frees it also of what was just being written', () => {
    const r = room({ configs: [target('A', { backends: ['xt_recent', 'command'] })] });
    r.pass(500);
    r.settle();
    r.ban(1);
    r.kernel.begin();
    r.enforcer.configure([target('A')]);
    r.pass(1000);
    r.settle();
    r.pass(500);
    expect([r.rows('A command'), r.kernel.openLists()]).toEqual([[], ['A']]);
  });

  test('has the end of a ban confirmed only when the list that it left is free of it, too', () => {
    const r = room({ configs: [target('A', { backends: ['xt_recent', 'command'] })] });
    r.pass(500);
    r.settle();
    const [ban] = r.ban(1);
    r.settle();
    r.enforcer.configure([target('A')]);
    expect(ban && r.end(ban)).toEqual([]);
    expect(ban && r.enforcer.owes(ban)).toBe(true);
    r.settle();
    expect([r.released, r.rows('A command')]).toEqual([[ban?.id], []]);
  });

  test('and changes back has its rows again, whatever was under way', () => {
    const r = room({ configs: [target('A', { backends: ['command'] })] });
    r.pass(500);
    r.settle();
    const [ban] = r.ban(1);
    r.settle();
    r.enforcer.configure([target('A')]);
    r.enforcer.sync('A');
    r.enforcer.configure([target('A', { backends: ['command'] })]);
    r.enforcer.sync('A');
    r.settle();
    r.pass(2000);
    r.settle();
    expect([r.rows('A command'), r.rows('A')]).toEqual([[nth(1)], []]);
    expect(ban && r.is(ban)).toBe('held');
    expect(r.kernel.openLists()).toEqual(['A command']);
  });

  test('frees an old list that refuses as soon as it takes it', () => {
    const r = room({ configs: [target('A', { backends: ['nftables', 'xt_recent'] })] });
    r.ban(1);
    r.kernel.setDeaf(true, 'A nftables');
    r.enforcer.configure([target('A')]);
    r.pass(5000);
    expect(r.rows('A nftables')).toEqual([nth(1)]);
    r.kernel.setDeaf(false);
    r.pass(500);
    expect([r.rows('A nftables'), r.kernel.openLists()]).toEqual([[], ['A']]);
  });

  test('and goes has its lists freed, and nothing but banban’s own rows taken out', () => {
    const r = room({ configs: [target('A', { backends: ['xt_recent', 'nftables'] }), target('B')] });
    r.ban(1, '192.0.2.0/24');
    r.kernel.plant('A', nth(9));
    r.enforcer.configure([target('B')]);
    expect([r.rows('A'), r.rows('A nftables')]).toEqual([[nth(9)], []]);
    expect(r.kernel.openLists()).toEqual(['B']);
  });
});

test('after the end nothing is looked at or written any more', () => {
  const r = room({ configs: [target('A', { backends: ['nftables', 'command'] })] });
  r.pass(500);
  r.settle();
  r.ban(1);
  r.kernel.plant('A nftables', nth(9));
  r.enforcer.close();
  const before = [r.kernel.writes, r.kernel.reads];
  r.settle();
  r.pass(2000);
  expect([r.kernel.writes, r.kernel.reads]).toEqual(before);
  expect(r.kernel.openLists()).toEqual([]);
});
