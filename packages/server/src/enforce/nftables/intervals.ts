/**
 * Networks as sets of intervals have them: an element for the first address, and one, flagged as an end, for the first address
 * after the last. A network that ends with the last address of all has no end, as `nft` writes it.
 *
 * Keys are latin1 texts of 4 or 16 characters, which compare as the bytes do.
 */

/** Writes the first address after a network of `bits` bits; false, and anything written, where there is none. */
export function putEnd(key: Buffer, at: number, width: number, bits: number, into: Buffer, to: number): boolean {
  if (bits === 0) return false;
  key.copy(into, to, at, at + width);
  // The network's last bit, plus one, with the carry.
  let carry = 1 << (7 - ((bits - 1) & 7));
  for (let i = (bits - 1) >> 3; i >= 0; i--) {
    const sum = into.readUInt8(to + i) + carry;
    into[to + i] = sum & 0xff;
    if (sum <= 0xff) return true;
    carry = 1;
  }
  return false;
}

/** Writes the last address of a network of `bits` bits. */
export function putLast(key: Buffer, at: number, width: number, bits: number, into: Buffer, to: number): void {
  key.copy(into, to, at, at + width);
  for (let i = bits >> 3; i < width; i++) into[to + i] = into.readUInt8(to + i) | (i === bits >> 3 ? 0xff >> (bits & 7) : 0xff);
}

/** The bits of the network from `start` to just before `end` (undefined: to the last address of all); undefined when it is none. */
export function bitsOf(start: Buffer, end: Buffer | undefined): number | undefined {
  const width = start.length;
  // The last address is the end less one; byte by byte, with the borrow.
  const last = end === undefined ? Buffer.alloc(width, 0xff) : Buffer.from(end);
  for (let i = width - 1; end !== undefined && i >= 0; i--) {
    const byte = last.readUInt8(i);
    last[i] = (byte - 1) & 0xff;
    if (byte > 0) break;
  }
  let bits = 0;
  while (bits < width * 8 && bitAt(start, bits) === bitAt(last, bits)) bits++;
  for (let i = bits; i < width * 8; i++) if (bitAt(start, i) !== 0 || bitAt(last, i) !== 1) return undefined;
  return bits;
}

const bitAt = (bytes: Buffer, bit: number): number => (bytes.readUInt8(bit >> 3) >> (7 - (bit & 7))) & 1;

/** Elements of a set, in any order. */
export interface Ends<T> {
  readonly starts: readonly (readonly [key: string, value: T])[];
  readonly ends: readonly string[];
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** An interval from its first address to before the first that is not in it; undefined where that would be after the last of all. */
export interface Interval<T> {
  readonly start: string;
  readonly end: string | undefined;
  readonly value: T;
}

/**
 * Each start with its end, from the lowest. There may be ends without a start: `nft` writes one at the lowest address, and the start of an
 * interval whose time is over is not shown any longer while its end still is.
 */
export function pairs<T>({ starts, ends }: Ends<T>): Interval<T>[] {
  const sorted = [...starts].sort(([a], [b]) => compare(a, b));
  const sortedEnds = [...ends].sort(compare);
  let at = 0;
  return sorted.map(([start, value], i) => {
    while (at < sortedEnds.length && (sortedEnds[at] ?? '') <= start) at++;
    const end = sortedEnds[at];
    const next = sorted[i + 1]?.[0];
    // An end behind the next start is that one's: this one's element is missing, and where it ends is not known.
    return { start, end: end !== undefined && next !== undefined && end > next ? next : end, value };
  });
}

/** The first of the intervals (in order, none overlapping another) that has an address in common with `from` to before `to`, and is not to be ignored. */
export function overlapping<T>(intervals: readonly Interval<T>[], from: string, to: string | undefined, isIgnored: (one: Interval<T>) => boolean): Interval<T> | undefined {
  let low = 0;
  for (let high = intervals.length; low < high; ) {
    const middle = (low + high) >> 1;
    const end = intervals[middle]?.end;
    if (end !== undefined && end <= from) low = middle + 1;
    else high = middle;
  }
  for (let at = low; at < intervals.length; at++) {
    const one = intervals[at];
    if (one === undefined || (to !== undefined && one.start >= to)) return undefined;
    if (!isIgnored(one)) return one;
  }
  return undefined;
}
