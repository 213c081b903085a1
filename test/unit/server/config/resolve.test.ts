import { join } from 'node:path';
import { FOREVER, ms } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import { MINIMAL, loadText, problemsOf, warningsOf } from '../../../support/configs/load-text.ts';

const H = 3_600_000;
const D = 24 * H;

test('the smallest configuration has every default', () => {
  const { config, warnings } = loadText(MINIMAL);
  expect(warnings).toEqual([]);
  expect(config).toMatchObject({
    socket: { path: '/run/banban/log.sock', owner: undefined, group: undefined, mode: 0o660 },
    database: '/var/lib/banban/banban.db',
    control: { socket: '/run/banban/control.sock', group: undefined, mode: 0o660 },
    allowlist: ['127.0.0.0/8', '::1/128'],
    targets: [{ name: 'BLOCKER', ban: [48 * H], seconds: undefined }],
    goodPatterns: [],
    rules: [{ name: 'probe', target: 'BLOCKER', occurrences: 3, interval: H, memory: 90 * D, ban: [48 * H], resetconns: false }],
  });
});

test('a target without a length bans for 48 hours', () => {
  expect(loadText('targets: { A: , B: {} }\nrules: {}\n').config.targets.map((t) => t.ban)).toEqual([[48 * H], [48 * H]]);
});

test('a rule overrides the defaults and its target, key by key', () => {
  const { config } = loadText(`
targets: { A: { ban: [1h, 2h, forever], seconds: 180 } }
defaults: { occurrences: 7, interval: 90, memory: 2w }
rules:
  own: { target: A, occurrences: 1, interval: 1h30m, memory: 1d, ban: 10m, resetconns: true, badpatterns: ['a <ip>'] }
  none: { target: A, badpatterns: ['a <ip>'] }
`);
  expect(config.targets[0]).toMatchObject({ ban: [H, 2 * H, FOREVER], seconds: ms(180_000) });
  expect(config.rules[0]).toMatchObject({ occurrences: 1, interval: 1.5 * H, memory: D, ban: [H / 6], resetconns: true });
  expect(config.rules[1]).toMatchObject({ occurrences: 7, interval: 90_000, memory: 14 * D, ban: [H, 2 * H, FOREVER], resetconns: false });
});

test('lists with nothing left in them are as if they were absent', () => {
  const { config } = loadText(`${MINIMAL}goodpatterns:\nallowlist:\n  #- 192.0.2.1\ndefaults:\ncontrol:\n`);
  expect(config.goodPatterns).toEqual([]);
  expect(config.allowlist).toEqual(['127.0.0.0/8', '::1/128']);
});

test('an allow list of your own replaces the default; host bits are cleared, ::ffff: is IPv4', () => {
  expect(loadText(`${MINIMAL}allowlist: ['192.0.2.77/24', '2001:DB8:0::/32', '::ffff:198.51.100.1']\n`).config.allowlist).toEqual(['192.0.2.0/24', '2001:db8::/32', '198.51.100.1/32']);
  expect(loadText(`${MINIMAL}allowlist: []\n`).config.allowlist).toEqual([]);
});

describe('paths', () => {
  test('relative ones are relative to the working directory', () => {
    const { config } = loadText(`${MINIMAL}socket: run/log.sock\ndatabase: ./run/banban.db\ncontrol: { socket: run/../c.sock }\n`);
    expect(config.socket.path).toBe(join(process.cwd(), 'run/log.sock'));
    expect(config.database).toBe(join(process.cwd(), 'run/banban.db'));
    expect(config.control.socket).toBe(join(process.cwd(), 'c.sock'));
  });
  test('a socket as a map', () => {
    expect(loadText(`${MINIMAL}socket: { path: /x/s, owner: syslog, group: 4, mode: "0600" }\n`).config.socket).toEqual({ path: '/x/s', owner: 'syslog', group: '4', mode: 0o600 });
    expect(loadText(`${MINIMAL}socket: { group: syslog }\n`).config.socket.path).toBe('/run/banban/log.sock');
  });
  test('a socket has at most 107 bytes, counted as bytes of the absolute path', () => {
    expect(loadText(`${MINIMAL}socket: /${'a'.repeat(106)}\n`).config.socket.path).toHaveLength(107);
    expect(problemsOf(`${MINIMAL}socket: /${'a'.repeat(107)}\n`)).toEqual([expect.stringMatching(/^6: socket: the path of the log socket has 108 bytes .*the kernel allows 107; choose a shorter one$/)]);
    expect(problemsOf(`${MINIMAL}control: { socket: /${'ä'.repeat(54)} }\n`)).toEqual([expect.stringMatching(/^6: control.socket: the path of the control socket has 109 bytes/)]);
    expect(problemsOf(`${MINIMAL}socket: ${'a'.repeat(107)}\n`)).toEqual([expect.stringMatching(/the kernel allows 107/)]);
  });
  test('one path is not two things', () => {
    expect(problemsOf(`${MINIMAL}socket: /run/x\ncontrol: { socket: /run/./x }\n`)).toEqual(["7: control.socket: /run/x can't be the control socket and the log socket at once"]);
  });
});

