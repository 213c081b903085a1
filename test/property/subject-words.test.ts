/** The numbers of a subject, as windows are found by them, against the bytes that shared/address reads. */
import { addressBytes, addressFrom, familyOf, networkOf, prefixOf, subjectOf, type Subject } from 'banban-shared';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SUBJECT_WORDS, subjectWords } from '../../packages/server/src/count/subject-words.ts';
import { scaled } from '../support/search.ts';

/** Bytes of which many are zero, as in addresses that people use: `::` stands in every place. */
const byte = fc.oneof(fc.constant(0), fc.constant(0), fc.nat(255));
const subjects = fc.oneof(fc.array(byte, { minLength: 4, maxLength: 4 }), fc.array(byte, { minLength: 16, maxLength: 16 })).chain((bytes) => {
  const address = addressFrom(Uint8Array.from(bytes));
  const longest = familyOf(address) === 4 ? 32 : 128;
  return fc.oneof(fc.constant(longest), fc.integer({ min: 1, max: longest })).map((bits): Subject => subjectOf(prefixOf(address, bits)));
});

/** By way of the bytes. */
function slowly(subject: Subject): number[] {
  const { address, bits } = networkOf(subject);
  const bytes = [...addressBytes(address)];
  const isIpv6 = bytes.length === 16;
  const words = new DataView(Uint8Array.from([...Array<number>(16 - bytes.length).fill(0), ...bytes]).buffer);
  return [0, 4, 8, 12].map((at) => words.getInt32(at)).concat(bits * 2 + (isIpv6 ? 1 : 0));
}

test('they are its bytes, its length and its family', () => {
  const words = new Int32Array(SUBJECT_WORDS);
  fc.assert(
    fc.property(subjects, (subject) => {
      words.fill(-1);
      subjectWords(subject, words);
      expect([...words], subject).toEqual(slowly(subject));
    }),
    { numRuns: scaled(5000) },
  );
});
