import { FOREVER, instant, ms, NEVER, type Instant, type Subject } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import type { Config } from '../../../../packages/server/src/config/config.ts';
import { StoreError } from '../../../../packages/server/src/store/store.ts';
import { accepted, engineRoom, failed, type EngineRoom } from '../../../support/engine-room.ts';
import { DAY, HOUR, pattern, policy, prefix, rule, target } from '../../../support/policies.ts';
import { withRaw } from '../../../support/raw-sqlite.ts';
import { address, nth, T0 } from '../../../support/records.ts';

const X = '192.0.2.1';
const Y = '2001:db8::1';
const x = address(X);
const y = address(Y);
const SECOND = 1000;

const bad = (word: string) => pattern(String.raw`sshd\[\d+\]: ${word} from <ip>$`);
const three = (text: string): string[] => [failed(text), failed(text), failed(text)];
const byHand = (room: EngineRoom, subjects: readonly Subject[], given: Partial<Parameters<EngineRoom['engine']['ban']>[0]> = {}) =>
  room.engine.ban({ subjects, target: 'BLOCKER', length: undefined, reason: undefined, by: 'ann', ...given });
const unban = (room: EngineRoom, subjects: readonly Subject[] | undefined, inTarget?: string) => room.engine.unban({ subjects, target: inTarget, by: 'ann' });
const rows = (room: EngineRoom, list = 'BLOCKER'): string[] => [...(room.kernel.rows(list) ?? [])].sort();
const windowsOf = (room: EngineRoom, who: Subject) => room.engine.history(who).windows.map((w) => `${w.rule} ${w.matches}`);
const twoTargets: Partial<Config> = {
  targets: [target('BLOCKER'), target('THROTTLE', { ban: [ms(180 * SECOND)] })],
  rules: [rule('ssh'), rule('quick', { target: 'THROTTLE', occurrences: 1, ban: [ms(180 * SECOND)] })],
};

