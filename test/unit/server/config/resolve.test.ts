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
    sources: [{ type: 'unix', path: '/run/banban/log.sock', owner: undefined, group: undefined, mode: 0o660, rules: undefined, pardons: true, silentAfter: undefined }],
    database: '/var/lib/banban/banban.db',
    control: { socket: '/run/banban/control.sock', group: undefined, mode: 0o660 },
    allowlist: ['127.0.0.0/8', '::1/128'],
    firewall: { manage: false, removeAtStop: false, hostsDeny: '/etc/hosts.deny' },
    targets: [{ name: 'BLOCKER', backends: ['xt_recent'], ban: [48 * H], ports: [], protocols: ['tcp'], action: 'drop', ipv6Prefix: 128, networkAfter: undefined, seconds: undefined, command: undefined }],
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

describe('those who come again', () => {
  const M = 60_000;
  const again = (given: string): string => `targets: { A: { ban: 1h } }\nrules:\n  one: { target: A, badpatterns: ['a <ip>'] }\n  again: { target: A, counts: bans, ${given} }\n`;

  test('a formula is the lengths that it stands for', () => {
    const { config } = loadText(`
targets:
  A: { ban: { base: 10m, factor: 2, max: 1h, jitter: 10% } }
  B: { ban: { base: 1s, factor: 1.5, max: 4s } }
  C: { ban: { base: 1d, factor: 100, max: forever } }
  D: { ban: { base: 5w } }
rules: {}
`);
    expect(config.targets.map(({ ban, jitter }) => [...ban, jitter])).toEqual([[10 * M, 20 * M, 40 * M, H, 0.1], [1000, 2000, 2000, 3000, 4000, 0], [D, 100 * D, FOREVER, 0], [35 * D, 0]]);
  });

  test('a rule has the jitter of its target, or with lengths of its own its own', () => {
    const { config } = loadText(`
targets: { A: { ban: { base: 10m, jitter: 10% } } }
rules:
  a: { target: A, badpatterns: ['a <ip>'] }
  b: { target: A, ban: 5m, badpatterns: ['a <ip>'] }
`);
    expect(config.rules.map((r) => r.jitter)).toEqual([0.1, 0]);
  });

  test('levels and grace come from the defaults or the rule, and have none', () => {
    const { config } = loadText("targets: { A: }\ndefaults: { levels: all, grace: 10m }\nrules:\n  a: { target: A, badpatterns: ['a <ip>'] }\n  b: { target: A, levels: rule, grace: 1m, badpatterns: ['a <ip>'] }\n");
    expect(config.rules.map((r) => [r.levels, r.grace])).toEqual([['all', 10 * M], ['rule', M]]);
    expect(loadText(MINIMAL).config.rules[0]).toMatchObject({ levels: 'target', grace: 0, countsBansOf: undefined });
    expect(loadText(MINIMAL).config).toMatchObject({ keep: 90 * D, breaker: { bansAMinute: 30_000, logins: 5 }, breakinAfter: 10 });
  });

  test('a rule that counts bans needs no patterns, and names rules that count lines', () => {
    expect(loadText(again('occurrences: 3')).config.rules[1]).toMatchObject({ countsBansOf: [], badPatterns: [] });
    expect(loadText(again('of: [one]')).config.rules[1]).toMatchObject({ countsBansOf: ['one'] });
    expect(problemsOf(again('of: [on]'))).toEqual(['4: rules.again.of[0]: there is no rule on; did you mean one?']);
    expect(problemsOf(again('of: [again]'))).toEqual(['4: rules.again.of[0]: a rule can’t count its own bans']);
    expect(problemsOf(again("badpatterns: ['a <ip>']"))).toEqual(['4: rules.again.badpatterns: does nothing in a rule with counts: bans, which counts the bans of other rules; make two rules of it']);
    expect(warningsOf("targets: { A: }\nrules:\n  again: { target: A, counts: bans }\n")).toEqual(['3: warning: rules.again: counts the bans of other rules, and there are none that count lines']);
  });

  test('what is deleted before it can count is warned of', () => {
    expect(warningsOf(`keep: 30d\n${again('interval: 60d, memory: 10d')}`.replace('badpatterns', 'memory: 10d, badpatterns'))).toEqual(['5: warning: rules.again: bans are to count for 60d (interval), and are deleted after 30d (keep)']);
    expect(warningsOf(`keep: 30d\n${MINIMAL}`)[0]).toContain('offences are to count for 90d (memory), and are deleted after 30d (keep)');
  });
});

