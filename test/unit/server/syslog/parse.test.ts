import { describe, expect, test } from 'vitest';
import { newEntry } from '../../../../packages/server/src/syslog/entry.ts';
import { parseLine } from '../../../../packages/server/src/syslog/parse.ts';
import { entryOf, misplaced, parsed, saysOf } from '../../../support/parsed.ts';

const TEXT = 'sshd[811]: Failed password for root from 192.0.2.1 port 4 ssh2';
const SSHD = { program: 'sshd', text: TEXT };

describe('RFC 3164', () => {
  test.each([
    ['with PRI', `<38>Mar  3 03:00:00 host ${TEXT}`],
    ['without PRI', `Mar  3 03:00:00 host ${TEXT}`],
    ['day with a space before it', `Mar  3 03:00:00 host ${TEXT}`],
    ['day with a zero before it', `Mar 03 03:00:00 host ${TEXT}`],
    ['day with nothing before it', `Mar 3 03:00:00 host ${TEXT}`],
    ['day of two digits', `Mar 13 03:00:00 host ${TEXT}`],
    ['a year after the day', `Mar  3 2026 03:00:00 host ${TEXT}`],
    ['a fraction of a second', `Mar  3 03:00:00.123456 host ${TEXT}`],
    ['a colon after the stamp', `Mar  3 03:00:00: host ${TEXT}`],
    ['month in lower case', `mar  3 03:00:00 host ${TEXT}`],
    ['a host that is an address', `Mar  3 03:00:00 192.0.2.9 ${TEXT}`],
    ['a host that is an IPv6 address', `Mar  3 03:00:00 2001:db8::1 ${TEXT}`],
    ['a host with its domain', `Mar  3 03:00:00 host.example.net ${TEXT}`],
    ['no host, as the C library writes it', `Mar  3 03:00:00 ${TEXT}`],
    ['no host, with PRI', `<38>Mar  3 03:00:00 ${TEXT}`],
    ['a tag alone', TEXT],
    ['a tag alone, with PRI', `<38>${TEXT}`],
  ])('%s', (_, line) => {
    expect(parsed(line)).toEqual(SSHD);
  });
});

describe('ISO 8601 stamps, as the file format of rsyslog has them', () => {
  test.each(['Z', 'z', '+01:00', '-0330', '+01', ''])('with the zone %j', (zone) => {
    expect(parsed(`2026-03-03T03:00:00${zone} host ${TEXT}`)).toEqual(SSHD);
    expect(parsed(`<38>2026-03-03T03:00:00.123456${zone} host ${TEXT}`)).toEqual(SSHD);
    expect(parsed(`2026-03-03t03:00:00,123${zone} ${TEXT}`)).toEqual(SSHD);
  });
  test.each(['2026-3-03T03:00:00', '2026-03-03T03:00', '2026-03-03T03:00:00+', '2026-03-03T03:00:00x', '26-03-03T03:00:00'])('%s is none', (stamp) => {
    const entry = entryOf(`${stamp} host ${TEXT}`);
    expect(entry.hasStamp).toBe(false);
    expect(entry.programEnd).toBe(entry.textStart);
  });
});

