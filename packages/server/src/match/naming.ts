/**
 * Whom a pattern names in a line. RE2 says in a fifth of a microsecond whether a pattern matches, and needs twenty times as
 * long to say where; so where it is known what stands in the line, it is only asked (docs/adr/0011).
 */
import { parseAddress, type Address } from 'banban-shared';
import { MOST_ADDRESSES } from './addresses-of-line.ts';
import { standsAlone } from './edges.ts';
import { MARK, type Pattern } from './pattern.ts';

/** 45 characters are the longest that an address has as text; what is longer is none. */
const LONGEST_ADDRESS = 64;

/** IPv6 addresses by their text: reading one takes as long as ten lines, and attackers come again. */
const known = new Map<string, Address | undefined>();
const MOST_KNOWN = 4096;

/** The address that the bytes are; undefined when they are none. */
export function addressIn(text: Buffer, from: number, to: number): Address | undefined {
  if (to - from > LONGEST_ADDRESS) return undefined;
  const written = text.toString('latin1', from, to);
  if (!written.includes(':')) return parseAddress(written);
  if (known.has(written)) return known.get(written);
  if (known.size >= MOST_KNOWN) known.clear();
  const address = parseAddress(written);
  known.set(written, address);
  return address;
}

const kept = new Uint8Array(LONGEST_ADDRESS);

/** Runs `action` while the bytes `from` to `to`, at most 64 of them, are marked as the address; then they are what they were. */
export function whileMarked<T>(text: Buffer, from: number, to: number, action: () => T): T {
  for (let i = from; i < to; i++) {
    kept[i - from] = text[i] ?? 0;
    text[i] = i === from ? MARK.first : i === to - 1 ? MARK.last : MARK.between;
  }
  try {
    return action();
  } finally {
    for (let i = from; i < to; i++) text[i] = kept[i - from] ?? 0;
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
export const places = new Int32Array(2 * MOST_ADDRESSES);

/** Whom `pattern` names in `text`; `count` is what `addressesOf` said of it, and `places` what it wrote. Null when it names nobody. */
export function addressFor(pattern: Pattern, text: Buffer, count: number): Address | null {
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
