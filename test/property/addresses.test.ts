/** Addresses, networks and durations against what Node says of them and against plain arithmetic. */
import { addressBytes, familyOf, formatDuration, FOREVER, LONGEST_DURATION, ms, parseAddress, parseDuration, parsePrefix, prefixOf, prefixSet, type Address, type Prefix } from 'banban-shared';
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
const networkOf = (one: Address, bits: number): bigint => (numberOf(one) >> BigInt(widthOf(one) - bits)) << BigInt(widthOf(one) - bits);

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
    expect(numberOf(address(base))).toBe(networkOf(one, bits));
    expect(parsePrefix(`${one}/${bits}`)).toBe(network);
    expect(parsePrefix(network)).toBe(network);
  }), RUNS);
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
        if (familyOf(candidate) === familyOf(one) && bits > best && networkOf(one, bits) === numberOf(address(base))) {
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
