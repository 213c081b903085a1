import { parseSubject, type Subject } from 'banban-shared';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { printedRow, subjectOfRow } from '../../../../packages/server/src/enforce/printed-row.ts';
import { scaled, seed } from '../../../support/search.ts';

const subject = (text: string): Subject => {
  const parsed = parseSubject(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
};

describe('a row', () => {
  test.each([
    ['192.0.2.1', 64, 0, '192.0.2.1'],
    ['192.0.2.0/24', 64, 2, '192.0.2.0/24'],
    ['2001:db8::/64', 64, 1, '2001:db8::'],
    ['2001:db8::1', 64, 3, '2001:db8::1'],
    ['2001:db8::/48', 64, 3, '2001:db8::/48'],
    ['2001:db8::1', 128, 1, '2001:db8::1'],
    ['2001:db8::/64', 128, 3, '2001:db8::/64'],
  ])('%s with a prefix of %i is in set %i as %s, and read back', (text, prefix, set, printed) => {
    expect(printedRow(subject(text), prefix)).toEqual({ set, text: printed });
    expect(subjectOfRow(printed, set, prefix)).toBe(text);
  });

  test('is read as the C library prints it', () => {
    expect(subjectOfRow('::1.2.3.4', 1, 128)).toBe('::102:304');
    expect(subjectOfRow('::1.2.0.0/112', 3, 128)).toBe('::102:0/112');
  });

  test.each([
    ['192.0.2.1', 2],
    ['192.0.2.0/24', 0],
    ['192.0.2.1/24', 2],
    ['192.0.2', 0],
    ['010.0.0.1', 0],
    ['2001:db8::1', 1],
    ['2001:db8::/64', 3],
    ['2001:db8::/64', 1],
    ['2001:db8::1/48', 3],
    ['::ffff:1.2.3.4', 3],
    ['::ffff:1.2.3.4/120', 3],
    ['1.2.3.4', 1],
    ['2001:db8::1', 0],
    ['1.2.3.0-1.2.4.0', 2],
    ['', 0],
    ['', 3],
    ['.', 3],
  ])('%j in set %i is none of banban’s', (text, set) => {
    expect(subjectOfRow(text, set, 64)).toBeUndefined();
  });

  test.each(['192.0.2.1 }\nflush ruleset', '2001:DB8::1', '', '192.0.2.1/33', ' 192.0.2.1', '192.0.2.01'])('of %j goes to no program', (text) => {
    // The type says that it is a subject; nothing else does.
    expect(printedRow(text as Subject, 64)).toBeUndefined();
  });

  test('of any subject is read back', () => {
    const address = fc.oneof(fc.ipV4(), fc.ipV6());
    fc.assert(
      fc.property(address, fc.integer({ min: 0, max: 128 }), fc.constantFrom(48, 56, 64, 127, 128), (text, bits, prefix) => {
        const one = parseSubject(`${text}/${bits}`) ?? parseSubject(text);
        const row = one === undefined ? undefined : printedRow(one, prefix);
        if (one !== undefined) expect(row === undefined ? undefined : subjectOfRow(row.text, row.set, prefix)).toBe(one);
      }),
      { seed, numRuns: scaled(2000) },
    );
  });
});
