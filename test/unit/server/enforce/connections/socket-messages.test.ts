import { expect, test } from 'vitest';
import { farSideIn } from '../../../../../packages/server/src/enforce/connections/socket-messages.ts';
import { address, nth } from '../../../../support/records.ts';

test('two conditions are a condition, a jump to the end, and a condition', () => {
  expect(farSideIn([address('192.0.2.1'), address('2001:db8::1')])?.toString('hex')).toBe(
    [
      // If the far side is 192.0.2.1 on to the jump, else over it.
      '08101400' + '02200000' + 'ffffffff' + 'c0000201',
      '01042000',
      // If it is 2001:db8::1 to the end, else behind it.
      '081c2000' + '0a800000' + 'ffffffff' + '20010db8000000000000000000000001',
    ].join(''),
  );
});

test('more subjects than pay are no condition', () => {
  const subjects = Array.from({ length: 33 }, (_, i) => nth(i));
  expect(farSideIn(subjects)).toBeUndefined();
  expect(farSideIn(subjects.slice(1))).toBeDefined();
});
