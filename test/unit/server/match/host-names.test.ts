/** Host names where an address should be: found where a pattern would have the address, and nowhere else. */
import { describe, expect, test } from 'vitest';
import { createHostMatcher } from '../../../../packages/server/src/match/host-names.ts';
import { compilePack } from '../../../../packages/server/src/match/pack.ts';
import { compilePattern } from '../../../../packages/server/src/match/pattern.ts';
import { entryOf } from '../../../support/parsed.ts';

const FAILED = String.raw`sshd\[\d+\]: Failed \S+ for .* from <ip> port \d+ ssh2$`;
const ACCEPTED = String.raw`sshd\[\d+\]: Accepted \S+ for .* from <ip> port \d+ ssh2$`;

/** The names that rules of one pattern each find, `rule name`. */
const found = (line: string | Buffer, patterns: readonly string[] = [FAILED], good: readonly string[] = []): string[] => {
  const lists = patterns.map((source) => [compilePattern(source)]);
  const told = [false, true].map((oneByOne) => createHostMatcher(good.map((source) => compilePattern(source)), lists, oneByOne).match(entryOf(line)).map(({ rule, name }) => `${rule} ${name}`));
  expect(told[1]).toEqual(told[0]);
  return told[0] ?? [];
};
const failed = (host: string, user = 'root'): string => `sshd[1]: Failed password for ${user} from ${host} port 4242 ssh2`;

describe('a host name', () => {
  test.each(['host.example.com', 'a.bc', '1.2.3.4.example.com', 'x--y.example.com', '3com.example', 'HOST.Example.COM', `${'a'.repeat(63)}.example.com`, 'xn--bcher-kva.example'])('%s is found', (host) => {
    expect(found(failed(host))).toEqual([`0 ${host.toLowerCase()}`]);
  });

  test.each([
    'localhost', 'unknown', 'UNKNOWN', '?', '1.2.3', '999.1.1.1', '1.2.3.4.5', '-a.example.com', 'a-.example.com', 'a..example.com', '.example.com', '_x.example.com', 'a_b.example.com', 'bücher.example',
    `${'a'.repeat(64)}.example.com`, `${'a.'.repeat(126)}ab`, 'host.example.com:22', 'host.example.com/24', 'http://host.example.com', 'me@host.example.com:x',
  ])('%s is none', (host) => {
    expect(found(failed(host))).toEqual([]);
  });

  test('has at most 253 characters', () => {
    const long = `${'a.'.repeat(125)}abc`;
    expect(long).toHaveLength(253);
    expect(found(failed(long))).toEqual([`0 ${long}`]);
    expect(found(failed(`a${long}`))).toEqual([]);
  });

  test('stands alone where the pattern leaves its edge open', () => {
    const open = [String.raw`^svc: .*by\b.*?<ip>`];
    const loose = [String.raw`^svc: from <ip>`];
    expect(found('svc: from host.example.com', loose)).toEqual(['0 host.example.com']);
    expect(found('svc: from host.example.com.', loose)).toEqual(['0 host.example.com']);
    for (const beside of ['ä', '_', '..', '.-', '_x', '--']) expect(found(`svc: from host.example.com${beside}`, loose), beside).toEqual([]);
    expect(found('svc: from host.example.com-x', loose)).toEqual(['0 host.example.com-x']);
    for (const beside of [':22', ',', ')', ' ', '"', '/x']) expect(found(`svc: from host.example.com${beside}`, loose), beside).toEqual(['0 host.example.com']);
    expect(found('svc: by xhost.example.com', open)).not.toContain('0 host.example.com');
  });

  test('is not cut out of a longer word', () => {
    const loose = [String.raw`^svc: user \S*?<ip>`];
    for (const word of ['ä.example.com', '_host.example.com', '-host.example.com']) expect(found(`svc: user ${word}`, loose), word).toEqual([]);
  });

  test('may stand in a colour, as an address may', () => {
    expect(found('svc: from \x1b[1mhost.example.com\x1b[0m', [String.raw`^svc: from \x1b\[1m<ip>`])).toEqual(['0 host.example.com']);
  });
});

