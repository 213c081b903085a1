import { describe, expect, test } from 'vitest';
import { compilePattern } from '../../../../packages/server/src/match/pattern.ts';
import { createTester, programOf, type LineVerdict } from '../../../../packages/server/src/offline/test-lines.ts';

const good = [compilePattern(String.raw`^sshd\[\d+\]: Accepted \S+ for (?<user>\S+) from <ip> port \d+ ssh2$`, { name: 'sshd/accepted' })];
const bad = compilePattern(String.raw`^sshd(?:\[\d+\])?: Failed \S+ for (?<user>.*) from <ip> port \d+ ssh2$`, { name: 'sshd/failed' });
const rules = [{ name: 'one', patterns: [bad] }, { name: undefined, patterns: [bad] }, { name: 'two', patterns: [compilePattern('from <ip>', { name: 'any' })] }];

function tester(program?: string, tried = rules): (line: string | Buffer) => LineVerdict | undefined {
  const made = createTester({ good, rules: tried }, program);
  return (line) => {
    const bytes = Buffer.from(line);
    // Somewhere in a larger buffer, as in a block of a file.
    const block = Buffer.concat([Buffer.from('xyz\n'), bytes, Buffer.from('\nmore')]);
    return made.test(block, 4, 4 + bytes.length);
  };
}
const FAILED = 'Failed password for root from 203.0.113.7 port 22 ssh2';

describe('of a line it is said', () => {
  test('whom it gives away, by which pattern, in which rules', () => {
    expect(tester()(`Jan  2 03:04:05 host sshd[1]: ${FAILED}`)).toEqual({ program: 'sshd', verdict: 'bad', pattern: 'sshd/failed', rules: ['one', 'two'], address: '203.0.113.7', user: 'root', times: 1 });
  });
  test('whom it pardons, and then no rule', () => {
    expect(tester()('Jan  2 03:04:05 host sshd[1]: Accepted password for ann from 203.0.113.7 port 22 ssh2')).toEqual({ program: 'sshd', verdict: 'good', pattern: 'sshd/accepted', rules: [], address: '203.0.113.7', user: 'ann', times: 1 });
  });
  test('nothing, when no pattern matches', () => expect(tester()('Jan  2 03:04:05 host sshd[1]: nothing')).toBeUndefined());
  test('what it says in spite of broken bytes and tabs that were written out', () => {
    expect(tester()(Buffer.concat([Buffer.from('sshd[1]: Failed password for '), Buffer.from([0xff]), Buffer.from(' from 203.0.113.7 port 22 ssh2')]))).toMatchObject({ user: '?' });
    expect(tester()('sshd[1]: Failed password for a#011b from 203.0.113.7 port 22 ssh2')).toMatchObject({ user: 'a\tb' });
  });
});

describe('a folded line', () => {
  test('stands for as many as it says', () => {
    expect(tester()(`Jan  2 03:04:05 host sshd[1]: message repeated 4 times: [ ${FAILED}]`)).toMatchObject({ verdict: 'bad', times: 4, user: 'root' });
  });
  test('that repeats the last is what the last one was', () => {
    const test = tester();
    const repeated = 'Jan  2 03:04:06 host last message repeated 5 times';
    expect(test(repeated)).toBeUndefined();
    test(`Jan  2 03:04:05 host sshd[1]: ${FAILED}`);
    expect(test(repeated)).toMatchObject({ verdict: 'bad', address: '203.0.113.7', times: 5 });
    expect(test(repeated)).toMatchObject({ times: 5 });
    test('Jan  2 03:04:05 host cron[1]: nothing');
    expect(test(repeated)).toBeUndefined();
  });
});

describe('a line without a program', () => {
  test('is read as one of the program that was named', () => {
    expect(tester('sshd', rules.slice(0, 1))(FAILED)).toMatchObject({ program: 'sshd', pattern: 'sshd/failed', user: 'root' });
    expect(tester(undefined, rules.slice(0, 1))(FAILED)).toBeUndefined();
    expect(tester()(FAILED)).toMatchObject({ program: '', pattern: 'any' });
  });
  test('but only when it matches nothing as it is', () => {
    expect(tester('sshd')(FAILED)).toMatchObject({ program: '', pattern: 'any' });
    expect(tester('sshd')('hello from 203.0.113.7')).toMatchObject({ program: '', pattern: 'any', rules: ['two'] });
  });
  test('and a line with one keeps its own', () => {
    expect(tester('sshd')(`cron[1]: ${FAILED}`)).toMatchObject({ program: 'cron', pattern: 'any' });
  });
});

test('the program of the last line can be asked for', () => {
  const made = createTester({ good, rules }, undefined);
  const bytes = Buffer.from('Jan  2 03:04:05 host cron[7]: x');
  made.test(bytes, 0, bytes.length);
  expect(programOf(made.entry)).toBe('cron');
});

describe('of a line with a host name where the address should be it is said', () => {
  const NAMED = FAILED.replace('203.0.113.7', 'host.example.com');
  const named = (usedns: readonly ('no' | 'warn' | 'yes' | undefined)[], line: string, program?: string) => {
    const made = createTester({ good, rules: usedns.map((one) => ({ name: 'r', patterns: [bad], ...(one === undefined ? {} : { usedns: one }) })) }, program);
    const bytes = Buffer.from(line);
    expect(made.test(bytes, 0, bytes.length)).toEqual(line.includes('203') ? expect.anything() : undefined);
    return made.named();
  };
  test('which one, and the most that a rule does', () => {
    expect(named(['no', 'warn'], `sshd[1]: ${NAMED}`)).toEqual({ name: 'host.example.com', usedns: 'warn' });
    expect(named(['warn', 'yes'], `sshd[1]: ${NAMED}`)).toEqual({ name: 'host.example.com', usedns: 'yes' });
    expect(named([undefined], NAMED, 'sshd')).toEqual({ name: 'host.example.com', usedns: 'no' });
  });
  test('nothing where there is none, or where it was about something else', () => {
    expect(named(['yes'], `sshd[1]: ${FAILED}`)).toBeUndefined();
    expect(named(['yes'], 'sshd[1]: host.example.com')).toBeUndefined();
    expect(named(['yes'], 'sshd[1]: Accepted password for ann from host.example.com port 22 ssh2')).toBeUndefined();
  });
  test('of rules that ignore names in the first lines only', () => {
    const made = createTester({ good, rules: [{ name: 'r', patterns: [bad] }] }, undefined);
    const all = Array.from({ length: 200 }, () => {
      const bytes = Buffer.from(`sshd[1]: ${NAMED}`);
      made.test(bytes, 0, bytes.length);
      return made.named();
    });
    expect(all.filter((one) => one !== undefined)).toHaveLength(100);
  });
});
