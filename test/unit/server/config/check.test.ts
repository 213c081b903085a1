import { describe, expect, test } from 'vitest';
import { MINIMAL, loadText, problemsOf } from '../../../support/configs/load-text.ts';

const withRule = (line: string) => `${MINIMAL}    ${line}\n`;
const withTop = (line: string) => `${MINIMAL}${line}\n`;

describe('an unknown key is an error that says what was meant', () => {
  test.each([
    [withTop('allowlsit: []'), '6: allowlsit: there is no key "allowlsit" here; did you mean "allowlist"?'],
    [withTop('Socket: /x'), '6: Socket: there is no key "Socket" here; did you mean "socket"?'],
    [withRule('occurences: 3'), '6: rules.probe.occurences: there is no key "occurences" here; did you mean "occurrences"?'],
    [withRule('maxretry: 3'), '6: rules.probe.maxretry: there is no key "maxretry" here; did you mean "occurrences"?'],
    [withTop('control: { mdoe: "0660" }'), '6: control.mdoe: there is no key "mdoe" here; did you mean "mode"?'],
    [withTop('firewall: { install: true }'), '6: firewall.install: there is no key "install" here; did you mean "manage"?'],
    ['targets: { A: { banaction: nftables } }\nrules: {}\n', '1: targets.A.banaction: there is no key "banaction" here; did you mean "backend"?'],
    ['targets: { A: { port: 22 } }\nrules: {}\n', '1: targets.A.port: there is no key "port" here; did you mean "ports"?'],
    ['targets: { A: { backend: command, command: { ban: [/x, "{address}"], unban: [/x, "{address}"], start: [/y] } } }\nrules: {}\n', '1: targets.A.command.start: there is no key "start" here; the keys are ban, unban, flush, timeout'],
    [withTop('control: { zzzzzz: 1 }'), '6: control.zzzzzz: there is no key "zzzzzz" here; the keys are socket, group, mode'],
    [withTop('zzzzzz: []'), '6: zzzzzz: there is no key "zzzzzz" here; the keys are socket, sources, database, control, allowlist, keep, breaker, breakin_after, guard, firewall, targets, defaults, goodpatterns, rules, lists, notify'],
  ])('%#', (text, says) => {
    expect(problemsOf(text)).toEqual([says]);
  });
});

