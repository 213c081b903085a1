/** The engine with targets of several backends, and of such as take their time. */
import { ms } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import { engineRoom, failed, type EngineRoom } from '../../../support/engine-room.ts';
import { policy, rule, target } from '../../../support/policies.ts';
import { address, subject } from '../../../support/records.ts';

const X = '192.0.2.1';
const x = address(X);
const SECOND = 1000;
const rows = (room: EngineRoom, list: string): string[] => [...(room.kernel.rows(list) ?? [])].sort();
const ban = (room: EngineRoom, text = X) => room.engine.ban({ subjects: [subject(text)], target: 'BLOCKER', length: undefined, reason: undefined, by: 'ann' });
const unban = (room: EngineRoom, text = X) => room.engine.unban({ subjects: [subject(text)], target: undefined, by: 'ann' });
/** The programs do what they were asked for. */
const work = (room: EngineRoom): void => {
  for (let i = 0; i < 3; i++) {
    room.kernel.step();
    room.clock.turn();
  }
};

describe('a target with a list that is kept by a program', () => {
  const both = [target('BLOCKER', { backends: ['nftables', 'command'] })];
  const slow = (): EngineRoom => {
    const room = engineRoom({ targets: both, rules: [rule('ssh', { occurrences: 1 })] });
    work(room);
    return room;
  };

  test('has a ban pending until the program is done, while the other list holds it', () => {
    const room = slow();
    expect(ban(room)).toMatchObject([{ outcome: 'banned', enforcement: 'pending' }]);
    expect([rows(room, 'BLOCKER nftables'), rows(room, 'BLOCKER command')]).toEqual([[X], []]);
    expect(room.engine.targetStates()).toMatchObject([{ state: 'pending', message: 'command: 1 rows are being written', held: 0, notHeld: [X] }]);
    work(room);
    expect(room.engine.enforcementOf(room.ban('BLOCKER', x))).toBe('held');
    expect(room.engine.targetStates()).toMatchObject([{ state: 'ok', held: 1 }]);
  });

  test('has an unban done at once, and confirmed when the program is done', () => {
    const room = slow();
    ban(room);
    work(room);
    const standing = room.ban('BLOCKER', x);
    expect(unban(room)).toEqual([{ subject: X, targets: ['BLOCKER'], unreleased: [], heldBy: [] }]);
    expect([room.banned(), room.store.unreleased().length, room.engine.isReleased(standing)]).toEqual([[], 1, false]);
    work(room);
    expect([rows(room, 'BLOCKER command'), room.store.unreleased(), room.engine.isReleased(standing)]).toEqual([[], [], true]);
  });

  test('has what a crash interrupted finished by the next start', () => {
    const room = slow();
    ban(room);
    ban(room, '192.0.2.2');
    work(room);
    unban(room);
    ban(room, '192.0.2.3');
    room.restart();
    work(room);
    expect(rows(room, 'BLOCKER command')).toEqual(['192.0.2.2', '192.0.2.3']);
    expect(room.store.unreleased()).toEqual([]);
    expect(room.engine.targetStates()).toMatchObject([{ state: 'ok', held: 2, foreign: [] }]);
  });

  test('goes on where the program fails: the other list holds the bans, and the failing one is named', () => {
    const room = slow();
    room.kernel.setDeaf(true, 'BLOCKER command');
    room.hear(failed(X));
    work(room);
    expect(rows(room, 'BLOCKER nftables')).toEqual([X]);
    expect(room.engine.targetStates()).toMatchObject([{ state: 'failed', message: `command: ${X}: Input/output error`, backends: [{ backend: 'nftables', state: 'ok' }, { backend: 'command', state: 'failed' }] }]);
    room.kernel.setDeaf(false);
    work(room);
    expect(room.engine.targetStates()).toMatchObject([{ state: 'ok' }]);
  });

  test('that goes by a reload is freed in its own time, and nothing is owed then', () => {
    const room = slow();
    ban(room);
    work(room);
    room.engine.reload(policy({ targets: [target('BLOCKER', { backends: ['nftables'] })] }));
    expect(room.engine.enforcementOf(room.ban('BLOCKER', x))).toBe('held');
    room.engine.reload(policy({ targets: [target('OTHER')], rules: [] }));
    expect([room.banned(), rows(room, 'BLOCKER nftables')]).toEqual([[], []]);
    expect(room.store.unreleased()).toHaveLength(1);
    work(room);
    room.clock.advance(SECOND);
    expect([rows(room, 'BLOCKER command'), room.store.unreleased(), room.kernel.openLists()]).toEqual([[], [], ['OTHER']]);
  });

  test('owes the ends of a storm until the program is done with them', () => {
    const room = slow();
    room.engine.ban({ subjects: Array.from({ length: 1200 }, (_, i) => subject(`10.0.${i >> 8}.${i & 255}`)), target: 'BLOCKER', length: ms(SECOND), reason: undefined, by: 'ann' });
    work(room);
    expect(rows(room, 'BLOCKER command')).toHaveLength(1200);
    room.clock.advance(SECOND);
    expect([room.banned().length, room.store.unreleased().length]).toEqual([0, 1200]);
    work(room);
    expect([rows(room, 'BLOCKER command').length, room.store.unreleased().length]).toEqual([0, 0]);
  });
});

