/**
 * Addresses between text and bytes, for lists of a hundred thousand: each of these costs 100 to 200 ns where the general way costs
 * 5 µs. The texts are those that `parseAddress` and `prefixOf` make (dotted decimal, RFC 5952), and nothing else is read.
 */
import type { Subject } from 'banban-shared';

const DOT = 0x2e;
const COLON = 0x3a;
const SLASH = 0x2f;
const ZERO = 0x30;
const HEX = Buffer.from('0123456789abcdef');

/** The longest is 39 characters of IPv6 and `/128`. */
const scratch = Buffer.alloc(64);

/** The number behind a slash, from `from` to the end of the text; -1 where it is none or above `most`. */
function bitsAt(text: string, from: number, most: number): number {
  const length = text.length - from;
  if (length < 1 || length > 3) return -1;
  let bits = 0;
  for (let i = from; i < text.length; i++) {
    const digit = text.charCodeAt(i) - ZERO;
    if (digit < 0 || digit > 9) return -1;
    bits = bits * 10 + digit;
  }
  return bits <= most ? bits : -1;
}

/**
 * Writes the four bytes of an IPv4 address or network.
 *
 * @returns how many bits of it count: 32 for an address; -1 when the text is not a canonical one
 */
export function putIpv4(text: string, into: Buffer, at: number): number {
  let octet = 0;
  let digits = 0;
  let count = 0;
  for (let i = 0; ; i++) {
    // NaN at the end of the text.
    const c = text.charCodeAt(i);
    if (c >= ZERO && c <= 0x39) {
      // 010 is 8 to some readers and 10 to others.
      if (digits > 0 && octet === 0) return -1;
      octet = octet * 10 + (c - ZERO);
      if (++digits > 3) return -1;
      continue;
    }
    if (digits === 0 || octet > 255 || count === 4) return -1;
    into[at + count++] = octet;
    octet = 0;
    digits = 0;
    if (c === DOT) continue;
    if (count !== 4) return -1;
    return c === SLASH ? bitsAt(text, i + 1, 32) : i === text.length ? 32 : -1;
  }
}

const hexDigit = (c: number): number => (c >= ZERO && c <= 0x39 ? c - ZERO : c >= 0x61 && c <= 0x66 ? c - 0x57 : -1);

/**
 * Writes the sixteen bytes of an IPv6 address or network.
 *
 * @returns how many bits of it count: 128 for an address; -1 when the text is not a canonical one
 */
export function putIpv6(text: string, into: Buffer, at: number): number {
  let group = 0;
  let digits = 0;
  let count = 0;
  /** How many groups stand before `::`. */
  let gap = -1;
  let i = 0;
  for (; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === SLASH) break;
    if (c !== COLON) {
      const digit = hexDigit(c);
      if (digit < 0 || (digits > 0 && group === 0) || ++digits > 4) return -1;
      group = (group << 4) | digit;
      continue;
    }
    const isGap = text.charCodeAt(i + 1) === COLON;
    if (digits > 0) {
      if (count === 8) return -1;
      into[at + 2 * count] = group >> 8;
      into[at + 2 * count + 1] = group & 0xff;
      count++;
      group = 0;
      digits = 0;
    } else if (!isGap || i > 0) return -1;
    if (isGap) {
      if (gap >= 0) return -1;
      gap = count;
      i++;
    }
  }
  if (digits > 0) {
    if (count === 8) return -1;
    into[at + 2 * count] = group >> 8;
    into[at + 2 * count + 1] = group & 0xff;
    count++;
  } else if (gap !== count) return -1;
  if (gap < 0) {
    if (count !== 8) return -1;
  } else {
    if (count === 8) return -1;
    const behind = at + 2 * gap;
    const moved = 16 - 2 * (count - gap);
    into.copyWithin(at + moved, behind, at + 2 * count);
    into.fill(0, behind, at + moved);
  }
  return i === text.length ? 128 : bitsAt(text, i + 1, 128);
}

/** Writes a number below 256 into `scratch` and gives the place behind it. */
function putDecimal(value: number, at: number): number {
  if (value >= 100) {
    scratch[at++] = ZERO + Math.trunc(value / 100);
    value %= 100;
    scratch[at++] = ZERO + Math.trunc(value / 10);
    value %= 10;
  } else if (value >= 10) {
    scratch[at++] = ZERO + Math.trunc(value / 10);
    value %= 10;
  }
  scratch[at++] = ZERO + value;
  return at;
}

/** Ends the text in `scratch`. The one place where bytes become a subject: they were written as an address, character by character. */
function subject(length: number, bits: number, whole: number): Subject {
  if (bits !== whole) {
    scratch[length] = SLASH;
    length = putDecimal(bits, length + 1);
  }
  return scratch.toString('latin1', 0, length) as Subject;
}

/** The IPv4 address of four bytes, or the network of `bits` bits that begins with it. */
export function ipv4Subject(bytes: Buffer, at: number, bits = 32): Subject {
  let length = putDecimal(bytes.readUInt8(at), 0);
  for (let i = 1; i < 4; i++) {
    scratch[length++] = DOT;
    length = putDecimal(bytes.readUInt8(at + i), length);
  }
  return subject(length, bits, 32);
}

/** Whether sixteen bytes are an IPv4 address in the form `::ffff:a.b.c.d`, which no packet has and no subject either. */
export const isMapped = (bytes: Buffer, at: number): boolean =>
  bytes.readUInt32BE(at + 8) === 0xffff && bytes.readUInt32BE(at + 4) === 0 && bytes.readUInt32BE(at) === 0;

/** The IPv6 address of sixteen bytes by RFC 5952 section 4, or the network of `bits` bits that begins with it; not for what `isMapped`. */
export function ipv6Subject(bytes: Buffer, at: number, bits = 128): Subject {
  // Section 4.2: the longest run of two zero groups or more is left out, the first of equals.
  let from = 8;
  let longest = 1;
  for (let i = 0, run = 0; i < 8; i++) {
    run = bytes.readUInt16BE(at + 2 * i) === 0 ? run + 1 : 0;
    if (run > longest) {
      longest = run;
      from = i - run + 1;
    }
  }
  const behind = from + longest;
  let length = 0;
  for (let i = 0; i < 8; i++) {
    if (i === from) {
      scratch[length++] = COLON;
      scratch[length++] = COLON;
      i = behind - 1;
      continue;
    }
    if (i > 0 && i !== behind) scratch[length++] = COLON;
    const group = bytes.readUInt16BE(at + 2 * i);
    for (let shift = group > 0xfff ? 12 : group > 0xff ? 8 : group > 0xf ? 4 : 0; shift >= 0; shift -= 4) scratch[length++] = HEX.readUInt8((group >> shift) & 0xf);
  }
  return subject(length, bits, 128);
}
