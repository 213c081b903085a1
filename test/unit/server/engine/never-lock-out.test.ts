import { ms } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import { accepted, engineRoom, failed, type EngineRoom } from '../../../support/engine-room.ts';
import { DAY, HOUR, pattern, policy, prefix, rule, target } from '../../../support/policies.ts';
import { address, nth } from '../../../support/records.ts';

const X = '192.0.2.1';
const x = address(X);
const MINUTE = 60_000;
const three = (text: string): string[] => [failed(text), failed(text), failed(text)];
const guard = (room: EngineRoom, text: string): void => room.engine.setGuarded([{ prefix: prefix(text), why: 'anna is logged in from there' }]);
const named = pattern(String.raw`sshd\[\d+\]: Failed \S+ for (?<user>\S+) from <ip> port \d+ ssh2$`);

describe('a guarded address', () => {
  test('is not banned by a rule, which is on record, said once, and told', () => {
    const room = engineRoom();
    guard(room, X);
    for (let i = 0; i < 4; i++) room.hear(...three(X));
    expect(room.banned()).toEqual([]);
    expect([...(room.kernel.rows('BLOCKER') ?? [])]).toEqual([]);
    expect(room.told.map((e) => e.type)).toEqual(['refused']);
    expect(room.told[0]).toMatchObject({ address: X, rule: 'ssh', target: 'BLOCKER', reason: 'anna is logged in from there' });
    expect(room.engine.history(x).offences).toMatchObject([{ decision: 'none', reason: 'anna is logged in from there' }]);
    room.engine.setGuarded([]);
    room.hear(...three(X));
    expect(room.banned()).toEqual([`BLOCKER ${X}`]);
  });

  test('is banned by hand only with force', () => {
    const room = engineRoom();
    guard(room, '192.0.2.0/30');
    const asked = { subjects: [x], target: 'BLOCKER', length: undefined, reason: undefined, by: 'ann' };
    expect(room.engine.ban(asked)).toEqual([{ subject: x, outcome: 'refused', allowedBy: undefined, isGuarded: true, message: 'anna is logged in from there' }]);
    expect(room.engine.ban({ ...asked, force: true })).toMatchObject([{ outcome: 'banned' }]);
  });

  test('keeps its network from being banned by its neighbours', () => {
    const room = engineRoom({ targets: [target('BLOCKER', { backends: ['nftables'], networkAfter: 2 })], rules: [rule('ssh', { occurrences: 1 })] });
    guard(room, '192.0.2.200');
    room.hear(failed('192.0.2.7'), failed('192.0.2.8'), failed('192.0.2.9'));
    expect(room.banned()).toEqual(['BLOCKER 192.0.2.7', 'BLOCKER 192.0.2.8', 'BLOCKER 192.0.2.9']);
  });
});

