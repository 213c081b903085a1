/**
 * Sets of networks that are asked with every offence, and may have 50,000 entries. Networks never cross: two are apart, or one is in the
 * other. So they cut the line of all addresses into pieces, of which each belongs to the longest network around it, and an answer is one
 * search among the beginnings of the pieces. These are numbers: making the text of a network costs microseconds, and one for each length
 * that is in the set.
 */
import { familyOf, isNetwork, type Address, type Prefix, type Subject } from './address.ts';

/** A set of networks that answers which of them holds an address, the longest first. */
export interface PrefixSet {
  readonly size: number;
  /** The longest network that holds `address`, or undefined. Costs less than a microsecond, however many there are. */
  find(address: Address): Prefix | undefined;
  /** A network that shares an address with `subject`: one that holds it, or one that is in it. Costs as much as `find`. */
  overlap(subject: Subject): Prefix | undefined;
}

/** The address that was read last, in words of 32 bits: one for IPv4, four for IPv6. */
const words = new Uint32Array(4);
const groups = new Uint32Array(8);

const COLON = 0x3a;
const DOT = 0x2e;
const NINE = 0x39;
const ZERO = 0x30;
/** What is taken from the code of `a` to `f` to get 10 to 15. */
const LETTER = 0x57;

/** Reads the first `end` characters of an address in canonical text into `words`; how many words it has. */
function read(text: string, end: number, isIpv6: boolean): number {
  if (!isIpv6) {
    let bits = 0;
    let octet = 0;
    for (let i = 0; i < end; i++) {
      const c = text.charCodeAt(i);
      if (c === DOT) {
        bits = (bits << 8) | octet;
        octet = 0;
      } else octet = octet * 10 + (c - ZERO);
    }
    words[0] = (bits << 8) | octet;
    return 1;
  }
  let count = 0;
  let gap = -1;
  let value = 0;
  let digits = 0;
  for (let i = 0; i <= end; i++) {
    const c = i === end ? COLON : text.charCodeAt(i);
    if (c !== COLON) {
      value = (value << 4) | (c <= NINE ? c - ZERO : c - LETTER);
      digits++;
    } else if (digits > 0) {
      groups[count++] = value;
      value = 0;
      digits = 0;
    } else if (i < end) gap = count;
  }
  // What stands behind `::` belongs to the end.
  if (gap >= 0) {
    for (let from = count - 1, to = 7; to >= gap; from--, to--) groups[to] = from >= gap ? (groups[from] ?? 0) : 0;
  }
  for (let k = 0; k < 4; k++) words[k] = ((groups[2 * k] ?? 0) << 16) | (groups[2 * k + 1] ?? 0);
  return 4;
}

/** The number behind the slash. */
function lengthOf(prefix: Prefix, slash: number): number {
  let length = 0;
  for (let i = slash + 1; i < prefix.length; i++) length = length * 10 + (prefix.charCodeAt(i) - ZERO);
  return length;
}

/** Word `k` of a mask of so many bits. */
const maskWord = (bits: number, k: number): number => (bits >= 32 * k + 32 ? 0xffffffff : bits <= 32 * k ? 0 : (-1 << (32 * k + 32 - bits)) >>> 0);

/** The pieces of one family. */
interface Pieces {
  readonly networks: readonly Prefix[];
  /** Where they begin, so many words each, in order. */
  readonly starts: Uint32Array;
  /** The first word of each: the search is mostly among these, which are beside each other. */
  readonly heads: Uint32Array;
  /** To which of the networks each belongs; -1 is none. */
  readonly owners: Int32Array;
}

/** -1, 0 or 1 as an entry of `all` is before, at or behind `words`. */
function compare(all: Uint32Array, at: number, width: number): number {
  for (let k = 0; k < width; k++) {
    const a = all[at * width + k] ?? 0;
    const b = words[k] ?? 0;
    if (a !== b) return a < b ? -1 : 1;
  }
  return 0;
}