describe('errors of sense', () => {
  test('a rule whose target does not exist', () => {
    expect(problemsOf(MINIMAL.replace('target: BLOCKER', 'target: BLOKCER'))).toEqual(['4: rules.probe.target: there is no target BLOKCER; did you mean BLOCKER?']);
    expect(problemsOf(MINIMAL.replace('target: BLOCKER', 'target: blocker'))).toEqual(['4: rules.probe.target: there is no target blocker; did you mean BLOCKER?']);
    expect(problemsOf(MINIMAL.replace('target: BLOCKER', 'target: SMTP'))).toEqual(['4: rules.probe.target: there is no target SMTP; add it to targets']);
  });
  test('a target that is itself in error is not called unknown as well', () => {
    expect(problemsOf(MINIMAL.replace('{ ban: 48h }', '{ ban: x }'))).toHaveLength(1);
    expect(problemsOf(MINIMAL.replace('{ ban: 48h }', '[48h]'))).toHaveLength(1);
  });
  test.each(['    badpatterns:\n', '    badpatterns: []\n', ''])('a rule without bad patterns: %j', (line) => {
    expect(problemsOf(MINIMAL.replace(/ {4}badpatterns.*\n/, line))).toEqual([expect.stringMatching(/^[35]: rules.probe.badpatterns: (is missing|found a list, wanted a list with something in it)/)]);
  });
  test('a rule without a target', () => {
    expect(problemsOf(MINIMAL.replace(/ {4}target: .*\n/, ''))).toEqual(['3: rules.probe.target: is missing: the target in which it bans']);
  });
  test.each(['rules: {}\n', 'targets: {}\nrules: {}\n', 'targets:\n'])('no targets: %j', (text) => {
    expect(problemsOf(text)).toEqual([expect.stringMatching(/^targets: there is no target to ban in; add one/)]);
  });
});

describe('warnings', () => {
  test('no rules', () => {
    expect(warningsOf('targets: { A: {} }\n')).toEqual(['warning: rules: there are no rules, so nothing is banned but by hand']);
  });
  test('an allow list that leaves nobody', () => {
    expect(warningsOf(`${MINIMAL}allowlist:\n  - 0.0.0.0/0\n  - ::/0\n  - 10.0.0.0/7\n  - 2000::/3\n  - 10.0.0.0/8\n  - 2001::/16\n`)).toEqual([
      '7: warning: allowlist[0]: 0.0.0.0/0 is every IPv4 address, so no IPv4 address could ever be banned',
      '8: warning: allowlist[1]: ::/0 is every IPv6 address, so no IPv6 address could ever be banned',
      '9: warning: allowlist[2]: 10.0.0.0/7 is a large part of the whole Internet, and none of it could ever be banned; is /7 what you mean?',
      '10: warning: allowlist[3]: 2000::/3 is a large part of the whole Internet, and none of it could ever be banned; is /3 what you mean?',
    ]);
  });
  test('targets that differ only by case', () => {
    expect(warningsOf(MINIMAL.replace('} }', '}, Blocker: {} }'))).toEqual(['1: warning: targets.Blocker: differs from the target BLOCKER only by case; to the kernel they are two lists']);
  });
  test('bans that become shorter', () => {
    expect(warningsOf(MINIMAL.replace('48h', '[7d, 1h]'))).toEqual([expect.stringMatching(/^1: warning: targets.BLOCKER.ban: a later offence gets a shorter ban \(1h\) than the one before it \(1w\)/)]);
  });
  test('a memory shorter than the first ban', () => {
    expect(warningsOf(`${MINIMAL}    ban: [2d, 7d]\n    memory: 1d\n`)).toEqual([expect.stringMatching(/^3: warning: rules.probe: an offence is forgotten after 1d \(memory\), before its first ban of 2d ends/)]);
  });
  test('a control socket that everybody may use', () => {
    expect(warningsOf(`${MINIMAL}control: { mode: "0666" }\n`)).toEqual([expect.stringMatching(/control.mode: every user of this machine may ban and unban/)]);
  });
  test('a target that no rule uses is none', () => {
    expect(warningsOf(MINIMAL.replace('} }', '}, BYHAND: { ban: forever } }'))).toEqual([]);
  });
});
