import { FOREVER, instant, ms, NEVER } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import { accepted, engineRoom, failed, type EngineRoom } from '../../../support/engine-room.ts';
import { DAY, HOUR, pattern, rule, target } from '../../../support/policies.ts';
import { address, T0 } from '../../../support/records.ts';

const X = '192.0.2.1';
const x = address(X);
const MINUTE = 60_000;
const bad = (word: string) => pattern(String.raw`sshd\[\d+\]: ${word} from <ip>$`);
const lastedMinutes = (room: EngineRoom, name = 'BLOCKER'): number => {
  const { since, until } = room.ban(name, x);
  return (until - since) / MINUTE;
};

describe('levels', () => {
  test('go up with each ban within memory, down to the first when all is forgotten, and stay at the last', () => {
    const room = engineRoom({ rules: [rule('ssh', { occurrences: 1, memory: ms(DAY), ban: [10, 60, 240].map((m) => ms(m * MINUTE)) })] });
    const lengths: number[] = [];
    for (let i = 0; i < 4; i++) {
      room.hear(failed(X));
      lengths.push(lastedMinutes(room));
      room.clock.sleep(5 * HOUR);
    }
    room.clock.sleep(DAY);
    room.hear(failed(X));
    expect([...lengths, lastedMinutes(room)]).toEqual([10, 60, 240, 240, 10]);
  });

  test.each([
    ['target', 10],
    ['rule', 10],
    ['all', 60],
  ] as const)('by %s: after an offence in another target the ban lasts %i minutes', (levels, minutes) => {
    const ban = [10, 60].map((m) => ms(m * MINUTE));
    const room = engineRoom({
      targets: [target('BLOCKER'), target('OTHER')],
      rules: [rule('here', { occurrences: 1, ban, levels, badPatterns: [bad('here')] }), rule('there', { target: 'OTHER', occurrences: 1, ban, levels, badPatterns: [bad('there')] })],
    });
    room.hear(`there from ${X}`);
    room.hear(`here from ${X}`);
    expect(lastedMinutes(room)).toBe(minutes);
  });

  test('by rule: another rule’s offence in the same target does not count', () => {
    const ban = [10, 60].map((m) => ms(m * MINUTE));
    const made = (levels: 'rule' | 'target') => engineRoom({ rules: [rule('one', { occurrences: 1, ban, levels, badPatterns: [bad('one')] }), rule('two', { occurrences: 1, ban, levels, badPatterns: [bad('two')] })] });
    for (const [levels, minutes] of [['rule', 10], ['target', 60]] as const) {
      const room = made(levels);
      room.hear(`one from ${X}`);
      room.clock.sleep(HOUR);
      room.hear(`two from ${X}`);
      expect(lastedMinutes(room), levels).toBe(minutes);
    }
  });

  test('over all targets count what an IPv6 target has under the network', () => {
    const ban = [10, 60].map((m) => ms(m * MINUTE));
    const room = engineRoom({
      targets: [target('WIDE', { ipv6Prefix: 64 }), target('BLOCKER')],
      rules: [rule('wide', { target: 'WIDE', occurrences: 1, ban, levels: 'all', badPatterns: [bad('wide')] }), rule('one', { occurrences: 1, ban, levels: 'all', badPatterns: [bad('one')] })],
    });
    room.hear('wide from 2001:db8::7');
    room.hear('one from 2001:db8::7');
    expect(room.ban('BLOCKER', address('2001:db8::7')).level).toBe(2);
  });
});

test('jitter makes a ban shorter by chance, never longer, and leaves for ever alone', () => {
  for (const [chance, minutes] of [[0, 100], [0.5, 95], [1, 90]] as const) {
    const room = engineRoom({ rules: [rule('ssh', { occurrences: 1, jitter: 0.1, ban: [ms(100 * MINUTE)] })] }, undefined, undefined, undefined, () => chance);
    room.hear(failed(X));
    expect(lastedMinutes(room)).toBe(minutes);
  }
  const room = engineRoom({ rules: [rule('ssh', { occurrences: 1, jitter: 0.1, ban: [FOREVER] })] }, undefined, undefined, undefined, () => 1);
  room.hear(failed(X));
  expect(room.ban('BLOCKER', x).until).toBe(NEVER);
});

