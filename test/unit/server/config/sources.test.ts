/** `sources:` and its short form `socket:`. */
import { describe, expect, test } from 'vitest';
import { loadText, MINIMAL, problemsOf, warningsOf } from '../../../support/configs/load-text.ts';

const of = (text: string) => loadText(`${MINIMAL}${text}`).config.sources;
const wrong = (source: string): string[] => problemsOf(`${MINIMAL}sources: [ ${source} ]\n`);

describe('what is opened', () => {
  test.each(['', 'sources:\n', 'sources: []\n', 'sources:\n  #- { type: stdin }\n'])('the usual socket where %j says nothing of it', (text) => {
    expect(of(text)).toMatchObject([{ type: 'unix', path: '/run/banban/log.sock', mode: 0o660, rules: undefined, pardons: true }]);
  });

  test('what sources says, and nothing else', () => {
    expect(of('sources: [ { type: stdin } ]\n')).toMatchObject([{ type: 'stdin' }]);
  });

  test('and the socket where that is written as well', () => {
    expect(of('socket: /run/x.sock\nsources: [ { type: stdin } ]\n')).toMatchObject([{ type: 'unix', path: '/run/x.sock' }, { type: 'stdin' }]);
    expect(of('socket: { group: syslog }\nsources: [ { type: stdin } ]\n')).toMatchObject([{ type: 'unix', path: '/run/banban/log.sock', group: 'syslog' }, { type: 'stdin' }]);
  });
});

test('each type has its own keys', () => {
  expect(
    of(`sources:
  - { type: unix, path: /run/a.sock, owner: root, mode: '0600' }
  - { type: file, path: /var/log/nginx/*.log, from: start, rules: [probe], goodpatterns: false, silent_after: 10m }
  - { type: journal, units: [ssh.service], matches: ['_COMM=sshd'] }
  - { type: syslog, listen: '192.0.2.1:514', allow: [192.0.2.0/24, 2001:db8::1] }
  - { type: syslog, listen: '[2001:db8::1]:6514', protocol: tcp, allow: [2001:db8::/32] }
  - { type: stdin }
`),
  ).toMatchObject([
    { type: 'unix', path: '/run/a.sock', owner: 'root', mode: 0o600 },
    { type: 'file', path: '/var/log/nginx/*.log', from: 'start', rules: ['probe'], pardons: false, silentAfter: 600_000 },
    { type: 'journal', path: 'ssh.service _COMM=sshd', units: ['ssh.service'], matches: ['_COMM=sshd'] },
    { type: 'syslog', path: 'udp 192.0.2.1:514', protocol: 'udp', host: '192.0.2.1', port: 514, allow: ['192.0.2.0/24', '2001:db8::1/128'] },
    { type: 'syslog', path: 'tcp [2001:db8::1]:6514', protocol: 'tcp', host: '2001:db8::1', port: 6514 },
    { type: 'stdin', path: 'standard input' },
  ]);
});

describe('what is wrong is said with its place', () => {
  test.each([
    ['{ path: /x }', '6: sources[0].type: is missing: one of unix, file, journal, syslog, stdin'],
    ['{ type: files, path: /x }', '6: sources[0].type: found the text "files", wanted unix or file or journal or syslog or stdin; did you mean file?'],
    ['/var/log/x', '6: sources[0]: found the text "/var/log/x", wanted a map with type: unix, file, journal, syslog, stdin'],
    ['{ type: file }', '6: sources[0].path: is missing: a file, or many: * ? and [a-z] may stand in any part of the path'],
    ['{ type: file, path: /x, form: end }', '6: sources[0].form: there is no key "form" here; did you mean "from"?'],
    ['{ type: stdin, logpath: /x }', '6: sources[0].logpath: there is no key "logpath" here; the keys are rules, goodpatterns, silent_after'],
    ['{ type: file, path: /x, from: middle }', '6: sources[0].from: found the text "middle", wanted end or start'],
    ['{ type: file, path: /x, rules: [prob] }', '6: sources[0].rules[0]: there is no rule prob; did you mean probe?'],
    ['{ type: file, path: /x, silent_after: forever }', '6: sources[0].silent_after: found the text "forever", wanted a duration such as 90s, 10m, 1h30m, 7d or 2w; forever has no meaning here'],
    ['{ type: file, path: /x }, { type: file, path: /x }', '6: sources[1]: is a second source file /x: each of its lines would count twice'],
    ['{ type: stdin }, { type: stdin }', '6: sources[1]: is a second source stdin standard input: each of its lines would count twice'],
    ["{ type: syslog, listen: '192.0.2.1:514' }", '6: sources[0].allow: is missing: who may send; all others are refused'],
    ["{ type: syslog, listen: 'localhost:514', allow: [127.0.0.1] }", '6: sources[0].listen: found the text "localhost:514", wanted an address of this machine and a port, such as 192.0.2.1:514 or [2001:db8::1]:514'],
    ["{ type: syslog, listen: '192.0.2.1', allow: [127.0.0.1] }", '6: sources[0].listen: found the text "192.0.2.1", wanted an address of this machine and a port, such as 192.0.2.1:514 or [2001:db8::1]:514'],
    ["{ type: syslog, listen: '192.0.2.1:0', allow: [127.0.0.1] }", '6: sources[0].listen: found the text "192.0.2.1:0", wanted an address of this machine and a port, such as 192.0.2.1:514 or [2001:db8::1]:514'],
    ["{ type: journal, units: ['--file=/x'] }", '6: sources[0].units[0]: found the text "--file=/x", wanted the name of a unit such as ssh.service'],
    ["{ type: journal, matches: ['comm=sshd'] }", '6: sources[0].matches[0]: found the text "comm=sshd", wanted FIELD=value, the field in capitals: _COMM=sshd'],
    ['{ type: unix, path: /run/banban/control.sock }', "0: control.socket: /run/banban/control.sock can't be the control socket and the log socket at once"],
  ])('%s', (source, says) => {
    expect(wrong(source).map((line) => line.replace(/^control/, '0: control'))).toEqual([says]);
  });

  test('too many of them', () => {
    expect(wrong(Array.from({ length: 51 }, (_, i) => `{ type: file, path: /x${i} }`).join(', '))).toEqual([expect.stringMatching(/^6: sources\[50\]: is one source more than the 50/)]);
  });

  test('and what is hardly meant is a warning', () => {
    expect(warningsOf(`${MINIMAL}sources: [ { type: file, path: /var/log/**/x.log }, { type: syslog, listen: '0.0.0.0:514', allow: [0.0.0.0/0] } ]\n`)).toEqual([
      expect.stringContaining('** is the same as * here'),
      expect.stringContaining('lets everybody send'),
    ]);
  });
});