describe('bad lines', () => {
  test('as many as the rule wants, within its interval, make a ban: in memory, on disk and in the kernel, with its why', () => {
    const room = engineRoom();
    room.hear(failed(X), failed(X));
    expect(room.banned()).toEqual([]);
    room.clock.advance(1000);
    room.hear(failed(X, 'admin'));
    const since = instant(T0 + 1000);
    const ban = { id: 1, address: x, target: 'BLOCKER', origin: { kind: 'rule', name: 'ssh' }, level: 1, reason: undefined, since, until: instant(since + HOUR), connections: 0 };
    expect(room.engine.bans()).toEqual([ban]);
    expect(room.store.activeBans()).toEqual([ban]);
    expect(rows(room)).toEqual([X]);
    expect(room.engine.history(x)).toMatchObject({
      bans: [ban],
      offences: [{ at: since, rule: 'ssh', level: 1, decision: 'banned', lines: [failed(X), failed(X), failed(X, 'admin')].map((m) => `Jan  2 03:04:05 host sshd[1]: ${m}`) }],
      windows: [],
    });
    expect(room.engine.ruleCounters('ssh')).toEqual({ matches: 3, offences: 1, bans: 1 });
    expect(room.log.said.map((s) => [s.event, s.fields['address']])).toEqual([['ban', X]]);
  });

  test('too few, or too far apart, make none', () => {
    const room = engineRoom();
    room.hear(failed(X), failed(X));
    room.clock.advance(HOUR + 1);
    room.hear(failed(X), failed(X));
    expect(room.banned()).toEqual([]);
    expect(windowsOf(room, x)).toEqual(['ssh 2']);
    room.hear(failed(X));
    expect(room.banned()).toEqual([`BLOCKER ${X}`]);
  });

  test('of one address say nothing of another; IPv4 inside IPv6 is IPv4', () => {
    const room = engineRoom();
    room.hear(failed(X), failed('192.0.2.2'), failed(Y), failed(`::ffff:${X}`), failed('2001:DB8:0::1'));
    expect(room.banned()).toEqual([]);
    room.hear(failed(X), failed(Y));
    expect(room.banned()).toEqual([`BLOCKER ${X}`, `BLOCKER ${Y}`]);
  });

  test('several in one datagram count each, and a line counts in several rules but once in each', () => {
    const room = engineRoom({
      targets: [target('A'), target('B')],
      rules: [
        rule('one', { target: 'A', occurrences: 2, badPatterns: [bad('bad'), bad('(?:bad|worse)')] }),
        rule('two', { target: 'B', occurrences: 2, badPatterns: [bad('bad')] }),
        rule('too', { target: 'A', occurrences: 5, badPatterns: [bad('bad')] }),
      ],
    });
    const line = `<38>Jan  2 03:04:05 host sshd[1]: bad from ${X}\n`;
    room.engine.deliver(Buffer.from(line), room.clock.now());
    room.clock.turn();
    expect(windowsOf(room, x)).toEqual(['one 1', 'two 1', 'too 1']);
    room.engine.deliver(Buffer.from(line + line), room.clock.now());
    room.clock.turn();
    expect(room.banned().sort()).toEqual([`A ${X}`, `B ${X}`]);
    expect(windowsOf(room, x)).toEqual(['one 1', 'two 1', 'too 3']);
    expect(room.engine.counters()).toMatchObject({ lines: 3, bad: 3 });
  });

  test('two rules that fire for one target on one line make one ban, which the second extends', () => {
    const room = engineRoom({
      rules: [
        rule('short', { occurrences: 1, ban: [ms(60 * SECOND)], badPatterns: [bad('bad')] }),
        rule('long', { occurrences: 1, ban: [ms(HOUR)], badPatterns: [bad('bad')] }),
      ],
    });
    room.hear(`bad from ${X}`);
    expect(room.banned()).toEqual([`BLOCKER ${X}`]);
    expect(room.ban('BLOCKER', x)).toMatchObject({ origin: { name: 'long' }, until: instant(T0 + HOUR), level: 1 });
    expect(room.engine.history(x).offences.map((o) => [o.rule, o.decision])).toEqual([['long', 'extended'], ['short', 'banned']]);
  });

  test('that are still on their way when the ban begins make it no longer and no higher', () => {
    const room = engineRoom();
    room.hear(...three(X), ...three(X), ...three(X));
    expect(room.ban('BLOCKER', x)).toMatchObject({ level: 1, until: instant(T0 + HOUR) });
    expect(room.log.events()).toEqual(['ban', 'offence_without_ban']);
  });

  test('of a banned address that goes on knocking cost no write each', () => {
    const room = engineRoom({ rules: [rule('ssh', { occurrences: 1 })] });
    room.hear(failed(X));
    const writes = room.kernel.writes;
    room.hear(...Array.from({ length: 500 }, () => failed(X)));
    expect(room.kernel.writes).toBe(writes);
    expect(room.store.offencesOf(x, 1000)).toHaveLength(2);
    expect(room.engine.ruleCounters('ssh')).toEqual({ matches: 501, offences: 501, bans: 1 });
  });

  test('of banband itself are nobody’s offence', () => {
    const room = engineRoom({ rules: [rule('any', { occurrences: 1, badPatterns: [pattern('from <ip>$')] })] });
    room.engine.deliver(Buffer.from(`<38>Jan  2 03:04:05 host banband[1]: bad from ${X}\n`), room.clock.now());
    room.clock.turn();
    expect(room.banned()).toEqual([]);
    expect(room.engine.counters()).toMatchObject({ lines: 1, own: 1, bad: 0 });
  });

  test('whose captured text is no address are counted as such', () => {
    const room = engineRoom();
    room.hear(failed('999.0.2.1'));
    expect(room.engine.counters()).toMatchObject({ notAnAddress: 1, bad: 0 });
  });

  test('run on the instant of their arrival, not on that of the work', () => {
    const room = engineRoom({ rules: [rule('ssh', { occurrences: 2, interval: ms(10 * SECOND) })] });
    room.arrive(room.clock.now(), failed(X), failed(Y));
    // Nobody got round to the work for a minute.
    room.arrive(instant(T0 + 10 * SECOND), failed(X));
    room.arrive(instant(T0 + 10 * SECOND + 1), failed(Y));
    room.clock.advance(60 * SECOND);
    expect(room.banned()).toEqual([`BLOCKER ${X}`]);
    expect(room.ban('BLOCKER', x)).toMatchObject({ since: instant(T0 + 10 * SECOND), until: instant(T0 + 10 * SECOND + HOUR) });
  });
});

describe('repeat offenders', () => {
  test('are banned for longer each time, by level, the last length for ever after', () => {
    const room = engineRoom();
    const untils: number[] = [];
    for (const pass of [HOUR, DAY, DAY]) {
      room.hear(...three(X));
      untils.push(room.ban('BLOCKER', x).until - room.clock.now());
      room.clock.advance(pass);
    }
    expect(untils).toEqual([HOUR, DAY, Infinity]);
    expect(room.ban('BLOCKER', x).level).toBe(3);
    expect(room.engine.history(x).offences.map((o) => o.level)).toEqual([3, 2, 1]);
    expect(room.engine.history(x).endedBans.map((b) => b.endedBy)).toEqual(['expired', 'expired']);
  });

  test('who were quiet for as long as memory reaches begin anew', () => {
    const room = engineRoom({ rules: [rule('ssh', { memory: ms(2 * HOUR) })] });
    room.hear(...three(X));
    room.clock.advance(2 * HOUR + 1);
    room.hear(...three(X));
    expect(room.ban('BLOCKER', x).level).toBe(1);
  });

  test('in one target are not yet in another', () => {
    const room = engineRoom({ targets: [target('A'), target('B')], rules: [rule('a', { target: 'A', occurrences: 1, badPatterns: [bad('bad')] }), rule('b', { target: 'B', occurrences: 1, badPatterns: [bad('worse')] })] });
    room.hear(`bad from ${X}`);
    room.clock.advance(HOUR);
    room.hear(`worse from ${X}`);
    expect(room.ban('B', x).level).toBe(1);
  });

  test('are known over a crash', () => {
    const room = engineRoom();
    room.hear(...three(X));
    room.clock.advance(HOUR);
    room.restart();
    room.hear(...three(X));
    expect(room.ban('BLOCKER', x).level).toBe(2);
  });

  test('stay that after an unban: the offence is on record', () => {
    const room = engineRoom();
    room.hear(...three(X));
    unban(room, [x]);
    room.clock.advance(60 * SECOND);
    room.hear(...three(X));
    expect(room.ban('BLOCKER', x).level).toBe(2);
  });
});

