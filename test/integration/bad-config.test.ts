/** Configurations that are none, given to the built daemon: each is refused in sentences that say where and why, and never harms what runs. */
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, linkSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Finished } from '../support/child.ts';
import { banband, failed, LocalBanban, places, POLICY, spawnBanband, writeConfig } from '../support/local-banban.ts';
import { run } from '../support/child.ts';
import { tempDir } from '../support/temp-dir.ts';

const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'];
const isRoot = process.getuid?.() === 0;

/** A configuration that lacks nothing; what follows it stands in line 5 and later. */
const SOUND = 'targets: { BLOCKER: { ban: 1h } }\n';

/** A whole configuration whose one rule has this pattern; the pattern stands in line 9. */
const withPattern = (pattern: string): string => `targets:
  BLOCKER: { ban: 1h }
rules:
  ssh:
    target: BLOCKER
    badpatterns: ['${pattern}']
`;

/** Refused as a configuration: 78, on stderr nothing but sentences that each begin with the file, and nothing on stdout. */
function mustBeRefused(result: Finished, file: string, prefix: string): string[] {
  expect(result).toMatchObject({ code: 78, stdout: '' });
  const lines = result.stderr.trimEnd().split('\n');
  for (const line of lines) {
    expect(line.startsWith(`${prefix}${file}:`), line).toBe(true);
    expect(line.length).toBeLessThan(1000);
  }
  expect(result.stderr).not.toMatch(/^\s+at |\.js:\d|node:|Error:|undefined|\[object/m);
  return lines.map((line) => line.slice(`${prefix}${file}:`.length));
}

/** What `banband check` and the start say of a file; both refuse it, in the same words, and the start leaves nothing behind. */
async function refusals(config: string, through: readonly string[] = []): Promise<string[]> {
  const before = readdirSync(join(config, '..')).sort();
  const [checked, started] = await Promise.all([banband(['check', '--config', config], through), banband(['--simulate', '--config', config], through)]);
  const lines = mustBeRefused(checked, config, '');
  expect(mustBeRefused(started, config, 'banband: ')).toEqual(lines);
  for (const { ms } of [checked, started]) expect(ms).toBeLessThan(5000);
  expect(readdirSync(join(config, '..')).sort()).toEqual(before);
  return lines;
}

describe('a file with a mistake in it is refused with the line, the key and what to do', () => {
  test.each<[string, string, RegExp[]]>([
    ['a pattern without <ip>, of the kind that stalls other engines', withPattern('(a+)+$'), [/^9: rules\.ssh\.badpatterns\[0\]: the pattern "\(a\+\)\+\$" can't be used: it has no <ip>.*; put <ip> where the address stands$/]],
    ['two places for the address', withPattern('<ip> <ip>'), [/^9: rules\.ssh\.badpatterns\[0\]: .*more than one <ip>/]],
    ['lookaround', withPattern('^(?!x)sshd: <ip>$'), [/^9: rules\.ssh\.badpatterns\[0\]: .*RE2 can't run it: .*; RE2 has no lookaround/]],
    ['a backreference', withPattern(String.raw`(a)\1 <ip>`), [/^9: .*RE2 can't run it/]],
    ['a bracket without its fellow', withPattern('sshd(: <ip>'), [/^9: .*RE2 can't run it: missing \)$/]],
    ['a repetition of repetitions', withPattern('((x{1000}){1000}){1000}<ip>'), [/^9: .*RE2 can't run it/]],
    ['nested to a depth of 5,000', withPattern(`${'('.repeat(3000)}${')'.repeat(3000)}<ip>`), [/^9: .*can't be used: /]],
    ['a pattern of 100,000 characters', withPattern(`${'x'.repeat(100_000)}<ip>`), [/^9: .*it is 100004 characters long; at most \d+ are taken$/]],
    ['a pattern that matches everything', withPattern('.*(?:<ip>)?'), [/^9: .*matches an empty line/]],
    ['keys with typos', `${SOUND}rulse: {}\ndefalts: {}\nfrobnicate: 1\n`, [/^5: rulse: there is no key "rulse" here; did you mean "rules"\?$/, /^6: defalts: there is no key "defalts" here; did you mean "defaults"\?$/, /^7: frobnicate: there is no key "frobnicate" here; the keys are /]],
    ['a value of the wrong type', `${SOUND}defaults: { occurrences: many }\n`, [/^5: defaults\.occurrences: found the text "many", wanted a whole number from 1 to 1000$/]],
    ['lists and maps in each other’s place', 'targets: [BLOCKER]\nallowlist: { a: b }\n', [/^4: targets: found a list, wanted a map/, /^5: allowlist: found a map, wanted a list/]],
    ['a target that nobody defined', 'targets: { BLOCKER: { ban: 1h } }\nrules: { ssh: { target: BLOKCER, badpatterns: ["<ip>x"] } }\n', [/^5: rules\.ssh\.target: .*"?BLOKCER"?.*BLOCKER/]],
    ['a duration that is none', 'targets: { BLOCKER: { ban: [1h, never] } }\n', [/^4: targets\.BLOCKER\.ban.*wanted a duration/]],
    ['what is no host name in the allow list', `${SOUND}allowlist: [office_example.org]\n`, [/^5: allowlist\[0\]: found the text "office_example\.org", wanted an address/]],
    ['a tab', 'targets:\n\tBLOCKER: {}\n', [/^\d+: this is not YAML: .*use spaces$/]],
    ['an open bracket', 'targets: { BLOCKER: { ban: 1h }\n', [/^\d+: this is not YAML: /]],
    ['a key twice', `${SOUND}allowlist: []\nallowlist: []\n`, [/^6: .*allowlist.*/]],
    ['control characters and a terminal’s escapes in a key', `${SOUND}"\\e[2J\\u202Ex": 1\n`, [/^5: \S+: there is no key "\\u\{1b\}\[2J\\u\{202e\}x" here/]],
  ])('%s', async (_, policy, expected) => {
    const lines = await refusals(writeConfig(tempDir(), policy));
    expect(lines).toHaveLength(expected.length);
    expected.forEach((one, i) => expect(lines[i]).toMatch(one));
  });

  test('every mistake is named at once, and no more of them than anyone reads', async () => {
    const lines = await refusals(writeConfig(tempDir(), Array.from({ length: 5000 }, (_, i) => `wrong${i}: 1\n`).join('')));
    expect(lines.length).toBeGreaterThan(10);
    expect(lines.length).toBeLessThan(200);
    expect(lines.at(-1)).toMatch(/more/);
  });
});

describe('what is no configuration at all is refused with the reason', () => {
  test.each<[string, (path: string) => void, RegExp]>([
    ['an empty file', (path) => writeFileSync(path, ''), /^ the file is empty; begin with a copy of config\/banban\.yml$/],
    ['nothing but comments', (path) => writeFileSync(path, '# one\n---\n# two\n'), /^ the file is empty/],
    ['a directory', (path) => mkdirSync(path), /^ it is a directory; give the path of the file itself$/],
    ['no file', () => undefined, /^ there is no such file; give the path with --config/],
    ['a link to nothing', (path) => symlinkSync('nowhere', path), /^ there is no such file/],
    ['a link to itself', (path) => symlinkSync(path, path), /^ its symbolic links lead in a circle$/],
    ['a device that never ends', (path) => symlinkSync('/dev/zero', path), /^ it is not a regular file$/],
    ['random bytes', (path) => writeFileSync(path, randomBytes(100_000)), /^ it is not UTF-8 text; is it the right file\?$/],
    ['NUL bytes', (path) => writeFileSync(path, Buffer.alloc(4096)), /^\d*:? ?this is not YAML: /],
    ['a sentence', (path) => writeFileSync(path, 'Dear Sir or Madam\n'), /^ found the text "Dear Sir or Madam", wanted a map/],
    ['64 MiB', (path) => writeFileSync(path, Buffer.alloc(64 * 1024 * 1024, 'a: 1\n')), /^ it is larger than 1 MiB, which no configuration of banban is; is it the right file\?$/],
    ['a bomb of aliases', (path) => writeFileSync(path, bomb()), /^1: the document is nested .* or has more than \d+ parts once its aliases \(\*\) are written out; write it without them$/],
    ['an alias that contains itself', (path) => writeFileSync(path, 'rules: &a\n  x: *a\n'), /^2: the document is nested more than 100 deep/],
    ['lists in lists, 100,000 deep', (path) => writeFileSync(path, `rules: ${'['.repeat(100_000)}`), /^1: this is not YAML: nesting exceeded/],
    ['a megabyte of one key', (path) => writeFileSync(path, `${SOUND}${'k'.repeat(1_000_000)}: 1\n`), /^2: .*there is no key "k{60}…"/],
  ])('%s', async (_, make, reason) => {
    const path = join(tempDir(), 'banban.yml');
    make(path);
    const lines = await refusals(path);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(reason);
    expect(lines[0]).not.toMatch(/Maximum call stack|heap/);
  });

  test('a pipe that nobody writes to is not waited for', async () => {
    const path = join(tempDir(), 'banban.yml');
    await run(['mkfifo', path]);
    expect(await refusals(path)).toEqual([' it is not a regular file']);
  });

  test.runIf(isRoot)('a file that this user may not read', async () => {
    const dir = tempDir();
    const path = writeConfig(dir, POLICY);
    chmodSync(dir, 0o755);
    chmodSync(path, 0o600);
    expect(await refusals(path, NOBODY)).toEqual([' this user may not read it; run as root, or change its permissions']);
  });

  test('an account that does not exist is named', async () => {
    const path = join(tempDir(), 'banban.yml');
    writeFileSync(path, `control: { group: nosuchgroup }\n${POLICY}`);
    const started = await banband(['--simulate', '--config', path, '--state', join(path, '../state')]);
    expect(started).toMatchObject({ stdout: '' });
    expect(started.code).not.toBe(0);
    expect(started.stderr).toMatch(/^banband: .*nosuchgroup.*\n$/);
  });
});

/** Nine lists of nine of the one before: nine to the ninth written out. */
function bomb(): string {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x]'];
  for (let i = 1; i < 9; i++) lines.push(`a${i}: &a${i} [${Array.from({ length: 9 }, () => `*a${i - 1}`).join(', ')}]`);
  return lines.join('\n');
}

describe('a pattern that would stall another engine', () => {
  test('is run in time that grows with the line and no faster', async () => {
    const banban = await LocalBanban.start({ policy: `
targets: { BLOCKER: { ban: 1h } }
defaults: { occurrences: 1 }
rules:
  hostile:
    target: BLOCKER
    badpatterns: ['^app: (?:(?:a+)+)+(?:a|aa)+ <ip>$', '^app: (?:.*a){20}.*<ip>!$', '^(?:x+x+)+y<ip>$']
` });
    const begun = performance.now();
    await banban.hears(...Array.from({ length: 20 }, () => `app: ${'a'.repeat(60_000)}!`), ...Array.from({ length: 20 }, () => 'x'.repeat(60_000)));
    expect(performance.now() - begun).toBeLessThan(5000);
    await banban.hears(`app: ${'a'.repeat(1000)} 203.0.113.9`);
    expect(await banban.banned()).toEqual(['203.0.113.9']);
  });
});

describe('at the start', () => {
  test('a rule whose pattern can’t be used is switched off, loudly, and the others protect the machine', async () => {
    const banban = await LocalBanban.start({ policy: `${POLICY}  broken:\n    target: BLOCKER\n    badpatterns: ['(?=<ip>)']\n` });
    expect(await banban.logs('rule_switched_off')).toMatchObject({ level: 'error', rule: 'broken', message: expect.stringContaining('RE2') });
    const status = await banban.status();
    expect(status.rules).toMatchObject([{ name: 'ssh', disabled: null }, { name: 'broken', disabled: expect.stringContaining('(?=<ip>)') }]);
    expect(status.problems).toContainEqual(expect.stringContaining('rule broken is switched off: '));
    await banban.attack('203.0.113.9');
    expect(await banban.banned()).toEqual(['203.0.113.9']);
    // What starts all the same is no good configuration.
    mustBeRefused(await banband(['check', '--config', banban.configPath]), banban.configPath, '');
  });

  test('arguments that it does not know are a usage error, with nothing begun', async () => {
    for (const args of [['--colour'], ['start'], ['check', 'more'], ['--config'], ['--state=', '--frob']]) {
      const result = await banband(args);
      expect(result, args.join(' ')).toMatchObject({ code: 2, stdout: '' });
      expect(result.stderr).toMatch(/^banband: [^\n]+; see banband --help\n$/);
    }
  });
});

describe('a bad file at a reload changes nothing', () => {
  const bad: [string, (path: string) => void, RegExp][] = [
    ['with a typo', (path) => writeFileSync(path, `${SOUND}rulse: {}\n`), /:2: rulse: .*did you mean "rules"/],
    ['with a pattern that RE2 can’t run', (path) => writeFileSync(path, withPattern('(?=<ip>)')), /RE2 can't run it/],
    ['that is empty', (path) => writeFileSync(path, ''), /the file is empty/],
    ['of 64 MiB', (path) => writeFileSync(path, Buffer.alloc(64 * 1024 * 1024, 'a')), /larger than 1 MiB/],
    ['of random bytes', (path) => writeFileSync(path, randomBytes(5000)), /not UTF-8/],
    ['that is gone', () => undefined, /no such file/],
    ['that is a directory now', (path) => mkdirSync(path), /is a directory/],
    ['that is a bomb', (path) => writeFileSync(path, bomb()), /once its aliases/],
  ];

  test('each by SIGHUP and by banctl reload: refused with the reason, and the windows go on where they were', async () => {
    const banban = await LocalBanban.start();
    const { config } = places(banban.dir);
    const good = join(banban.dir, 'good.yml');
    linkSync(config, good);
    const attacker = (i: number): string => `203.0.113.${i + 1}`;
    for (const [i, [name, spoil, reason]] of bad.entries()) {
      await banban.hears(failed(attacker(i)));
      rmSync(config, { recursive: true });
      spoil(config);

      banban.signal('SIGHUP');
      expect(await banban.logs('reload_refused', 2 * i + 1), name).toMatchObject({ level: 'error', message: expect.stringMatching(reason) });
      await banban.hears(failed(attacker(i)));

      const reload = await banban.banctl('reload');
      expect(reload, name).toMatchObject({ code: 1, stdout: '' });
      expect(reload.stderr).toMatch(/^banctl: .*so the configuration in force stays/);
      expect(reload.stderr).toMatch(reason);
      expect(reload.stderr).not.toMatch(/^\s+at /m);
      const status = await banban.status();
      expect(status.config.error).toMatch(reason);
      expect(status.problems).toContainEqual(expect.stringContaining('the last reload was refused'));
      await banban.hears(failed(attacker(i)));

      rmSync(config, { recursive: true, force: true });
      linkSync(good, config);
    }
    expect(await banban.banned()).toEqual(bad.map((_, i) => attacker(i)).sort());
    expect(await banban.banctl('reload')).toMatchObject({ code: 0 });
    expect((await banban.status()).config.error).toBeNull();
    expect(banban.child.stderr).toBe('');
  });

  test.runIf(isRoot)('also one that may be read no longer', async () => {
    const dir = tempDir();
    chownSync(dir, 65534, 65534);
    const banban = await LocalBanban.start({ dir, through: NOBODY });
    chmodSync(banban.configPath, 0o600);
    expect(await banban.banctl('reload')).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('this user may not read it') });
    await banban.attack('203.0.113.1');
    expect(await banban.banned()).toEqual(['203.0.113.1']);
  });

  test('nor do a thousand SIGHUPs at once', async () => {
    const banban = await LocalBanban.start();
    await banban.hears(failed('203.0.113.1'), failed('203.0.113.1'));
    for (let i = 0; i < 1000; i++) banban.signal('SIGHUP');
    await banban.logs('reloaded');
    await banban.hears(failed('203.0.113.1'));
    expect(await banban.banned()).toEqual(['203.0.113.1']);
  });
});

test('check says in one line what a good file has, and touches nothing', async () => {
  const dir = tempDir();
  const path = writeConfig(dir, POLICY);
  const child = spawnBanband(['check', '--config', path]);
  expect(await child.finished()).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^\S+banban\.yml is good: 1 rules, 1 targets, [^\n]*2 allowed networks\n$/) });
  expect(readdirSync(dir)).toEqual(['banban.yml']);
});

test('check names what else is allowed, whose addresses it does not know', async () => {
  const path = writeConfig(tempDir(), `${POLICY}\nallowlist: [192.0.2.0/24, self, home.example.org, { file: /nowhere/allow.txt }]\n`);
  expect(await spawnBanband(['check', '--config', path]).finished()).toMatchObject({ code: 0, stdout: expect.stringMatching(/ 1 allowed networks and those of self, home\.example\.org, \/nowhere\/allow\.txt\n$/) });
});