describe('RFC 5424', () => {
  const message = 'Failed password for root from 192.0.2.1 port 4 ssh2';
  const line = (data: string, rest = ` ${message}`): string => `<38>1 2026-03-03T03:00:00.123Z host sshd 811 - ${data}${rest}`;
  test.each([
    ['no structured data', line('-')],
    ['one element', line('[timeQuality tzKnown="1" isSynced="0"]')],
    ['an element without values', line('[x@1]')],
    ['several elements', line('[a@1 b="c"][d@2 e="f"]')],
    ['`]` in quotes', line('[a@1 b="] - sshd[1]: x"]')],
    ['an escaped `]`', line(String.raw`[a@1 b="x\] y"]`)],
    ['an escaped quote', line(String.raw`[a@1 b="x\"] y"]`)],
    ['an escaped backslash before the quote', line(String.raw`[a@1 b="x\\"]`)],
    ['a byte order mark', line('-', ` \ufeff${message}`)],
    ['a space before the message, as rsyslog’s own template writes it', line('-', `  ${message}`)],
    ['a message id', `<38>1 2026-03-03T03:00:00Z host sshd 811 ID47 - ${message}`],
    ['no stamp', `<38>1 - host sshd 811 - - ${message}`],
    ['no host', `<38>1 2026-03-03T03:00:00+01:00 - sshd 811 - - ${message}`],
    ['no PRI', `1 2026-03-03T03:00:00Z host sshd 811 - - ${message}`],
  ])('%s', (_, text) => {
    const entry = entryOf(text);
    expect(parsed(text)).toEqual(SSHD);
    expect(entry.hasStamp).toBe(true);
    expect(misplaced(entry)).toBeUndefined();
  });

  test('without a process id the text is `program: message`, as in RFC 3164', () => {
    expect(parsed(`<38>1 2026-03-03T03:00:00Z host sshd - - - ${message}`)).toEqual({ program: 'sshd', text: `sshd: ${message}` });
  });
  test('without a program it is the message alone', () => {
    expect(parsed(`<38>1 2026-03-03T03:00:00Z host - 811 - - ${TEXT}`)).toEqual({ program: '', text: TEXT });
  });
  test.each(['-', '[a@1 b="c"]'])('nothing may follow the structured data %s', (data) => {
    expect(parsed(line(data, ''))).toEqual({ program: 'sshd', text: 'sshd[811]: ' });
  });
  test('a program or process id with brackets and colons can neither pass for another program nor end the tag early', () => {
    expect(parsed(`<38>1 - host cron[7]: 811 - - ${message}`)).toEqual({ program: 'cron_7__', text: `cron_7__[811]: ${message}` });
    expect(parsed(`<38>1 - host cron 7]: - - ${message}`)).toEqual({ program: 'cron', text: `cron[7__]: ${message}` });
  });
  test.each([
    ['structured data that is never closed', line('[a@1 b="c', '')],
    ['a quote that is never closed', line(String.raw`[a@1 b="c\"]`)],
    ['something after the structured data', line('[a@1]x')],
    ['no structured data at all', '<38>1 2026-03-03T03:00:00Z host sshd 811 - '],
    ['an empty field', '<38>1 2026-03-03T03:00:00Z host  811 - - x'],
    ['a stamp that is none', '<38>1 yesterday host sshd 811 - - x'],
    ['another version', '<38>2 2026-03-03T03:00:00Z host sshd 811 - - x'],
    ['a program of 129 characters', `<38>1 - host ${'x'.repeat(129)} 811 - - x`],
    ['its first two characters alone', '1 '],
  ])('%s makes it a line without a program', (_, text) => {
    expect(parsed(text).program).toBe('');
  });
});

describe('the tag', () => {
  test.each([
    ['postfix/submission/smtpd[5]: x', 'postfix/submission/smtpd'],
    ['sshd-session[5]: x', 'sshd-session'],
    ['sshd(pam_unix)[5]: x', 'sshd(pam_unix)'],
    ['(systemd)[5]: x', '(systemd)'],
    ['kernel: [ 12.3] x', 'kernel'],
    ['dovecot: imap-login: x', 'dovecot'],
    ['named[5] x', 'named'],
    ['cron[5]:', 'cron'],
    ['cron[5]', 'cron'],
    ['cron:', 'cron'],
    ['cron:\tx', 'cron'],
    ['cron:#011x', 'cron'],
    ['Überwacher[5]: x', 'Überwacher'],
    [`${'x'.repeat(128)}: x`, 'x'.repeat(128)],
  ])('of %j is %s', (line, program) => {
    for (const head of ['', '<13>', 'Mar  3 03:00:00 ', '<13>Mar  3 03:00:00 host ', '2026-03-03T03:00:00Z host ']) expect(parsed(head + line)).toEqual({ program, text: line });
  });
  test.each([
    'no tag here', ':', ': x', '[5]: x', 'cron[]: x', 'cron[5', 'cron[5 ]: x', 'cron[5]x', 'cron:x', 'cron]: x', 'cr\x01on: x', `${'x'.repeat(129)}: x`, `cron[${'5'.repeat(129)}]: x`,
  ])('%.40j has none', (line) => {
    expect(parsed(`Mar  3 03:00:00 host ${line}`).program).toBe('');
  });
  test('is the first one: what the message holds is not looked at', () => {
    expect(parsed('Mar  3 03:00:00 host login: sshd[1]: x').program).toBe('login');
    expect(parsed('Mar  3 03:00:00 host a word sshd[1]: x').program).toBe('');
    expect(parsed('Mar  3 03:00:00 login: Mar  3 03:00:00 host sshd[1]: x').program).toBe('login');
  });
});