describe('a good line', () => {
  test('ends the automatic bans of its address in every target, and forgets its windows', () => {
    const room = engineRoom(twoTargets);
    room.hear(...three(X), failed(X), failed(Y), failed(Y));
    expect(room.banned().sort()).toEqual([`BLOCKER ${X}`, `THROTTLE ${X}`, `THROTTLE ${Y}`]);
    expect(windowsOf(room, x)).toEqual(['ssh 1']);
    room.hear(accepted(X));
    expect(room.banned()).toEqual([`THROTTLE ${Y}`]);
    expect([rows(room), rows(room, 'THROTTLE')]).toEqual([[], [Y]]);
    expect([windowsOf(room, x), windowsOf(room, y)]).toEqual([[], ['ssh 2']]);
    expect(room.engine.history(x).endedBans.map((b) => `${b.target} ${b.endedBy}`).sort()).toEqual(['BLOCKER pardoned', 'THROTTLE pardoned']);
    expect(room.engine.counters().good).toBe(1);
  });

  test('leaves a person’s ban alone, also one that a rule has made longer since', () => {
    const room = engineRoom();
    byHand(room, [x], { length: ms(60 * SECOND), reason: 'scans' });
    room.hear(...three(X));
    expect(room.ban('BLOCKER', x)).toMatchObject({ origin: { kind: 'manual', name: 'ann' }, reason: 'scans', until: instant(T0 + HOUR) });
    room.hear(accepted(X));
    expect(room.banned()).toEqual([`BLOCKER ${X}`]);
    expect(rows(room)).toEqual([X]);
  });

  test('right behind the bad ones, in one delivery, ends the ban that they have just made', () => {
    const room = engineRoom();
    room.engine.deliver(Buffer.from([...three(X), accepted(X)].map((m) => `<38>Jan  2 03:04:05 host sshd[1]: ${m}\n`).join('')), room.clock.now());
    room.clock.turn();
    expect(room.banned()).toEqual([]);
    expect(rows(room)).toEqual([]);
    expect(room.engine.history(x).offences).toHaveLength(1);
  });

  test('is not tried against bad patterns', () => {
    const room = engineRoom({ rules: [rule('any', { occurrences: 1, badPatterns: [pattern('from <ip> port')] })] });
    room.hear(accepted(X));
    expect(room.banned()).toEqual([]);
    expect(room.engine.counters()).toMatchObject({ good: 1, bad: 0 });
  });
});

describe('the allow list', () => {
  test('beats every rule; the offence is on record with its reason, once an hour', () => {
    const room = engineRoom({ allowlist: [prefix('192.0.2.0/24')] });
    for (let i = 0; i < 10; i++) room.hear(...three(X));
    expect(room.banned()).toEqual([]);
    expect(rows(room)).toEqual([]);
    expect(room.engine.history(x)).toMatchObject({ allowedBy: '192.0.2.0/24', offences: [{ decision: 'none', reason: 'allowed by 192.0.2.0/24' }] });
    room.clock.advance(HOUR);
    room.hear(...three(X));
    expect(room.store.offencesOf(x, 100)).toHaveLength(2);
  });

  test('beats a person, who is told', () => {
    const room = engineRoom({ allowlist: [prefix('192.0.2.0/24')] });
    expect(byHand(room, [x, y])).toMatchObject([{ subject: x, outcome: 'refused', allowedBy: '192.0.2.0/24' }, { subject: y, outcome: 'banned' }]);
    expect(rows(room)).toEqual([Y]);
  });

  test('that grows by a reload or over a restart ends the bans that it now forbids', () => {
    const room = engineRoom();
    byHand(room, [x]);
    room.hear(...three('198.51.100.1'));
    room.engine.reload(policy({ allowlist: [prefix('192.0.2.0/24')] }));
    expect(room.banned()).toEqual(['BLOCKER 198.51.100.1']);
    expect(rows(room)).toEqual(['198.51.100.1']);
    expect(room.engine.history(x).endedBans).toMatchObject([{ endedBy: 'allowlisted' }]);
    room.restart(policy({ allowlist: [prefix('198.51.100.0/24')] }));
    expect(room.banned()).toEqual([]);
    expect(rows(room)).toEqual([]);
  });
});

