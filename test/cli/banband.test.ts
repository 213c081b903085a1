/** The built banband's verbs that need no daemon, as a user runs them; and what banctl asks of a running one about rules. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { MatchResponse, PatternResponse, RulesResponse } from 'banban-shared';
import { banctl } from '../support/banctl.ts';
import { must, run, type Finished, type RunOptions } from '../support/child.ts';
import { BANBAND, LocalBanban } from '../support/local-banban.ts';
import { tempDir } from '../support/temp-dir.ts';

const banband = (args: readonly string[], options: RunOptions = {}): Promise<Finished> => run([process.execPath, BANBAND, ...args], { cwd: '/', ...options });

const FAILED = 'Jan  2 03:04:05 host sshd[811]: Failed password for root from 203.0.113.7 port 40022 ssh2';
const ACCEPTED = 'Jan  2 03:04:06 host sshd[811]: Accepted password for alice from 198.51.100.4 port 40022 ssh2';
const NOTHING = 'Jan  2 03:04:07 host sshd[811]: Server listening on 0.0.0.0 port 22.';

const POLICY = `
targets:
  BLOCKER: { ban: [1h, 7d] }
defaults: { occurrences: 3, interval: 10m }
goodpatterns:
  - use: sshd/accepted
rules:
  fullblock:
    target: BLOCKER
    badpatterns:
      - use: sshd
`;
const CONFIG = `
socket: /nowhere/log.sock
database: /nowhere/banban.db${POLICY}  own:
    target: BLOCKER
    badpatterns:
      - '^sshd\\[\\d+\\]: Failed \\S+ for (?<user>.*) from <ip> port \\d+ ssh2$'
`;

function files(given: Readonly<Record<string, string | Buffer>>): (name: string) => string {
  const dir = tempDir();
  for (const [name, text] of Object.entries(given)) writeFileSync(join(dir, name), text);
  return (name) => join(dir, name);
}
const rows = ({ stdout }: Finished): Record<string, unknown>[] => stdout.split('\n').filter((l) => l !== '').map((l) => JSON.parse(l) as Record<string, unknown>);
const noTrace = ({ stdout, stderr }: Finished): void => expect(stdout + stderr).not.toMatch(/\n\s+at |node:internal|Error:/);

describe('banband test --json', () => {
  test('says of each line in its order what it is, with nulls where nothing matched', async () => {
    const at = files({ 'c.yml': CONFIG, log: [FAILED, NOTHING, '', 'no tag at all', ACCEPTED, ''].join('\n') });
    const result = await banband(['test', '--json', '--config', at('c.yml'), at('log')]);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toBe(
      '{"line":1,"program":"sshd","verdict":"bad","pattern":"sshd/failed-password","rules":["fullblock","own"],"address":"203.0.113.7","user":"root"}\n' +
        '{"line":2,"program":"sshd","verdict":null,"pattern":null,"rules":[],"address":null,"user":null}\n' +
        '{"line":3,"program":null,"verdict":null,"pattern":null,"rules":[],"address":null,"user":null}\n' +
        '{"line":4,"program":null,"verdict":null,"pattern":null,"rules":[],"address":null,"user":null}\n' +
        '{"line":5,"program":"sshd","verdict":"good","pattern":"sshd/login-accepted","rules":[],"address":"198.51.100.4","user":"alice"}\n',
    );
  });

  test('reads standard input, by name or for want of a name, to its last line without a newline', async () => {
    const config = files({ 'c.yml': CONFIG })('c.yml');
    for (const args of [['test', '--json', '-c', config], ['test', '--json', '-c', config, '-']]) {
      const result = await banband(args, { input: `${FAILED}\r\n${FAILED}` });
      expect(result).toMatchObject({ code: 0, stderr: '' });
      expect(rows(result).map((r) => [r['line'], r['address']])).toEqual([[1, '203.0.113.7'], [2, '203.0.113.7']]);
    }
  });

  test('reads gzip, and goes on counting lines from file to file', async () => {
    const at = files({ 'c.yml': CONFIG, 'old.gz': gzipSync(`${FAILED}\n${NOTHING}\n`), new: `${FAILED}\n` });
    const result = await banband(['test', '--json', '-c', at('c.yml'), at('old.gz'), at('new')]);
    expect(rows(result).map((r) => [r['line'], r['verdict']])).toEqual([[1, 'bad'], [2, null], [3, 'bad']]);
    expect(rows(await banband(['test', '--json', '--packs', 'sshd'], { input: gzipSync(FAILED) }))).toHaveLength(1);
  });

  test('with packs alone names no rules', async () => {
    for (const packs of ['sshd', 'postfix, sshd', 'all']) {
      const result = await banband(['test', '--json', '--packs', packs], { input: `${FAILED}\n${ACCEPTED}\n` });
      expect(result, packs).toMatchObject({ code: 0 });
      expect(rows(result), packs).toMatchObject([{ verdict: 'bad', pattern: 'sshd/failed-password', rules: [], address: '203.0.113.7' }, { verdict: 'good', pattern: 'sshd/login-accepted' }]);
    }
  });

  test('gives lines without a program the one that was named', async () => {
    const input = `Failed password for root from 203.0.113.7 port 40022 ssh2\n${NOTHING}\nnothing\n`;
    const named = rows(await banband(['test', '--json', '--packs', 'sshd', '--program', 'sshd'], { input }));
    expect(named.map((r) => [r['program'], r['verdict']])).toEqual([['sshd', 'bad'], ['sshd', null], ['sshd', null]]);
    const without = rows(await banband(['test', '--json', '--packs', 'sshd'], { input }));
    expect(without.map((r) => [r['program'], r['verdict']])).toEqual([[null, null], ['sshd', null], [null, null]]);
  });

  test('says how many lines one stands for', async () => {
    const input = `Jan  2 03:04:05 host sshd[811]: message repeated 3 times: [ Failed password for root from 203.0.113.7 port 1 ssh2]\nJan  2 03:04:06 host last message repeated 2 times\n`;
    expect(rows(await banband(['test', '--json', '--packs', 'sshd'], { input }))).toMatchObject([{ verdict: 'bad', times: 3, user: 'root' }, { verdict: 'bad', times: 2, address: '203.0.113.7' }]);
  });

  test('survives hostile lines', async () => {
    const input = Buffer.concat([Buffer.from(`${'x'.repeat(100_000)}\nsshd[1]: Failed password for \x1b[2J" from 203.0.113.7 port 1 ssh2\n`), Buffer.from([0xff, 0, 0xc3, 0x28, 0x0a]), Buffer.from(FAILED)]);
    const result = await banband(['test', '--json', '--packs', 'sshd'], { input });
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(rows(result).map((r) => r['verdict'])).toEqual([null, 'bad', null, 'bad']);
    expect(result.stdout).not.toMatch(/[^\n -~]/);
  });

  test('goes on quietly when nobody reads any more', async () => {
    const at = files({ log: `${FAILED}\n`.repeat(200_000) });
    for (const json of ['--json', '']) {
      const piped = await run(['bash', '-c', `set -o pipefail; "$0" "$1" test ${json} --packs sshd "$2" | head -1`, process.execPath, BANBAND, at('log')]);
      expect(piped).toMatchObject({ code: 0, stderr: '' });
      expect(piped.stdout.split('\n')).toHaveLength(2);
    }
  });
});

describe('banband test for people', () => {
  test('sums up by pattern, by address and by shape', async () => {
    const input = [FAILED, FAILED, FAILED.replace('203.0.113.7', '2001:db8::7'), ACCEPTED, NOTHING, NOTHING.replace('811', '812'), '', 'x\x1b[2Jy'].join('\n');
    const result = await banband(['test', '--packs', 'sshd'], { input });
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toMatch(/^8 lines in \d+\.\d\d s: 3 bad, 1 good, 3 matched nothing\n/);
    expect(result.stdout).toMatch(/\n +lines {2}pattern\n +3 {2}sshd\/failed-password {2}\(2 addresses\)\n +1 {2}sshd\/login-accepted {2}\(1 address\)\n/);
    expect(result.stdout).toMatch(/\n +2 {2}203\.0\.113\.7 +sshd\/failed-password\n/);
    expect(result.stdout).toMatch(/\n +2 {2}sshd\[#\]: Server listening on <ip> port #\.\n/);
    expect(result.stdout).toContain('x\\x1b[#Jy');
    expect(result.stdout).not.toContain('\x1b');
  });
  test('says what is done about a host name where the address should be', async () => {
    const input = `${FAILED.replace('203.0.113.7', 'host.example.com')}\n`;
    for (const [usedns, does] of [['no', 'nothing is done'], ['warn', 'banband says it'], ['yes', 'banband looks it up and counts its addresses']] as const) {
      const at = files({ 'c.yml': CONFIG.replace('interval: 10m }', `interval: 10m, usedns: ${usedns} }`) });
      const result = await banband(['test', '-c', at('c.yml')], { input });
      expect(result).toMatchObject({ code: 0 });
      expect(result.stdout).toContain(`\n    lines  host name where the address should be\n        1  host.example.com  (usedns: ${usedns}, so ${does})\n`);
      const json = await banband(['test', '--json', '-c', at('c.yml')], { input });
      expect(rows(json)).toEqual([{ line: 1, program: 'sshd', verdict: null, pattern: null, rules: [], address: null, user: null, ...(usedns === 'no' ? {} : { host: 'host.example.com', usedns }) }]);
    }
  });
  test('of nothing at all', async () => {
    expect((await banband(['test', '--packs', 'sshd'])).stdout).toMatch(/^0 lines in \d+\.\d\d s: 0 bad, 0 good, 0 matched nothing\n$/);
  });
});

describe('banband test that can’t be done says so in a sentence, without a trace:', () => {
  test.each<[string, readonly string[], number, RegExp]>([
    ['a missing file', ['--packs', 'sshd', '/nowhere/log'], 1, /^banband: \/nowhere\/log can't be read: there is no such file\n$/],
    ['a directory', ['--packs', 'sshd', '/tmp'], 1, /^banband: \/tmp can't be read: it is a directory\n$/],
    ['an unknown pack', ['--packs', 'sshd,nothing'], 78, /there is no pack "nothing"; there are .*sshd/],
    ['a path as a pack', ['--packs', '../../etc/passwd'], 78, /there is no pack "\.\.\/\.\.\/etc\/passwd"/],
    ['all and another', ['--packs', 'all,sshd'], 78, /there is no pack "all"/],
    ['no pack', ['--packs', ' , '], 2, /^banband: --packs wants names, or all; see banband --help\n$/],
    ['a program with a bracket', ['--packs', 'sshd', '--program', 'sshd[1]'], 2, /--program wants the name of a program/],
    ['an empty program', ['--packs', 'sshd', '--program', ''], 2, /--program wants/],
    ['an unknown option', ['--colour'], 2, /^banband: Unknown option '--colour'; see banband --help\n$/],
    ['an option without its value', ['--packs'], 2, /^banband: .*argument missing; see/],
    ['a missing configuration', ['--config', '/nowhere/c.yml'], 78, /\/nowhere\/c\.yml.*there is no such file/],
  ])('%s', async (_, args, code, message) => {
    const result = await banband(['test', ...args], { input: `${FAILED}\n` });
    expect(result).toMatchObject({ code, stdout: '' });
    expect(result.stderr).toMatch(message);
    noTrace(result);
  });
  test('a configuration with a pattern that can’t be used', async () => {
    const at = files({ 'c.yml': CONFIG.replace('use: sshd\n', 'use: sshd/nothing\n') });
    const result = await banband(['test', '-c', at('c.yml')], { input: FAILED });
    expect(result).toMatchObject({ code: 78, stdout: '' });
    expect(result.stderr).toMatch(/c\.yml:\d+: .*the pack sshd has no group or pattern nothing/);
    noTrace(result);
  });
  test('gzip that ends too early, or is damaged: what could be read is said first', async () => {
    const packed = gzipSync(`${FAILED}\n`.repeat(10_000));
    const bent = Buffer.from(packed);
    bent.fill(0x55, 20, 60);
    const at = files({ short: packed.subarray(0, packed.length - 30), bent, log: FAILED });
    for (const name of ['short', 'bent']) {
      const result = await banband(['test', '--json', '--packs', 'sshd', at('log'), at(name)]);
      expect(result.code).toBe(1);
      expect(rows(result)[0]).toMatchObject({ line: 1, verdict: 'bad' });
      expect(result.stderr).toMatch(/^banband: .* can't be read: it is gzip, but damaged\n$/);
      noTrace(result);
    }
  });
  test('a pack with a fault, from the folder beside the configuration', async () => {
    const dir = tempDir();
    mkdirSync(join(dir, 'packs'));
    writeFileSync(join(dir, 'c.yml'), CONFIG);
    writeFileSync(join(dir, 'packs', 'mine.yml'), "service: x\nsource: x\nbegins: ['x: ']\ngroups: { a: b }\npatterns:\n  p: { group: a, match: 'y <ip>', source: x, samples: [{ line: 'x: z 192.0.2.1', address: 192.0.2.1 }] }\n");
    const result = await banband(['test', '-c', join(dir, 'c.yml'), '--packs', 'mine'], { input: FAILED });
    expect(result).toMatchObject({ code: 78, stdout: '' });
    expect(result.stderr).toMatch(/mine\.yml:6: .*the pattern mine\/p can't be used: it does not match its own sample/);
    // With all of them it is a warning.
    const all = await banband(['test', '--json', '-c', join(dir, 'c.yml'), '--packs', 'all'], { input: FAILED });
    expect(all.code).toBe(0);
    expect(all.stderr).toMatch(/mine\.yml:6: warning: .*it does not match its own sample/);
    expect(rows(all)).toMatchObject([{ verdict: 'bad' }]);
  });
});

test.each(['test', 'replay'])('banband %s --help is for people and ends with 0', async (verb) => {
  const result = await banband([verb, '--help']);
  expect(result).toMatchObject({ code: 0, stderr: '' });
  expect(result.stdout).toMatch(new RegExp(`^Usage:\\n {2}banband ${verb} `));
});

/** sshd's word on a wrong password at so many minutes past three. */
const wrong = (minute: number, address = '203.0.113.7', second = 0): string => `2026-01-02T03:${String(minute).padStart(2, '0')}:${String(second).padStart(2, '0')}Z host sshd[811]: Failed password for root from ${address} port 40022 ssh2`;
const REPLAYED = CONFIG.slice(0, CONFIG.indexOf('  own:'));