describe('the place in the line', () => {
  test('is the last one where the pattern is greedy, whatever stands before', () => {
    expect(found(failed('host.example.com', 'x from victim.example.net port 1 ssh2'))).toEqual(['0 host.example.com']);
  });

  test('is not given up for another where it has no name', () => {
    for (const nobody of ['localhost', 'unknown', 'UNKNOWN', '?', 'my_host', '_gateway', 'bücher.example']) {
      expect(found(failed(nobody, 'x from victim.example.net port 1 ssh2')), nobody).toEqual([]);
      expect(found(`svc: rejected x from victim.example.net from ${nobody}`, ['^svc: rejected .* from <ip>']), nobody).toEqual([]);
    }
  });

  test('is what a group of the original’s kind takes, where that can be a name', () => {
    const line = failed('host.example.com');
    expect(found(line, [String.raw`sshd\[\d+\]: Failed \S+ for .* from (?P<ip>\S+) port`])).toEqual(['0 host.example.com']);
    expect(found(line, [String.raw`sshd\[\d+\]: Failed \S+ for .* from (?<ip>[\d.]+) port`])).toEqual([]);
    expect(found(line, [String.raw`sshd\[\d+\]: Failed (?:none|password from (?P<ip>\S+))? for`])).toEqual([]);
  });
});

describe('a pattern', () => {
  test('is tried for lines of its program only', () => {
    expect(found(failed('host.example.com').replace('sshd', 'sudo'))).toEqual([]);
    expect(found(`sudo: ${failed('host.example.com')}`)).toEqual([]);
  });

  test('without a program is tried for all but banband’s own lines', () => {
    expect(found('any: from host.example.com', ['from <ip>$'])).toEqual(['0 host.example.com']);
    expect(found('banband: from host.example.com', ['from <ip>$'])).toEqual([]);
  });

  test('that is good keeps the line from the bad ones, and pardons nobody', () => {
    const wide = [String.raw`sshd\[\d+\]: .* from <ip> port`];
    const line = 'sshd[1]: Accepted publickey for anna from host.example.com port 4242 ssh2';
    expect(found(line, wide)).toEqual(['0 host.example.com']);
    expect(found(line, wide, [ACCEPTED])).toEqual([]);
    expect(found(failed('host.example.com'), wide, [ACCEPTED])).toEqual(['0 host.example.com']);
  });

  test('that is switched off finds nothing more', () => {
    const patterns = [compilePattern(FAILED, { name: 'x' }), compilePattern('from <ip> port', { name: 'y' })];
    const matcher = createHostMatcher([], patterns.map((one) => [one]));
    const rules = (): number[] => matcher.match(entryOf(failed('host.example.com'))).map(({ rule }) => rule);
    expect(rules()).toEqual([0, 1]);
    if (patterns[0] !== undefined) matcher.switchOff(patterns[0]);
    expect(rules()).toEqual([1]);
  });

  test('counts a rule once, and for every rule that has it', () => {
    const one = compilePattern(FAILED);
    const matcher = createHostMatcher([], [[one, compilePattern('from <ip> port')], [], [one]]);
    expect(matcher.match(entryOf(failed('host.example.com'))).map(({ rule, pattern }) => [rule, pattern.source])).toEqual([[0, FAILED], [2, FAILED]]);
  });

  test('of a log file of a service’s own is tried for lines without a program', () => {
    const { pack } = compilePack({
      name: 'svc', service: 'svc', source: 'x', groups: [{ name: 'g', about: 'x', good: false, weak: false }],
      patterns: [
        { name: 'p', group: 'g', begins: [String.raw`\d{4}/\d\d/\d\d `], match: 'refused <ip>$', source: 'x', samples: [{ line: '2026/01/02 refused 192.0.2.1', address: '192.0.2.1', user: undefined }], misses: [] },
        { name: 'two', group: 'g', begins: ['svc: '], opens: 'connect <key> <ip>$', match: 'fail <key>$', source: 'x', samples: [{ line: 'svc: fail 1', address: '192.0.2.1', user: undefined, after: 'svc: connect 1 192.0.2.1' }], misses: [] },
      ],
    });
    const matcher = createHostMatcher([], [pack.patterns.flatMap((p) => p.compiled)]);
    expect(matcher.match(entryOf('2026/01/02 refused host.example.com')).map(({ name }) => name)).toEqual(['host.example.com']);
    expect(matcher.match(entryOf('svc: connect 1 host.example.com'))).toEqual([]);
  });
});

test('bytes that are no UTF-8 hide nothing', () => {
  const line = Buffer.concat([Buffer.from('sshd[1]: Failed password for '), Buffer.from([0xff, 0xc3]), Buffer.from(' from host.example.com port 1 ssh2')]);
  expect(found(line)).toEqual(['0 host.example.com']);
});