describe('a ban by hand', () => {
  test('answers with what the kernel holds, and lasts as long as it says', () => {
    const room = engineRoom({ targets: [target('BLOCKER'), target('THROTTLE', { ban: [ms(180 * SECOND)] })] });
    expect(byHand(room, [x], { length: FOREVER, reason: 'scans' })).toMatchObject([{ outcome: 'banned', enforcement: 'held', ban: { until: NEVER, origin: { kind: 'manual', name: 'ann' }, reason: 'scans', level: undefined } }]);
    expect(byHand(room, [x], { target: 'THROTTLE' })).toMatchObject([{ outcome: 'banned', ban: { until: instant(T0 + 180 * SECOND) } }]);
    expect(room.store.activeBans()).toHaveLength(2);
  });

  test('of an address named twice is one', () => {
    expect(byHand(engineRoom(), [x, y, x])).toHaveLength(2);
  });

  test('of a banned address makes it longer, never shorter, and a person’s', () => {
    const room = engineRoom();
    room.hear(...three(X));
    expect(byHand(room, [x], { length: ms(SECOND) })).toMatchObject([{ outcome: 'unchanged', ban: { until: instant(T0 + HOUR), level: 1, origin: { kind: 'manual' } } }]);
    expect(byHand(room, [x], { length: ms(DAY) })).toMatchObject([{ outcome: 'extended', ban: { until: instant(T0 + DAY) } }]);
  });

  test('stays a person’s when lines that had arrived before it are worked off after it', () => {
    const room = engineRoom();
    room.arrive(T0, ...three(X));
    expect(byHand(room, [x], { length: ms(SECOND) })).toMatchObject([{ outcome: 'banned' }]);
    room.clock.turn();
    expect(room.ban('BLOCKER', x)).toMatchObject({ origin: { kind: 'manual' }, until: instant(T0 + HOUR) });
  });

  test('that the kernel does not take is stored, and said not to be held', () => {
    const room = engineRoom();
    room.kernel.vanish('BLOCKER');
    expect(byHand(room, [x])).toMatchObject([{ outcome: 'banned', enforcement: 'missing' }]);
    room.kernel.comeBack('BLOCKER');
    room.kernel.setDeaf(true);
    expect(byHand(room, [y])).toMatchObject([{ outcome: 'banned', enforcement: 'failed' }]);
    expect(room.store.activeBans()).toHaveLength(2);
    room.kernel.setDeaf(false);
    room.clock.advance(2000);
    expect(rows(room)).toEqual([X, Y].sort());
  });

  test('beyond the kernel’s capacity is said to wait', () => {
    const room = engineRoom({}, 2);
    byHand(room, [nth(1), nth(2)], { length: FOREVER });
    expect(byHand(room, [x], { length: ms(SECOND) })).toMatchObject([{ outcome: 'banned', enforcement: 'waiting' }]);
    expect(rows(room)).toEqual([nth(1), nth(2)]);
  });

  test('is on disk when it is acknowledged, and gone when it is refused', () => {
    const room = engineRoom();
    byHand(room, [x]);
    expect(withRaw(room.path, (db) => db.prepare('SELECT address FROM bans').all())).toEqual([{ address: X }]);
    room.whileUnwritable(() => {
      expect(() => byHand(room, [y])).toThrow(StoreError);
      expect(room.banned()).toEqual([`BLOCKER ${X}`]);
      expect(rows(room)).toEqual([X]);
    });
  });
});

describe('an unban', () => {
  test('ends the bans of an address in every target, or in one, whoever set them', () => {
    const room = engineRoom(twoTargets);
    room.hear(...three(X));
    byHand(room, [y]);
    expect(unban(room, [x, y], 'THROTTLE')).toEqual([{ subject: x, targets: ['THROTTLE'], unreleased: [], heldBy: [] }, { subject: y, targets: [], unreleased: [], heldBy: [] }]);
    expect(room.banned()).toEqual([`BLOCKER ${X}`, `BLOCKER ${Y}`]);
    expect(unban(room, [x, x])).toEqual([{ subject: x, targets: ['BLOCKER'], unreleased: [], heldBy: [] }]);
    expect(unban(room, undefined)).toEqual([{ subject: y, targets: ['BLOCKER'], unreleased: [], heldBy: [] }]);
    expect([room.banned(), rows(room), rows(room, 'THROTTLE')]).toEqual([[], [], []]);
    expect(room.engine.history(y).endedBans).toMatchObject([{ endedBy: 'unbanned', endedName: 'ann' }]);
  });

  test('forgets the windows of the address, so that one more line is not the third', () => {
    const room = engineRoom();
    room.hear(failed(X), failed(X));
    expect(unban(room, [x])).toEqual([{ subject: x, targets: [], unreleased: [], heldBy: [] }]);
    room.hear(failed(X));
    expect(room.banned()).toEqual([]);
  });

  test('that the kernel refuses says in which target the row is left, and it goes as soon as it can', () => {
    const room = engineRoom();
    byHand(room, [x]);
    room.kernel.setDeaf(true);
    expect(unban(room, [x])).toEqual([{ subject: x, targets: ['BLOCKER'], unreleased: ['BLOCKER'], heldBy: [] }]);
    expect(room.store.unreleased()).toHaveLength(1);
    room.kernel.setDeaf(false);
    room.clock.advance(1000);
    expect(rows(room)).toEqual([]);
    expect(room.store.unreleased()).toEqual([]);
  });

  test('whose row was left is finished by the next start', () => {
    const room = engineRoom();
    byHand(room, [x, y]);
    room.kernel.setDeaf(true);
    unban(room, [x]);
    room.clock.crash(0);
    room.kernel.setDeaf(false);
    room.restart();
    expect(rows(room)).toEqual([Y]);
    expect(room.store.unreleased()).toEqual([]);
  });

  test('that can’t be written changes nothing', () => {
    const room = engineRoom();
    byHand(room, [x]);
    room.whileUnwritable(() => {
      expect(() => unban(room, [x])).toThrow(StoreError);
      expect([room.banned(), rows(room)]).toEqual([[`BLOCKER ${X}`], [X]]);
    });
  });
});