describe('a value of the wrong type says what was found and what is wanted', () => {
  test.each([
    ['socket: 5', "found the number 5, wanted a path; to mean text, put it in quotes: '5'"],
    ['socket: [a]', 'found a list, wanted a path or a map'],
    ['socket: ', 'found nothing, wanted a path'],
    ['socket: { mode: 0999 }', 'found the number 0999, wanted permissions in octal such as "0660"'],
    ['database: true', "found the boolean true, wanted a path; to mean text, put it in quotes: 'true'"],
    ['database: {}', 'found a map, wanted a path'],
    ['control: /run/x', 'found the text "/run/x", wanted a map'],
    ['allowlist: 10.0.0.0/8', 'found the text "10.0.0.0/8", wanted a list: begin the line with a dash'],
    ['allowlist: [1.5]', "found the number 1.5, wanted an address, a network such as 192.0.2.0/24, a host name with a dot in it, self, or { file: PATH }; to mean text, put it in quotes: '1.5'"],
    ['allowlist: [localhost]', 'found the text "localhost", wanted an address, a network such as 192.0.2.0/24, a host name with a dot in it, self, or { file: PATH }'],
    ['allowlist: [-home.example.org]', 'found the text "-home.example.org", wanted an address, a network such as 192.0.2.0/24, a host name with a dot in it, self, or { file: PATH }'],
    ['allowlist: [10.0.0.0/255.0.0.0]', 'found the text "10.0.0.0/255.0.0.0", wanted an address, a network such as 192.0.2.0/24, a host name with a dot in it, self, or { file: PATH }; write a netmask as a number of bits'],
    ['allowlist: [010.0.0.1]', 'found the text "010.0.0.1", wanted an address, a network such as 192.0.2.0/24, a host name with a dot in it, self, or { file: PATH }'],
    ['allowlist: [10.0.0.300]', 'found the text "10.0.0.300", wanted an address, a network such as 192.0.2.0/24, a host name with a dot in it, self, or { file: PATH }'],
    ['allowlist: [/etc/banban/allow.txt]', 'found the text "/etc/banban/allow.txt", wanted an address, a network such as 192.0.2.0/24, a host name with a dot in it, self, or { file: PATH }; write a file as { file: PATH }'],
    ['allowlist: [{ file: 5 }]', "found the number 5, wanted a path; to mean text, put it in quotes: '5'"],
    ['allowlist: [{ file: /etc/banban/ }]', 'found the text "/etc/banban/", wanted a path of a file, not of a directory'],
    ['allowlist: [{ path: /x }]', 'found a map, wanted an address, a network such as 192.0.2.0/24, a host name with a dot in it, self, or { file: PATH }; put an IPv6 address in quotes'],
    ['allowlist: [{ file: /x, url: y }]', 'found a map, wanted an address, a network such as 192.0.2.0/24, a host name with a dot in it, self, or { file: PATH }; put an IPv6 address in quotes'],
    ['defaults: [3]', 'found a list, wanted a map'],
    ['defaults: { occurrences: 0 }', 'found the number 0, wanted a whole number from 1 to 1000'],
    ['defaults: { occurrences: 1001 }', 'found the number 1001, wanted a whole number from 1 to 1000'],
    ['defaults: { occurrences: 2.5 }', 'found the number 2.5, wanted a whole number from 1 to 1000'],
    ['defaults: { occurrences: .inf }', 'found the number .inf, wanted a whole number from 1 to 1000'],
    ['defaults: { occurrences: "3" }', 'found the text "3", wanted a whole number from 1 to 1000 without the quotes'],
    ['defaults: { interval: soon }', 'found the text "soon", wanted a duration such as 90s, 10m, 1h30m, 7d or 2w, more than nothing and at most 3650d'],
    ['defaults: { interval: 0 }', 'found the number 0, wanted a duration such as 90s, 10m, 1h30m, 7d or 2w, more than nothing and at most 3650d'],
    ['defaults: { interval: -5 }', 'found the number -5, wanted a duration such as 90s, 10m, 1h30m, 7d or 2w, more than nothing and at most 3650d'],
    ['defaults: { interval: 0.5 }', 'found the number 0.5, wanted a duration such as 90s, 10m, 1h30m, 7d or 2w, more than nothing and at most 3650d'],
    ['defaults: { interval: 99999w }', 'found the text "99999w", wanted a duration such as 90s, 10m, 1h30m, 7d or 2w, more than nothing and at most 3650d'],
    ['defaults: { interval: forever }', 'found the text "forever", wanted a duration such as 90s, 10m, 1h30m, 7d or 2w; forever has no meaning here'],
    ['goodpatterns: [1]', "found the number 1, wanted a pattern as text, or use: with the name of a pack; to mean text, put it in quotes: '1'"],
    ['goodpatterns: [~]', 'found nothing, wanted a pattern as text, or use: with the name of a pack'],
    ["goodpatterns: [' ']", 'the pattern is empty'],
    ['goodpatterns: ["a\\nb"]', 'the pattern contains a line break, so no log line could match it; write it on one line in single quotes'],
    ['goodpatterns: [{ use: SSHD }]', 'found the text "SSHD", wanted the name of a pack such as sshd, or a part of one such as sshd/failed-login'],
    ['goodpatterns: [{ use: a/b/c }]', 'found the text "a/b/c", wanted the name of a pack such as sshd, or a part of one such as sshd/failed-login'],
    ['goodpatterns: [{ use: ../../etc/passwd }]', 'found the text "../../etc/passwd", wanted the name of a pack such as sshd, or a part of one such as sshd/failed-login'],
    ['goodpatterns: [sshd: bad]', 'found a map, wanted a pattern as text, or use: with the name of a pack; put a pattern with a colon or a # in single quotes'],
    ['goodpatterns: { a: b }', 'found a map, wanted a list'],
  ])('%s', (line, says) => {
    const problems = problemsOf(withTop(line));
    expect(problems).toHaveLength(1);
    expect(problems[0]?.replace(/^6: [\w.[\]]+: /, '')).toBe(says);
    expect(problems[0]).toMatch(/^6: /);
  });

  test.each([
    ['resetconns: yes', 'found the text "yes", wanted true or false; yes is plain text since YAML 1.2'],
    ['resetconns: on', 'found the text "on", wanted true or false; on is plain text since YAML 1.2'],
    ['resetconns: 1', 'found the number 1, wanted true or false'],
    ['occurrences: ', 'found nothing, wanted a whole number from 1 to 1000'],
    ['ban: []', 'found a list, wanted a duration such as 10m or 48h, forever, a list of up to 32 of them with forever only at its end, or a formula {base, factor, max, jitter}; the list is empty'],
    ['ban: [forever, 1h]', 'forever can only be the last of the lengths: nothing comes after it'],
    ['ban: { first: 1h }', 'there is no key "first" here; did you mean "base"?'],
    ['ban: { factor: 2 }', 'is missing: the first ban'],
    ['ban: { base: 10m, factor: 1 }', 'found the number 1, wanted a number from 1.1 to 100'],
    ['ban: { base: 10m, jitter: 10 }', 'found the number 10, wanted a percentage from 0% to 50% with a percent sign, such as 10%'],
    ['ban: { base: 10m, jitter: 60% }', 'found the text "60%", wanted a percentage from 0% to 50%'],
    ['ban: { base: 2h, max: 1h }', 'max (1h) is shorter than base (2h)'],
    ['ban: { base: 2h, max: [1h, 2h] }', 'found a list, wanted a duration such as 10m or 48h, or forever; this list has 2'],
    ['levels: both', 'found the text "both", wanted target or rule or all'],
    ['grace: forever', 'found the text "forever", wanted a duration such as 90s, 10m, 1h30m, 7d or 2w; forever has no meaning here'],
    ['of: [probe]', 'is only for rules with counts: bans'],
    [`ban: [${'1h, '.repeat(33)}]`, 'found a list, wanted a duration such as 10m or 48h, forever, a list of up to 32 of them with forever only at its end, or a formula {base, factor, max, jitter}; this list has 33'],
  ])('in a rule: %s', (line, says) => {
    expect(problemsOf(withRule(line))[0]?.replace(/^6: [\w.[\]]+: /, '')).toBe(says);
  });

  test('a list where names are wanted, and a name where a target is', () => {
    expect(problemsOf('targets: [BLOCKER]\nrules: {}\n')).toEqual(['1: targets: found a list, wanted a map from names to what they stand for; leave out the dashes']);
    expect(problemsOf('targets: { BLOCKER: 48h }\nrules: {}\n')).toContainEqual('1: targets.BLOCKER: found the text "48h", wanted a map');
    expect(problemsOf('targets: { B: {} }\nrules: { a: bad }\n')).toContainEqual('2: rules.a: found the text "bad", wanted a map');
  });

  test('numbers and booleans are not taken for names', () => {
    expect(problemsOf('targets: { 123: {} }\nrules: { a: { target: 123, badpatterns: [x] } }\n')).toEqual([
      "2: rules.a.target: found the number 123, wanted a name; to mean text, put it in quotes: '123'",
    ]);
    expect(loadText("targets: { 123: {} }\nrules: { a: { target: '123', badpatterns: [x] } }\n").config.rules[0]?.target).toBe('123');
  });

  test('no, on and 1:30 are text, as YAML 1.2 has it', () => {
    expect(loadText('targets: { no: {}, on: {} }\nrules: { y: { target: no, badpatterns: [x] } }\n').config.rules[0]?.target).toBe('no');
    expect(problemsOf('defaults: { interval: 1:30 }\ntargets: { A: {} }')).toEqual([expect.stringMatching(/found the text "1:30", wanted a duration/)]);
  });
});

