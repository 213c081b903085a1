/** One list of a target: networks that lie in one another, and lists that are kept by a program. What holds for any list is in enforcer.test.ts. */
import { instant, NEVER, type Instant, type Subject } from 'banban-shared';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BanRecord } from '../../../../packages/server/src/store/store.ts';
import { enforcerRoom } from '../../../support/enforcer-room.ts';
import { target } from '../../../support/policies.ts';
import { nth, subject, T0 } from '../../../support/records.ts';

const at = (milliseconds: number): Instant => instant(T0 + milliseconds);
const HOST = '10.1.2.3';
const NARROW = '10.1.2.0/24';
const OTHER = '10.1.3.0/24';
const WIDE = '10.1.0.0/16';
const WIDEST = '10.0.0.0/8';
const LIST = 'A nftables';

const networks = (capacity?: number) => {
  const r = enforcerRoom({ configs: [target('A', { backends: ['nftables'] })], nftables: { capacity } });
  r.pass(500);
  return r;
};
const last = (r: ReturnType<typeof networks>) => {
  const change = r.kernel.changes.at(-1);
  return { remove: change?.remove ?? [], add: change?.add.map((row) => row.subject) ?? [] };
};
const one = (made: readonly BanRecord[]): BanRecord => {
  const [ban] = made;
  if (ban === undefined) throw new Error('no ban was made');
  return ban;
};

