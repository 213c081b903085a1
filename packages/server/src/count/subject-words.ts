/** Reads the canonical text of an address or network as numbers: for every match, so it makes nothing. */
import type { Subject } from 'banban-shared';

/** What `subjectWords` writes: four words of address, those of IPv4 in the last one, and the shape of the subject. */
export const SUBJECT_WORDS = 5;

/** The shape takes so many bits of its word. */
export const SHAPE_BITS = 9;

/** The last word of a subject: twice its length in bits, and 1 for IPv6. It differs between an address and the network that begins with it. */
const shapeOf = (bits: number, isIpv6: boolean): number => bits * 2 + (isIpv6 ? 1 : 0);

/** Writes a subject's words into `into`: the same for the same subject, others for every other one. */
export function subjectWords(subject: Subject, into: Int32Array): void {
  into[0] = into[1] = into[2] = into[3] = 0;
  let octet = 0;
  let bits = 0;
  for (let i = 0; i < subject.length; i++) {
    const c = subject.charCodeAt(i);
    if (c === 0x2e) {
      bits = (bits << 8) | octet;
      octet = 0;
    } else if (c >= 0x30 && c <= 0x39) octet = octet * 10 + (c - 0x30);
    else if (c === 0x2f) {
      into[3] = (bits << 8) | octet;
      into[4] = shapeOf(lengthAt(subject, i + 1), false);
      return;
    } else {
      ipv6Words(subject, into);
      return;
    }
  }
  into[3] = (bits << 8) | octet;
  into[4] = shapeOf(32, false);
}

/** The number that stands from `i` to the end. */
function lengthAt(text: string, i: number): number {
  let length = 0;
  for (; i < text.length; i++) length = length * 10 + (text.charCodeAt(i) - 0x30);
  return length;
}

/** Puts the n-th group of an IPv6 address into its word. */
function putGroup(into: Int32Array, n: number, value: number): void {
  const word = n >> 1;
  into[word] = (into[word] ?? 0) | (n % 2 === 0 ? value << 16 : value);
}

/** Groups from the front up to `::`, then from the end backwards. */
function ipv6Words(subject: string, into: Int32Array): void {
  const slash = subject.indexOf('/');
  const end = slash < 0 ? subject.length : slash;
  into[4] = shapeOf(slash < 0 ? 128 : lengthAt(subject, slash + 1), true);
  let value = 0;
  let group = 0;
  let i = 0;
  for (; i < end; i++) {
    const c = subject.charCodeAt(i);
    if (c !== 0x3a) value = value * 16 + (c <= 0x39 ? c - 0x30 : c - 0x57);
    else {
      // The group before a gap ends here, or there is none.
      putGroup(into, group++, value);
      value = 0;
      if (subject.charCodeAt(i + 1) === 0x3a) break;
    }
  }
  if (i === end) {
    putGroup(into, group, value);
    return;
  }
  group = 7;
  let shift = 0;
  value = 0;
  for (let back = end - 1; back > i + 1; back--) {
    const c = subject.charCodeAt(back);
    if (c !== 0x3a) {
      value |= (c <= 0x39 ? c - 0x30 : c - 0x57) << shift;
      shift += 4;
    } else {
      putGroup(into, group--, value);
      value = 0;
      shift = 0;
    }
  }
  if (shift > 0) putGroup(into, group, value);
}