describe('the end of a ban', () => {
  test('comes at its instant: in the store, then in the kernel', () => {
    const room = engineRoom();
    room.hear(...three(X));
    room.clock.advance(HOUR - 1);
    expect([room.banned(), rows(room)]).toEqual([[`BLOCKER ${X}`], [X]]);
    room.clock.advance(1);
    expect([room.banned(), rows(room), room.store.activeBans(), room.store.unreleased()]).toEqual([[], [], [], []]);
    expect(room.engine.history(x).endedBans).toMatchObject([{ endedBy: 'expired', endedAt: instant(T0 + HOUR) }]);
  });

  test('of thousands at once comes in groups, with lines worked off in between', () => {
    const room = engineRoom();
    byHand(room, Array.from({ length: 2000 }, (_, i) => nth(i)), { length: ms(60 * SECOND) });
    room.arrive(instant(T0 + 60 * SECOND), failed(X));
    room.clock.advance(60 * SECOND);
    expect([room.banned(), rows(room)]).toEqual([[], []]);
    expect(windowsOf(room, x)).toEqual(['ssh 1']);
  });

  test('comes within a tick when the clock jumps over it, and waits when the clock is put back', () => {
    const real = engineRoom().clock;
    let offset = 0;
    const room = engineRoom({}, undefined, { ...real, now: () => instant(real.now() + offset) });
    byHand(room, [x], { length: ms(10 * DAY) });
    offset = 10 * DAY;
    real.advance(500);
    expect([room.banned(), rows(room)]).toEqual([[], []]);
    byHand(room, [y], { length: ms(HOUR) });
    const { until } = room.ban('BLOCKER', y);
    offset -= DAY;
    real.advance(HOUR + 1000);
    expect(room.banned()).toEqual([`BLOCKER ${Y}`]);
    real.advance(until - real.now() - offset);
    expect(room.banned()).toEqual([]);
  });

  test('that can’t be written does not come; it comes when it can', () => {
    const room = engineRoom();
    byHand(room, [x], { length: ms(60 * SECOND) });
    room.whileUnwritable(() => {
      room.clock.advance(70 * SECOND);
      expect([room.banned(), rows(room)]).toEqual([[`BLOCKER ${X}`], [X]]);
      expect(room.engine.storeProblem()).toContain('locked by another program');
    });
    room.clock.advance(1000);
    expect([room.banned(), rows(room), room.engine.storeProblem()]).toEqual([[], [], undefined]);
    expect(room.log.events().filter((e) => e.startsWith('database'))).toEqual(['database_failed', 'database_works_again']);
  });
});