test('without a program the text is the message', () => {
  expect(parsed('Mar  3 03:00:00 host some words')).toEqual({ program: '', text: 'host some words' });
  expect(parsed('some words')).toEqual({ program: '', text: 'some words' });
});

describe('PRI', () => {
  test.each(['<0>', '<13>', '<191>'])('%s is taken off, from the evidence too', (pri) => {
    const entry = entryOf(`${pri}${TEXT}`);
    expect(entry.hasPri).toBe(true);
    expect(entry.line.toString('utf8', entry.lineStart, entry.lineEnd)).toBe(TEXT);
  });
  test.each(['<>', '<192>', '<1000>', '<13', '<1 3>', '<-1>', '< 13>', '13>'])('%s is none', (pri) => {
    const entry = entryOf(`${pri}${TEXT}`);
    expect(entry.hasPri).toBe(false);
    expect(entry.lineStart).toBe(0);
  });
});

test('the evidence keeps stamp and host', () => {
  const entry = entryOf(`<38>Mar  3 03:00:00 host ${TEXT}`);
  expect(entry.line.toString('utf8', entry.lineStart, entry.lineEnd)).toBe(`Mar  3 03:00:00 host ${TEXT}`);
});

test('a line that ends anywhere is an entry all the same', () => {
  const lines = [`<38>Mar  3 2026 03:00:00.5: host ${TEXT}`, `<38>2026-03-03T03:00:00,123+01:00 host ${TEXT}`, String.raw`<38>1 2026-03-03T03:00:00Z host sshd 811 - [a@1 b="\]"][c] ` + TEXT];
  for (const line of lines) for (let length = 0; length <= line.length; length++) expect(misplaced(entryOf(line.slice(0, length)))).toBeUndefined();
});

test('what stands after the end of a line is not read as part of it', () => {
  for (const line of [`<38>Mar  3 2026 03:00:00.5: host ${TEXT}`, `<38>2026-03-03T03:00:00,123+01:00 host ${TEXT}`, `<38>1 - host sshd 811 - [a@1 b="c"] \ufeff${TEXT}`, `<38>1 - host - 811 - - \ufeff${TEXT}`]) {
    const bytes = Buffer.from(line);
    for (let end = 0; end <= bytes.length; end++) {
      const entry = newEntry();
      parseLine(bytes, 0, end, entry);
      expect(misplaced(entry), line.slice(0, end)).toBeUndefined();
      expect(saysOf(entry)).toEqual(parsed(Buffer.from(bytes.subarray(0, end))));
    }
  }
});

test('of 64 KiB nothing is lost', () => {
  const message = 'x'.repeat(65_000);
  expect(parsed(`<13>Mar  3 03:00:00 host app[1]: ${message}`).text).toBe(`app[1]: ${message}`);
  expect(parsed(`<13>1 2026-03-03T03:00:00Z host app 1 - - ${message}`).text).toBe(`app[1]: ${message}`);
  expect(parsed(`<13>1 - h ${'a'.repeat(128)} ${'1'.repeat(128)} - - ${message}`).text).toBe(`${'a'.repeat(128)}[${'1'.repeat(128)}]: ${message}`);
  expect(parsed('x'.repeat(65_536))).toEqual({ program: '', text: 'x'.repeat(65_536) });
  expect(parsed('['.repeat(65_536)).program).toBe('');
  expect(parsed(`<13>1 - h a 1 - ${'[a]'.repeat(21_000)} ${TEXT}`)).toEqual({ program: 'a', text: `a[1]: ${TEXT}` });
});

describe('what journalctl prints', () => {
  test.each([
    ['short', `Mar 03 03:00:00 host ${TEXT}`],
    ['short-precise', `Mar 03 03:00:00.123456 host ${TEXT}`],
    ['short-iso', `2026-03-03T03:00:00+0100 host ${TEXT}`],
    ['short-iso-precise', `2026-03-03T03:00:00.123456+0100 host ${TEXT}`],
    ['short-full', `Tue 2026-03-03 03:00:00 CET host ${TEXT}`],
    ['short-full in UTC', `Tue 2026-03-03 03:00:00 UTC host ${TEXT}`],
    ['short-unix', `1772503200.123456 host ${TEXT}`],
    ['short-monotonic', `[12345.678901] host ${TEXT}`],
    ['short-monotonic, padded', `[   12.345678] host ${TEXT}`],
    ['short-delta', `[   12.345678 <    0.123456 >] host ${TEXT}`],
  ])('-o %s', (_, line) => {
    expect(parsed(line)).toEqual(SSHD);
  });
});

