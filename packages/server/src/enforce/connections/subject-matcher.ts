/** Finds the subject that an address of a kernel message belongs to: by bytes, because a table has hundreds of thousands of them. */
import { addressBytes, networkOf, type Family, type Subject } from 'banban-shared';
import type { Clock } from '../../clock.ts';
import { inSlices } from '../../slices.ts';

/** The subjects of one pass. Of two that hold an address the narrower one is found. */
export interface SubjectMatcher {
  /** The families of the subjects. */
  readonly families: ReadonlySet<Family>;
  /** The subject of the IPv4 address whose 4 bytes begin at `at`; undefined when nobody wants it. */
  ipv4(bytes: Buffer, at: number): Subject | undefined;
  /** As `ipv4`, for the 16 bytes of an IPv6 address that is none of IPv4. */
  ipv6(bytes: Buffer, at: number): Subject | undefined;
}

/** Networks of one length. */
interface OfLength<Key> {
  readonly bits: number;
  readonly subjects: Map<Key, Subject>;
}

/** JavaScript shifts by the distance modulo 32. */
const mask32 = (bits: number): number => (bits === 0 ? 0 : -1 << (32 - bits));

/** The first `bits` of 16 bytes, as a text of their bytes. */
function ipv6Key(bytes: Buffer, at: number, bits: number): string {
  const whole = bits >> 3;
  const text = bytes.toString('latin1', at, at + whole);
  const rest = bits & 7;
  return rest === 0 ? text : text + String.fromCharCode((bytes[at + whole] ?? 0) & (0xff << (8 - rest)));
}

/** Makes one of all subjects of a pass: 10,000 of IPv6 take 30 ms, in slices. */
export async function subjectMatcher(clock: Clock, subjects: Iterable<Subject>): Promise<SubjectMatcher> {
  const families = new Set<Family>();
  const ipv4 = new Map<number, Map<number, Subject>>();
  const ipv6 = new Map<number, Map<string, Subject>>();
  const add = <Key>(lengths: Map<number, Map<Key, Subject>>, bits: number, key: Key, subject: Subject): void => {
    const known = lengths.get(bits);
    if (known === undefined) lengths.set(bits, new Map([[key, subject]]));
    else known.set(key, subject);
  };
  await inSlices(clock, subjects, (subject) => {
    const { address, bits } = networkOf(subject);
    const bytes = Buffer.from(addressBytes(address));
    if (bytes.length === 4) add(ipv4, bits, bytes.readInt32BE(0), subject);
    else add(ipv6, bits, ipv6Key(bytes, 0, bits), subject);
  });
  if (ipv4.size > 0) families.add(4);
  if (ipv6.size > 0) families.add(6);
  const narrowestFirst = <Key>(lengths: Map<number, Map<Key, Subject>>): readonly OfLength<Key>[] =>
    [...lengths].map(([bits, of]) => ({ bits, subjects: of })).sort((a, b) => b.bits - a.bits);
  const lengths4 = narrowestFirst(ipv4).map(({ bits, subjects: of }) => ({ mask: mask32(bits), subjects: of }));
  const lengths6 = narrowestFirst(ipv6);

  return {
    families,
    ipv4(bytes, at) {
      if (lengths4.length === 0) return undefined;
      const address = bytes.readInt32BE(at);
      for (const { mask, subjects: of } of lengths4) {
        const found = of.get(address & mask);
        if (found !== undefined) return found;
      }
      return undefined;
    },
    ipv6(bytes, at) {
      for (const { bits, subjects: of } of lengths6) {
        const found = of.get(ipv6Key(bytes, at, bits));
        if (found !== undefined) return found;
      }
      return undefined;
    },
  };
}