describe('a database that can’t be written', () => {
  test('keeps nobody from being banned: enforced at once, said, and written when it can be', () => {
    const room = engineRoom();
    room.whileUnwritable(() => {
      room.hear(...three(X));
      expect([room.banned(), rows(room)]).toEqual([[`BLOCKER ${X}`], [X]]);
      expect(room.ban('BLOCKER', x).id).toBeLessThan(0);
      expect(room.engine.storeProblem()).toMatch(/locked by another program.* \(1 bans are enforced but not yet saved\)$/);
      room.clock.advance(10 * SECOND);
      expect(rows(room)).toEqual([X]);
      expect(room.log.events().filter((e) => e === 'database_failed'), 'said once').toHaveLength(1);
      room.hear(accepted(Y));
    });
    room.clock.advance(2 * SECOND);
    expect(room.engine.storeProblem()).toBeUndefined();
    expect(room.store.activeBans()).toEqual(room.engine.bans());
    expect(room.store.activeBans()).toMatchObject([{ id: 1, address: x, since: T0, until: instant(T0 + HOUR), level: 1 }]);
    expect(room.store.offencesOf(x, 10)).toMatchObject([{ decision: 'banned', lines: { length: 3 } }]);
    room.restart();
    expect(room.banned()).toEqual([`BLOCKER ${X}`]);
  });

  test('does not bring a ban back that ended meanwhile', () => {
    const room = engineRoom();
    room.whileUnwritable(() => {
      room.hear(...three(X), ...three(Y));
      unban(room, [x]);
      room.hear(accepted(Y));
      expect([room.banned(), rows(room)]).toEqual([[], []]);
    });
    room.clock.advance(2 * SECOND);
    expect([room.banned(), room.store.activeBans(), rows(room)]).toEqual([[], [], []]);
  });

  test('makes a saved ban longer all the same', () => {
    const room = engineRoom({ rules: [rule('ssh', { occurrences: 1 })] });
    room.hear(failed(X));
    room.clock.advance(HOUR / 2);
    room.whileUnwritable(() => {
      room.hear(failed(X));
      expect(room.ban('BLOCKER', x)).toMatchObject({ id: 1, level: 2, until: instant(T0 + HOUR / 2 + DAY) });
    });
    room.clock.advance(2 * SECOND);
    expect(room.store.activeBans()).toMatchObject([{ id: 1, level: 2, until: instant(T0 + HOUR / 2 + DAY) }]);
  });

  test('that works again gets what waited before a person’s ban, which stays a person’s', () => {
    const room = engineRoom();
    room.whileUnwritable(() => room.hear(...three(X)));
    byHand(room, [x], { length: FOREVER });
    room.clock.advance(5 * SECOND);
    expect(room.store.activeBans()).toEqual(room.engine.bans());
    expect(room.store.activeBans()).toMatchObject([{ origin: { kind: 'manual', name: 'ann' }, until: NEVER }]);
  });

  test('that works again gets what waited before the stop', () => {
    const room = engineRoom();
    room.whileUnwritable(() => room.hear(...three(X)));
    room.engine.stop();
    expect(room.store.activeBans()).toMatchObject([{ address: x }]);
  });

  test('that works again is written also when the clock was put back', () => {
    const real = engineRoom().clock;
    let offset = 0;
    const room = engineRoom({}, undefined, { ...real, now: () => instant(real.now() + offset) });
    room.whileUnwritable(() => room.hear(...three(X)));
    offset = -DAY;
    real.advance(2 * SECOND);
    expect(room.store.activeBans()).toMatchObject([{ address: x }]);
  });

  test('for 21,000 offenders: all are enforced, and all are there after a restart', { timeout: 120_000 }, () => {
    const room = engineRoom({ rules: [rule('ssh', { occurrences: 1 })] });
    const COUNT = 21_000;
    room.whileUnwritable(() => {
      for (let i = 0; i < COUNT; i += 500) room.hear(...Array.from({ length: 500 }, (_, j) => failed(nth(i + j))));
      expect(room.kernel.rows('BLOCKER')?.size).toBe(COUNT);
    });
    room.clock.advance(2 * SECOND);
    expect(room.engine.storeProblem()).toBeUndefined();
    room.restart();
    expect(room.engine.bans()).toHaveLength(COUNT);
    expect(room.engine.bans().every((b) => b.until === instant(T0 + HOUR))).toBe(true);
  });

  test('neither read: it is the first offence then, and nothing stands still', () => {
    const room = engineRoom({ rules: [rule('ssh', { occurrences: 1 })] });
    withRaw(room.path, (db) => {
      db.exec('ALTER TABLE offences RENAME TO elsewhere');
      room.hear(failed(X));
      expect(room.ban('BLOCKER', x).level).toBe(1);
      expect(rows(room)).toEqual([X]);
      expect(room.engine.storeProblem()).toBeDefined();
      db.exec('ALTER TABLE elsewhere RENAME TO offences');
    });
    room.clock.advance(2 * SECOND);
    expect(room.store.activeBans()).toMatchObject([{ address: x }]);
    expect(room.engine.storeProblem()).toBeUndefined();
  });
});

describe('existing connections', () => {
  const cutting = { rules: [rule('ssh', { occurrences: 1, resetconns: true }), rule('other', { occurrences: 1, badPatterns: [bad('bad')] })] };
  test('are cut once for each ban, after the kernel’s list has the address', () => {
    const room = engineRoom(cutting);
    room.hear(failed(X), failed(X), failed(X), failed(X));
    expect(room.cuts.map((c) => c.subjects)).toEqual([[x]]);
    expect(room.cuts[0]?.rows.has(x)).toBe(true);
  });

  test('are cut for a rule that wants it and for no other', () => {
    const room = engineRoom(cutting);
    room.hear(`bad from ${X}`);
    expect(room.cuts).toEqual([]);
  });

  test('are cut for a ban by hand in a target of such a rule', () => {
    const room = engineRoom({ ...cutting, targets: [target('BLOCKER'), target('B')] });
    byHand(room, [x], { target: 'B' });
    expect(room.cuts).toEqual([]);
    byHand(room, [x, y]);
    expect(room.cuts.map((c) => c.subjects)).toEqual([[x, y]]);
  });

  test('are cut also where the list is missing', () => {
    const room = engineRoom(cutting);
    room.kernel.vanish('BLOCKER');
    room.hear(failed(X));
    expect(room.cuts.map((c) => c.subjects)).toEqual([[x]]);
  });

  test('in a storm are asked for in groups, each address once', () => {
    const room = engineRoom(cutting);
    room.hear(...Array.from({ length: 3000 }, (_, i) => failed(nth(i % 1000))));
    expect(room.cuts.flatMap((c) => c.subjects)).toHaveLength(1000);
    expect(room.cuts.length).toBeLessThan(100);
  });
});

