import { FOREVER, instant, ms, NEVER, type Subject } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import { StoreError } from '../../../../packages/server/src/store/store.ts';
import { accepted, engineRoom, failed, type EngineRoom } from '../../../support/engine-room.ts';
import { DAY, HOUR, prefix, rule, target } from '../../../support/policies.ts';
import { address, nth, subject } from '../../../support/records.ts';

const X = '192.0.2.1';
const x = address(X);
const net = subject('198.51.100.0/24');
/** As the kernel in memory calls the list of a target with nftables. */
const LIST = 'BLOCKER nftables';
const made = (): EngineRoom => engineRoom({ targets: [target('BLOCKER', { backends: ['nftables'] })], rules: [rule('ssh', { occurrences: 1, ban: [ms(HOUR)] })] });

/** The loop turns until the list is done. */
async function replaced(room: EngineRoom, list: string, subjects: readonly Subject[], length = ms(3 * DAY), to = 'BLOCKER') {
  let done = false;
  const outcome = room.engine.replaceList(list, { target: to, subjects, length }).finally(() => (done = true));
  outcome.catch(() => undefined);
  while (!done) {
    room.clock.turn();
    await Promise.resolve();
  }
  return outcome;
}

async function kept(room: EngineRoom, ...lists: readonly string[]): Promise<number> {
  let done = false;
  const outcome = room.engine.keepLists(new Set(lists)).finally(() => (done = true));
  while (!done) {
    room.clock.turn();
    await Promise.resolve();
  }
  return outcome;
}

describe('a list', () => {
  test('bans its entries, addresses and networks, lifts those that left, and says how many', async () => {
    const room = made();
    expect(await replaced(room, 'drop', [x, net])).toEqual({ added: 2, kept: 0, lifted: 0, refused: [] });
    expect(room.ban('BLOCKER', net)).toMatchObject({ origin: { kind: 'list', name: 'drop' }, level: undefined });
    expect([...(room.kernel.rows(LIST) ?? [])].sort()).toEqual([X, net]);
    expect(await replaced(room, 'drop', [net, nth(5)])).toEqual({ added: 1, kept: 1, lifted: 1, refused: [] });
    expect(room.banned().sort()).toEqual([`BLOCKER ${nth(5)}`, `BLOCKER ${net}`].sort());
    expect(room.engine.history(x).endedBans).toMatchObject([{ endedBy: 'delisted', endedName: 'drop' }]);
  });

  test('of thousands is put in force and out again in steps', async () => {
    const room = made();
    const many = Array.from({ length: 2000 }, (_, i) => nth(i));
    expect(await replaced(room, 'drop', many)).toMatchObject({ added: 2000 });
    expect(room.kernel.rows(LIST)?.size).toBe(2000);
    expect(await kept(room)).toBe(2000);
    expect(room.kernel.rows(LIST)?.size).toBe(0);
  });

  test('of tens of thousands that leaves the configuration does not hold the loop', async () => {
    const room = made();
    await replaced(room, 'drop', Array.from({ length: 30_000 }, (_, i) => nth(i)));
    let isDone = false;
    let longest = 0;
    let began = performance.now();
    const outcome = room.engine.keepLists(new Set()).finally(() => (isDone = true));
    while (!isDone) {
      room.clock.turn();
      await Promise.resolve();
      longest = Math.max(longest, performance.now() - began);
      began = performance.now();
    }
    expect(await outcome).toBe(30_000);
    // Some 20 ms; it was 6 s.
    expect(longest).toBeLessThan(1000);
  });

  test('bans nobody who is allowed or guarded', async () => {
    const room = made();
    room.engine.setAllowed('by hand', [prefix('192.0.2.0/24')]);
    room.engine.setGuarded([{ prefix: prefix('198.51.100.9'), why: 'it is the default gateway' }]);
    expect(await replaced(room, 'drop', [x, net, nth(5)])).toEqual({ added: 1, kept: 0, lifted: 0, refused: [{ subject: x, why: 'the allow list has 192.0.2.0/24' }, { subject: net, why: 'it is the default gateway' }] });
  });

  test('is freed of what becomes allowed, and takes it again when it is not any more', async () => {
    const room = made();
    await replaced(room, 'drop', [x]);
    room.engine.setAllowed('by hand', [prefix(X)]);
    expect(room.banned()).toEqual([]);
    room.engine.setAllowed('by hand', []);
    await replaced(room, 'drop', [x]);
    expect(room.banned()).toEqual([`BLOCKER ${X}`]);
  });

  test('that stays as it is keeps its bans going, and they end when nobody refreshes it', async () => {
    const room = made();
    await replaced(room, 'drop', [x]);
    room.clock.sleep(2 * DAY);
    await replaced(room, 'drop', [x]);
    room.clock.sleep(2 * DAY);
    expect(room.banned()).toEqual([`BLOCKER ${X}`]);
    room.clock.sleep(2 * DAY);
    expect(room.banned()).toEqual([]);
  });

  test('survives a restart, and lists that left the configuration meanwhile are lifted', async () => {
    const room = made();
    await replaced(room, 'drop', [x]);
    await replaced(room, 'other', [net]);
    room.restart();
    expect(room.banned()).toHaveLength(2);
    expect(await kept(room, 'drop')).toBe(1);
    expect(room.banned()).toEqual([`BLOCKER ${X}`]);
  });

  test('fills the events with one line, not with one for each entry', async () => {
    const room = made();
    await replaced(room, 'drop', [x, net]);
    await replaced(room, 'drop', []);
    expect(room.log.events().filter((e) => e === 'ban' || e === 'ban_ended')).toEqual([]);
    expect(room.told).toEqual([]);
  });

  test('whose bans can’t be written says so, and can be tried again', async () => {
    const room = made();
    const { store } = room;
    const write = store.writeBans.bind(store);
    store.writeBans = () => {
      throw new StoreError('the disk is full');
    };
    await expect(replaced(room, 'drop', [x])).rejects.toThrow('the database could not be written');
    expect([room.banned(), room.engine.storeProblem()]).toEqual([[], 'the disk is full']);
    store.writeBans = write;
    expect(await replaced(room, 'drop', [x])).toMatchObject({ added: 1 });
  });
});

