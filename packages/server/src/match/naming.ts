/**
 * Whom a pattern names in a line. RE2 says in a fifth of a microsecond whether a pattern matches, and needs twenty times as
 * long to say where; so where it is known what stands in the line, it is only asked (docs/adr/0011).
 */
import { parseAddress, rememberingParser, type Address } from 'banban-shared';
import { addressesOf, MOST_ADDRESSES } from './addresses-of-line.ts';
import { standsAlone } from './edges.ts';
import type { PatternSet } from './pattern-set.ts';
import { MARK, type Pattern } from './pattern.ts';

/** 45 characters are the longest that an address has as text; what is longer is none. */
export const LONGEST_ADDRESS = 64;

/** Attackers come again. */
const parse = rememberingParser(4096);

/** The address that the bytes are; undefined when they are none. */
export const addressIn = (text: Buffer, from: number, to: number): Address | undefined => (to - from > LONGEST_ADDRESS ? undefined : parse(text.toString('latin1', from, to)));

/** Whether there is a colon from `from` to `to`: then it is no IPv4 address. */
export function hasColon(text: Buffer, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (text[i] === 0x3a) return true;
  return false;
}

const kept = new Uint8Array(LONGEST_ADDRESS);

function mark(text: Buffer, from: number, to: number): void {
  for (let i = from; i < to; i++) {
    kept[i - from] = text[i] ?? 0;
    text[i] = MARK.between;
  }
  text[from] = MARK.first;
  text[to - 1] = MARK.last;
}

function unmark(text: Buffer, from: number, to: number): void {
  for (let i = from; i < to; i++) text[i] = kept[i - from] ?? 0;
}

/** Matches `set` against `text` while the bytes `from` to `to`, at most 64 of them, are marked as the address; then they are what they were. */
export function matchMarked(set: PatternSet, text: Buffer, from: number, to: number): readonly number[] {
  mark(text, from, to);
  try {
    return set.match(text);
  } finally {
    unmark(text, from, to);
  }
}

/** The same for a question to one pattern. */
function whileMarked<T>(text: Buffer, from: number, to: number, action: () => T): T {
  mark(text, from, to);
  try {
    return action();
  } finally {
    unmark(text, from, to);
  }
}

/** Whom `pattern` names in `text` by what it captures; null when it names nobody. */
function capture(pattern: Pattern, text: Buffer): Address | null {
  const found = pattern.capturer.exec(text);
  const captured = found?.[1 as 0];
  if (found === null || captured === undefined) return null;
  const address = parseAddress(captured.toString('latin1', 0, captured.length));
  if (address === undefined) return null;
  if (pattern.checkLeft || pattern.checkRight) {
    const place = found.indices?.[1];
    if (place === undefined || !standsAlone(text, place[0], place[1], pattern.checkLeft, pattern.checkRight)) return null;
  }
  return address;
}

/** The places of a line's addresses, as `addressesOf` writes them. */
export const places = new Int32Array(2 * MOST_ADDRESSES + 1);

/**
 * Whom `pattern` names in `text`; `count` is what `addressesOf` said of it, and `places` what it wrote. Null when it matches and
 * names nobody, undefined when it has nothing to say: of a line whose first one it has not seen, or that is such a first one.
 */
export function addressFor(pattern: Pattern, text: Buffer, count: number): Address | null | undefined {
  if (pattern.recall !== undefined) return pattern.recall(text);
  const { asker } = pattern;
  if (asker === undefined || count < 0) return capture(pattern, text);
  let address: Address | undefined;
  let isCertain = true;
  for (let i = 0; i < count; i++) {
    const from = places[2 * i] ?? 0;
    const to = places[2 * i + 1] ?? 0;
    const here = addressIn(text, from, to);
    // Only a pattern with a colon beside its address can say what it wants of `2001:db8::7:25` (the first six groups and a
    // port?) and of `::ffff:192.0.2.1` (the end of it?), and any pattern of what looks like an address and is none.
    if (here === undefined || (pattern.besideColon && (here.includes(':') || here.length !== to - from))) isCertain = false;
    if (here === undefined || here === address || !whileMarked(text, from, to, () => asker.test(text))) continue;
    // Two are possible: which one is meant is for the order of the pattern's own parts to say.
    if (address !== undefined) return capture(pattern, text);
    address = here;
  }
  if (isCertain || (address !== undefined && count === 1)) return address ?? null;
  return capture(pattern, text);
}

/**
 * The user that `pattern` names in `text`, a line in which it named `address`: the first of its groups `user`, `user2`, … that is
 * not empty.
 */
export function userIn(pattern: Pattern, text: Buffer, address: Address): string | undefined {
  if (!pattern.namesUsers) return undefined;
  const { userAsker } = pattern;
  const count = userAsker === undefined ? -1 : addressesOf(text, 0, text.length, places);
  for (let i = 0; i < count && userAsker !== undefined; i++) {
    const from = places[2 * i] ?? 0;
    const to = places[2 * i + 1] ?? 0;
    if (addressIn(text, from, to) !== address) continue;
    const found = whileMarked(text, from, to, () => userAsker.exec(text)?.groups);
    if (found === undefined) continue;
    for (const user of Object.values(found)) if (user !== undefined && user.length > 0) return user.toString();
    return undefined;
  }
  return pattern.userOf(text);
}
