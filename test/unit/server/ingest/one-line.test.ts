import { describe, expect, test } from 'vitest';
import { oneLine, plainMessage, withoutHalfAddress } from '../../../../packages/server/src/ingest/one-line.ts';

const line = (text: string, isCut = false): string => oneLine(Buffer.from(text), isCut).toString();
const message = (text: string, longest = 100): string => plainMessage(Buffer.from(text), longest).toString();

describe('a record as a line', () => {
  test('is as it came, without line ends', () => {
    expect(line('<13>a: b\r\n\0')).toBe('<13>a: b');
    const record = Buffer.from('<13>a: b');
    expect(oneLine(record, false).buffer, 'no byte is copied').toBe(record.buffer);
  });

  test('has line ends within it escaped: the rest of a message is no record', () => {
    expect(line('app: x\n<38>sshd[1]: y\n')).toBe('app: x#012<38>sshd[1]: y');
  });

  test('that lost its end ends with a whole word: half an address is another’s', () => {
    expect(line('sshd[1]: from 192.0.2.123', true)).toBe('sshd[1]: from [cut]');
    expect(line('192.0.2.123', true)).toBe('');
    expect(line('a b', true)).toBe('');
  });

  test('that lost its end has a mark there: whoever chose its length chose what would stand last', () => {
    expect(line('sshd[1]: Failed password for x from 192.0.2.66 port 22 ssh2 and more', true)).toMatch(/ \[cut\]$/);
  });

  test('that may have lost its end loses what may be half an address, and nothing else', () => {
    const rest = (text: string): string => withoutHalfAddress(Buffer.from(text)).toString();
    for (const whole of ['a from 192.0.2.7 port 22 ssh2', 'abc', 'port 22\n', '']) expect(rest(whole)).toBe(whole);
    for (const half of ['192.0.2.1', '192.0.', '2001:db8::', '192.0.2.1\n']) expect(rest(`from ${half}`)).toBe('from ');
  });
});

describe('a message', () => {
  test('keeps tabs and what is not ASCII', () => {
    expect(message('a\tb ä€😀')).toBe('a\tb ä€😀');
  });

  test('has its control bytes escaped as rsyslog does', () => {
    expect(message('a\nb\rc\x1b[31m\x7f\0d')).toBe('a#012b#015c#033[31m#177#000d');
  });

  test('that is too long ends with a whole word', () => {
    expect(message('from 192.0.2.123', 12)).toBe('from [cut]');
  });
});