describe('of networks that lie in one another', () => {
  test('only the widest is listed, and all of them are held', () => {
    const r = networks();
    const made = [WIDE, NARROW, WIDEST, OTHER].map((text) => one(r.ban(text)));
    expect(r.rows(LIST)).toEqual([WIDEST]);
    expect(made.map(r.is)).toEqual(['held', 'held', 'held', 'held']);
    expect(r.enforcer.stateOf('A')).toMatchObject({ state: 'ok', bans: 4, held: 4, foreign: [], notHeld: [] });
    expect(r.log.events()).toEqual([]);
  });

  test('made at once, only the widest is ever written', () => {
    const r = networks();
    r.ban(NARROW, WIDE, OTHER);
    expect(last(r)).toEqual({ remove: [], add: [WIDE] });
  });

  test('the narrow one gives way in the write that brings the wide one', () => {
    const r = networks();
    r.ban(NARROW);
    r.ban(OTHER);
    r.ban(WIDE);
    expect(last(r)).toEqual({ remove: [NARROW, OTHER], add: [WIDE] });
    expect(r.rows(LIST)).toEqual([WIDE]);
  });

  test('the narrow ones are listed again in the write that takes the wide one out, each as long as its own ban', () => {
    const r = networks();
    const wide = one(r.ban(WIDE));
    r.ban(NARROW, OTHER);
    r.enforcer.apply([r.make('10.1.2.128/25')]);
    expect(r.end(wide)).toEqual([wide]);
    expect(last(r)).toEqual({ remove: [WIDE], add: [NARROW, OTHER] });
    expect(r.rows(LIST)).toEqual([NARROW, OTHER]);
    expect(r.kernel.changes.at(-1)?.add.map((row) => row.until)).toEqual([NEVER, NEVER]);
  });

  test('of three, the middle one takes the place of the widest, and no other', () => {
    const r = networks();
    const widest = one(r.ban(WIDEST));
    r.ban(WIDE, NARROW);
    r.end(widest);
    expect(last(r)).toEqual({ remove: [WIDEST], add: [WIDE] });
  });

  test('one that is covered may end, and nothing is written that would be of another', () => {
    const r = networks();
    r.ban(WIDE);
    const narrow = one(r.ban(NARROW));
    expect(r.end(narrow)).toEqual([narrow]);
    expect(r.rows(LIST)).toEqual([WIDE]);
  });

  test('several that end together leave what neither of them held', () => {
    const r = networks();
    const [widest, wide] = [one(r.ban(WIDEST)), one(r.ban(WIDE))];
    r.ban(NARROW);
    expect(r.end(widest, wide)).toEqual([widest, wide]);
    expect(r.rows(LIST)).toEqual([NARROW]);
  });

  test('one that is banned again, for longer, stays covered', () => {
    const r = networks();
    r.ban(WIDE);
    r.ban(NARROW);
    const before = r.kernel.writes;
    r.ban(NARROW);
    expect(r.kernel.writes).toBe(before);
  });

  test('of IPv4 and of IPv6 have nothing to do with one another', () => {
    const r = networks();
    r.ban('::/1', '0.0.0.0/1', '10.0.0.0/8', '2001:db8::/32');
    expect(r.rows(LIST)).toEqual(['0.0.0.0/1', '::/1']);
  });

  test('found by a look, all but the widest are taken out', () => {
    const r = networks();
    r.kernel.plant(LIST, subject(NARROW));
    r.ban(NARROW);
    r.bans.set({ ...r.make(WIDE) });
    expect(r.enforcer.sync('A')).toEqual({ added: 1, removed: 1 });
    expect(r.rows(LIST)).toEqual([WIDE]);
  });

  test('a wide one that somebody else has put in keeps a narrow one out, and that is said', () => {
    const r = networks();
    r.kernel.plant(LIST, subject(WIDE));
    r.settle();
    const narrow = one(r.ban(NARROW));
    expect(r.is(narrow)).toBe('failed');
    expect(r.enforcer.stateOf('A')).toMatchObject({ state: 'failed', foreign: [WIDE], notHeld: [NARROW], message: `${NARROW} could not be written to the list A of nftables: File exists (${WIDE})` });
    const other = one(r.ban('192.0.2.0/24'));
    expect(r.is(other), 'it keeps nobody else out').toBe('held');
    r.pass(10_000);
    expect(r.log.events(), 'and is said once').toEqual(['list_failed']);
    r.kernel.evict(LIST, subject(WIDE));
    r.pass(1000);
    expect(r.is(narrow)).toBe('held');
  });

  test('where a full list has no place for all that come back, it has the longest-lasting', () => {
    const r = networks(2);
    const wide = r.make(WIDE, at(1000));
    r.enforcer.apply([wide]);
    const [short, long] = [r.make(NARROW, at(2000)), r.make(OTHER, at(5000))];
    r.enforcer.apply([short, long]);
    r.ban(1);
    expect(r.rows(LIST)).toEqual([nth(1), WIDE].sort());
    r.end(wide);
    expect(r.rows(LIST)).toEqual([nth(1), OTHER].sort());
    expect([r.is(short), r.is(long)]).toEqual(['waiting', 'held']);
  });
});

describe('an address in a banned network', () => {
  test('has a row of its own, and stays banned when the network ends', () => {
    const r = networks();
    const network = one(r.ban(NARROW));
    const host = one(r.ban(HOST));
    expect(r.rows(LIST)).toEqual([NARROW, HOST]);
    r.end(network);
    expect(r.rows(LIST)).toEqual([HOST]);
    expect(r.is(host)).toBe('held');
  });

  test('may end, and the network stays', () => {
    const r = networks();
    const host = one(r.ban(HOST));
    const network = one(r.ban(NARROW));
    r.end(host);
    expect(r.rows(LIST)).toEqual([NARROW]);
    expect(r.is(network)).toBe('held');
  });
});

