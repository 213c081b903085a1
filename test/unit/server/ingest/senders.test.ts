import { expect, test } from 'vitest';
import { createSenders } from '../../../../packages/server/src/ingest/senders.ts';
import { prefix } from '../../../support/policies.ts';

const senders = () => createSenders([prefix('192.0.2.0/24'), prefix('198.51.100.7'), prefix('fe80::/64'), prefix('2001:db8::/32')]);

test.each([
  ['192.0.2.200', '192.0.2.200'],
  ['198.51.100.7', '198.51.100.7'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['fe80::1%eth0', 'fe80::1'],
  ['2001:db8:1::9', '2001:db8:1::9'],
])('%s may send', (remote, address) => {
  expect(senders().admit(remote)).toBe(address);
});

test.each(['198.51.100.8', '::ffff:198.51.100.8', 'fe80:1::1', '203.0.113.1%eth0', 'x', ''])('%j may not, and is counted', (remote) => {
  const some = senders();
  expect(some.admit(remote)).toBeUndefined();
  expect(some.admit(remote)).toBeUndefined();
  expect(some.refused()).toEqual({ count: 2, last: remote });
});

test('a sender that has gone before it could be asked for its address is nobody', () => {
  const some = senders();
  expect(some.admit(undefined)).toBeUndefined();
  expect(some.refused()).toEqual({ count: 1, last: 'an unknown address' });
});

test('nobody may send where nobody is named', () => {
  expect(createSenders([]).admit('127.0.0.1')).toBeUndefined();
});

test('a hundred thousand forged addresses cost a bounded memory and change nothing', () => {
  const some = senders();
  for (let i = 0; i < 100_000; i++) some.admit(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
  expect(some.refused().count).toBe(100_000);
  expect(some.admit('192.0.2.1')).toBe('192.0.2.1');
});