describe('a reload', () => {
  const rules = [rule('same', { badPatterns: [bad('bad')] }), rule('other', { badPatterns: [bad('bad')] })];
  test('keeps the windows of rules that did not change, and drops those of rules that did or went', () => {
    const room = engineRoom({ rules });
    room.hear(`bad from ${X}`, `bad from ${X}`);
    room.engine.reload(policy({ rules: [rule('same', { badPatterns: [bad('bad')], ban: [ms(7 * SECOND)] }), rule('other', { badPatterns: [bad('bad')], occurrences: 4 })] }));
    expect(windowsOf(room, x)).toEqual(['same 2']);
    room.hear(`bad from ${X}`);
    expect(room.ban('BLOCKER', x), 'the window of before, the length of now').toMatchObject({ origin: { name: 'same' }, until: instant(T0 + 7 * SECOND) });
    room.engine.reload(policy({ rules: rules.slice(0, 1) }));
    room.engine.reload(policy({ rules }));
    expect(windowsOf(room, x)).toEqual([]);
  });

  test('keeps the counters of rules that are still there', () => {
    const room = engineRoom({ rules });
    room.hear(`bad from ${X}`);
    room.engine.reload(policy({ rules: rules.slice(0, 1) }));
    expect(room.engine.ruleCounters('same').matches).toBe(1);
    expect(room.engine.ruleCounters('other').matches).toBe(0);
  });

  test('ends the bans of a target that went, in its list too, and keeps the others', () => {
    const room = engineRoom(twoTargets);
    room.hear(...three(X));
    room.engine.reload(policy());
    expect(room.banned()).toEqual([`BLOCKER ${X}`]);
    expect([rows(room), rows(room, 'THROTTLE')]).toEqual([[X], []]);
    expect(room.engine.history(x).endedBans).toMatchObject([{ target: 'THROTTLE', endedBy: 'target_removed' }]);
    expect(room.engine.targetStates().map((t) => t.name)).toEqual(['BLOCKER']);
  });

  test('ends them later where that can’t be written now', () => {
    const room = engineRoom(twoTargets);
    room.hear(...three(X));
    room.whileUnwritable(() => {
      room.engine.reload(policy({ allowlist: [prefix(`${X}/32`)] }));
      expect(room.banned().sort()).toEqual([`BLOCKER ${X}`, `THROTTLE ${X}`]);
    });
    room.clock.advance(1000);
    expect([room.banned(), rows(room), rows(room, 'THROTTLE')]).toEqual([[], [], []]);
  });

  test('of a target whose list can’t be written: the row is taken out as soon as it can be', () => {
    const room = engineRoom(twoTargets);
    room.hear(failed(X));
    room.kernel.setDeaf(true);
    room.engine.reload(policy());
    expect([room.banned(), rows(room, 'THROTTLE')]).toEqual([[], [X]]);
    expect(room.store.unreleased()).toHaveLength(1);
    room.kernel.setDeaf(false);
    room.clock.advance(1000);
    expect(rows(room, 'THROTTLE')).toEqual([]);
    expect(room.store.unreleased()).toEqual([]);
    expect(room.kernel.openLists(), 'and let go of').toEqual(['BLOCKER']);
  });

  test('of such a target, and a crash: the next start takes it out', () => {
    const room = engineRoom(twoTargets);
    room.hear(failed(X));
    room.kernel.setDeaf(true);
    room.engine.reload(policy());
    room.kernel.setDeaf(false);
    room.restart(policy());
    expect([rows(room, 'THROTTLE'), room.store.unreleased()]).toEqual([[], []]);
  });

  test('fills the list of a new target, and applies new rules from the next line on', () => {
    const room = engineRoom();
    room.arrive(T0, ...three(X));
    room.engine.reload(policy(twoTargets));
    room.clock.turn();
    expect(room.banned().sort()).toEqual([`BLOCKER ${X}`, `THROTTLE ${X}`]);
    expect(room.engine.policy.targets.size).toBe(2);
  });
});