test('whatever networks and addresses are banned and end, no two networks overlap in the list, everything is in it, and nothing is ever refused', () => {
  const texts = ['10.0.0.0/8', '10.1.0.0/16', '10.1.2.0/24', '10.1.2.128/25', '10.1.3.0/24', '10.1.2.3', '10.1.2.200', '2001:db8::/32', '2001:db8::/64', '2001:db8:0:1::/64', '2001:db8::1'];
  const step = fc.record({ what: fc.constantFrom(...texts), more: fc.constantFrom(...texts), deed: fc.constantFrom('ban', 'ban', 'two', 'end', 'look') });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const r = networks();
      const active = new Map<string, BanRecord>();
      for (const { what, more, deed } of steps) {
        const ban = active.get(what);
        if (deed === 'ban' || deed === 'two') for (const made of deed === 'two' ? r.ban(what, more) : r.ban(what)) active.set(made.address, made);
        else if (deed === 'look') r.enforcer.sync('A');
        else if (ban !== undefined) {
          expect(r.end(ban)).toEqual([ban]);
          active.delete(what);
        }
        // The kernel refuses what overlaps, and nobody was ever refused.
        expect(r.log.events()).toEqual([]);
        for (const each of active.values()) expect(r.is(each)).toBe('held');
        const rows = r.kernel.rows(LIST) ?? new Set<Subject>();
        for (const row of rows) expect(active.has(row), `${row} is nobody’s`).toBe(true);
        for (const each of active.keys()) if (!each.includes('/')) expect(rows.has(subject(each)), 'an address has a row of its own').toBe(true);
      }
      const writes = r.kernel.writes;
      r.enforcer.sync('A');
      expect(r.kernel.writes, 'there was nothing left to mend').toBe(writes);
    }),
    { numRuns: 500 },
  );
});

