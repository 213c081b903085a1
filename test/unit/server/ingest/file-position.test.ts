import { expect, test } from 'vitest';
import { digest, isHeadOf, parsePosition, positionText, type FilePosition } from '../../../../packages/server/src/ingest/file-position.ts';

const head = Buffer.from('Jan  1 00:00:00 host sshd[1]: one\n');
const position: FilePosition = { path: '/var/log/a b.log', id: '1:2', offset: 34, skipping: false, head: digest(head), headLength: head.length, seen: 5, finished: false };

test('a position survives being text', () => {
  expect(parsePosition(positionText(position))).toEqual(position);
});

test.each([undefined, '', 'begun', 'null', '[]', '{}', '{"offset":1}', JSON.stringify({ ...position, offset: -1 }), JSON.stringify({ ...position, offset: '34' }), JSON.stringify({ ...position, headLength: 1e9 })])('%s is none', (text) => {
  expect(parsePosition(text)).toBeUndefined();
});

test('a file is known by how it begins, however much longer it is now', () => {
  expect(isHeadOf(head, position)).toBe(true);
  expect(isHeadOf(Buffer.concat([head, Buffer.from('two')]), position)).toBe(true);
  expect(isHeadOf(head.subarray(1), position)).toBe(false);
  expect(isHeadOf(Buffer.from('Jan  1 00:00:00 host sshd[1]: two\n'), position)).toBe(false);
});
