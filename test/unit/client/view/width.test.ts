import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fit, width } from '../../../../packages/client/src/view/width.ts';

const text = fc.string({ unit: fc.oneof(fc.string({ minLength: 1, maxLength: 1 }), fc.constantFrom('山', '한', '😀', 'ｱ', 'Ａ', 'é', '\u0301', '…')) });

test('a character takes the columns that a terminal gives it', () => {
  expect(['abc', '', '山田', '한국', 'Ａ', 'ｱ', '😀', 'é', 'e\u0301', '…'].map(width)).toEqual([3, 0, 4, 4, 2, 1, 2, 1, 1, 1]);
});

test('what is cut fits, begins as the text did, and says that it was cut', () => {
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 20 }), (value, columns) => {
      const shown = fit(value, columns);
      if (width(value) <= columns) return shown === value;
      return width(shown) <= columns && shown.endsWith('…') && value.startsWith(shown.slice(0, -1));
    }),
  );
});
