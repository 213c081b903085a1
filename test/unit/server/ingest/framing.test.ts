import { describe, expect, test } from 'vitest';
import { countedFramer, lineFramer, syslogFramer, type Framer } from '../../../../packages/server/src/ingest/framing.ts';

/** The records of the pieces, each with a `…` behind it where it was cut. */
function records(framer: Framer, ...pieces: readonly string[]): string[] {
  const found: string[] = [];
  const each = (record: Buffer, isCut: boolean): void => void found.push(`${record.toString('latin1')}${isCut ? '…' : ''}`);
  for (const piece of pieces) framer.push(Buffer.from(piece, 'latin1'), each);
  framer.end(each);
  return found;
}

describe('lines', () => {
  test('end with a newline, the last one with the stream', () => {
    expect(records(lineFramer(10), 'a\nb', 'c\n', '\nd')).toEqual(['a', 'bc', '', 'd']);
  });

  test('that are longer than they may be are cut, and the next one is whole', () => {
    expect(records(lineFramer(4), '123456789\nabcd\n')).toEqual(['1234…', 'abcd']);
    expect(records(lineFramer(4), '12', '345', '6\nabcd\n')).toEqual(['1234…', 'abcd']);
  });

  test('are held up to their length and no further', () => {
    const framer = lineFramer(1000);
    for (let i = 0; i < 10_000; i++) framer.push(Buffer.from('x'), () => undefined);
    expect(framer.held).toBe(10_000);
    expect(records(framer, '\n')).toEqual([`${'x'.repeat(1000)}…`]);
    expect(framer.held).toBe(0);
  });
});

describe('counted frames', () => {
  test('may hold line ends', () => {
    expect(records(countedFramer(100), '5 a\nb\nc3 def')).toEqual(['a\nb\nc', 'def']);
  });

  test('may have a newline between them, as some senders write', () => {
    expect(records(countedFramer(100), '3 abc\n3 def\n')).toEqual(['abc', 'def']);
  });

  test('that are longer than a record may be are cut, and the next one is whole', () => {
    expect(records(countedFramer(4), '9 1234567894 abcd')).toEqual(['1234…', 'abcd']);
  });

  test('that are not whole are no records', () => {
    expect(records(countedFramer(100), '3 abc5 ab')).toEqual(['abc']);
  });

  test.each(['x', '3x', ' 3 abc', '03 abc', '0 ', '99999999 ', '1048577 x', '3 abc<13>d'])('%j ends the understanding', (bytes) => {
    const framer = countedFramer(100);
    records(framer, bytes);
    expect(framer.broken).toContain('length');
    expect(records(framer, '3 abc'), 'what follows could be anything').toEqual([]);
  });
});

describe('a stream of syslog', () => {
  test.each([
    ['lines', '<13>a\n12 <13>b\n', ['<13>a', '12 <13>b']],
    ['counted frames', '5 <13>a5 <13>b', ['<13>a', '<13>b']],
  ])('is read as %s to its end, whatever a message says', (_name, bytes, expected) => {
    expect(records(syslogFramer(100), bytes)).toEqual(expected);
  });

  test('of nothing holds nothing', () => {
    const framer = syslogFramer(100);
    expect(records(framer, '')).toEqual([]);
    expect([framer.held, framer.broken]).toEqual([0, undefined]);
  });
});
