import { instant } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import { stampOf } from '../../../../packages/server/src/syslog/stamp.ts';

/** The log was last written on 2 March 2026, at noon. */
const NEWEST = instant(Date.UTC(2026, 2, 2, 12));
const at = (line: string, newest = NEWEST): string | undefined => {
  const found = stampOf(line, newest);
  return found === undefined ? undefined : new Date(found).toISOString();
};
/** A time on the machine's own clock. */
const local = (year: number, month: number, day: number, hour: number, minute: number, second: number, milliseconds = 0): string => new Date(year, month, day, hour, minute, second, milliseconds).toISOString();

describe('a stamp with a zone is that instant', () => {
  test.each([
    ['2026-01-02T03:04:05Z host sshd[1]: x', '2026-01-02T03:04:05.000Z'],
    ['2026-01-02T03:04:05.678901+01:00 host sshd[1]: x', '2026-01-02T02:04:05.678Z'],
    ['2026-01-02T03:04:05-0530 x', '2026-01-02T08:34:05.000Z'],
    ['2026-01-02t03:04:05z x', '2026-01-02T03:04:05.000Z'],
    ['2026-01-02 03:04:05 UTC [7] LOG', '2026-01-02T03:04:05.000Z'],
    ['2026-01-02 03:04:05.5 +0200 x', '2026-01-02T01:04:05.500Z'],
    ['<38>1 2026-01-02T03:04:05.000Z host sshd 1 - - x', '2026-01-02T03:04:05.000Z'],
    ['{"time":"2026-01-02T03:04:05.678Z","level":"info"}', '2026-01-02T03:04:05.678Z'],
    ['192.0.2.1 - - [02/Jan/2026:03:04:05 +0100] "GET / HTTP/1.1" 200', '2026-01-02T02:04:05.000Z'],
    ['192.0.2.1 - - [02/jan/2026:03:04:05 -0800] "GET /"', '2026-01-02T11:04:05.000Z'],
    ['1767323045.123      1 192.0.2.1 TCP_DENIED/403', '2026-01-02T03:04:05.123Z'],
    ['1767323045 x', '2026-01-02T03:04:05.000Z'],
    ['2024-02-29T23:59:59Z x', '2024-02-29T23:59:59.000Z'],
  ])('%s', (line, iso) => expect(at(line)).toBe(iso));
});

describe('a stamp without a zone is in the machine’s own', () => {
  test.each<[string, string]>([
    ['2026-01-02 03:04:05 x', local(2026, 0, 2, 3, 4, 5)],
    ['2026-01-02  3:04:05 x', local(2026, 0, 2, 3, 4, 5)],
    ['2026-01-02 03:04:05,678 x', local(2026, 0, 2, 3, 4, 5, 678)],
    ['2026/01/02 03:04:05 [error] 7#7: x', local(2026, 0, 2, 3, 4, 5)],
    ['02-Jan-2026 03:04:05.678 client @0x7f 192.0.2.1#53', local(2026, 0, 2, 3, 4, 5, 678)],
    ['[Fri Jan 02 03:04:05.123456 2026] [error] x', local(2026, 0, 2, 3, 4, 5, 123)],
    ['Fri Jan  2 03:04:05 2026 [pid 7] x', local(2026, 0, 2, 3, 4, 5)],
    ['Jan  2 03:04:05 host sshd[1]: x', local(2026, 0, 2, 3, 4, 5)],
    ['Jan 2 03:04:05 host sshd[1]: x', local(2026, 0, 2, 3, 4, 5)],
    ['Jan 02 03:04:05.5 host sshd[1]: x', local(2026, 0, 2, 3, 4, 5, 500)],
    ['<38>Jan  2 03:04:05 host sshd[1]: x', local(2026, 0, 2, 3, 4, 5)],
    ['jan  2 03:04:05 host sshd[1]: x', local(2026, 0, 2, 3, 4, 5)],
  ])('%s', (line, iso) => expect(at(line)).toBe(iso));
});

describe('a stamp without a year is of the latest one that is not in the future', () => {
  test.each<[string, string, string]>([
    ['Mar  2 11:59:59 host x', 'this year', local(2026, 2, 2, 11, 59, 59)],
    ['Jan  1 00:00:00 host x', 'this year', local(2026, 0, 1, 0, 0, 0)],
    ['Dec 31 23:59:59 host x', 'last year', local(2025, 11, 31, 23, 59, 59)],
    ['Mar 10 12:00:00 host x', 'last year', local(2025, 2, 10, 12, 0, 0)],
    ['Mar  3 06:00:00 host x', 'this year: a sender’s clock may be a day ahead', local(2026, 2, 3, 6, 0, 0)],
  ])('%s: %s', (line, _, iso) => expect(at(line)).toBe(iso));
  test('also at the turn of the year, when the sender is a moment ahead', () => {
    const newest = instant(new Date(2025, 11, 31, 23, 59, 59).getTime());
    expect(at('Jan  1 00:00:01 host x', newest)).toBe(local(2026, 0, 1, 0, 0, 1));
    expect(at('Dec 31 23:59:58 host x', newest)).toBe(local(2025, 11, 31, 23, 59, 58));
  });
  test('and the 29th of February is that of a leap year', () => {
    expect(at('Feb 29 03:04:05 host x', instant(new Date(2024, 2, 5).getTime()))).toBe(local(2024, 1, 29, 3, 4, 5));
    expect(at('Feb 29 03:04:05 host x', instant(new Date(2025, 0, 5).getTime()))).toBe(local(2024, 1, 29, 3, 4, 5));
  });
});

describe('of two stamps the first counts: the later one may be the far side’s', () => {
  test.each<[string, string]>([
    ['Jan  2 03:04:05 host app[1]: user 2020-01-01T00:00:00Z', local(2026, 0, 2, 3, 4, 5)],
    ['2026-01-02T03:04:05Z host app[1]: Feb  1 00:00:00', '2026-01-02T03:04:05.000Z'],
    ['2026-01-02T03:04:05Z app: Fri Feb 13 03:04:05 2015', '2026-01-02T03:04:05.000Z'],
    ['Jan  2 03:04:05 host app[1]: Fri Feb 13 03:04:05 2015', local(2026, 0, 2, 3, 4, 5)],
    ['192.0.2.1 - x [02/Jan/2026:03:04:05 +0000] "GET /2020-01-01T00:00:00Z"', '2026-01-02T03:04:05.000Z'],
  ])('%s', (line, iso) => expect(at(line)).toBe(iso));
});

describe('no time', () => {
  test.each(['', 'nothing', 'sshd[1]: Failed password from 192.0.2.1 port 22', '03:04:05 x', '12345 x', '176732304599 x', '12026-01-02T03:04:05Z', 'Foo  2 03:04:05 host', `${'x'.repeat(200)} 2026-01-02T03:04:05Z`, '1767323045.123'])('is in %s', (line) => expect(at(line)).toBeUndefined());
});

test('nothing that a line says makes it throw, or an instant that is none', () => {
  for (const line of ['2026-99-99T99:99:99Z', '0000-00-00 00:00:00', 'Feb 31 03:04:05 x', 'Dec 99 99:99:99 x', '9999999999 x', '99/Jan/9999:99:99:99 +9999', '2026-01-02T03:04:05+99:99', 'Jan  2 03:04:05 9999 x']) {
    const found = stampOf(line, NEWEST);
    if (found !== undefined) expect(Number.isFinite(found), line).toBe(true);
  }
});
