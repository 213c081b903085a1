import { describe, expect, test } from 'vitest';
import { createAllowed } from '../../../../packages/server/src/engine/allowed.ts';
import { prefix } from '../../../support/policies.ts';
import { address, nth, subject } from '../../../support/records.ts';

const many = (count: number) => Array.from({ length: count }, (_, i) => prefix(nth(i)));

describe('the allow list', () => {
  test('has what its groups have, and each entry for as long as one of them has it', () => {
    const allowed = createAllowed();
    expect(allowed.set('configuration', [prefix('192.0.2.0/24')])).toBe(true);
    expect(allowed.set('self', [prefix('192.0.2.0/24'), prefix('2001:db8::1')])).toBe(true);
    expect(allowed.groupsOf(prefix('192.0.2.0/24'))).toEqual(['configuration', 'self']);
    allowed.set('configuration', []);
    expect(allowed.find(address('192.0.2.7'))).toBe('192.0.2.0/24');
    expect(allowed.overlap(subject('2001:db8::/64'))).toBe('2001:db8::1/128');
    allowed.set('self', []);
    expect(allowed.find(address('192.0.2.7'))).toBeUndefined();
    expect(allowed.groups().size).toBe(0);
  });

  test('says when nothing has changed', () => {
    const allowed = createAllowed();
    expect(allowed.set('self', [])).toBe(false);
    allowed.set('self', [prefix('192.0.2.1')]);
    expect(allowed.set('self', [prefix('192.0.2.1')])).toBe(false);
    expect(allowed.set('self', [prefix('192.0.2.2')])).toBe(true);
  });

  test('has large groups beside small ones, also while they grow and shrink', () => {
    const allowed = createAllowed();
    const holdsBoth = (...expected: readonly boolean[]): void => {
      expect([address('10.0.0.5'), address('10.0.7.0'), address('192.0.2.1')].map((one) => allowed.find(one) !== undefined)).toEqual(expected);
    };
    allowed.set('by hand', [prefix('192.0.2.1')]);
    allowed.set('file', many(1000));
    holdsBoth(true, false, true);
    allowed.set('file', many(5000));
    holdsBoth(true, true, true);
    allowed.set('by hand', [prefix('192.0.2.2')]);
    holdsBoth(true, true, false);
    allowed.set('by hand', [prefix('192.0.2.1')]);
    allowed.set('file', many(4000));
    holdsBoth(true, true, true);
    allowed.set('file', many(10));
    holdsBoth(true, false, true);
    allowed.set('file', many(5000));
    allowed.set('file', []);
    holdsBoth(false, false, true);
    expect(allowed.overlap(subject('10.0.0.0/8'))).toBeUndefined();
  });
});