describe('what other syslog daemons write', () => {
  test.each([
    ['OpenWrt: weekday, year, facility and severity', `Tue Mar  3 03:00:00 2026 authpriv.warn ${TEXT}`],
    ['BusyBox: facility and severity after the host', `Mar  3 03:00:00 host auth.info ${TEXT}`],
    ['FreeBSD with -v: before the host', `Mar  3 03:00:00 <auth.info> host ${TEXT}`],
    ['illumos: the id of the message', 'Mar  3 03:00:00 host sshd[811]: [ID 800047 auth.info] Failed password for root from 192.0.2.1 port 4 ssh2'],
    ['ISO stamp with a space', `2026-03-03 03:00:00 host ${TEXT}`],
  ])('%s', (_, line) => {
    expect(parsed(line)).toEqual(SSHD);
  });
  test.each([
    'Tue Mar  3 03:00:00 2026 [pid 12] [bob] FAIL LOGIN: Client "192.0.2.1"',
    'Tue Mar  3 03:00:00 2026 192.0.2.1:1194 TLS Error: TLS handshake failed',
    '2026-03-03 03:00:00 plain authenticator failed for (x) [192.0.2.1]: 535 Incorrect authentication data',
    '2026-03-03 03:00:00 TLS Error: x',
    '2026-03-03 03:00:00,123 host proftpd[12] host (x[192.0.2.1]): no such user',
    '2026/03/03 03:00:00 [error] 12#12: *1 x, client: 192.0.2.1, server: y',
    '[Tue Mar 03 03:00:00.123456 2026] [auth_basic:error] [pid 1] [client 192.0.2.1:1] x',
    '192.0.2.1 - - [03/Mar/2026:03:00:00 +0000] "GET / HTTP/1.1" 401 1 "-" "-"',
    '[12] x: y',
  ])('a log file of a service’s own stays whole: %s', (line) => {
    expect(parsed(line)).toEqual({ program: '', text: line });
  });
});

describe('a message that was folded', () => {
  test.each([
    ['by rsyslog', 'Mar  3 03:00:00 host sshd[811]: message repeated 3 times: [ Failed password for root from 192.0.2.1 port 4 ssh2]', 3],
    ['after RFC 5424', '<38>1 2026-03-03T03:00:00Z host sshd 811 - - message repeated 2 times: [ Failed password for root from 192.0.2.1 port 4 ssh2]', 2],
    ['so often that nobody counts', 'sshd[811]: message repeated 99999999999999999999 times: [ Failed password for root from 192.0.2.1 port 4 ssh2]', 1000],
  ])('%s is unfolded', (_, line, times) => {
    const entry = entryOf(line);
    expect(saysOf(entry)).toEqual(SSHD);
    expect(entry.times).toBe(times);
    expect(misplaced(entry)).toBeUndefined();
  });
  test.each(['sshd[811]: x message repeated 3 times: [ y]', 'sshd[811]: message repeated 3 times: y', 'sshd[811]: message repeated times: [ y]', 'sshd[811]: message repeated 3 times: [ y] z', 'message repeated 3 times: [ y]', 'sshd[811]: message repeated 0 times: [ y]'])('%s is not', (line) => {
    expect(parsed(line).text).toBe(line);
    expect(entryOf(line).times).toBe(1);
  });
  test.each(['Mar  3 03:00:00 host last message repeated 4 times', 'Mar  3 03:00:00 last message repeated 4 times', '<38>Mar  3 03:00:00 host last message repeated 4 times'])('%s stands for the line before it', (line) => {
    const entry = entryOf(line);
    expect([entry.repeatsLast, entry.times]).toEqual([true, 4]);
  });
  test.each(['Mar  3 03:00:00 host sshd[1]: last message repeated 4 times', 'Mar  3 03:00:00 host x last message repeated 4 times', 'Mar  3 03:00:00 host last message repeated 4 times x', 'last message repeated 4 times'])('%s does not', (line) => {
    expect(entryOf(line).repeatsLast).toBe(false);
  });
});
