import { describe, expect, test } from 'vitest';
import { readJournalEntry } from '../../../../packages/server/src/ingest/journal-entry.ts';
import { parsed } from '../../../support/parsed.ts';

const CURSOR = 's=9c18;i=10;b=ff16;m=57ee;t=660c;x=f313';
const HEAD = '2026-03-03T03:00:00.000123Z';
const AT = Date.parse('2026-03-03T03:00:00Z') * 1000 + 123;

/** An entry as journalctl writes it; what is undefined is left out. */
const json = (fields: Record<string, unknown> = {}): Buffer =>
  Buffer.from(JSON.stringify({ __CURSOR: CURSOR, __REALTIME_TIMESTAMP: String(AT), MESSAGE: 'Invalid user x from 192.0.2.1 port 22', SYSLOG_IDENTIFIER: 'sshd', SYSLOG_PID: '4', _PID: '811', _COMM: 'sshd', _HOSTNAME: 'gate', ...fields }));

const lineOf = (fields: Record<string, unknown> = {}): string | undefined => readJournalEntry(json(fields))?.line?.toString();

test('an entry is a line as rsyslog writes it, of the time at which the journal got it', () => {
  expect(readJournalEntry(json())).toEqual({ cursor: CURSOR, at: AT, isCut: false, line: Buffer.from(`${HEAD} gate sshd[811]: Invalid user x from 192.0.2.1 port 22`) });
  expect(parsed(lineOf() ?? '')).toEqual({ program: 'sshd', text: 'sshd[811]: Invalid user x from 192.0.2.1 port 22' });
});

test('the program is what it called itself, else what the kernel calls it, else nobody: never a part of the message', () => {
  expect(lineOf({ SYSLOG_IDENTIFIER: undefined })).toContain(' sshd[811]: ');
  expect(lineOf({ SYSLOG_IDENTIFIER: '', _COMM: undefined })).toContain(' unknown[811]: ');
  expect(parsed(lineOf({ SYSLOG_IDENTIFIER: undefined, _COMM: undefined, _PID: undefined, SYSLOG_PID: undefined, MESSAGE: 'sshd[1]: x' }) ?? '')).toEqual({ program: 'unknown', text: 'unknown: sshd[1]: x' });
});

test('the process is the one that the kernel saw', () => {
  expect(lineOf({ SYSLOG_PID: '1' })).toContain('sshd[811]');
  expect(lineOf({ _PID: undefined })).toContain('sshd[4]');
  expect(lineOf({ _PID: undefined, SYSLOG_PID: '1]: x' })).toContain(' sshd: ');
});

describe('names can’t end themselves', () => {
  test.each([
    ['sshd[1]', 'sshd_1_'],
    ['x: sshd', 'x__sshd'],
    ['a\nsshd', 'a_sshd'],
    ['ss\u200bhd', 'ss_hd'],
    ['postfix/smtpd', 'postfix/smtpd'],
    ['(systemd)', '(systemd)'],
    ['x'.repeat(500), 'x'.repeat(128)],
  ])('%j is %j', (name, expected) => {
    expect(parsed(lineOf({ SYSLOG_IDENTIFIER: name }) ?? '').program).toBe(expected);
    expect(parsed(lineOf({ _HOSTNAME: name }) ?? '')).toEqual({ program: 'sshd', text: 'sshd[811]: Invalid user x from 192.0.2.1 port 22' });
  });

  test('and two of them are none', () => {
    expect(parsed(lineOf({ SYSLOG_IDENTIFIER: ['cron', 'sshd'], _COMM: 'evil' }) ?? '').program).toBe('evil');
  });
});

describe('messages', () => {
  test('with line ends are one line', () => {
    expect(lineOf({ MESSAGE: 'a\n2026-03-03T03:00:00Z gate sshd[1]: x' })).toBe(`${HEAD} gate sshd[811]: a#0122026-03-03T03:00:00Z gate sshd[1]: x`);
  });

  test('that are no UTF-8 come as numbers', () => {
    expect(readJournalEntry(json({ MESSAGE: [0x61, 0xff, 0x62] }))?.line).toEqual(Buffer.concat([Buffer.from(`${HEAD} gate sshd[811]: a`), Buffer.from([0xff]), Buffer.from('b')]));
  });

  test.each([[['a', 'b'], 'a'], [[[0x61, 0x62], 'c'], 'ab']])('of several the first counts: %j', (value, expected) => {
    expect(lineOf({ MESSAGE: value })).toBe(`${HEAD} gate sshd[811]: ${expected}`);
  });

  test.each([[undefined], [''], [null], [7], [{}], [[]], [[[]]], [[[['a']]]], [[-1, 256]]])('%j is no line, and the place is known all the same', (value) => {
    expect(readJournalEntry(json({ MESSAGE: value }))).toMatchObject({ cursor: CURSOR, at: AT, line: undefined });
  });

  test('that are too long are cut at a word', () => {
    const entry = readJournalEntry(json({ MESSAGE: `${'x '.repeat(40_000)}from 192.0.2.1` }));
    expect(entry?.isCut).toBe(true);
    expect(entry?.line?.length).toBeLessThan(65_536);
    expect(entry?.line?.toString().endsWith('x x [cut]')).toBe(true);
  });
});

test.each(['', '{', 'null', '[]', '"x"', '-- No entries --', '['.repeat(100_000), '{"MESSAGE":"x"}', JSON.stringify({ __CURSOR: 's=1', __REALTIME_TIMESTAMP: 'x' }), JSON.stringify({ __CURSOR: 's=1 --until', __REALTIME_TIMESTAMP: '1' }), JSON.stringify({ __CURSOR: 'x'.repeat(2000), __REALTIME_TIMESTAMP: '1' })])('%.40j is no entry', (text) => {
  expect(readJournalEntry(Buffer.from(text))).toBeUndefined();
});