describe('banband replay', () => {
  test('says who would have been banned, when, until when and how it ended', async () => {
    const log = [wrong(0), wrong(1), wrong(2), wrong(3, '198.51.100.9'), wrong(5, '2001:db8::7'), wrong(5, '2001:db8::7', 1), wrong(5, '2001:db8::7', 2), `2026-01-02T04:30:00Z host sshd[811]: Accepted password for alice from 203.0.113.7 port 40022 ssh2`];
    const at = files({ 'c.yml': REPLAYED, log: log.join('\n') });
    const result = await banband(['replay', '--json', '--config', at('c.yml'), at('log')]);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    const { runs, difference } = JSON.parse(result.stdout) as { runs: { config: string; lines: number; good: number; bad: number; bans: Record<string, unknown>[] }[]; difference: unknown };
    expect(difference).toBeNull();
    expect(runs).toMatchObject([{ config: at('c.yml'), lines: 8, good: 1, bad: 7 }]);
    expect(runs[0]?.bans).toEqual([
      { at: '2026-01-02T03:02:00.000Z', address: '203.0.113.7', target: 'BLOCKER', rule: 'fullblock', level: 1, until: '2026-01-02T04:02:00.000Z', endedAt: '2026-01-02T04:02:00.000Z', endedBy: 'expired' },
      { at: '2026-01-02T03:05:02.000Z', address: '2001:db8::7', target: 'BLOCKER', rule: 'fullblock', level: 1, until: '2026-01-02T04:05:02.000Z', endedAt: '2026-01-02T04:05:02.000Z', endedBy: 'expired' },
    ]);
    const page = await banband(['replay', '--config', at('c.yml'), at('log')]);
    expect(page).toMatchObject({ code: 0, stderr: '' });
    expect(page.stdout).toContain('8 lines, 7 bad, 1 good, 2 bans of 2 addresses\n');
    expect(page.stdout).toMatch(/\n {2}2026-01-02T03:02:00\.000Z {2}203\.0\.113\.7 +BLOCKER {2}by fullblock, level 1, until 2026-01-02T04:02:00\.000Z\n/);
  });

  test('counts a second offence as such, and lets a good login end a ban', async () => {
    const at = files({ 'c.yml': REPLAYED, log: [wrong(0), wrong(1), wrong(2), '2026-01-02T03:03:00Z host sshd[811]: Accepted password for alice from 203.0.113.7 port 40022 ssh2', wrong(10), wrong(11), wrong(12)].join('\n') });
    const { runs } = JSON.parse((await banband(['replay', '--json', '-c', at('c.yml'), at('log')])).stdout) as { runs: { bans: Record<string, unknown>[] }[] };
    expect(runs[0]?.bans).toMatchObject([{ level: 1, endedAt: '2026-01-02T03:03:00.000Z', endedBy: 'pardoned' }, { level: 2, until: '2026-01-09T03:12:00.000Z', endedAt: null, endedBy: null }]);
  });

  test('--against says what differs, and that nothing does', async () => {
    const at = files({ 'new.yml': REPLAYED, 'old.yml': REPLAYED.replace('occurrences: 3', 'occurrences: 2'), 'log.gz': gzipSync([wrong(0), wrong(1), wrong(0, '198.51.100.9'), wrong(1, '198.51.100.9'), wrong(2, '198.51.100.9')].join('\n')) });
    const differs = await banband(['replay', '--config', at('new.yml'), '--against', at('old.yml'), at('log.gz')]);
    expect(differs).toMatchObject({ code: 0, stderr: '' });
    expect(differs.stdout).toMatch(new RegExp(`only by ${at('old.yml')}:\\n.* 203\\.0\\.113\\.7 `));
    expect(differs.stdout).not.toContain(`only by ${at('new.yml')}`);
    expect(differs.stdout).not.toMatch(/198\.51\.100\.9/);
    const json = JSON.parse((await banband(['replay', '--json', '--config', at('new.yml'), '--against', at('old.yml'), at('log.gz')])).stdout) as { runs: unknown[]; difference: Record<string, unknown[]> };
    expect(json.runs).toHaveLength(2);
    expect(json.difference).toMatchObject({ onlyNew: [], onlyOld: [{ address: '203.0.113.7' }] });
    expect((await banband(['replay', '--config', at('new.yml'), '--against', at('new.yml'), at('log.gz')])).stdout).toContain('\nboth ban the same addresses in the same targets\n');
  });

  test('leaves nothing behind, whether it ends well or not', async () => {
    const dir = tempDir();
    const at = files({ 'c.yml': REPLAYED, log: [wrong(0), wrong(1), wrong(2)].join('\n') });
    const env = { PATH: process.env['PATH'], TMPDIR: dir };
    await must([process.execPath, BANBAND, 'replay', '-c', at('c.yml'), at('log')], { env });
    expect((await banband(['replay', '-c', at('c.yml'), at('log'), '/nowhere/log'], { env })).code).toBe(1);
    expect(await must(['ls', '-A', dir])).toBe('');
  });

  test.each<[string, readonly string[], number, RegExp]>([
    ['no configuration', ['/dev/null'], 2, /replay wants --config/],
    ['no file', ['--config', 'C'], 2, /replay wants the log files/],
    ['an unknown option', ['--packs', 'sshd'], 2, /Unknown option '--packs'/],
    ['a missing configuration', ['--config', '/nowhere/c.yml', '/dev/null'], 78, /no such file/],
    ['a missing one to compare with', ['--config', 'C', '--against', '/nowhere/c.yml', '/dev/null'], 78, /no such file/],
    ['a missing log', ['--config', 'C', '/nowhere/log'], 1, /^banband: \/nowhere\/log can't be read: there is no such file\n$/],
    ['a directory', ['--config', 'C', '/tmp'], 1, /it is a directory/],
  ])('%s is said in a sentence, without a trace', async (_, args, code, message) => {
    const config = files({ 'c.yml': REPLAYED })('c.yml');
    const result = await banband(['replay', ...args.map((a) => (a === 'C' ? config : a))]);
    expect(result).toMatchObject({ code, stdout: '' });
    expect(result.stderr).toMatch(message);
    noTrace(result);
  });
});

describe('banctl asks a running banband', () => {
  test('for its rules and patterns, for one pattern, and what it would do with a line, without doing it', async () => {
    const banban = await LocalBanban.start({ policy: POLICY });
    const ask = (...args: string[]): Promise<Finished> => banctl(args, { socket: banban.controlSocket });
    const line = FAILED.replace('Jan  2', 'Mar  3');

    expect((await ask('test', line)).stdout).toMatch(/verdict: bad: 203\.0\.113\.7 \(user root\) by sshd\/failed-password\n {2}rule fullblock, BLOCKER: 1 of 3 matches of 203\.0\.113\.7, so it would only be counted\n/);
    await banban.hears(`<38>${line}`, `<38>${line}`);
    const third = await ask('test', line, '--json');
    expect(JSON.parse(third.stdout) as MatchResponse).toMatchObject({ program: 'sshd', verdict: 'bad', address: '203.0.113.7', user: 'root', pattern: 'sshd/failed-password', times: 1, rules: [{ rule: 'fullblock', matches: 3, occurrences: 3, decision: 'ban', level: 1 }] });
    expect((await ask('test', line)).stdout).toContain('3 of 3 matches of 203.0.113.7: it would be banned for 1h (level 1)');
    expect((await ask('test', 'Jan 2 03:04:05 host sshd[1]: nothing')).stdout).toContain('verdict: none: no pattern matches');
    expect((await ask('test', ACCEPTED)).stdout).toContain('verdict: good: pardons 198.51.100.4 (user alice) by sshd/login-accepted');
    // Asked four times, and counted twice.
    await banban.hears(`<38>${line}`);
    const rules = JSON.parse((await ask('rules', '--json')).stdout) as RulesResponse;
    expect(rules.rules).toMatchObject([{ name: 'fullblock', matches: 3, offences: 1, bans: 1, disabled: null }]);
    expect(rules.patterns.find((p) => p.name === 'sshd/failed-password')).toMatchObject({ good: false, pack: 'sshd', rules: ['fullblock'], matches: 3, bans: 1, pardoned: 0, switchedOff: null });

    const page = await ask('rules');
    expect(page).toMatchObject({ code: 0, stderr: '' });
    expect(page.stdout).toMatch(/^RULE +TARGET/i);
    expect(page.stdout).toMatch(/\nsshd\/failed-password +3 +1 +0 /);
    expect(page.stdout).toMatch(/ patterns have not matched: sshd \(\d+\)\n$/);

    const shown = await ask('rules', 'show', 'sshd/failed-password');
    expect(shown).toMatchObject({ code: 0, stderr: '' });
    expect(shown.stdout).toMatch(/^sshd\/failed-password {2}counts in fullblock\n {2}of OpenSSH/);
    expect(shown.stdout).toMatch(/\nexpressions\n {2}.*<ip>/);
    expect(shown.stdout).toMatch(/\nmust match\n/);
    expect((JSON.parse((await ask('rules', 'show', 'sshd/failed-password', '--json')).stdout) as PatternResponse).samples.length).toBeGreaterThan(0);

    const unknown = await ask('rules', 'show', 'sshd/nothing');
    expect(unknown).toMatchObject({ code: 1, stdout: '' });
    expect(unknown.stderr).toContain('no pattern "sshd/nothing" is in use; banctl rules lists those that are');
    for (const args of [['rules', 'show'], ['rules', 'shown', 'x'], ['test']]) {
      const wrongly = await ask(...args);
      expect(wrongly).toMatchObject({ code: 2, stdout: '' });
      noTrace(wrongly);
    }
  });
});