describe('in a target', () => {
  const BACKENDS = 'xt_recent, nftables, ipset, hosts_deny, command, or a list of several of them';
  const PORT = 'a port by number or name, a range such as 6000-6010, or a list of them';
  const COMMAND = 'a list of a program (by its whole path) and its arguments';
  const inTarget = (line: string) => `targets:\n  A:\n    ${line}\nrules: {}\n`;
  test.each([
    ['backend: iptables', `found the text "iptables", wanted ${BACKENDS}; did you mean nftables?`],
    ['backend: pf', `found the text "pf", wanted ${BACKENDS}`],
    ['backend: 5', `found the number 5, wanted ${BACKENDS}`],
    ['backend: []', `found a list, wanted ${BACKENDS}; the list is empty`],
    ['backend: { nftables: true }', `found a map, wanted ${BACKENDS}`],
    ['backend: [nftables, ipset, nftables]', 'has nftables twice'],
    ['backend: [nftables, [ipset]]', `found a list, wanted ${BACKENDS}`],
    ['ports: 0', `found the number 0, wanted ${PORT}, from 1 to 65535`],
    ['ports: 65536', `found the number 65536, wanted ${PORT}, from 1 to 65535`],
    ['ports: [25, 010]', `found the number 010, wanted ${PORT}, from 1 to 65535`],
    ['ports: 6010-6000', `found the text "6010-6000", wanted ${PORT}, from 1 to 65535`],
    ['ports: 1-65536', `found the text "1-65536", wanted ${PORT}, from 1 to 65535`],
    ['ports: -25', `found the number -25, wanted ${PORT}, from 1 to 65535`],
    ['ports: 2.5', `found the number 2.5, wanted ${PORT}, from 1 to 65535`],
    ['ports: smpt', `found the text "smpt", wanted ${PORT}; a service that is not known here is written by its number (see /etc/services)`],
    ['ports: "22,25"', `found the text "22,25", wanted ${PORT}, from 1 to 65535`],
    ['ports: []', `found a list, wanted ${PORT}; the list is empty`],
    ['ports: { ssh: 22 }', `found a map, wanted ${PORT}, from 1 to 65535`],
    [`ports: [${'22, '.repeat(16)}]`, `found a list, wanted ${PORT} of at most 15`],
    ['protocol: icmp', 'found the text "icmp", wanted tcp, udp, or a list of several of them'],
    ['protocol: [tcp, tcp]', 'has tcp twice'],
    ['action: deny', 'found the text "deny", wanted drop or reject'],
    ['action: rejekt', 'found the text "rejekt", wanted drop or reject; did you mean reject?'],
    ['action: [drop]', 'found a list, wanted drop or reject'],
    ['ipv6_prefix: 31', 'found the number 31, wanted a whole number from 32 to 128'],
    ['ipv6_prefix: 129', 'found the number 129, wanted a whole number from 32 to 128'],
    ['ipv6_prefix: /64', 'found the text "/64", wanted a whole number from 32 to 128'],
    ['network_after: 1', 'found the number 1, wanted a whole number from 2 to 256'],
    ['network_after: 257', 'found the number 257, wanted a whole number from 2 to 256'],
    ['command: /usr/local/sbin/ban', 'found the text "/usr/local/sbin/ban", wanted a map'],
    ['command: { ban: "/x {address}", unban: [/x, "{address}"] }', `found the text "/x {address}", wanted ${COMMAND}; there is no shell, so each argument stands by itself: [/usr/local/sbin/ban, "{address}"]`],
    ['command: { ban: [ban, "{address}"], unban: [/x, "{address}"] }', `found a list, wanted ${COMMAND}; the program has to be given by its whole path`],
    ['command: { ban: [], unban: [/x, "{address}"] }', `found a list, wanted ${COMMAND}; the program has to be given by its whole path`],
    ['command: { ban: [/x, [a]], unban: [/x, "{address}"] }', `found a list, wanted ${COMMAND}`],
    ['command: { ban: [/x, "a\\0b"], unban: [/x, "{address}"] }', expect.stringMatching(`^found the text "a.*b", wanted ${COMMAND.replaceAll(/[()]/g, '.')}$`)],
    ['command: { ban: [/x, "{address}"] }', 'is missing: ends one ban; must succeed where there is none'],
    ['command: { ban: [/x, "{address}"], unban: [/x, "{address}"], timeout: 0.1 }', 'found the number 0.1, wanted a duration such as 90s, 10m, 1h30m, 7d or 2w, more than nothing and at most 3650d'],
  ])('%s', (line, says) => {
    const problems = problemsOf(inTarget(line)).map((problem) => problem.replace(/^3: targets\.A\.[\w.[\]]+: /, ''));
    expect(problems).toContainEqual(says);
  });
  test.each([
    ['firewall: { manage: yes }', 'found the text "yes", wanted true or false; yes is plain text since YAML 1.2'],
    ['firewall: { remove_at_stop: 1 }', 'found the number 1, wanted true or false'],
    ['firewall: { hosts_deny: /etc/ }', 'found the text "/etc/", wanted a path of a file, not of a directory'],
    ['firewall: true', 'found the boolean true, wanted a map'],
  ])('%s', (line, says) => {
    expect(problemsOf(withTop(line)).map((problem) => problem.replace(/^6: [\w.]+: /, ''))).toEqual([says]);
  });
});

