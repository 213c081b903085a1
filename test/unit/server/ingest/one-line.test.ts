import { describe, expect, test } from 'vitest';
import { oneLine, plainMessage } from '../../../../packages/server/src/ingest/one-line.ts';

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
    expect(line('sshd[1]: from 192.0.2.123', true)).toBe('sshd[1]: from');
    expect(line('192.0.2.123', true)).toBe('');
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
    expect(message('from 192.0.2.123', 12)).toBe('from');
  });
});