test('a target has one backend or several, in the order of the file, and what they are to do', () => {
  const { config, warnings } = loadText(`
firewall: { manage: true, remove_at_stop: true, hosts_deny: run/hosts.deny }
targets:
  A: { backend: [nftables, xt_recent], ports: [ssh, 587, 6000-6010, '7000:7001', SMTP], protocol: [udp, tcp], action: reject, ipv6_prefix: 64, network_after: 5, seconds: 3m }
  B: { backend: ipset, ports: 22 }
  C:
    backend: command
    command: { ban: [/sbin/x, add, '{address}', 'list={target}', 5], unban: [/sbin/x, del, '{address}'], flush: [/sbin/x, '{target}'], timeout: 1m }
  D: { backend: [hosts_deny, command], command: { ban: [/x, '{address}'], unban: [/y, 'of:{address}'] } }
`);
  expect(warnings).toMatchObject([{ key: 'rules' }]);
  expect(config.firewall).toEqual({ manage: true, removeAtStop: true, hostsDeny: join(process.cwd(), 'run/hosts.deny') });
  expect(config.targets).toMatchObject([
    {
      backends: ['nftables', 'xt_recent'],
      ports: [{ first: 22, last: 22 }, { first: 587, last: 587 }, { first: 6000, last: 6010 }, { first: 7000, last: 7001 }, { first: 25, last: 25 }],
      protocols: ['udp', 'tcp'],
      action: 'reject',
      ipv6Prefix: 64,
      networkAfter: 5,
      seconds: 180_000,
    },
    { backends: ['ipset'], ports: [{ first: 22, last: 22 }], protocols: ['tcp'], action: 'drop' },
    { command: { ban: ['/sbin/x', 'add', '{address}', 'list={target}', '5'], unban: ['/sbin/x', 'del', '{address}'], flush: ['/sbin/x', '{target}'], timeout: 60_000 } },
    { backends: ['hosts_deny', 'command'], command: { ban: ['/x', '{address}'], flush: undefined, timeout: 10_000 } },
  ]);
});