describe('a list that is kept by a program', () => {
  const FILE = 'A hosts_deny';
  const deferring = (capacity?: number) => enforcerRoom({ configs: [target('A', { backends: ['hosts_deny'] })], hosts_deny: { capacity } });
  const settled = (capacity?: number) => {
    const r = deferring(capacity);
    r.pass(500);
    r.settle();
    return r;
  };

  test('that has not answered yet is said to be pending, and so are its bans', () => {
    const r = deferring();
    const ban = one(r.ban(1));
    r.pass(500);
    expect(r.is(ban)).toBe('pending');
    expect(r.enforcer.stateOf('A')).toMatchObject({ state: 'pending', message: 'hosts_deny has not answered yet', held: 0, notHeld: [nth(1)] });
    r.settle();
    expect(r.is(ban)).toBe('held');
    expect(r.enforcer.stateOf('A')).toMatchObject({ state: 'ok', held: 1 });
    expect(r.log.events()).toEqual([]);
  });

  test('has a ban when the program is done, and not before', () => {
    const r = settled();
    const ban = one(r.ban(1));
    expect([r.is(ban), r.rows(FILE)]).toEqual(['pending', []]);
    expect(r.enforcer.stateOf('A')).toMatchObject({ state: 'pending', message: '1 rows are being written' });
    r.pass(10_000);
    expect(r.kernel.writes, 'it is ordered once').toBe(1);
    r.settle();
    expect([r.is(ban), r.rows(FILE)]).toEqual(['held', [nth(1)]]);
  });

  test('frees an ended ban when the program is done, and that is confirmed then', () => {
    const r = settled();
    const ban = one(r.ban(1));
    r.settle();
    expect(r.end(ban)).toEqual([]);
    expect(r.released).toEqual([]);
    r.settle();
    expect([r.released, r.rows(FILE)]).toEqual([[ban.id], []]);
    expect(r.enforcer.stateOf('A')).toMatchObject({ state: 'ok', foreign: [] });
  });

  test('never has a ban that ended before the program got to it', () => {
    const r = settled();
    const ban = one(r.ban(1));
    r.end(ban);
    expect(r.enforcer.stateOf('A').state, 'nothing is on its way in').toBe('ok');
    r.settle();
    expect([r.rows(FILE), r.released]).toEqual([[], [ban.id]]);
  });

  test('frees a ban that ended while the program was busy writing it', () => {
    const r = settled();
    const ban = one(r.ban(1));
    r.kernel.begin();
    r.end(ban);
    r.pass(500);
    expect(r.released, 'its row may come yet').toEqual([]);
    r.settle();
    r.settle();
    expect(r.rows(FILE)).toEqual([]);
    expect(r.released).toEqual([ban.id]);
    expect(r.enforcer.stateOf('A')).toMatchObject({ state: 'ok', foreign: [] });
  });

  test('keeps a row that was banned again before the program got to its removal, and the old ban’s end is not confirmed by it', () => {
    const r = settled();
    const ban = one(r.ban(1));
    r.settle();
    r.end(ban);
    const again = one(r.ban(1));
    r.settle();
    expect([r.is(again), r.rows(FILE), r.released]).toEqual(['held', [nth(1)], []]);
  });

  test('that fails says so, tries again, and says when it works', () => {
    const r = settled();
    r.kernel.setDeaf(true);
    const [a, b] = r.ban(1, 2);
    r.settle();
    expect([a, b].map((ban) => ban && r.is(ban))).toEqual(['failed', 'failed']);
    expect(r.enforcer.stateOf('A')).toMatchObject({ state: 'failed', message: `2 changes are refused, the first: ${nth(1)}: Input/output error` });
    r.ban(3);
    r.settle();
    const before = r.kernel.writes;
    r.pass(5000);
    expect(r.kernel.writes, 'it tries again by itself').toBe(before);
    expect(r.log.events(), 'the same reason is said once').toEqual(['list_failed']);
    r.kernel.setDeaf(false);
    r.settle();
    expect(r.rows(FILE)).toEqual([1, 2, 3].map(nth));
    expect(r.enforcer.stateOf('A')).toMatchObject({ state: 'ok', held: 3 });
    expect(r.log.events()).toEqual(['list_failed', 'list_back']);
  });

  test('that fails to free a row keeps owing it', () => {
    const r = settled();
    const ban = one(r.ban(1));
    r.settle();
    r.kernel.setDeaf(true);
    r.end(ban);
    r.settle();
    r.pass(5000);
    expect([r.released, r.rows(FILE)]).toEqual([[], [nth(1)]]);
    expect(r.enforcer.stateOf('A')).toMatchObject({ state: 'failed', foreign: [] });
    r.kernel.setDeaf(false);
    r.settle();
    expect([r.released, r.rows(FILE)]).toEqual([[ban.id], []]);
  });

  test('that fails is not asked again for what ended meanwhile', () => {
    const r = settled();
    r.kernel.setDeaf(true);
    const ban = one(r.ban(1));
    r.settle();
    r.end(ban);
    r.kernel.setDeaf(false);
    r.settle();
    expect([r.rows(FILE), r.released, r.enforcer.stateOf('A').state]).toEqual([[], [ban.id], 'ok']);
  });

  test('that loses a row has it put back at the next look', () => {
    const r = settled();
    const ban = one(r.ban(1));
    r.settle();
    r.kernel.evict(FILE, nth(1));
    r.settle();
    expect(r.is(ban)).toBe('held');
    expect(r.rows(FILE)).toEqual([nth(1)]);
  });

  test('is never asked for two networks that overlap', () => {
    const r = settled();
    const narrow = one(r.ban(NARROW));
    const wide = one(r.ban(WIDE));
    expect([r.is(narrow), r.is(wide)]).toEqual(['pending', 'pending']);
    r.settle();
    expect(r.rows(FILE)).toEqual([WIDE]);
    r.end(wide);
    r.settle();
    expect(r.rows(FILE)).toEqual([NARROW]);
    expect([r.is(narrow), r.released]).toEqual(['held', [wide.id]]);
  });

  test('with few places is not asked for more than it has, what is on its way included', () => {
    const r = settled(2);
    const made = [10, 30, 20].map((until, i) => r.make(i + 1, at(until * 1000)));
    for (const ban of made) r.enforcer.apply([ban]);
    r.settle();
    expect(r.rows(FILE)).toEqual([2, 3].map(nth));
    expect(made.map(r.is)).toEqual(['waiting', 'held', 'held']);
    expect(r.enforcer.stateOf('A')).toMatchObject({ state: 'full', notHeld: [nth(1)] });
    if (made[1] !== undefined) r.end(made[1]);
    r.settle();
    expect(r.rows(FILE)).toEqual([1, 3].map(nth));
  });
});