describe('a rule that counts bans', () => {
  const made = (of: readonly string[] = []) =>
    engineRoom({
      targets: [target('BLOCKER'), target('THROTTLE', { ban: [ms(10 * MINUTE)] })],
      rules: [
        rule('one', { target: 'THROTTLE', occurrences: 1, ban: [ms(10 * MINUTE)], badPatterns: [bad('one')] }),
        rule('two', { target: 'THROTTLE', occurrences: 1, ban: [ms(10 * MINUTE)], badPatterns: [bad('two')] }),
        rule('again', { occurrences: 3, interval: ms(DAY), ban: [ms(7 * DAY)], badPatterns: [], countsBansOf: of }),
      ],
    });
  const again = (room: EngineRoom, ...words: readonly string[]): void => {
    for (const word of words) {
      room.hear(`${word} from ${X}`);
      room.clock.sleep(HOUR);
    }
  };

  test('bans for long who was banned three times in a day, and says by which bans', () => {
    const room = made();
    again(room, 'one', 'two');
    expect(room.banned()).toEqual([]);
    room.hear(`one from ${X}`);
    expect(room.banned().sort()).toEqual([`BLOCKER ${X}`, `THROTTLE ${X}`]);
    expect(room.ban('BLOCKER', x).until).toBe(instant(T0 + 2 * HOUR + 7 * DAY));
    const [offence] = room.engine.history(x).offences.filter((o) => o.rule === 'again');
    expect(offence?.lines).toEqual([1, 2, 3].map((id) => expect.stringMatching(new RegExp(`^ban ${id} of ${X} in THROTTLE by the rule (?:one|two) at 20`)) as string));
  });

  test('counts over a restart, which windows of lines do not outlive', () => {
    const room = made();
    again(room, 'one', 'two');
    room.restart();
    room.hear(`two from ${X}`);
    expect(room.banned()).toContain(`BLOCKER ${X}`);
  });

  test('only those of the rules that it names', () => {
    const room = made(['two']);
    again(room, 'one', 'one', 'two', 'two', 'one');
    expect(room.banned()).toEqual([]);
    room.hear(`two from ${X}`);
    expect(room.banned()).toContain(`BLOCKER ${X}`);
  });

  test('not those that are longer ago than its interval, and none twice', () => {
    const room = made();
    again(room, 'one', 'two');
    room.clock.sleep(DAY);
    again(room, 'one', 'two');
    expect(room.banned()).toEqual([]);
    again(room, 'one');
    room.clock.sleep(8 * DAY);
    expect(room.banned()).toEqual([]);
    // The three have led to a ban: the next begins a new count.
    again(room, 'one', 'two');
    expect(room.banned()).toEqual([]);
  });

  test('begins a new count after each of its bans also where the targets have networks of other sizes', () => {
    const room = engineRoom({
      targets: [target('BLOCKER', { ipv6Prefix: 64 }), target('THROTTLE')],
      rules: [rule('one', { target: 'THROTTLE', occurrences: 1, ban: [ms(10 * MINUTE)], badPatterns: [bad('one')] }), rule('again', { occurrences: 2, interval: ms(DAY), ban: [ms(HOUR)], badPatterns: [], countsBansOf: [] })],
    });
    for (let i = 0; i < 5; i++) {
      room.hear('one from 2001:db8::1');
      room.clock.sleep(2 * HOUR);
    }
    expect(room.engine.history(address('2001:db8::1')).offences.filter((o) => o.rule === 'again')).toHaveLength(2);
  });

  test('bans no network where no list of its target can hold one', () => {
    const room = engineRoom({
      targets: [target('BLOCKER'), target('THROTTLE', { ipv6Prefix: 64 })],
      rules: [rule('one', { target: 'THROTTLE', occurrences: 1, ban: [ms(10 * MINUTE)], badPatterns: [bad('one')] }), rule('again', { occurrences: 1, interval: ms(DAY), ban: [ms(HOUR)], badPatterns: [], countsBansOf: [] })],
    });
    room.hear('one from 2001:db8::1');
    expect(room.banned()).toEqual(['THROTTLE 2001:db8::/64']);
    expect(room.engine.history(address('2001:db8::1')).offences.filter((o) => o.rule === 'again')).toMatchObject([{ decision: 'none', reason: expect.stringContaining('BLOCKER') as string }]);
  });

  test('goes on counting when the clock is put back', () => {
    const room = made();
    again(room, 'one', 'two', 'one');
    room.clock.sleep(7 * DAY);
    room.restart(undefined, -30 * DAY);
    again(room, 'one', 'two', 'one');
    expect(room.banned()).toContain(`BLOCKER ${X}`);
  });

  test('not a longer ban of one that stands, and not bans by hand', () => {
    const room = made();
    for (let i = 0; i < 5; i++) room.hear(`one from ${X}`);
    room.engine.ban({ subjects: [x], target: 'THROTTLE', length: FOREVER, reason: undefined, by: 'ann' });
    expect(room.banned()).toEqual([`THROTTLE ${X}`]);
  });

  test('when one target’s ban ends the other stands', () => {
    const room = made();
    again(room, 'one', 'two', 'one');
    expect(room.banned()).toEqual([`BLOCKER ${X}`]);
    room.clock.sleep(7 * DAY);
    expect(room.banned()).toEqual([]);
  });
});

describe('history', () => {
  test('is deleted when it is older than keep, a little at a time, and bans that stand are not', () => {
    const room = engineRoom({ keep: ms(DAY), rules: [rule('ssh', { occurrences: 1, ban: [ms(HOUR)] })] });
    for (let i = 0; i < 1200; i++) room.arrive(room.clock.now(), failed(`198.51.${i >> 8}.${i & 255}`));
    room.clock.turn();
    room.engine.ban({ subjects: [x], target: 'BLOCKER', length: FOREVER, reason: undefined, by: 'ann' });
    room.clock.sleep(2 * HOUR);
    expect(room.engine.history(address('198.51.0.1')).endedBans).toHaveLength(1);
    room.clock.sleep(DAY);
    room.clock.advance(5 * MINUTE);
    expect(room.engine.history(address('198.51.0.1'))).toMatchObject({ endedBans: [], offences: [] });
    expect(room.engine.history(address('198.51.4.175'))).toMatchObject({ endedBans: [], offences: [] });
    expect(room.banned()).toEqual([`BLOCKER ${X}`]);
  });
});

describe('grace', () => {
  test('an address with a login a short time ago needs twice the lines; later it does not', () => {
    const room = engineRoom({ rules: [rule('ssh', { grace: ms(10 * MINUTE) })] });
    room.hear(accepted(X));
    for (let i = 0; i < 5; i++) room.hear(failed(X));
    expect(room.banned()).toEqual([]);
    room.hear(failed(X));
    expect(room.banned()).toEqual([`BLOCKER ${X}`]);
    const other = engineRoom({ rules: [rule('ssh', { grace: ms(10 * MINUTE) })] });
    other.hear(accepted(X));
    other.clock.advance(10 * MINUTE + 1);
    other.hear(failed(X), failed(X), failed(X));
    expect(other.banned()).toEqual([`BLOCKER ${X}`]);
  });
});