describe('the circuit breaker', () => {
  const single = (given = {}) => engineRoom({ rules: [rule('ssh', { occurrences: 1 }), rule('other', { occurrences: 1, badPatterns: [pattern(String.raw`sshd\[\d+\]: other from <ip>$`)] })], ...given });

  test('stops a rule that bans more than so many in a minute; it goes on counting, other rules go on banning, and a person lets it go on', () => {
    const room = single({ breaker: { bansAMinute: 10, logins: 5 } });
    for (let i = 0; i < 30; i++) room.hear(failed(nth(i)));
    expect(room.banned()).toHaveLength(10);
    expect(room.engine.ruleCounters('ssh')).toEqual({ matches: 30, offences: 30, bans: 10 });
    expect(room.engine.stoppedRules().get('ssh')).toMatchObject({ reason: 'more than 10 new bans within a minute' });
    expect(room.told.filter((e) => e.type === 'breaker')).toHaveLength(1);
    expect(room.log.events().filter((e) => e === 'rule_stopped')).toHaveLength(1);
    expect(room.engine.history(nth(20)).offences).toMatchObject([{ decision: 'none', reason: 'the circuit breaker has stopped the bans of this rule' }]);
    room.hear(`other from ${X}`);
    expect(room.banned()).toContain(`BLOCKER ${X}`);
    room.clock.sleep(DAY);
    room.hear(failed(nth(40)));
    expect(room.banned()).not.toContain(`BLOCKER ${nth(40)}`);
    expect(room.engine.resumeRule('ssh', 'ann')).toBe(true);
    expect(room.engine.resumeRule('ssh', 'ann')).toBe(false);
    room.hear(failed(nth(41)));
    expect(room.banned()).toContain(`BLOCKER ${nth(41)}`);
  });

  test('does not mind as many over a longer time', () => {
    const room = single({ breaker: { bansAMinute: 10, logins: 5 } });
    for (let i = 0; i < 30; i++) {
      room.hear(failed(nth(i)));
      room.clock.advance(6001);
    }
    expect(room.banned()).toHaveLength(30);
  });

  test('is not forgotten over a restart or a reload', () => {
    const given = { breaker: { bansAMinute: 1, logins: 5 } };
    const room = single(given);
    room.hear(failed(nth(1)), failed(nth(2)));
    room.restart();
    expect([...room.engine.stoppedRules().keys()]).toEqual(['ssh']);
    room.engine.reload(policy({ rules: [rule('ssh', { occurrences: 1 })], ...given }));
    room.hear(failed(nth(3)));
    expect(room.banned()).toEqual([`BLOCKER ${nth(1)}`]);
    room.engine.resumeRule('ssh', 'ann');
    room.restart();
    expect(room.engine.stoppedRules().size).toBe(0);
  });

  test('stops a rule that bans addresses from which people log in', () => {
    const room = single({ breaker: { bansAMinute: 1000, logins: 3 } });
    for (let i = 0; i < 4; i++) room.hear(accepted(nth(i)));
    room.clock.sleep(20 * DAY);
    room.restart();
    for (let i = 0; i < 4; i++) room.hear(failed(nth(i)));
    expect(room.banned()).toEqual([`BLOCKER ${nth(0)}`, `BLOCKER ${nth(1)}`]);
    expect(room.engine.stoppedRules().get('ssh')?.reason).toBe(`it was to ban 3 addresses within a day from which somebody logged in within the last 30 days, the last of them ${nth(2)}`);
  });

  test('forgets logins after 30 days, and one address again and again is one', () => {
    const room = single({ breaker: { bansAMinute: 1000, logins: 2 }, rules: [rule('ssh', { occurrences: 1, ban: [ms(HOUR)] })] });
    for (let i = 0; i < 4; i++) room.hear(accepted(nth(i)));
    room.clock.sleep(30 * DAY + HOUR);
    for (let i = 0; i < 4; i++) room.hear(failed(nth(i)));
    expect(room.banned()).toHaveLength(4);
    room.hear(accepted(X));
    for (let i = 0; i < 4; i++) {
      room.clock.sleep(2 * HOUR);
      room.hear(failed(X));
    }
    expect(room.engine.stoppedRules().size).toBe(0);
  });

  test('takes the addresses of one IPv6 network for one: who has an account has all of them', () => {
    const room = single({ breaker: { bansAMinute: 1000, logins: 3 } });
    for (let i = 0; i < 5; i++) room.hear(accepted(`2001:db8::${i}`), failed(`2001:db8::${i}`));
    expect(room.engine.stoppedRules().size).toBe(0);
    for (let i = 0; i < 3; i++) room.hear(accepted(`2001:db8:0:${i}::1`), failed(`2001:db8:0:${i}::1`));
    expect([...room.engine.stoppedRules().keys()]).toEqual(['ssh']);
  });
});

