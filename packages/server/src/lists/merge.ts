/** Makes one list of networks as short as it can be, without an address more or less. */
import { addressBytes, addressFrom, addressOf, familyOf, networkOf, numberOf, prefixOf, type Family, type Prefix } from 'banban-shared';

/** IPv4 networks are sorted as numbers: the first address, and behind it 6 bits for the length. */
const LENGTHS = 64;
/** So many networks are some half a millisecond of work, wherever one is in it. */
const STEP = 256;

type Steps<T> = Generator<undefined, T>;

function* mergeIpv4(prefixes: readonly Prefix[], widest: number): Steps<Prefix[]> {
  const keys = new Float64Array(prefixes.length);
  for (const [i, prefix] of prefixes.entries()) {
    if (i % STEP === 0) yield;
    const { address, bits } = networkOf(prefix);
    const [a = 0, b = 0, c = 0, d = 0] = addressBytes(address);
    keys[i] = (((a * 256 + b) * 256 + c) * 256 + d) * LENGTHS + bits;
  }
  // 10 ms for 100,000.
  keys.sort();
  const firsts: number[] = [];
  const lengths: number[] = [];
  let end = -1;
  for (const key of keys) {
    let bits = key % LENGTHS;
    let first = (key - bits) / LENGTHS;
    // Held by one that is there already: in this order nothing else can hold it.
    if (first <= end) continue;
    end = first + 2 ** (32 - bits) - 1;
    // The upper half whose lower half is the last one: both are one network, which may be a half again.
    for (let size = 2 ** (32 - bits); bits > widest && lengths.at(-1) === bits && firsts.at(-1) === first - size && (first / size) % 2 === 1; size *= 2) {
      firsts.pop();
      lengths.pop();
      first -= size;
      bits--;
    }
    firsts.push(first);
    lengths.push(bits);
  }
  const merged: Prefix[] = [];
  for (const [i, first] of firsts.entries()) {
    if (i % STEP === 0) yield;
    merged.push(prefixOf(addressFrom(Uint8Array.of(first / 16_777_216, (first / 65_536) % 256, (first / 256) % 256, first % 256)), lengths[i] ?? 32));
  }
  return merged;
}

interface Wide {
  readonly first: bigint;
  readonly bits: number;
}

/** By the first address, and of those that begin alike the widest first. Array.sort can't be left in the middle. */
function* sorted(networks: readonly Wide[]): Steps<readonly Wide[]> {
  const isFirst = (a: Wide, b: Wide): boolean => (a.first === b.first ? a.bits <= b.bits : a.first < b.first);
  let runs = networks;
  for (let size = 1; size < networks.length; size *= 2) {
    const next: Wide[] = [];
    for (let from = 0; from < runs.length; from += 2 * size) {
      const [half, end] = [Math.min(from + size, runs.length), Math.min(from + 2 * size, runs.length)];
      for (let [i, j] = [from, half]; i < half || j < end; ) {
        if (next.length % (4 * STEP) === 0) yield;
        const [left, right] = [i < half ? runs[i] : undefined, j < end ? runs[j] : undefined];
        const isLeft = right === undefined || (left !== undefined && isFirst(left, right));
        const taken = isLeft ? left : right;
        if (taken !== undefined) next.push(taken);
        if (isLeft) i++;
        else j++;
      }
    }
    runs = next;
  }
  return runs;
}

function* mergeIpv6(prefixes: readonly Prefix[], widest: number): Steps<Prefix[]> {
  const networks: Wide[] = [];
  for (const [i, prefix] of prefixes.entries()) {
    if (i % STEP === 0) yield;
    const { address, bits } = networkOf(prefix);
    networks.push({ first: numberOf(address), bits });
  }
  const kept: Wide[] = [];
  let end = -1n;
  for (const [i, network] of (yield* sorted(networks)).entries()) {
    if (i % STEP === 0) yield;
    let { first, bits } = network;
    if (first <= end) continue;
    let size = 1n << BigInt(128 - bits);
    end = first + size - 1n;
    for (let last = kept.at(-1); bits > widest && last?.bits === bits && last.first === first - size && (first / size) % 2n === 1n; last = kept.at(-1)) {
      kept.pop();
      first -= size;
      size *= 2n;
      bits--;
    }
    kept.push({ first, bits });
  }
  const merged: Prefix[] = [];
  for (const [i, { first, bits }] of kept.entries()) {
    if (i % STEP === 0) yield;
    merged.push(prefixOf(addressOf(first, 6), bits));
  }
  return merged;
}

/**
 * The same addresses in the fewest networks, IPv4 before IPv6, each in order: doubles and what is inside of another are left out, and two
 * halves become the whole. In steps, between which others may have their turn; the last one has the result.
 *
 * @param widest the fewest bits that a joined network may have, so that joining makes none that a list could not have had itself
 */
export function* mergeNetworks(prefixes: readonly Prefix[], widest: Readonly<Record<Family, number>>): Generator<undefined, Prefix[]> {
  const ipv4 = prefixes.filter((prefix) => familyOf(prefix) === 4);
  const ipv6 = prefixes.filter((prefix) => familyOf(prefix) === 6);
  return [...(yield* mergeIpv4(ipv4, widest[4])), ...(yield* mergeIpv6(ipv6, widest[6]))];
}
