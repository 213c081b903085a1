import fc from 'fast-check';
import { holds, parseSubject, type Subject } from 'banban-shared';
import { expect, test } from 'vitest';
import { isAbout } from '../../../../packages/server/src/control/about.ts';

const subject = (text: string): Subject => parseSubject(text) ?? expect.unreachable(`not a subject: ${text}`);
const about = (asked: string, ...others: string[]): string[] => others.filter((one) => isAbout(subject(asked))(subject(one)));

test('an address is asked about with the networks around it', () => {
  expect(about('203.0.113.7', '203.0.113.7', '203.0.113.8', '203.0.113.0/24', '203.0.112.0/23', '203.0.113.128/25', '198.51.100.0/24')).toEqual(['203.0.113.7', '203.0.113.0/24', '203.0.112.0/23']);
  expect(about('2001:db8::7', '2001:db8::7', '2001:db8::/64', '2001:db8:0:1::/64', '2001:db8::/32')).toEqual(['2001:db8::7', '2001:db8::/64', '2001:db8::/32']);
});

test('a network is asked about with the networks around it and with all that is inside', () => {
  expect(about('203.0.113.0/24', '203.0.113.7', '203.0.113.0/24', '203.0.113.128/25', '203.0.0.0/16', '203.0.114.7', '2001:db8::7')).toEqual(['203.0.113.7', '203.0.113.0/24', '203.0.113.128/25', '203.0.0.0/16']);
  expect(about('2001:db8::/48', '2001:db8::7', '2001:db8:0:1::/64', '2001:db8::/32', '2001:db8:1::/48', '203.0.113.7')).toEqual(['2001:db8::7', '2001:db8:0:1::/64', '2001:db8::/32']);
});

test('what looks alike in the other family is no match', () => {
  expect(about('0.0.0.0/8', '::', '::/64')).toEqual([]);
  expect(about('::/16', '0.0.0.0', '0.0.0.0/8')).toEqual([]);
});

test('it is what arithmetic says', () => {
  const anySubject = fc.oneof(
    fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })).map(([ip, bits]) => `${ip}/${bits}`),
    fc.tuple(fc.constantFrom('2001:db8::1', '2001:db8:0:1::', '2001:db8:ffff::9', '2001:db9::'), fc.integer({ min: 0, max: 128 })).map(([ip, bits]) => `${ip}/${bits}`),
    fc.constantFrom('10.0.0.1', '10.0.0.0/8', '10.0.0.0/31', '2001:db8::1'),
  ).map(subject);
  fc.assert(fc.property(anySubject, anySubject, (a, b) => {
      expect(isAbout(a)(b)).toBe(holds(a, b) || holds(b, a));
    }), { numRuns: 500 });
});