describe('names', () => {
  test.each(['a/b', '../x', '.', '..', '-x', '_x', 'a b', 'ä', 'x'.repeat(28), 'a\\nb'])('%s is no name of a target', (name) => {
    expect(problemsOf(`targets: { "${name}": {} }\nrules: {}\n`)).toContainEqual(expect.stringContaining("can't be used: a name has 1 to 27 letters, digits, dots, dashes and underscores"));
  });
  test.each(['x', '0', 'A.b-c_d', 'x'.repeat(27), 'DEFAULT'])('%s is', (name) => {
    expect(loadText(`targets: { "${name}": {} }\nrules: {}\n`).config.targets[0]?.name).toBe(name);
  });
  test('rules may have 64 characters', () => {
    const text = (name: string) => `targets: { A: {} }\nrules: { ${name}: { target: A, badpatterns: [x] } }\n`;
    expect(loadText(text('r'.repeat(64))).config.rules).toHaveLength(1);
    expect(problemsOf(text('r'.repeat(65)))).toContainEqual(expect.stringMatching(/1 to 64 letters/));
  });
});

describe('permissions', () => {
  test.each(['"0660"', "'660'", '0660', '660', '0o660'])('%s is rw-rw----', (written) => {
    expect(loadText(withTop(`socket: { mode: ${written} }`)).config.sources).toMatchObject([{ mode: 0o660 }]);
  });
  test.each(['432', '1660', '-660', '0x1b0', '"rw-rw----"', '0o1660', '60', '0000', '"0860"', 'true', '[6,6,0]', '6_60', '660.0'])('%s is refused', (written) => {
    expect(problemsOf(withTop(`control: { mode: ${written} }`))).toEqual([expect.stringMatching(/^6: control.mode: found .*wanted permissions in octal/)]);
  });
});

