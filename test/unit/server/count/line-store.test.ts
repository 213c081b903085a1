import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineStore, PIECE } from '../../../../packages/server/src/count/line-store.ts';
import { NONE } from '../../../../packages/server/src/count/records.ts';

test('any text comes out as it went in', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string({ maxLength: 300 }), fc.string({ maxLength: 300, unit: 'binary' }), fc.constantFrom('', 'ÿ', 'Ā', '\ud800', 'é'.repeat(56), 'x'.repeat(57), '€'.repeat(28), '€'.repeat(29)))), (lines) => {
      const store = new LineStore(1024 * 1024);
      const kept = lines.map((line) => store.keep(line));
      expect(kept.map((line) => store.read(line))).toEqual(lines);
      for (const line of kept) store.drop(line);
      expect(store.held).toBe(0);
    }),
    { numRuns: 100 },
  );
});

test('what there is no room for is refused, and leaves nothing behind', () => {
  const store = new LineStore(3 * PIECE);
  const one = store.keep('x'.repeat(PIECE));
  expect(store.held).toBe(2 * PIECE);
  expect(store.keep('y'.repeat(PIECE))).toBe(NONE);
  expect(store.keep('€'.repeat(40)), 'wide, it takes two').toBe(NONE);
  expect(store.held).toBe(2 * PIECE);
  const two = store.keep('z');
  expect([store.read(one), store.read(two)]).toEqual(['x'.repeat(PIECE), 'z']);
});
