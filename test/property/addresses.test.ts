/** Addresses, networks and durations against what Node says of them and against plain arithmetic. */
import { addressBytes, addressFrom, familyOf, formatDuration, FOREVER, holds, isNetwork, LONGEST_DURATION, ms, networkOf, parseAddress, parseDuration, parsePrefix, parseSubject, prefixOf, prefixSet, subjectOf, type Address, type Prefix, type Subject } from 'banban-shared';
import fc from 'fast-check';
import { isIP, isIPv6 } from 'node:net';
import { expect, test } from 'vitest';
import { address } from '../support/records.ts';
import { scaled } from '../support/search.ts';

const RUNS = { numRuns: scaled(5000) };

const group = fc.oneof(fc.constantFrom(0, 0, 0, 1, 0xffff), fc.nat(0xffff));
const groups = fc.array(group, { minLength: 8, maxLength: 8 });
const mapped = fc.tuple(group, group).map(([a, b]) => [0, 0, 0, 0, 0, 0xffff, a, b]);
const octets = fc.array(fc.oneof(fc.constantFrom(0, 1, 255), fc.nat(255)), { minLength: 4, maxLength: 4 });

/** One of the ways to write eight groups: zeros before, capitals, `::` for any run of zeros, a dotted tail. */
const written = fc.record({ groups: fc.oneof({ weight: 5, arbitrary: groups }, { weight: 1, arbitrary: mapped }), zeros: fc.boolean(), upper: fc.boolean(), dotted: fc.boolean(), from: fc.nat(8), to: fc.nat(8) }).map(({ groups: all, zeros, upper, dotted, from, to }) => {
  const parts = all.map((g) => g.toString(16).padStart(zeros ? 4 : 1, '0'));
  const [high = 0, low = 0] = all.slice(6);
  const texts = dotted ? [...parts.slice(0, 6), `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`] : parts;
  const [a, b] = from < to ? [from, Math.min(to, dotted ? 6 : 8)] : [0, 0];
  const text = b > a && all.slice(a, b).every((g) => g === 0) ? `${texts.slice(0, a).join(':')}::${texts.slice(b).join(':')}` : texts.join(':');
  return { groups: all, text: upper ? text.toUpperCase() : text };
});
const anyAddress = fc.oneof(octets.map((o) => address(o.join('.'))), written.map(({ text }) => address(text)));

const bytesOf = (all: readonly number[]): number[] => all.flatMap((g) => [g >> 8, g & 255]);
const numberOf = (one: Address): bigint => addressBytes(one).reduce((n, byte) => (n << 8n) | BigInt(byte), 0n);
const widthOf = (one: Address | Prefix): number => (familyOf(one) === 4 ? 32 : 128);
/** The first `bits` bits of an address, the others cleared. */
const cutTo = (one: Address, bits: number): bigint => (numberOf(one) >> BigInt(widthOf(one) - bits)) << BigInt(widthOf(one) - bits);

test('four octets are an address, and its bytes are they', () => {
  fc.assert(fc.property(octets, (o) => {
    expect(parseAddress(o.join('.'))).toBe(o.join('.'));
    expect(addressBytes(address(o.join('.')))).toEqual(o);
  }), RUNS);
});

test('every way to write eight groups is understood, and made canonical as RFC 5952 and the URL standard have it', () => {
  let asIpv4 = 0;
  fc.assert(fc.property(written, ({ groups: all, text }) => {
    expect(isIPv6(text), text).toBe(true);
    const parsed = address(text);
    if (all.slice(0, 5).every((g) => g === 0) && all[5] === 0xffff) {
      asIpv4++;
      expect(parsed).toBe(bytesOf(all).slice(12).join('.'));
    } else {
      expect(parsed).toBe(new URL(`http://[${text}]`).hostname.slice(1, -1));
      expect(addressBytes(parsed)).toEqual(bytesOf(all));
    }
  }), RUNS);
  expect(asIpv4).toBeGreaterThan(100);
});

test('what was made canonical stays as it is', () => {
  fc.assert(fc.property(anyAddress, (one) => {
    expect(parseAddress(one)).toBe(one);
    expect(isIP(one)).toBe(familyOf(one));
  }), RUNS);
});