describe('forgiveness looks twice', () => {
  const made = (): EngineRoom => engineRoom({ breakinAfter: 5, rules: [rule('ssh', { occurrences: 4, badPatterns: [named] })], goodPatterns: [pattern(String.raw`sshd\[\d+\]: Accepted \S+ for (?<user>\S+) from <ip> port \d+ ssh2$`)] });

  test('who tried many names and then gets in is not pardoned but reported', () => {
    const room = made();
    for (let i = 0; i < 5; i++) room.hear(failed(X, `user${i}`));
    room.hear(accepted(X));
    expect(room.banned()).toEqual([`BLOCKER ${X}`]);
    expect(room.told.filter((e) => e.type === 'breakin')).toMatchObject([{ address: X, reason: `${X} tried 5 user names within an hour and has now logged in`, lines: [expect.stringContaining('Accepted')] }]);
    expect(room.log.events()).toContain('possible_breakin');
    room.hear(accepted(X));
    expect(room.told.filter((e) => e.type === 'breakin')).toHaveLength(1);
  });

  test('who mistyped one name many times, or few names, is pardoned', () => {
    const room = made();
    for (let i = 0; i < 20; i++) room.hear(failed(X, i % 2 === 0 ? 'anna' : 'ana'));
    expect(room.banned()).toEqual([`BLOCKER ${X}`]);
    room.hear(accepted(X));
    expect(room.banned()).toEqual([]);
    expect(room.told.filter((e) => e.type === 'breakin')).toEqual([]);
  });

  test('the name with which it got in is not one of those that it tried in vain', () => {
    const room = made();
    for (const user of ['anna', 'b', 'c', 'd', 'e']) room.hear(failed(X, user));
    room.hear(accepted(X));
    expect(room.banned()).toEqual([]);
  });

  test('who tries each name from another address of one IPv6 network is one', () => {
    const room = made();
    for (let i = 0; i < 5; i++) room.hear(failed(`2001:db8::${i}`, `user${i}`));
    room.hear(accepted('2001:db8::99'));
    expect(room.told.filter((e) => e.type === 'breakin')).toMatchObject([{ address: '2001:db8::99' }]);
  });

  test('a second break-in is told, though the clock was put back behind the first', () => {
    const room = made();
    for (const _ of [1, 2]) {
      for (let i = 0; i < 5; i++) room.hear(failed(X, `user${i}`));
      room.hear(accepted(X));
      room.clock.putBack(DAY);
    }
    expect(room.told.filter((e) => e.type === 'breakin')).toHaveLength(2);
  });

  test('names of an hour ago are forgotten', () => {
    const room = made();
    for (let i = 0; i < 5; i++) room.hear(failed(X, `user${i}`));
    room.clock.advance(61 * MINUTE);
    room.hear(accepted(X));
    expect(room.told.filter((e) => e.type === 'breakin')).toEqual([]);
  });
});

test('a login ahead of the clock, which was put back, gives no grace for ever', () => {
  const room = engineRoom({ rules: [rule('ssh', { occurrences: 3, grace: ms(10 * MINUTE) })] });
  room.hear(accepted(X));
  room.clock.putBack(DAY);
  room.hear(...three(X));
  expect(room.banned()).toEqual([`BLOCKER ${X}`]);
});

test('with a grace the window says how many it takes, and so does the forecast', () => {
  const room = engineRoom({ rules: [rule('ssh', { occurrences: 3, grace: ms(10 * MINUTE) })] });
  const line = (): Buffer => Buffer.from(`<38>Jan  2 03:04:05 host sshd[1]: ${failed(X)}`);
  room.hear(accepted(X), failed(X), failed(X), failed(X), failed(X));
  expect(room.engine.history(address(X)).windows).toMatchObject([{ rule: 'ssh', matches: 4, occurrences: 6 }]);
  expect(room.engine.forecast(line()).rules).toMatchObject([{ matches: 5, occurrences: 6, decision: undefined }]);
  room.clock.advance(ms(11 * MINUTE));
  expect(room.engine.history(address(X)).windows).toMatchObject([{ rule: 'ssh', matches: 4, occurrences: 3 }]);
});
