import { describe, expect, test } from 'vitest';
import { accepted, datagram, engineRoom, failed, type EngineRoom } from '../../../support/engine-room.ts';
import { HOUR, pattern, prefix, rule, target } from '../../../support/policies.ts';
import { address, T0 } from '../../../support/records.ts';

const X = '192.0.2.1';
const foresee = (r: EngineRoom, message: string) => r.engine.forecast(datagram(message).subarray(0, -1));

describe('a forecast says what a line would do', () => {
  test('counted only, then a ban, then nothing more', () => {
    const r = engineRoom();
    expect(foresee(r, failed(X)).rules).toMatchObject([{ address: X, matches: 1, decision: undefined }]);
    r.hear(failed(X), failed(X));
    expect(foresee(r, failed(X)).rules).toMatchObject([{ matches: 3, decision: { kind: 'ban', level: 1, until: T0 + HOUR } }]);
    r.hear(failed(X));
    r.clock.advance(60_000);
    r.hear(failed(X), failed(X));
    expect(foresee(r, failed(X)).rules).toMatchObject([{ matches: 3, decision: { kind: 'extend', level: 2 } }]);
  });
  test('a pardon, and no rule then', () => expect(foresee(engineRoom(), accepted(X))).toMatchObject({ good: { address: X }, rules: [], isOwn: false }));
  test('nothing for a line that no pattern wants, or for an address that is none', () => {
    expect(foresee(engineRoom(), 'nothing')).toMatchObject({ good: undefined, rules: [], notAnAddress: false });
    expect(foresee(engineRoom(), failed('999.1.1.1'))).toMatchObject({ good: undefined, rules: [], notAnAddress: true });
  });
  test('an allowed address would be spared, with the reason', () => {
    const r = engineRoom({ allowlist: [prefix('192.0.2.0/24')], rules: [rule('ssh', { occurrences: 1 })] });
    expect(foresee(r, failed(X)).rules).toMatchObject([{ decision: { kind: 'none', reason: expect.stringContaining('192.0.2.0/24') } }]);
  });
  test('for an IPv6 network, where the target bans those: counted with its other addresses, and spared with an allowed one', () => {
    const given = { targets: [target('BLOCKER', { ipv6Prefix: 64 })] };
    const r = engineRoom(given);
    r.hear(failed('2001:db8::1'), failed('2001:db8::2'));
    expect(foresee(r, failed('2001:db8::3')).rules).toMatchObject([{ address: '2001:db8::3', matches: 3, decision: { kind: 'ban' } }]);
    const sparing = engineRoom({ ...given, allowlist: [prefix('2001:db8::42/128')], rules: [rule('ssh', { occurrences: 1 })] });
    expect(foresee(sparing, failed('2001:db8::3')).rules).toMatchObject([{ decision: { kind: 'none', reason: 'allowed by 2001:db8::42/128' } }]);
  });
  test('banband’s own lines are dropped, unless a pattern asks for them', () => {
    const own = Buffer.from(`<38>Jan  2 03:04:05 host banband[1]: ban ${X}`);
    expect(engineRoom({ rules: [rule('all', { badPatterns: [pattern('<ip>')] })] }).engine.forecast(own)).toMatchObject({ isOwn: true, rules: [] });
    const watching = engineRoom({ rules: [rule('own', { badPatterns: [pattern(String.raw`^banband\[\d+\]: ban <ip>$`)] })] });
    expect(watching.engine.forecast(own)).toMatchObject({ isOwn: false, rules: [{ address: X }] });
  });
  test('a folded line would count as often as it came', () => {
    const r = engineRoom();
    expect(r.engine.forecast(Buffer.from(`<38>Jan  2 03:04:05 host sshd[1]: message repeated 5 times: [ ${failed(X)}]`))).toMatchObject({ entry: { times: 5 }, rules: [{ matches: 3, decision: { kind: 'ban' } }] });
  });
  test('what is no text, or has tabs that rsyslog wrote out, is read as a datagram is', () => {
    const r = engineRoom();
    expect(r.engine.forecast(Buffer.concat([Buffer.from('<38>Jan  2 03:04:05 host sshd[1]: Failed password for '), Buffer.from([0xff, 0xc3]), Buffer.from(`#011 from ${X} port 1 ssh2`)])).rules).toHaveLength(1);
  });
});

test('and changes nothing: no counter, no window, no ban, no kernel, no line that came before', () => {
  const r = engineRoom({ targets: [target('BLOCKER')] });
  r.hear(failed(X), failed(X));
  const before = JSON.stringify([r.engine.counters(), r.engine.ruleCounters('ssh'), r.engine.history(address(X)), r.engine.windows(), r.engine.bans(), r.kernel.rows('BLOCKER')]);
  const line = datagram(failed(X));
  const bytes = Buffer.from(line);
  for (let i = 0; i < 100; i++) {
    r.engine.forecast(line);
    foresee(r, accepted(X));
    foresee(r, failed('198.51.100.2'));
    foresee(r, 'last message repeated 9 times');
  }
  expect(line.equals(bytes)).toBe(true);
  expect(JSON.stringify([r.engine.counters(), r.engine.ruleCounters('ssh'), r.engine.history(address(X)), r.engine.windows(), r.engine.bans(), r.kernel.rows('BLOCKER')])).toBe(before);
  // What syslog folded after it still stands for the line that really came.
  r.engine.deliver(Buffer.from('<38>Jan  2 03:04:06 host last message repeated 1 times'), r.clock.now());
  r.clock.turn();
  expect(r.banned()).toEqual([`BLOCKER ${X}`]);
});
