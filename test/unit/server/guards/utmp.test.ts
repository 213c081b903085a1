import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { utmpLogins } from '../../../../packages/server/src/guards/utmp.ts';
import { utmpRecord } from '../../../support/utmp-records.ts';

const read = (bytes: Buffer, machine = 'x64') => utmpLogins(bytes, machine);
const V6 = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];

describe('a record of utmp', () => {
  test('of a login names user, terminal, process and address', () => {
    expect(read(utmpRecord({ address: [203, 0, 113, 7], host: 'host.example' }))).toEqual([{ address: '203.0.113.7', user: 'anna', terminal: 'pts/0', pid: 4242 }]);
    expect(read(utmpRecord({ address: V6 }))[0]?.address).toBe('2001:db8::7');
  });

  test('without a binary address is read by its host, when that is an address', () => {
    const of = (host: string): unknown => read(utmpRecord({ host }))[0]?.address;
    expect(of('203.0.113.7')).toBe('203.0.113.7');
    expect(of('203.0.113.7 via mosh [4242]')).toBe('203.0.113.7');
    expect(of('fe80::1%eth0')).toBe('fe80::1');
    for (const host of ['', ':0', 'host.example', 'tmux(4242).%0', '010.0.0.1', '203.0.113.7.example']) expect(of(host)).toBeUndefined();
  });

  test('with an IPv6 address that ends in zeros is not taken for IPv4', () => {
    expect(read(utmpRecord({ address: [0x20, 0x01, 0x0d, 0xb8], host: '2001:db8::' }))[0]?.address).toBe('2001:db8::');
    expect(read(utmpRecord({ address: [0x20, 0x01, 0x0d, 0xb8], host: '' }))[0]?.address).toBe('32.1.13.184');
  });

  test('of anything else than a login is none', () => {
    for (const type of [0, 1, 2, 5, 6, 8, 9]) expect(read(utmpRecord({ type, address: [203, 0, 113, 7] }))).toEqual([]);
    expect(read(utmpRecord({ pid: 0, address: [203, 0, 113, 7] }))).toEqual([]);
    expect(read(utmpRecord({}))).toEqual([]);
  });

  test('can hold nothing that a terminal obeys', () => {
    const [login] = read(utmpRecord({ address: [203, 0, 113, 7], user: '\x1b[2J\nroot\u0080', line: 'pts/0\x07' }));
    expect(login).toMatchObject({ user: '?[2J?root?', terminal: 'pts/0?' });
  });
});

describe('the file', () => {
  const both = (size: 384 | 400): Buffer => Buffer.concat([utmpRecord({ type: 2, user: 'reboot' }, size), utmpRecord({ address: [203, 0, 113, 7] }, size), utmpRecord({ address: [203, 0, 113, 8], user: 'bert' }, size)]);

  test('is read in the layout of the machine, and in the other one where only that fits', () => {
    for (const size of [384, 400] as const) {
      for (const machine of ['x64', 'arm64', 'riscv64']) expect(read(both(size), machine).map((login) => login.address)).toEqual(['203.0.113.7', '203.0.113.8']);
    }
  });

  test('may end in the middle of a record', () => {
    expect(read(both(384).subarray(0, 384 * 3 - 10))).toHaveLength(1);
    expect(read(Buffer.alloc(0))).toEqual([]);
  });

  test('can be anything', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 2500 }), fc.constantFrom('x64', 'arm64'), (bytes, machine) => {
      for (const login of utmpLogins(Buffer.from(bytes), machine)) expect(`${login.user}${login.terminal ?? ''}`).toMatch(/^[\x21-\x7e]*$/);
    }));
  });
});
