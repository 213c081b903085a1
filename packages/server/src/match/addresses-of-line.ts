/**
 * The addresses that stand in a line, found by one look at its bytes. Most lines have one; then a pattern need not be run
 * for what it captures, only be asked whether it matches with the address in that place.
 */

import { endsColour } from './edges.ts';

/** What stands for an address may be made of these: hexadecimal digits, colon, dot. */
const IS_ADDRESS_BYTE = new Uint8Array(256);
/** What makes a longer word of an address that stands beside it: letters, digits, underscore, and all that is not ASCII. */
const IS_WORD_BYTE = new Uint8Array(256);
for (let c = 0; c < 256; c++) {
  const isDigit = c >= 0x30 && c <= 0x39;
  const isLetter = (c >= 0x41 && c <= 0x5a) || (c >= 0x61 && c <= 0x7a);
  if (isDigit || (c >= 0x41 && c <= 0x46) || (c >= 0x61 && c <= 0x66) || c === 0x3a || c === 0x2e) IS_ADDRESS_BYTE[c] = 1;
  if (isDigit || isLetter || c === 0x5f || c >= 0x80) IS_WORD_BYTE[c] = 1;
}

const DOT = 0x2e;
const COLON = 0x3a;
const PERCENT = 0x25;
const DASH = 0x2d;
const MARK = 0x01;

/** A line with more addresses is taken the slow way. */
export const MOST_ADDRESSES = 8;

/**
 * Writes the places of the addresses in `b` from `from` to `to` into `out`, two numbers each: where it begins and ends.
 * IPv4 addresses are certain; of what may be IPv6 the caller has to make sure.
 *
 * @returns how many there are; -1 when something stands there of which a pattern might take a part (`x1.2.3.4`,
 *   `1.2.3.4.5`, `v6:::1`, `fe80::1%eth0`), so that only the pattern itself can say
 */
export function addressesOf(b: Buffer, from: number, to: number, out: Int32Array): number {
  let count = 0;
  for (let i = from; i < to; i++) {
    const c = b[i] ?? 0;
    if (IS_ADDRESS_BYTE[c] === 0) {
      if (c === MARK) return -1;
      continue;
    }
    const start = i;
    let dots = 0;
    let colons = 0;
    let isShort = false;
    let lastColon = -2;
    let lastDot = -1;
    for (; i < to; i++) {
      const d = b[i] ?? 0;
      if (IS_ADDRESS_BYTE[d] === 0) break;
      if (d === DOT) {
        dots++;
        lastDot = i;
      } else if (d === COLON) {
        colons++;
        if (lastColon === i - 1) isShort = true;
        lastColon = i;
      }
    }
    // No part of it can be an address: a number, a version, a time of day. IPv6 has `::` or seven colons.
    if (dots < 3 && !isShort && colons < 7) {
      if (b[i] === MARK && i < to) return -1;
      continue;
    }
    let end = i;
    // The full stop of a sentence, the colon before what is said of it.
    if (lastDot === end - 1 && dots > 3) {
      end--;
      dots--;
    } else if (lastColon === end - 1 && !isShort) {
      end--;
      colons--;
      if (colons > 0) return -1;
    }
    const before = start > from ? (b[start - 1] ?? 0) : 0;
    const next = i < to ? (b[i] ?? 0) : 0;
    if ((IS_WORD_BYTE[before] === 1 && !endsColour(b, start - 1)) || IS_WORD_BYTE[next] === 1 || next === PERCENT || next === MARK) return -1;
    if (before === DASH && start - 1 > from && IS_WORD_BYTE[b[start - 2] ?? 0] === 1) return -1;
    if (next === DASH && i + 1 < to && IS_WORD_BYTE[b[i + 1] ?? 0] === 1) return -1;
    if (dots === 3 && colons === 1 && !isShort && lastColon > lastDot && lastColon > start) end = lastColon;
    else if (dots === 3 && colons > 0 && !isShort) return -1;
    else if (dots > 3 || (colons === 0 && dots !== 3)) return -1;
    if (count === MOST_ADDRESSES) return -1;
    out[2 * count] = start;
    out[2 * count + 1] = end;
    count++;
  }
  return count;
}
