import { describe, expect, test } from 'vitest';
import { accepted, engineRoom, failed, type EngineRoom } from '../../../support/engine-room.ts';
import { HOUR, pattern, policy, rule } from '../../../support/policies.ts';
import { address, T0 } from '../../../support/records.ts';

const X = '192.0.2.1';
const Y = '198.51.100.2';
const named = (source: string, key: string) => ({ ...pattern(source), place: { file: 'test.yml', line: 1, key } });
const FAILED = named(String.raw`sshd\[\d+\]: Failed \S+ for .* from <ip> port \d+ ssh2$`, 'failed');
const INVALID = named(String.raw`sshd\[\d+\]: Invalid user .* from <ip> port \d+$`, 'invalid');
const ACCEPTED = named(String.raw`sshd\[\d+\]: Accepted \S+ for .* from <ip> port \d+ ssh2$`, 'accepted');
const room = (): EngineRoom => engineRoom({ goodPatterns: [ACCEPTED], rules: [rule('ssh', { badPatterns: [FAILED, INVALID] }), rule('more', { occurrences: 100, badPatterns: [FAILED] })] });

const invalid = (address: string): string => `Invalid user x from ${address} port 4242`;
/** Datagrams as they are, not of sshd. */
function raw(r: EngineRoom, ...lines: readonly string[]): void {
  for (const line of lines) r.engine.deliver(Buffer.from(line), r.clock.now());
  r.clock.turn();
}

describe('what a pattern did', () => {
  test('is counted under its name: each line that it matched, the ban that its line completed, the last time', () => {
    const r = room();
    expect(r.engine.patternCounters('failed')).toEqual({ matches: 0, bans: 0, pardoned: 0, lastAt: undefined });
    r.hear(failed(X), invalid(X));
    r.clock.advance(1000);
    r.hear(invalid(X));
    // A line that two rules count is told to the pattern by each.
    expect(r.engine.patternCounters('failed')).toMatchObject({ matches: 2, bans: 0, lastAt: T0 });
    expect(r.engine.patternCounters('invalid')).toEqual({ matches: 2, bans: 1, pardoned: 0, lastAt: T0 + 1000 });
    expect(r.banned()).toEqual([`BLOCKER ${X}`]);
  });

  test('is a pardon when a good line ends the ban that it made', () => {
    const r = room();
    r.hear(failed(X), failed(X), invalid(X), failed(Y), failed(Y), failed(Y));
    r.hear(accepted(X));
    expect(r.engine.patternCounters('invalid')).toMatchObject({ bans: 1, pardoned: 1 });
    expect(r.engine.patternCounters('failed')).toMatchObject({ bans: 1, pardoned: 0 });
    expect(r.engine.patternCounters('accepted')).toMatchObject({ matches: 1, bans: 0, pardoned: 0 });
  });

  test('is no pardon when the ban ran out, or a person ended it', () => {
    const r = room();
    r.hear(invalid(X), invalid(X), invalid(X), invalid(Y), invalid(Y), invalid(Y));
    r.engine.unban({ subjects: undefined, target: undefined, by: 'ann' });
    r.hear(accepted(X), accepted(Y));
    expect(r.engine.patternCounters('invalid')).toMatchObject({ matches: 6, bans: 2, pardoned: 0 });
  });

  test('is kept over a reload, but for patterns that are gone', () => {
    const r = room();
    r.hear(failed(X), invalid(X));
    r.engine.reload(policy({ goodPatterns: [ACCEPTED], rules: [rule('ssh', { badPatterns: [FAILED] })] }));
    expect(r.engine.patternCounters('failed').matches).toBe(2);
    expect(r.engine.patternCounters('invalid').matches).toBe(0);
  });
});

describe('a line that a syslog daemon folded counts as often as it came:', () => {
  const folded = (n: number, address = X): string => `<38>Jan  2 03:04:05 host sshd[1]: message repeated ${n} times: [ Failed password for root from ${address} port 4242 ssh2]`;
  test('message repeated 3 times is three matches, and a ban', () => {
    const r = engineRoom({ rules: [rule('ssh', { badPatterns: [FAILED] })] });
    raw(r, folded(3));
    expect(r.engine.patternCounters('failed')).toMatchObject({ matches: 3, bans: 1 });
    expect(r.engine.ruleCounters('ssh')).toMatchObject({ matches: 3, offences: 1, bans: 1 });
    expect(r.banned()).toEqual([`BLOCKER ${X}`]);
  });
  test('and fewer are none', () => {
    const r = engineRoom({ rules: [rule('ssh', { badPatterns: [FAILED] })] });
    raw(r, folded(2));
    expect(r.banned()).toEqual([]);
    expect(r.engine.history(address(X)).windows).toMatchObject([{ rule: 'ssh', matches: 2 }]);
    r.hear(failed(X));
    expect(r.banned()).toEqual([`BLOCKER ${X}`]);
  });
  test('last message repeated N times stands for the line before it, and is one match more each', () => {
    const r = engineRoom({ rules: [rule('ssh', { badPatterns: [FAILED] })] });
    raw(r, `<38>Jan  2 03:04:05 host sshd[1]: ${failed(X)}`, '<38>Jan  2 03:04:06 host last message repeated 2 times');
    expect(r.engine.patternCounters('failed')).toMatchObject({ matches: 3, bans: 1 });
    expect(r.banned()).toEqual([`BLOCKER ${X}`]);
  });
  test('of a line that matched nothing, or of none at all, nothing', () => {
    const r = engineRoom({ rules: [rule('ssh', { badPatterns: [FAILED] })] });
    const repeated = '<38>Jan  2 03:04:06 host last message repeated 9 times';
    raw(r, repeated, `<38>Jan  2 03:04:05 host sshd[1]: ${failed(X)}`, '<38>Jan  2 03:04:06 host cron[1]: nothing', repeated, `<38>Jan  2 03:04:05 host sshd[1]: ${accepted(Y)}`, repeated);
    expect(r.banned()).toEqual([]);
    expect(r.engine.patternCounters('failed').matches).toBe(1);
  });
  test('a million times is a thousand, and holds nobody up', () => {
    const r = engineRoom({ rules: [rule('ssh', { badPatterns: [FAILED], occurrences: 2000 })] });
    raw(r, folded(1_000_000), folded(999_999_999));
    expect(r.engine.ruleCounters('ssh')).toMatchObject({ matches: 2000, bans: 1 });
  });
  test('a config that counts over an hour keeps them for an hour', () => {
    const r = engineRoom({ rules: [rule('ssh', { badPatterns: [FAILED] })] });
    raw(r, folded(2));
    r.clock.advance(HOUR + 1000);
    r.hear(failed(X));
    expect(r.banned()).toEqual([]);
  });
});
