/** Texts and bytes of addresses against the general way of banban-shared. */
import { addressBytes, addressFrom, prefixOf, subjectOf, type Address } from 'banban-shared';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ipv4Subject, ipv6Subject, isMapped, putIpv4, putIpv6 } from '../../../../../packages/server/src/enforce/nftables/address-text.ts';
import { scaled } from '../../../../support/search.ts';

const RUNS = { numRuns: scaled(5000) };
const byte = fc.oneof(fc.constantFrom(0, 1, 9, 10, 99, 100, 255), fc.nat(255));
const ipv4 = fc.uint8Array({ minLength: 4, maxLength: 4 }).chain((bytes) => fc.tuple(...[...bytes].map((value) => fc.oneof(byte, fc.constant(value))))).map((all) => Buffer.from(all));
const group = fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(1, 0xf, 0x10, 0xff, 0x100, 0xfff, 0x1000, 0xffff) }, { weight: 1, arbitrary: fc.nat(0xffff) });
const ipv6 = fc.array(group, { minLength: 8, maxLength: 8 }).map((all) => Buffer.from(all.flatMap((one) => [one >> 8, one & 0xff])));
const OFFSET = 5;
const placed = (bytes: Buffer): Buffer => Buffer.concat([Buffer.alloc(OFFSET, 0xaa), bytes, Buffer.alloc(3, 0xaa)]);

const general = (bytes: Buffer, bits: number): string => subjectOf(prefixOf(addressFrom(bytes), bits));
/** A network's own bytes: the rest is zero. */
const network = (bytes: Buffer, bits: number): Buffer => Buffer.from(addressBytes(prefixOf(addressFrom(bytes), bits).split('/')[0] as Address));

describe('IPv4', () => {
  test('has the text that it has everywhere, and the bytes come back from it', () => {
    fc.assert(fc.property(ipv4, fc.nat(32), (any, bits) => {
      const bytes = network(any, bits);
      const text = ipv4Subject(placed(bytes), OFFSET, bits);
      expect(text).toBe(general(bytes, bits));
      const into = placed(Buffer.alloc(4));
      expect(putIpv4(text, into, OFFSET)).toBe(bits);
      expect(into).toEqual(placed(bytes));
    }), RUNS);
    expect(ipv4Subject(Buffer.from([1, 20, 0, 255]), 0)).toBe('1.20.0.255');
  });

  test.each(['', '1', '1.2.3', '1.2.3.', '.1.2.3', '1..2.3', '1.2.3.4.5', '1.2.3.256', '1.2.3.4444', '01.2.3.4', '1.2.3.00', '1.2.3.4 ', ' 1.2.3.4', '1.2.3.4/', '1.2.3.4/33', '1.2.3.4/-1', '1.2.3.4/2x', '1.2.3.4/0008', '1.2.3.4/8/8', 'a.b.c.d', '1.2.3.٣'])('%j is none', (text) => {
    expect(putIpv4(text, Buffer.alloc(4), 0)).toBe(-1);
  });
});

describe('IPv6', () => {
  test('has the text that it has everywhere, and the bytes come back from it', () => {
    let mapped = 0;
    fc.assert(fc.property(ipv6, fc.oneof(fc.constantFrom(0, 48, 64, 127, 128), fc.nat(128)), (any, bits) => {
      if (isMapped(any, 0)) {
        mapped++;
        return;
      }
      const bytes = network(any, bits);
      const text = ipv6Subject(placed(bytes), OFFSET, bits);
      expect(text).toBe(general(bytes, bits));
      const into = placed(Buffer.alloc(16, 0xaa));
      expect(putIpv6(text, into, OFFSET)).toBe(bits);
      expect(into).toEqual(placed(bytes));
    }), RUNS);
    expect(mapped).toBeLessThan(RUNS.numRuns / 10);
    expect(ipv6Subject(Buffer.alloc(16), 0)).toBe('::');
  });

  test('that is an IPv4 address is told from others', () => {
    const bytes = (text: string): Buffer => {
      const into = Buffer.alloc(16);
      putIpv6(text, into, 0);
      return into;
    };
    expect(isMapped(bytes('::ffff:102:304'), 0)).toBe(true);
    for (const other of ['::102:304', '::fffe:102:304', '1::ffff:102:304', '0:0:1:0:0:ffff:102:304', '::1:ffff:102:304']) expect(isMapped(bytes(other), 0), other).toBe(false);
  });

  test('of any form with :: is read as the general way reads it', () => {
    fc.assert(fc.property(ipv6, fc.nat(8), fc.nat(8), (bytes, a, b) => {
      const groups = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => bytes.readUInt16BE(2 * i));
      const [from, to] = [Math.min(a, b), Math.max(a, b)];
      if (from === to || groups.slice(from, to).some((one) => one !== 0)) return;
      const text = `${groups.slice(0, from).map((one) => one.toString(16)).join(':')}::${groups.slice(to).map((one) => one.toString(16)).join(':')}`;
      const into = Buffer.alloc(16, 0xaa);
      expect(putIpv6(text, into, 0)).toBe(128);
      expect(into).toEqual(bytes);
    }), RUNS);
  });

  test.each(['', ':', ':::', '1', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7:', ':1:2:3:4:5:6:7', '1::2::3', '1:2:3:4::5:6:7:8', '::1:2:3:4:5:6:7:8', '12345::', '00001::', '01::', 'A::', 'g::', '::1.2.3.4', '::/', '::/129', '::/1x', '/64', '1:/64', '::1%eth0'])('%j is none', (text) => {
    expect(putIpv6(text, Buffer.alloc(32), 0)).toBe(-1);
  });

  test('text of any kind neither throws nor writes anywhere else', () => {
    const letters = fc.string({ unit: fc.constantFrom(...'0123456789abcdefgA:./ ١'), maxLength: 60 });
    fc.assert(fc.property(letters, (text) => {
      for (const [put, width] of [[putIpv4, 4], [putIpv6, 16]] as const) {
        const into = placed(Buffer.alloc(width));
        const bits = put(text, into, OFFSET);
        expect([...into.subarray(0, OFFSET), ...into.subarray(OFFSET + width)].every((one) => one === 0xaa)).toBe(true);
        expect(bits).toBeLessThanOrEqual(width * 8);
      }
    }), RUNS);
  });
});
