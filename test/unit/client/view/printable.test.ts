import fc from 'fast-check';
import { expect, test } from 'vitest';
import { printable, printableJson } from '../../../../packages/client/src/view/printable.ts';

const text = fc.string({ unit: 'binary', maxLength: 60 });
const hostile = fc.array(fc.oneof(text, fc.constantFrom('\x1b[31m', '\x9b2J', '\u202e', '\u2066', '\n', '\r', '\x7f', '\0', '\u2028', '\ufeff', '\ud800'))).map((parts) => parts.join(''));
const obeyed = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

test('nothing that a terminal obeys comes through, whatever the text and wherever it is cut', () => {
  fc.assert(fc.property(hostile, fc.option(fc.nat(50), { nil: undefined }), (value, longest) => !obeyed.test(printable(value, longest))), { numRuns: 2000 });
});

test('text without such characters comes through as it is', () => {
  fc.assert(fc.property(text.filter((value) => !obeyed.test(value)), (value) => printable(value) === value));
});

test('what is taken out is written out', () => {
  expect(printable('a\x1b[0m\r\n\t\x9b\u202eb')).toBe('a\\x1b[0m\\r\\n\\t\\x9b\\u{202e}b');
  expect(printable('abcdef', 2)).toBe('ab… (+4)');
});

test('JSON for a terminal is the same value, and obeyed by none', () => {
  fc.assert(
    fc.property(hostile, (value) => {
      const shown = printableJson(JSON.stringify({ value }, null, 2));
      return !/[^\n\P{Cc}]|[\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.test(shown) && (JSON.parse(shown) as { value: string }).value === value;
    }),
    { numRuns: 2000 },
  );
});