describe('what the backends of a target can’t do', () => {
  const ends = "unban: [/x, '{address}']";
  const command = `command: { ban: [/x, '{address}'], ${ends} }`;
  const RULES = 'is only for backends with rules in the firewall (xt_recent, nftables, ipset), and this target has none';
  test.each([
    ['A: { backend: hosts_deny, ports: 22 }', ['ports: can’t be had with backend: hosts_deny: TCP wrappers know programs, not ports, so that all of them would be closed']],
    ['A: { backend: [nftables, hosts_deny], ports: 22 }', ['ports: can’t be had with backend: hosts_deny: TCP wrappers know programs, not ports, so that all of them would be closed']],
    [`A: { backend: command, ports: 22, ${command} }`, [`ports: ${RULES}`]],
    ['A: { backend: hosts_deny, action: reject }', [`action: ${RULES}`]],
    ['A: { backend: nftables, protocol: udp }', ['protocol: is only for targets with ports: without them every protocol is closed']],
    ['A: { backend: command }', ['command: is missing: backend: command runs the programs that stand here']],
    [`A: { ${command} }`, ['command: is only for backend: command, which this target has not']],
    [`A: { backend: command, command: { ban: [/x], ${ends} } }`, ['command.ban: has no {address} in its arguments, so the program would not know whom it is about']],
    [`A: { backend: command, command: { ban: [/x, '{ip}'], ${ends} } }`, ['command.ban: has {ip}, and only {address} and {target} stand for something here']],
    [`A: { backend: command, command: { ban: [/x, '{address}'], ${ends}, flush: [/x, '{address}'] } }`, ['command.flush: has {address}, and only {target} stands for something here']],
    ['A: { backend: nftables, seconds: 60 }', ['seconds: is only for backend: xt_recent, which this target has not']],
    ['A: { network_after: 5 }', ['network_after: needs a backend that can hold networks, such as nftables or ipset: the lists of xt_recent hold single addresses']],
    ['1A: { backend: nftables }', ['the name of a target with nftables has to begin with a letter']],
    [`${'x'.repeat(22)}: { backend: ipset }`, ['the name of a target with ipset may have 21 characters, because the kernel allows 31 for a set with all that is added to it; this has 22']],
    ['A: { ports: [1-2, 3-4, 5-6, 7-8, 9-10, 11-12, 13-14, 15-16] }', ['ports: has more than the 15 ports that one rule of iptables can have, where a range counts as two']],
    ['A: { backend: [nftables, ipset], ports: [1-2, 3-4, 5-6, 7-8, 9-10, 11-12, 13-14, 15-16] }', ['ports: has more than the 15 ports that one rule of iptables can have, where a range counts as two']],
  ])('%s', (line, says) => {
    expect(problemsOf(`targets:\n  ${line}\nrules: {}\n`).map((problem) => problem.replace(/^2: targets\.\w+[.:] ?/, ''))).toEqual(says);
  });

  test.each([
    'A: { backend: [xt_recent, hosts_deny], seconds: 60 }',
    'A: { backend: [xt_recent, nftables], network_after: 5 }',
    'A: { backend: hosts_deny, network_after: 5, ipv6_prefix: 64 }',
    `${'x'.repeat(21)}: { backend: ipset }`,
    '1A: { backend: ipset }',
    'A: { backend: nftables, ports: [1-2, 3-4, 5-6, 7-8, 9-10, 11-12, 13-14, 15-16], protocol: udp, action: reject }',
    `A: { backend: [nftables, command], ports: 22, action: reject, ${command} }`,
    'A: { ports: [1-2, 3-4, 5-6, 7-8, 9-10, 11-12, 13-14, 22] }',
    'A: { ipv6_prefix: 64, action: reject }',
  ])('and what they can: %s', (line) => {
    expect(warningsOf(`targets:\n  ${line}\nrules: {}\n`)).toEqual(['warning: rules: there are no rules, so nothing is banned but by hand']);
  });
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

test('the allow list has addresses, networks, files, host names and self, each once', () => {
  const { config, warnings } = loadText(`${MINIMAL}allowlist: [192.0.2.1, self, Home.Example.org., home.example.org, { file: run/allow.txt }, { file: ${process.cwd()}/run/allow.txt }, { file: /x }, self]\n`);
  expect(warnings).toEqual([]);
  expect(config).toMatchObject({ allowlist: ['192.0.2.1/32'], allowSelf: true, allowHosts: ['home.example.org'], allowFiles: [join(process.cwd(), 'run/allow.txt'), '/x'] });
  expect(loadText(MINIMAL).config).toMatchObject({ allowSelf: false, allowHosts: [], allowFiles: [] });
});

test('the allow list has at most 100 host names and 20 files', () => {
  const hosts = Array.from({ length: 101 }, (_, i) => `n${i}.example.org`);
  expect(problemsOf(`${MINIMAL}allowlist: [${hosts.join(', ')}]\n`)).toEqual(['6: allowlist[100]: is one host name more than the 100 that the allow list may have; write their networks instead']);
  expect(loadText(`${MINIMAL}allowlist: [${hosts.slice(1).join(', ')}]\n`).config.allowHosts).toHaveLength(100);
  const files = Array.from({ length: 21 }, (_, i) => `{ file: /x${i} }`);
  expect(problemsOf(`${MINIMAL}allowlist: [${files.join(', ')}]\n`)).toEqual(['6: allowlist[20].file: is one file more than the 20 that the allow list may have']);
});

describe('paths', () => {
  test('relative ones are relative to the working directory', () => {
    const { config } = loadText(`${MINIMAL}socket: run/log.sock\ndatabase: ./run/banban.db\ncontrol: { socket: run/../c.sock }\n`);
    expect(config.sources).toMatchObject([{ path: join(process.cwd(), 'run/log.sock') }]);
    expect(config.database).toBe(join(process.cwd(), 'run/banban.db'));
    expect(config.control.socket).toBe(join(process.cwd(), 'c.sock'));
  });
  test('a socket as a map', () => {
    expect(loadText(`${MINIMAL}socket: { path: /x/s, owner: syslog, group: 4, mode: "0600" }\n`).config.sources).toMatchObject([{ type: 'unix', path: '/x/s', owner: 'syslog', group: '4', mode: 0o600 }]);
    expect(loadText(`${MINIMAL}socket: { group: syslog }\n`).config.sources).toMatchObject([{ path: '/run/banban/log.sock', group: 'syslog' }]);
  });
  test('a socket has at most 107 bytes, counted as bytes of the absolute path', () => {
    expect(loadText(`${MINIMAL}socket: /${'a'.repeat(106)}\n`).config.sources[0]?.path).toHaveLength(107);
    expect(problemsOf(`${MINIMAL}socket: /${'a'.repeat(107)}\n`)).toEqual([expect.stringMatching(/^6: socket: the path of the log socket has 108 bytes .*the kernel allows 107; choose a shorter one$/)]);
    expect(problemsOf(`${MINIMAL}control: { socket: /${'ä'.repeat(54)} }\n`)).toEqual([expect.stringMatching(/^6: control.socket: the path of the control socket has 109 bytes/)]);
    expect(problemsOf(`${MINIMAL}socket: ${'a'.repeat(107)}\n`)).toEqual([expect.stringMatching(/the kernel allows 107/)]);
  });
  test('one path is not two things', () => {
    expect(problemsOf(`${MINIMAL}database: /etc/hosts.deny\n`)).toEqual(["/etc/hosts.deny can't be the file of TCP wrappers and the database at once"].map((says) => expect.stringContaining(says)));
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
  test('rules that are to be taken out at a stop, and are not banband’s', () => {
    expect(warningsOf(`${MINIMAL}firewall: { remove_at_stop: true }\n`)).toEqual([expect.stringMatching(/firewall.remove_at_stop: does nothing without manage: true, because then the rules are yours$/)]);
    expect(warningsOf(`${MINIMAL}firewall: { remove_at_stop: true, manage: true }\n`)).toEqual([]);
  });
  test('a target that no rule uses is none', () => {
    expect(warningsOf(MINIMAL.replace('} }', '}, BYHAND: { ban: forever } }'))).toEqual([]);
  });
});

describe('usedns', () => {
  const of = (defaults: string, rule: string): string => `targets: { A: {} }\ndefaults: { ${defaults} }\nrules:\n  r: { target: A, badpatterns: [x <ip>]${rule} }\n`;
  const CHOSEN = 'whoever owns the reverse DNS of an address chooses its name, and can choose one that leads to others and get them banned; better have your services log addresses';

  test('is no, that of defaults, or the rule’s own', () => {
    const says = (text: string) => loadText(text).config.rules[0]?.usedns;
    expect(says(of('', ''))).toBe('no');
    expect(says(of('usedns: warn', ''))).toBe('warn');
    expect(says(of('usedns: yes', ', usedns: no'))).toBe('no');
    expect(says(of('', ', usedns: yes'))).toBe('yes');
  });
  test('is warned of where names would get somebody banned, once and where it stands', () => {
    expect(warningsOf(of('usedns: warn', ''))).toEqual([]);
    expect(warningsOf(of('usedns: yes', ''))).toEqual([`2: warning: defaults.usedns: ${CHOSEN}`]);
    expect(warningsOf(of('usedns: yes', ', usedns: yes'))).toEqual([`2: warning: defaults.usedns: ${CHOSEN}`, `4: warning: rules.r.usedns: ${CHOSEN}`]);
  });
  test('takes nothing else', () => {
    for (const bad of ['true', 'on', 'raw', '1', '[yes]', '""', 'Yes']) expect(problemsOf(of('', `, usedns: ${bad}`)), bad).toEqual([expect.stringMatching(/^4: rules\.r\.usedns: found .*wanted no or warn or yes/)]);
    expect(problemsOf('targets: { A: {} }\nrules:\n  r: { target: A, counts: bans, usedns: warn }\n  s: { target: A, badpatterns: [x <ip>] }\n')).toEqual(['3: rules.r.usedns: does nothing in a rule with counts: bans, which reads no lines']);
  });
});
