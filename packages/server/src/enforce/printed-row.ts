/**
 * The rows of a target's four sets as programs read and print them. Which of the sets a row belongs to is said in nftables/sets.ts; it is the
 * same for ipset.
 */
import { parseAddress, type Subject } from 'banban-shared';
import { ipv4Subject, ipv6Subject, isMapped, putIpv4, putIpv6 } from './nftables/address-text.ts';
import { setNumber } from './nftables/sets.ts';

/** Where a row belongs, and how it is written there. */
export interface PrintedRow {
  /** The number of its set, as in `setsOf`. */
  readonly set: number;
  /** An address, or a network with its number of bits; in the hash of IPv6 the first address of the network. */
  readonly text: string;
}

const scratch = Buffer.alloc(16);

/** The row of a subject; undefined for what is no address in canonical form, and must not reach a program. */
export function printedRow(subject: Subject, ipv6Prefix: number): PrintedRow | undefined {
  const family = subject.includes(':') ? 6 : 4;
  const bits = family === 4 ? putIpv4(subject, scratch, 0) : putIpv6(subject, scratch, 0);
  if (bits < 0) return undefined;
  const set = setNumber(family, bits, ipv6Prefix);
  const slash = set === 1 ? subject.indexOf('/') : -1;
  return { set, text: slash < 0 ? subject : subject.slice(0, slash) };
}

/** Whether all bits of the scratch behind the first `bits` are zero. */
function isNetwork(bits: number, width: number): boolean {
  for (let i = bits >> 3; i < width; i++) if ((scratch.readUInt8(i) & (i === bits >> 3 ? 0xff >> (bits & 7) : 0xff)) !== 0) return false;
  return true;
}

/** Reads an IPv6 text as the C library prints it: as RFC 5952 has it, but for `::102:304`, of which it makes `::1.2.3.4`. */
function readIpv6(text: string): number {
  const bits = putIpv6(text, scratch, 0);
  if (bits >= 0 || !text.includes('.')) return bits;
  const [address = '', tail] = text.split('/');
  const parsed = parseAddress(address);
  return parsed === undefined ? -1 : putIpv6(tail === undefined ? parsed : `${parsed}/${tail}`, scratch, 0);
}

/** The subject of a row that a program printed; undefined where banban would have written none such to the set of this number. */
export function subjectOfRow(text: string, set: number, ipv6Prefix: number): Subject | undefined {
  if (set === 0 || set === 2) {
    const bits = putIpv4(text, scratch, 0);
    return bits >= 0 && setNumber(4, bits, ipv6Prefix) === set && isNetwork(bits, 4) ? ipv4Subject(scratch, 0, bits) : undefined;
  }
  const printed = readIpv6(text);
  if (printed < 0 || isMapped(scratch, 0) || (set === 1 && printed !== 128)) return undefined;
  const bits = set === 1 ? ipv6Prefix : printed;
  return setNumber(6, bits, ipv6Prefix) === set && isNetwork(bits, 16) ? ipv6Subject(scratch, 0, bits) : undefined;
}