describe('what else asks for the same address', () => {
  test('another list: the ban stands until both have let it go', async () => {
    const room = made();
    await replaced(room, 'one', [x]);
    await replaced(room, 'two', [x]);
    await replaced(room, 'one', []);
    expect(room.ban('BLOCKER', x).origin).toEqual({ kind: 'list', name: 'two' });
    await replaced(room, 'two', []);
    expect(room.banned()).toEqual([]);
  });

  test('a person: the ban is theirs when the list lets go', async () => {
    const room = made();
    room.engine.ban({ subjects: [x], target: 'BLOCKER', length: FOREVER, reason: 'mine', by: 'ann' });
    await replaced(room, 'drop', [x]);
    expect(room.ban('BLOCKER', x).origin).toEqual({ kind: 'manual', name: 'ann' });
    await replaced(room, 'drop', []);
    expect(room.ban('BLOCKER', x)).toMatchObject({ origin: { kind: 'manual', name: 'ann' }, reason: 'mine' });
  });

  test('a rule’s shorter ban that stood before goes on to its own end', async () => {
    const room = made();
    room.hear(failed(X));
    const { until } = room.ban('BLOCKER', x);
    await replaced(room, 'drop', [x]);
    expect(room.ban('BLOCKER', x).until).toBeGreaterThan(until);
    await replaced(room, 'drop', []);
    expect(room.ban('BLOCKER', x)).toMatchObject({ until, origin: { kind: 'rule', name: 'ssh' }, level: 1 });
  });

  test('a rule’s ban that would have been shorter, and came while the list had it', async () => {
    const room = made();
    await replaced(room, 'drop', [x]);
    room.hear(failed(X));
    await replaced(room, 'drop', []);
    expect(room.ban('BLOCKER', x).origin).toEqual({ kind: 'rule', name: 'ssh' });
    room.clock.sleep(HOUR + 1000);
    expect(room.banned()).toEqual([]);
  });

  test('a rule’s ban that came again and again while the list had it', async () => {
    const room = made();
    await replaced(room, 'drop', [x]);
    for (let i = 0; i < 3; i++) {
      room.hear(failed(X));
      room.clock.sleep(HOUR / 2);
    }
    const writes = room.store.beneath.change.bind(room.store.beneath);
    let written = 0;
    room.store.beneath.change = (...change) => (written++, writes(...change));
    for (let i = 0; i < 100; i++) room.hear(failed(X));
    expect(written).toBe(1);
    await replaced(room, 'drop', []);
    expect(room.ban('BLOCKER', x).until).toBe(instant(room.clock.now() + HOUR));
  });

  test('a rule’s longer ban is the rule’s, and a pardon gives it back to the list', async () => {
    const room = engineRoom({ targets: [target('BLOCKER')], rules: [rule('ssh', { occurrences: 1, ban: [ms(9 * DAY)] })] });
    await replaced(room, 'drop', [x]);
    room.hear(failed(X));
    expect(room.ban('BLOCKER', x).origin).toEqual({ kind: 'rule', name: 'ssh' });
    room.hear(accepted(X));
    expect(room.ban('BLOCKER', x).origin).toEqual({ kind: 'list', name: 'drop' });
  });

  test('a good pattern does not end a list’s ban', async () => {
    const room = made();
    await replaced(room, 'drop', [x]);
    room.hear(accepted(X));
    expect(room.banned()).toEqual([`BLOCKER ${X}`]);
  });

  test('a good pattern forgives what a rule asked for beneath a list’s ban', async () => {
    const room = made();
    await replaced(room, 'drop', [x]);
    room.hear(failed(X), accepted(X));
    await replaced(room, 'drop', []);
    expect(room.banned()).toEqual([]);
  });

  test.each([
    ['unbans it', (room: EngineRoom): void => void room.engine.unban({ subjects: [x], target: undefined, by: 'ann' })],
    ['allows it', (room: EngineRoom): void => (room.engine.setAllowed('by hand', [prefix(X)]), room.engine.setAllowed('by hand', []))],
  ])('what a rule asked for beneath is over when a person %s, though the list takes it again', async (_, deed) => {
    const room = made();
    await replaced(room, 'drop', [x]);
    room.hear(failed(X));
    deed(room);
    await replaced(room, 'drop', [x]);
    await replaced(room, 'drop', []);
    expect(room.banned()).toEqual([]);
  });

  test('a person’s shorter ban of what a list has is theirs for its own time, and no longer, also over a restart', async () => {
    for (const isRestarted of [false, true]) {
      const room = made();
      await replaced(room, 'drop', [x], FOREVER);
      const [outcome] = room.engine.ban({ subjects: [x], target: 'BLOCKER', length: ms(9 * HOUR), reason: 'mine', by: 'ann' });
      expect(outcome).toMatchObject({ outcome: 'unchanged', ban: { origin: { kind: 'list' }, until: NEVER } });
      const until = instant(room.clock.now() + 9 * HOUR);
      if (isRestarted) {
        room.restart();
        await replaced(room, 'drop', [x], FOREVER);
      }
      await replaced(room, 'drop', []);
      expect(room.ban('BLOCKER', x)).toMatchObject({ origin: { kind: 'manual', name: 'ann' }, reason: 'mine', until });
      room.clock.sleep(9 * HOUR);
      expect(room.banned()).toEqual([]);
    }
  });

  test('a person’s ban beneath that of a rule which a list has: no good pattern ends it', async () => {
    const room = engineRoom({ targets: [target('BLOCKER')], rules: [rule('ssh', { occurrences: 1, ban: [ms(9 * DAY)] })] });
    await replaced(room, 'drop', [x], ms(DAY));
    room.engine.ban({ subjects: [x], target: 'BLOCKER', length: ms(HOUR), reason: 'mine', by: 'ann' });
    room.hear(failed(X), accepted(X));
    await replaced(room, 'drop', []);
    expect(room.ban('BLOCKER', x)).toMatchObject({ origin: { kind: 'manual', name: 'ann' } });
  });

  test('a person’s ban that stood before a list took it goes on to its own end, also over a restart', async () => {
    const room = made();
    room.engine.ban({ subjects: [x], target: 'BLOCKER', length: ms(DAY), reason: 'mine', by: 'ann' });
    const { until } = room.ban('BLOCKER', x);
    await replaced(room, 'drop', [x]);
    room.restart();
    expect(await kept(room)).toBe(1);
    expect(room.ban('BLOCKER', x)).toMatchObject({ until, origin: { kind: 'manual', name: 'ann' }, reason: 'mine' });
    expect(room.kernel.rows(LIST)?.has(x)).toBe(true);
  });

  test('a person’s ban is not lost where a crash comes between the end of the list’s and its own', () => {
    const room = made();
    const under = { target: 'BLOCKER', address: x, origin: { kind: 'manual', name: 'ann' }, level: undefined, reason: 'mine' } as const;
    room.store.beneath.change({ put: [{ ...under, until: NEVER }, { ...under, address: nth(1), until: room.clock.now() }], remove: [] }, 'power');
    room.restart();
    expect(room.ban('BLOCKER', x)).toMatchObject({ origin: { kind: 'manual', name: 'ann' }, reason: 'mine', until: NEVER });
    expect([room.banned(), room.store.beneath.all()]).toEqual([[`BLOCKER ${X}`], []]);
    expect(room.kernel.rows(LIST)?.has(x)).toBe(true);
  });

  test('another list for a shorter time: it stands no longer than that', async () => {
    const room = made();
    await replaced(room, 'long', [x], FOREVER);
    await replaced(room, 'short', [x], ms(DAY));
    await replaced(room, 'long', []);
    expect(room.ban('BLOCKER', x)).toMatchObject({ origin: { kind: 'list', name: 'short' }, until: instant(room.clock.now() + DAY) });
    expect(room.kernel.rows(LIST)?.has(x)).toBe(true);
    room.clock.sleep(DAY);
    expect(room.banned()).toEqual([]);
  });

  test('another list that nobody has refreshed for longer than it bans asks for nothing', async () => {
    const room = made();
    await replaced(room, 'old', [x], ms(HOUR));
    await replaced(room, 'drop', [x]);
    room.clock.sleep(2 * HOUR);
    await replaced(room, 'drop', []);
    expect(room.banned()).toEqual([]);
  });

  test('what a person has unbanned comes back with the next look at the list, not with the end of another ban', async () => {
    const room = made();
    await replaced(room, 'drop', [x]);
    room.engine.unban({ subjects: [x], target: undefined, by: 'ann' });
    room.hear(failed(X), accepted(X));
    expect(room.banned()).toEqual([]);
    await replaced(room, 'drop', [x]);
    expect(room.banned()).toEqual([`BLOCKER ${X}`]);
  });

  test('neighbours, because of which the network of a list is banned for longer: that is not the list’s to lift', async () => {
    const room = engineRoom({ targets: [target('BLOCKER', { backends: ['nftables'], networkAfter: 2 })], rules: [rule('ssh', { occurrences: 1, ban: [ms(9 * DAY)] })] });
    await replaced(room, 'drop', [net], ms(DAY));
    room.hear(failed('198.51.100.1'), failed('198.51.100.2'));
    expect(room.ban('BLOCKER', net).origin).toEqual({ kind: 'rule', name: 'ssh' });
    await replaced(room, 'drop', []);
    expect(room.banned()).toContain(`BLOCKER ${net}`);
  });
});
