/**
 * Addresses and prefixes: the only door to ipaddr.js, and the only place where text becomes an `Address`. It is longer than most files
 * because nobody else may make an address, so all that makes one stands here.
 *
 * ipaddr.js alone takes `1.2.3`, `0x7f.1` and `010.0.0.1` (which the kernel reads as 10.0.0.1), so every text first has
 * to be what a service prints: four decimal octets without leading zeros, or an IPv6 address by RFC 4291 section 2.2.
 */
import ipaddr from 'ipaddr.js';

declare const addressBrand: unique symbol;
declare const prefixBrand: unique symbol;

/** One IPv4 or IPv6 address in canonical text: dotted decimal, or RFC 5952 for IPv6. Made by `parseAddress` only. */
export type Address = string & { readonly [addressBrand]: true };

/** A network in canonical text, `203.0.113.0/24`, its host bits zero. Made by `parsePrefix` and `prefixOf` only. */
export type Prefix = string & { readonly [prefixBrand]: true };

/** What a ban is of: one address, or a network of more than one. A network of one address is written as the address. */
export type Subject = Address | Prefix;

/** The kernel's two kinds of address: 4 for IPv4, 6 for IPv6. */
export type Family = 4 | 6;

/** 39 characters of full IPv6, or 45 with a dotted tail: nothing longer can be an address. */
const LONGEST_ADDRESS = 45;

const IPV6_SHAPE = /^[0-9A-Fa-f:]+(?:\d{1,3}(?:\.\d{1,3}){3})?$/;

/** True when `text` is exactly four decimal octets, none above 255, none with a leading zero. */
function isIpv4(text: string): boolean {
  const length = text.length;
  if (length < 7 || length > 15) return false;
  let octets = 1;
  let digits = 0;
  let value = 0;
  for (let i = 0; i < length; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x2e) {
      if (digits === 0 || ++octets > 4) return false;
      digits = 0;
      value = 0;
    } else if (c >= 0x30 && c <= 0x39) {
      if (digits > 0 && value === 0) return false;
      value = value * 10 + (c - 0x30);
      digits++;
      if (value > 255) return false;
    } else return false;
  }
  return octets === 4 && digits > 0;
}

/**
 * An IPv6 text with its dotted tail written as two groups. ipaddr.js takes `::1.2.3.4` for `::ffff:1.2.3.4`, which would
 * ban an IPv4 address that has done nothing: it is `::102:304` (RFC 4291 section 2.5.5.1), and the C library prints it so.
 */
function inGroups(text: string): string | undefined {
  const tail = text.slice(text.lastIndexOf(':') + 1);
  if (!isIpv4(tail)) return undefined;
  const bits = ipv4Bits(tail);
  return `${text.slice(0, -tail.length)}${(bits >>> 16).toString(16)}:${(bits & 0xffff).toString(16)}`;
}

/**
 * Reads one address as a service prints it. `::ffff:a.b.c.d` is IPv4, because that is the packet the kernel sees.
 * A scope (`fe80::1%eth0`) is not part of an address here and makes it unreadable.
 *
 * @returns undefined for anything that is not exactly one address
 */
export function parseAddress(text: string): Address | undefined {
  if (isIpv4(text)) return text as Address;
  if (text.length < 2 || text.length > LONGEST_ADDRESS || !IPV6_SHAPE.test(text)) return undefined;
  const groups = text.includes('.') ? inGroups(text) : text;
  if (groups === undefined || !ipaddr.IPv6.isValid(groups)) return undefined;
  const parsed = ipaddr.IPv6.parse(groups);
  return (parsed.isIPv4MappedAddress() ? parsed.toIPv4Address().toString() : parsed.toRFC5952String()) as Address;
}

/**
 * `parseAddress` that remembers IPv6 texts, at most `most` of them: reading one takes some 5 µs, and logs and lists have the same ones
 * again and again.
 */
export function rememberingParser(most: number): (text: string) => Address | undefined {
  const known = new Map<string, Address | undefined>();
  return (text) => {
    if (!text.includes(':')) return parseAddress(text);
    if (known.has(text)) return known.get(text);
    if (known.size >= most) known.clear();
    const address = parseAddress(text);
    known.set(text, address);
    return address;
  };
}

/** Which kind an address or a network is of; `::ffff:a.b.c.d` never occurs, `parseAddress` has made it IPv4. */
export function familyOf(address: Address | Prefix): Family {
  return address.includes(':') ? 6 : 4;
}

/** The eight groups of an IPv6 address in canonical text: ipaddr.js takes 5 µs for it, and networks are looked for with every line that counts. */
function groupsOf(address: string): number[] {
  const groups: number[] = [];
  let gap = -1;
  let value = -1;
  for (let i = 0; i <= address.length; i++) {
    const c = i === address.length ? 0x3a : address.charCodeAt(i);
    if (c !== 0x3a) value = Math.max(0, value) * 16 + (c <= 0x39 ? c - 0x30 : c - 0x57);
    else if (value >= 0) {
      groups.push(value);
      value = -1;
    } else if (i < address.length) gap = groups.length;
  }
  if (gap >= 0) groups.splice(gap, 0, ...Array<number>(8 - groups.length).fill(0));
  return groups;
}

