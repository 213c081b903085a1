import { expect, test } from 'vitest';
import { whySudden } from '../../../../packages/server/src/lists/sudden.ts';

const limits = { shrink: 50, grow: 300 };

test.each([
  [1000, 499, 'has 499 entries and had 1000 before: it lost 50 percent at once, and 50 are allowed (shrink)'],
  [1000, 4001, 'has 4001 entries and had 1000 before: it gained 300 percent at once, and 300 are allowed (grow)'],
  [1, 0, 'is empty, though it had 1 entries before'],
  [50, 0, 'is empty, though it had 50 entries before'],
])('a list of %i that now has %i is not believed', (before, now, said) => {
  expect(whySudden(before, now, limits)).toBe(said);
});

test.each([[1000, 500], [1000, 4000], [0, 50_000], [5, 90], [90, 5], [0, 0], [1000, 1000]])('a list of %i that now has %i is', (before, now) => {
  expect(whySudden(before, now, limits)).toBeUndefined();
});
