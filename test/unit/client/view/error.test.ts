import { ApiError } from 'banban-shared';
import { expect, test } from 'vitest';
import { errorText } from '../../../../packages/client/src/view/error.ts';

test('a detail that the message has already is not repeated, the others are', () => {
  expect(errorText(new ApiError('bad_address', '"1.20" is not an address', ['1.20', '']))).toBe('"1.20" is not an address');
  expect(errorText(new ApiError('bad_config', 'b.yml has 2 errors', ['b.yml:1: x', 'b.yml:2: y']))).toBe('b.yml has 2 errors\n  b.yml:1: x\n  b.yml:2: y');
});

test('a thousand details do not scroll the message away', () => {
  const lines = errorText(new ApiError('bad_config', 'much is wrong', Array.from({ length: 1000 }, (_, i) => `line ${i}`))).split('\n');
  expect(lines).toHaveLength(102);
  expect(lines.at(-1)).toBe('  and 900 more');
});
