/**
 * The addresses that stand in a line, found by one look at its bytes. Most lines have one; then a pattern need not be run
 * for what it captures, only be asked whether it matches with the address in that place.
 */

import { COLON, DASH } from '../syslog/bytes.ts';
import { afterTag, endsColour, IS_ADDRESS_BYTE, IS_WORD_BYTE } from './edges.ts';

const DOT = 0x2e;
const PERCENT = 0x25;
const MARK = 0x01;

/** What a look at a line has to stop for. */
const KIND = new Uint8Array(256);
const POINT = 1;
const FORBIDDEN = 2;
KIND[DOT] = POINT;
KIND[COLON] = POINT;
KIND[MARK] = FORBIDDEN;
KIND.fill(3, 0x80);

/** A line with more addresses is taken the slow way. */
export const MOST_ADDRESSES = 8;
/** Where in `out` it says whether there may be bytes that are not ASCII: 0 or 1. */
export const NOT_ASCII = 2 * MOST_ADDRESSES;

/** What has not been looked at may be anything. */
function odd(out: Int32Array): -1 {
  out[NOT_ASCII] = 1;
  return -1;
}

/**
 * Writes the places of the addresses in `b` from `from` to `to` into `out`, two numbers each, counted from `from`: where it
 * begins and ends.
 * `out[NOT_ASCII]` is 0 where all bytes are ASCII. IPv4 addresses are certain; of what may be IPv6 the caller has to make sure.
 *
 * @returns how many there are; -1 when something stands there of which a pattern might take a part (`x1.2.3.4`,
 *   `1.2.3.4.5`, `fe80::1%eth0`), so that only the pattern itself can say
 */
export function addressesOf(b: Buffer, from: number, to: number, out: Int32Array): number {
  let count = 0;
  out[NOT_ASCII] = 0;
  /** Where the last run of such bytes ended: the next one can't begin before. */
  let floor = from;
  for (let i = from; i < to; i++) {
    // Every address has a dot or a colon, and hardly anything else in a line does: four bytes at a look.
    while (i + 4 <= to && ((KIND[b[i] ?? 0] ?? 0) | (KIND[b[i + 1] ?? 0] ?? 0) | (KIND[b[i + 2] ?? 0] ?? 0) | (KIND[b[i + 3] ?? 0] ?? 0)) === 0) i += 4;
    if (i >= to) break;
    const kind = KIND[b[i] ?? 0];
    if (kind === 0) continue;
    if (kind !== POINT) {
      if (kind === FORBIDDEN) return odd(out);
      out[NOT_ASCII] = 1;
      continue;
    }
    let start = i;
    while (start > floor && IS_ADDRESS_BYTE[b[start - 1] ?? 0] === 1) start--;
    const run = start;
    i = start;
    let dots = 0;
    let colons = 0;
    let isShort = false;
    let lastColon = -2;
    let firstDot = -1;
    for (; i < to; i++) {
      const d = b[i] ?? 0;
      if (IS_ADDRESS_BYTE[d] === 0) break;
      if (d === DOT) {
        if (dots++ === 0) firstDot = i;
      } else if (d === COLON) {
        colons++;
        if (lastColon === i - 1) isShort = true;
        lastColon = i;
      }
    }
    const next = i < to ? (b[i] ?? 0) : 0;
    if (next === MARK) return odd(out);
    floor = i;
    // No part of it can be an address: a number, a version, a time of day, an ellipsis. IPv6 has `::` or seven colons, or six and IPv4's dots.
    if ((dots < 3 || dots === i - start) && !isShort && colons < 7) continue;
    // Nor of the `::` between two words of a program; a third colon may be what stands behind an address (`::1:user`).
    if (i - run <= 4 && (dots >= i - run - 1 || (colons === 2 && IS_WORD_BYTE[next] === 1))) continue;
    let end = i;
    if (!isShort && colons < 6) {
      // IPv4, perhaps with a word or a port beside it (`udp4:192.0.2.1:1194`): the piece with the dots.
      for (let k = firstDot; k > start; k--) {
        if (b[k - 1] === COLON) {
          start = k;
          break;
        }
      }
      end = start;
      const all = dots;
      dots = 0;
      while (end < i && b[end] !== COLON) if (b[end++] === DOT) dots++;
      // The full stop of a sentence.
      if (end === i && dots === 4 && b[end - 1] === DOT) {
        end--;
        dots--;
        if (IS_WORD_BYTE[next] === 1) return odd(out);
      }
      // More dots are another address, with nothing but a colon between.
      if (dots !== 3 || all > (b[i - 1] === DOT ? 4 : 3)) return odd(out);
    } else {
      start = afterTag(b, start);
      if (dots === 1 && b[end - 1] === DOT) {
        end--;
        dots--;
        if (IS_WORD_BYTE[next] === 1) return odd(out);
      }
      // What is said of it follows behind a colon.
      if (b[end - 1] === COLON && b[end - 2] !== COLON) end--;
      if (dots !== 0 && dots !== 3) return odd(out);
    }
    const before = start > from ? (b[start - 1] ?? 0) : 0;
    const after = end < i ? COLON : next;
    if ((IS_WORD_BYTE[before] === 1 && !endsColour(b, start - 1)) || IS_WORD_BYTE[after] === 1 || after === PERCENT) return odd(out);
    if (before === DASH && start - 1 > from && IS_WORD_BYTE[b[start - 2] ?? 0] === 1) return odd(out);
    if (after === DASH && end + 1 < to && IS_WORD_BYTE[b[end + 1] ?? 0] === 1) return odd(out);
    if (count === MOST_ADDRESSES) return odd(out);
    out[2 * count] = start - from;
    out[2 * count + 1] = end - from;
    count++;
  }
  return count;
}