describe('a start', () => {
  test('puts every unexpired ban back with the time that is left to it, and ends the others', () => {
    const room = engineRoom();
    byHand(room, [x], { length: ms(HOUR) });
    byHand(room, [y], { length: ms(60 * SECOND) });
    byHand(room, [nth(1)], { length: FOREVER });
    room.clock.crash(30 * 60 * SECOND);
    room.kernel.empty('BLOCKER');
    const writes = room.kernel.writes;
    room.restart();
    expect(rows(room)).toEqual([nth(1), X].sort());
    expect(room.kernel.writes - writes, 'in one batch, and one for the ended').toBeLessThanOrEqual(2);
    expect(room.engine.history(y).endedBans).toMatchObject([{ endedBy: 'expired' }]);
    room.clock.advance(HOUR / 2 - 1);
    expect(rows(room)).toEqual([nth(1), X].sort());
    room.clock.advance(1);
    expect(rows(room)).toEqual([nth(1)]);
  });

  test('ends thousands that ran out meanwhile', () => {
    const room = engineRoom();
    byHand(room, Array.from({ length: 1200 }, (_, i) => nth(i)), { length: ms(SECOND) });
    room.clock.crash(HOUR);
    room.restart();
    expect([room.banned(), rows(room), room.store.activeBans()]).toEqual([[], [], []]);
  });

  test('leaves alone what others have put into the lists', () => {
    const room = engineRoom();
    room.kernel.plant('BLOCKER', nth(7));
    room.restart();
    expect(rows(room)).toEqual([nth(7)]);
    expect(room.engine.targetStates()).toMatchObject([{ foreign: [nth(7)] }]);
  });
});

describe('a stop', () => {
  test('works off what has been received, and leaves the kernel as it is', () => {
    const room = engineRoom();
    room.arrive(T0, ...three(X));
    room.engine.stop();
    expect([rows(room), room.store.activeBans().length]).toEqual([[X], 1]);
  });

  test('is the end: no timer goes to the database after it', () => {
    const room = engineRoom();
    byHand(room, Array.from({ length: 600 }, (_, i) => nth(i)), { length: ms(SECOND) });
    room.arrive(T0, ...three(X));
    room.engine.stop();
    room.store.close();
    room.clock.advance(2 * HOUR);
    expect(room.engine.bans()).toHaveLength(601);
  });

  test('in the middle of a storm of ends is the end, too', () => {
    const room = engineRoom();
    byHand(room, Array.from({ length: 1500 }, (_, i) => nth(i)), { length: ms(SECOND) });
    // The first group ends in the timer's turn, which leaves the next to the loop.
    const before = room.log.said.length;
    room.clock.crash(0);
    room.restart();
    const { soon } = room.clock;
    let stoppedAt = 0;
    room.clock.soon = (action) => soon(() => {
      if (stoppedAt === 0) {
        stoppedAt = room.engine.bans().length;
        room.engine.stop();
        room.store.close();
      }
      action();
    });
    room.clock.advance(SECOND);
    expect(stoppedAt).toBe(1000);
    room.clock.advance(HOUR);
    expect(room.engine.bans()).toHaveLength(1000);
    expect(room.log.said.length).toBeGreaterThan(before);
  });
});

describe('over time', () => {
  test('what is older than any memory is purged from the disk', () => {
    const room = engineRoom({ rules: [rule('ssh', { occurrences: 1, memory: ms(DAY) })] });
    room.hear(failed(X));
    expect(room.store.offencesOf(x, 10)).toHaveLength(1);
    room.clock.crash(91 * DAY);
    room.restart();
    room.clock.advance(61 * SECOND);
    expect(room.store.offencesOf(x, 10)).toEqual([]);
    expect(room.store.endedBansOf(x, 10), 'it ended just now').toHaveLength(1);
  });

  test('what a storm left behind is purged faster than it came', () => {
    const room = engineRoom({ rules: [rule('ssh', { occurrences: 1, memory: ms(DAY) })] });
    for (let i = 0; i < 3000; i++) room.hear(failed(nth(i)));
    room.clock.crash(91 * DAY);
    room.restart();
    room.clock.advance(70 * SECOND);
    const left = withRaw(room.path, (db) => db.prepare('SELECT count(*) AS n FROM offences').all());
    expect(left).toEqual([{ n: 0 }]);
  });

  test('windows that nobody hits any more are dropped', () => {
    const room = engineRoom();
    room.hear(failed(X));
    room.clock.advance(HOUR - 1000);
    expect(room.engine.windows().open).toBe(1);
    room.clock.advance(62 * SECOND);
    expect(room.engine.windows().open).toBe(0);
  });
});

test('reconcile says what it did, list by list', () => {
  const room = engineRoom(twoTargets);
  byHand(room, [x, y]);
  room.kernel.evict('BLOCKER', x);
  room.kernel.plant('BLOCKER', nth(9));
  expect(room.engine.reconcile()).toMatchObject([{ name: 'BLOCKER', added: 1, removed: 0, held: 2, foreign: [nth(9)] }, { name: 'THROTTLE', added: 0, removed: 0 }]);
  expect(room.engine.reconcile()).toMatchObject([{ added: 0 }, { added: 0 }]);
});

test('whatever the instant, a ban is never of the past or of another address', () => {
  const room = engineRoom();
  const late: Instant = instant(T0 - 10 * HOUR);
  // A batch that waited for ten hours: the ban would be over before it began.
  room.arrive(late, ...three(X));
  room.clock.turn();
  room.clock.advance(500);
  expect([room.banned(), rows(room)]).toEqual([[], []]);
  expect(room.engine.history(x).offences).toHaveLength(1);
});