/** Eight groups as text, by RFC 5952 section 4.2: `::` for the first of the longest runs of zeros, but not for a single one. */
function ipv6Text(groups: readonly number[]): string {
  let from = -1;
  let length = 1;
  for (let i = 0, run = 0; i < 8; i++) {
    run = groups[i] === 0 ? run + 1 : 0;
    if (run <= length) continue;
    from = i + 1 - run;
    length = run;
  }
  const texts = groups.map((group) => group.toString(16));
  return from < 0 ? texts.join(':') : `${texts.slice(0, from).join(':')}::${texts.slice(from + length).join(':')}`;
}

/** The bytes of an address: 4 of them or 16, in the order of the wire. */
export function addressBytes(address: Address): readonly number[] {
  if (familyOf(address) === 6) return groupsOf(address).flatMap((group) => [group >> 8, group & 0xff]);
  const bits = ipv4Bits(address);
  return [bits >>> 24, (bits >> 16) & 0xff, (bits >> 8) & 0xff, bits & 0xff];
}

/** The address of 4 bytes or 16, as the kernel gives them; `::ffff:…` becomes IPv4, as everywhere. */
export function addressFrom(bytes: Uint8Array): Address {
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}` as Address;
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0));
  const isMapped = groups[5] === 0xffff && groups.every((group, i) => group === 0 || i > 4);
  return (isMapped ? bytes.subarray(12).join('.') : ipv6Text(groups)) as Address;
}

/** The network of `bits` bits around an address, host bits cleared; the whole address where `bits` is its full length. */
export function prefixOf(address: Address, bits: number): Prefix {
  if (familyOf(address) === 4) {
    const network = maskIpv4(ipv4Bits(address), bits);
    return `${network >>> 24}.${(network >> 16) & 0xff}.${(network >> 8) & 0xff}.${network & 0xff}/${bits}` as Prefix;
  }
  const network = groupsOf(address).map((group, i) => group & (0xffff << (16 - Math.min(16, Math.max(0, bits - 16 * i)))));
  return `${ipv6Text(network)}/${bits}` as Prefix;
}

/**
 * Reads `address` or `address/bits`. Host bits may be set and are cleared (`10.1.2.3/8` is `10.0.0.0/8`).
 *
 * @returns undefined for anything else: no host names, no netmasks, no `010.0.0.0/8`
 */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf('/');
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (address === undefined) return undefined;
  const longest = familyOf(address) === 4 ? 32 : 128;
  if (slash < 0) return `${address}/${longest}` as Prefix;
  const tail = text.slice(slash + 1);
  if (!/^(?:0|[1-9]\d{0,2})$/.test(tail)) return undefined;
  // ::ffff:0:0/96 and longer are IPv4 networks written as IPv6: shorten the length with the address.
  const mapped = familyOf(address) === 4 && text.slice(0, slash).includes(':');
  const bits = mapped ? Number(tail) - 96 : Number(tail);
  if (bits < 0 || bits > longest) return undefined;
  return prefixOf(address, bits);
}

/** Whether a ban is of a network. */
export const isNetwork = (subject: Subject): subject is Prefix => subject.includes('/');

/** A network as the subject of a ban: the address itself where it has no other. */
export function subjectOf(prefix: Prefix): Subject {
  const slash = prefix.indexOf('/');
  const isWhole = Number(prefix.slice(slash + 1)) === (familyOf(prefix) === 4 ? 32 : 128);
  // A prefix has an address before its slash.
  return isWhole ? (prefix.slice(0, slash) as Address) : prefix;
}

/**
 * Reads what may be banned: an address or a network, as `parsePrefix` does.
 *
 * @returns undefined for anything else
 */
export function parseSubject(text: string): Subject | undefined {
  const prefix = text.includes('/') ? parsePrefix(text) : undefined;
  return prefix === undefined ? parseAddress(text) : subjectOf(prefix);
}

/** The address and the number of bits of a subject; all of them for an address. */
export function networkOf(subject: Subject): { readonly address: Address; readonly bits: number } {
  const slash = subject.indexOf('/');
  if (slash < 0) return { address: subject as Address, bits: familyOf(subject) === 4 ? 32 : 128 };
  return { address: subject.slice(0, slash) as Address, bits: Number(subject.slice(slash + 1)) };
}

/** Whether all of `inner` is in `outer`; a subject holds itself. */
export function holds(outer: Subject, inner: Subject): boolean {
  if (outer === inner) return true;
  if (!isNetwork(outer) || familyOf(outer) !== familyOf(inner)) return false;
  const { bits } = networkOf(outer);
  const within = networkOf(inner);
  return within.bits >= bits && prefixOf(within.address, bits) === outer;
}

/** The 32 bits of an IPv4 address, as a signed number. */
function ipv4Bits(address: string): number {
  let bits = 0;
  let octet = 0;
  for (let i = 0; i < address.length; i++) {
    const c = address.charCodeAt(i);
    if (c === 0x2e) {
      bits = (bits << 8) | octet;
      octet = 0;
    } else octet = octet * 10 + (c - 0x30);
  }
  return (bits << 8) | octet;
}

/** `bits` with all but the first `length` cleared. */
const maskIpv4 = (bits: number, length: number): number => (length === 0 ? 0 : bits & (-1 << (32 - length)));