test('what is nearly an address is one exactly when Node thinks so', () => {
  const piece = fc.constantFrom('0', '1', '9', '00', '01', '10', '255', '256', '12345', 'f', 'FFFF', 'ffff', 'g', 'x', ':', ':', ':', '::', '.', '.', '.', '%', '/', ' ', '-', '\0', '\n', '[', ']');
  const nearly = fc.oneof(
    fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join('')),
    fc.tuple(anyAddress, fc.nat(45), fc.nat(3), piece).map(([one, at, cut, put]) => one.slice(0, at) + put + one.slice(at + cut)),
    fc.array(fc.constantFrom('0', '1', '12', '255', '256', '07', ''), { minLength: 3, maxLength: 5 }).map((o) => o.join('.')),
    fc.array(fc.constantFrom('0', '1', 'ffff', '', '1.2.3.4', '12345'), { minLength: 2, maxLength: 9 }).map((o) => o.join(':')),
  );
  let yes = 0;
  fc.assert(fc.property(nearly, (text) => {
    // Node takes a scope (fe80::1%eth0), which no list of the kernel can hold.
    const expected = isIP(text) > 0 && !text.includes('%');
    if (expected) yes++;
    expect(parseAddress(text) !== undefined, JSON.stringify(text)).toBe(expected);
  }), { numRuns: scaled(20_000) });
  expect(yes).toBeGreaterThan(500);
});

test('no text makes it throw, and what comes out is canonical', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
    const one = parseAddress(text);
    if (one !== undefined) expect(isIP(one)).toBeGreaterThan(0);
    const network = parsePrefix(text);
    if (network !== undefined) expect(parsePrefix(network)).toBe(network);
  }), RUNS);
});

test('a network is the address with its host bits cleared', () => {
  fc.assert(fc.property(anyAddress, fc.nat(128), (one, any) => {
    const bits = any % (widthOf(one) + 1);
    const network = prefixOf(one, bits);
    const [base = '', length] = network.split('/');
    expect(length).toBe(String(bits));
    expect(familyOf(network)).toBe(familyOf(one));
    expect(numberOf(address(base))).toBe(cutTo(one, bits));
    expect(parsePrefix(`${one}/${bits}`)).toBe(network);
    expect(parsePrefix(network)).toBe(network);
  }), RUNS);
});

test('an address comes back from its bytes, and an IPv4 address also from those of ::ffff:a.b.c.d', () => {
  fc.assert(fc.property(anyAddress, (one) => {
    const bytes = Uint8Array.from(addressBytes(one));
    expect(bytes).toHaveLength(familyOf(one) === 4 ? 4 : 16);
    expect(addressFrom(bytes)).toBe(one);
    if (familyOf(one) === 4) expect(addressFrom(Uint8Array.from([...new Array<number>(10).fill(0), 255, 255, ...bytes]))).toBe(one);
  }), RUNS);
  fc.assert(fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
    const text = Array.from({ length: 8 }, (_, i) => (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16)).join(':');
    expect(addressFrom(bytes)).toBe(address(text));
  }), RUNS);
});

test('what may be banned is an address or a network in one spelling, and says its address and its length', () => {
  fc.assert(fc.property(anyAddress, fc.nat(128), (one, any) => {
    const bits = any % (widthOf(one) + 1);
    const subject = parseSubject(`${one}/${bits}`);
    expect(subject).toBe(bits === widthOf(one) ? one : parsePrefix(`${one}/${bits}`));
    expect(subject).toBe(subjectOf(prefixOf(one, bits)));
    expect(subject !== undefined && isNetwork(subject)).toBe(bits < widthOf(one));
    if (subject !== undefined) expect(networkOf(subject)).toEqual({ address: address(prefixOf(one, bits).split('/')[0] ?? ''), bits });
    expect(parseSubject(one)).toBe(one);
  }), RUNS);
});

/** Bit by bit: whether two are the same in their first `bits`. */
const agree = (a: Address, b: Address, bits: number): boolean => {
  const [x, y] = [a, b].map((one) => addressBytes(one).map((byte) => byte.toString(2).padStart(8, '0')).join(''));
  return familyOf(a) === familyOf(b) && x?.slice(0, bits) === y?.slice(0, bits);
};
const reallyHolds = (outer: Subject, inner: Subject): boolean => networkOf(outer).bits <= networkOf(inner).bits && agree(networkOf(outer).address, networkOf(inner).address, networkOf(outer).bits);
/** Networks near one another, so that they lie in one another or just beside. */
const family = fc.constantFrom('10.1.2.3', '10.1.2.4', '10.1.3.0', '10.1.2.255', '11.0.0.0', '128.0.0.0', '2001:db8::', '2001:db8::1', '2001:db8:0:1::', '2001:db8:8000::', '::', '::1', '::a01:203', 'ffff::').map(address);
const anySubject = fc.tuple(fc.oneof(family, family, anyAddress), fc.oneof(fc.constantFrom(0, 1, 8, 16, 24, 31, 32, 64, 127, 128), fc.nat(128))).map(([one, any]) => subjectOf(prefixOf(one, Math.min(any, widthOf(one)))));

