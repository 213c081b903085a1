import { expect, test } from 'vitest';
import { beginAt, printPosition, readPosition } from '../../../../packages/server/src/ingest/journal-position.ts';

const position = { cursor: 's=1;i=2', at: 1_772_506_800_000_123, of: '-u ssh.service' };

test('a position survives the store', () => {
  expect(readPosition(printPosition(position))).toEqual(position);
  expect(readPosition(printPosition({ ...position, cursor: undefined }))).toEqual({ ...position, cursor: undefined });
});

test.each([undefined, '', 'x', 'null', '[]', '{}', '{"at":1}', '{"at":-1,"of":""}', '{"at":"1","of":""}', '{"at":1.5,"of":""}', '{"at":1,"of":2}'])('%j is none', (text) => {
  expect(readPosition(text)).toBeUndefined();
});

test('reading begins at the entry that was read last, or at its time', () => {
  expect(beginAt(position, true)).toBe('--cursor=s=1;i=2');
  expect(beginAt(position, false)).toBe('--since=@1772506800.000123');
  expect(beginAt({ ...position, cursor: undefined }, true)).toBe('--since=@1772506800.000123');
});