/** How many of the pieces begin with a first word of at most `word`. */
function upTo({ heads }: Pieces, word: number): number {
  let from = 0;
  for (let to = heads.length; from < to; ) {
    const middle = (from + to) >> 1;
    if ((heads[middle] ?? 0) <= word) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** The piece in which `words` is; -1 before all of them. */
function pieceOf(pieces: Pieces, width: number): number {
  const head = words[0] ?? 0;
  const end = upTo(pieces, head);
  if (width === 1 || pieces.heads[end - 1] !== head) return end - 1;
  // Only networks of one provider have the first word in common.
  let from = head === 0 ? 0 : upTo(pieces, head - 1);
  for (let to = end; from < to; ) {
    const middle = (from + to) >> 1;
    if (compare(pieces.starts, middle, width) <= 0) from = middle + 1;
    else to = middle;
  }
  return from - 1;
}

/** Cuts the line of all addresses of a family of `width` words. `networks` has none twice. */
function cut(networks: readonly Prefix[], width: number): Pieces {
  const firsts = new Uint32Array(networks.length * width);
  const lengths = new Uint8Array(networks.length);
  networks.forEach((network, i) => {
    const slash = network.indexOf('/');
    read(network, slash, width === 4);
    firsts.set(width === 4 ? words : words.subarray(0, 1), i * width);
    lengths[i] = lengthOf(network, slash);
  });
  // One that is around another begins no later, and is shorter.
  const order = Uint32Array.from(networks.keys()).sort((a, b) => {
    for (let k = 0; k < width; k++) {
      const difference = (firsts[a * width + k] ?? 0) - (firsts[b * width + k] ?? 0);
      if (difference !== 0) return difference;
    }
    return (lengths[a] ?? 0) - (lengths[b] ?? 0);
  });
  const starts = new Uint32Array(2 * networks.length * width);
  const owners = new Int32Array(2 * networks.length);
  let pieces = 0;
  /** Begins a piece at `words`, in the place of one that begins there, too. */
  const begin = (owner: number): void => {
    if (pieces > 0 && compare(starts, pieces - 1, width) === 0) pieces--;
    starts.set(width === 4 ? words : words.subarray(0, 1), pieces * width);
    owners[pieces++] = owner;
  };
  const around: number[] = [];
  /** Puts into `words` what comes behind a network; false where nothing does. */
  const goBehind = (network: number): boolean => {
    let carry = 1;
    for (let k = width - 1; k >= 0; k--) {
      const last = ((firsts[network * width + k] ?? 0) | ~maskWord(lengths[network] ?? 0, k)) >>> 0;
      words[k] = last + carry;
      carry = last + carry > 0xffffffff ? 1 : 0;
    }
    return carry === 0;
  };
  /** Ends the networks around that end before an entry begins; all of them where there is none. */
  const endBefore = (network: number | undefined): void => {
    for (let inner = around.at(-1); inner !== undefined; inner = around.at(-1)) {
      const isBehind = goBehind(inner);
      if (network !== undefined && (!isBehind || compare(firsts, network, width) < 0)) return;
      around.pop();
      if (isBehind) begin(around.at(-1) ?? -1);
    }
  };
  for (const network of order) {
    endBefore(network);
    words.set(firsts.subarray(network * width, network * width + width));
    begin(network);
    around.push(network);
  }
  endBefore(undefined);
  const used = starts.slice(0, pieces * width);
  const heads = width === 1 ? used : Uint32Array.from({ length: pieces }, (_, i) => used[i * width] ?? 0);
  return { networks, starts: used, heads, owners: owners.slice(0, pieces) };
}

/** The set of these networks. Making it takes a microsecond or two for each. */
export function prefixSet(prefixes: Iterable<Prefix>): PrefixSet {
  const distinct = [...new Set(prefixes)];
  const ipv4 = cut(distinct.filter((prefix) => familyOf(prefix) === 4), 1);
  const ipv6 = cut(distinct.filter((prefix) => familyOf(prefix) === 6), 4);
  const ownerAt = (pieces: Pieces, piece: number): Prefix | undefined => pieces.networks[pieces.owners[piece] ?? -1];
  return {
    size: distinct.length,
    find(address) {
      const isIpv6 = familyOf(address) === 6;
      const pieces = isIpv6 ? ipv6 : ipv4;
      return ownerAt(pieces, pieceOf(pieces, read(address, address.length, isIpv6)));
    },
    overlap(subject) {
      if (!isNetwork(subject)) return this.find(subject);
      const isIpv6 = familyOf(subject) === 6;
      const pieces = isIpv6 ? ipv6 : ipv4;
      const slash = subject.indexOf('/');
      const width = read(subject, slash, isIpv6);
      const piece = pieceOf(pieces, width);
      const around = ownerAt(pieces, piece);
      if (around !== undefined || piece + 1 >= pieces.owners.length) return around;
      // It begins where no network is: then the next piece is one's, and is in it where it begins before its end.
      const bits = lengthOf(subject, slash);
      for (let k = 0; k < width; k++) words[k] = (words[k] ?? 0) | ~maskWord(bits, k);
      return compare(pieces.starts, piece + 1, width) <= 0 ? ownerAt(pieces, piece + 1) : undefined;
    },
  };
}