test('a network holds what agrees with it, bit by bit, in its whole length, and an address itself alone', () => {
  let yes = 0;
  fc.assert(fc.property(anySubject, anySubject, (outer, inner) => {
    expect(holds(outer, outer)).toBe(true);
    if (reallyHolds(outer, inner)) yes++;
    expect(holds(outer, inner), `${outer} ${inner}`).toBe(reallyHolds(outer, inner));
  }), { numRuns: scaled(20_000) });
  expect(yes).toBeGreaterThan(1000);
});

test('a set of networks names one that shares an address with a network, when there is one', () => {
  let yes = 0;
  let no = 0;
  fc.assert(fc.property(fc.array(anySubject, { maxLength: 12 }), fc.array(anySubject, { minLength: 1, maxLength: 8 }), (entries, subjects) => {
    const prefixes = entries.map((one) => prefixOf(networkOf(one).address, networkOf(one).bits));
    const set = prefixSet(prefixes);
    for (const one of subjects) {
      const shared = prefixes.filter((prefix) => reallyHolds(subjectOf(prefix), one) || reallyHolds(one, subjectOf(prefix)));
      const found = set.overlap(one);
      if (shared.length === 0) {
        no++;
        expect(found).toBeUndefined();
      } else {
        yes++;
        expect(shared).toContain(found);
      }
    }
  }), { numRuns: scaled(3000) });
  expect(Math.min(yes, no)).toBeGreaterThan(1000);
});

test('a set of networks finds the longest that holds an address, by arithmetic', () => {
  // Addresses near one another, so that they fall into one another's networks.
  const near = fc.oneof(
    fc.tuple(fc.constantFrom(10, 11, 128), fc.constantFrom(0, 1, 255), fc.constantFrom(0, 128), fc.nat(255)).map((o) => address(o.join('.'))),
    fc.tuple(fc.constantFrom('2001:db8', '2001:db9', '::'), fc.constantFrom('0', '1', 'ffff'), fc.constantFrom('0', '8000')).map(([a, b, c]) => address(a === '::' ? `::${b}:${c}` : `${a}:${b}::${c}`)),
    anyAddress,
  );
  const network = fc.tuple(near, fc.oneof(fc.constantFrom(0, 1, 8, 16, 24, 31, 32, 64, 127, 128), fc.nat(128))).map(([one, any]) => prefixOf(one, Math.min(any, widthOf(one))));
  let found = 0;
  fc.assert(fc.property(fc.array(network, { maxLength: 12 }), fc.array(near, { minLength: 1, maxLength: 8 }), (networks, addresses) => {
    const set = prefixSet(networks);
    expect(set.size).toBe(new Set(networks).size);
    for (const one of addresses) {
      let longest: Prefix | undefined;
      let best = -1;
      for (const candidate of networks) {
        const [base = '', length] = candidate.split('/');
        const bits = Number(length);
        if (familyOf(candidate) === familyOf(one) && bits > best && cutTo(one, bits) === numberOf(address(base))) {
          longest = candidate;
          best = bits;
        }
      }
      if (longest !== undefined) found++;
      expect(set.find(one)).toBe(longest);
    }
  }), { numRuns: scaled(2000) });
  expect(found).toBeGreaterThan(1000);
});

test('a duration of whole seconds comes back from its text', () => {
  const seconds = fc.oneof(fc.integer({ min: 1, max: LONGEST_DURATION / 1000 }), fc.tuple(fc.nat(40), fc.constantFrom(1, 60, 3600, 86_400, 604_800)).map(([n, unit]) => (n + 1) * unit));
  fc.assert(fc.property(seconds, (n) => {
    const text = formatDuration(ms(n * 1000));
    expect(parseDuration(text)).toBe(n * 1000);
    expect(parseDuration(n)).toBe(n * 1000);
    expect(parseDuration(String(n))).toBe(n * 1000);
  }), RUNS);
  expect(parseDuration(formatDuration(FOREVER))).toBe(FOREVER);
});

test('no text and no number is a duration of nothing, of less, or of over ten years', () => {
  const text = fc.oneof(fc.string({ maxLength: 20 }), fc.array(fc.tuple(fc.nat(99_999), fc.constantFrom('s', 'm', 'h', 'd', 'w', '')), { maxLength: 4 }).map((parts) => parts.map(([n, unit]) => `${n}${unit}`).join('')));
  fc.assert(fc.property(fc.oneof(text, fc.double()), (value) => {
    const length = parseDuration(value);
    if (length !== undefined) expect(length === FOREVER || (Number.isInteger(length) && length > 0 && length <= LONGEST_DURATION)).toBe(true);
  }), RUNS);
});