describe('a reload that gives a target another backend', () => {
  test('has the bans in the new list and out of the old one, and says so of none of them', () => {
    const room = engineRoom({ targets: [target('BLOCKER', { backends: ['ipset'] })] });
    ban(room);
    ban(room, '198.51.100.0/24');
    room.engine.reload(policy({ targets: [target('BLOCKER', { backends: ['nftables', 'ipset'] })] }));
    expect([rows(room, 'BLOCKER nftables'), rows(room, 'BLOCKER ipset')]).toEqual([[X, '198.51.100.0/24'].sort(), [X, '198.51.100.0/24'].sort()]);
    room.engine.reload(policy({ targets: [target('BLOCKER', { backends: ['nftables'] })] }));
    expect([rows(room, 'BLOCKER nftables'), rows(room, 'BLOCKER ipset')]).toEqual([[X, '198.51.100.0/24'].sort(), []]);
    expect(room.banned()).toHaveLength(2);
    expect(room.engine.targetStates()).toMatchObject([{ state: 'ok', held: 2, backends: [{ backend: 'nftables' }] }]);
    expect(room.store.unreleased()).toEqual([]);
  });

  test('that can’t hold a network that is banned says so, and never lets it go unsaid', () => {
    const room = engineRoom({ targets: [target('BLOCKER', { backends: ['nftables'] })] });
    ban(room, '198.51.100.0/24');
    room.engine.reload(policy());
    expect(room.engine.enforcementOf(room.ban('BLOCKER', subject('198.51.100.0/24')))).toBe('failed');
    expect(room.engine.targetStates()).toMatchObject([{ state: 'failed', message: '198.51.100.0/24 can’t be had in BLOCKER', bans: 1, held: 0, notHeld: ['198.51.100.0/24'] }]);
  });
});

test('a list that no rule looks at is said to be unread, by target and backend', () => {
  const room = engineRoom({ targets: [target('BLOCKER', { backends: ['xt_recent', 'nftables'] })] });
  ban(room);
  room.engine.setUnread(new Map([['BLOCKER', new Map([['nftables', 'no rule of nftables looks at it']])]]));
  expect(room.engine.enforcementOf(room.ban('BLOCKER', x))).toBe('unread');
  expect(room.engine.targetStates()).toMatchObject([{ state: 'unread', held: 1, message: 'nftables: no rule of nftables looks at it' }]);
  room.engine.setUnread(new Map());
  expect(room.engine.enforcementOf(room.ban('BLOCKER', x))).toBe('held');
});

test('what met a ban is told by all lists together', () => {
  const room = engineRoom({ targets: [target('BLOCKER', { backends: ['xt_recent', 'nftables'] })] });
  ban(room);
  expect(room.engine.hitsOf('BLOCKER')).toEqual(new Map([[X, { packets: 2, bytes: undefined, lastAt: undefined }]]));
  expect(room.engine.hitsOf('nowhere')).toEqual(new Map());
});
