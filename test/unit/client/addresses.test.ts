import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { inRequests, readAddresses } from '../../../packages/client/src/addresses.ts';

const MIB = 1024 * 1024;

test('without a - standard input is not touched', async () => {
  const stdin = new Readable({ read: () => expect.unreachable('it was read') });
  expect(await readAddresses(['192.0.2.1'], stdin)).toEqual({ kind: 'read', addresses: ['192.0.2.1'] });
});

test('an address may be cut in two by the pipe, and a byte order mark is none of it', async () => {
  const stdin = Readable.from([Buffer.from('\ufeff192.0.'), Buffer.from('2.1\n2001:db'), Buffer.from('8::1')]);
  expect(await readAddresses(['-'], stdin)).toEqual({ kind: 'read', addresses: ['192.0.2.1', '2001:db8::1'] });
});

test('an input without an end is left after 32 MiB', async () => {
  let given = 0;
  const stdin = new Readable({
    read() {
      given++;
      this.push(Buffer.alloc(MIB, '#'));
    },
  });
  expect(await readAddresses(['-'], stdin)).toMatchObject({ kind: 'unusable', problem: expect.stringContaining('more than 32 MiB') });
  expect(given).toBeLessThan(40);
});

test('an input that can not be read is not an empty one', async () => {
  const stdin = new Readable({ read() { this.destroy(new Error('EIO: i/o error, read')); } });
  expect(await readAddresses(['-'], stdin)).toEqual({ kind: 'unusable', problem: 'standard input could not be read: EIO: i/o error, read.' });
});

test('requests have at most 10,000, and nothing makes no request', () => {
  expect(inRequests([])).toEqual([]);
  expect(inRequests(Array.from({ length: 10_001 }, String)).map((one) => one.length)).toEqual([10_000, 1]);
});