describe('users and groups', () => {
  test.each([['syslog', 'syslog'], ['104', '104'], ['"104"', '104'], ['CORP\\alice', 'CORP\\alice']])('%s', (written, read) => {
    expect(loadText(withTop(`socket: { owner: ${written} }`)).config.sources).toMatchObject([{ owner: read }]);
  });
  test.each(['a:b', '../x', '"a b"', '-1', '1.5', 'true', '""'])('%s is refused', (written) => {
    expect(problemsOf(withTop(`socket: { owner: ${written} }`))).toHaveLength(1);
  });
});

test('everything wrong is reported at once, in the order of the file', () => {
  expect(
    problemsOf(`socket: 1
targets: { BLOCKER: { ban: never }, 'a/b': {} }
defaults: { ocurrences: 2 }
rules:
  one: { target: BLOKCER, badpatterns: [x] }
  two: { target: BLOCKER }
  three: { badpatterns: [x], interval: x }
`).map((line) => line.replace(/: (found|the name|there is|is missing).*/, '')),
  ).toEqual(['1: socket', '2: targets.BLOCKER.ban', '2: targets.a/b', '3: defaults.ocurrences', '5: rules.one.target', '6: rules.two.badpatterns', '7: rules.three.target', '7: rules.three.interval']);
});
