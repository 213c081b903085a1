import { expect, test } from 'vitest';
import { resolversIn } from '../../../../packages/server/src/guards/resolvers.ts';

test('name servers are read as the C library does', () => {
  expect(resolversIn('# nameserver 192.0.2.1\nsearch example\nnameserver 192.0.2.2\nnameserver\t2001:db8::53 \nnameserver fe80::1%eth0\noptions edns0\n')).toEqual(['192.0.2.2', '2001:db8::53', 'fe80::1']);
});

test('each once, and nothing that is no address', () => {
  expect(resolversIn('nameserver 192.0.2.2\nnameserver 192.0.2.2\nnameserver dns.example\nnameserver 010.0.0.1\nnameserver\nnameserver192.0.2.3\n')).toEqual(['192.0.2.2']);
});

test('a file of a thousand has 32', () => {
  expect(resolversIn(Array.from({ length: 1000 }, (_, i) => `nameserver 10.0.${i >> 8}.${i & 255}`).join('\n'))).toHaveLength(32);
});
