/** What nft says of a set and its elements, in its JSON. libnftables-json(5), "SET" and "EXPRESSIONS". */
import type { Hits } from '../firewall.ts';
import { NFT_TABLE } from '../names.ts';
import type { ElementSet } from '../nftables/sets.ts';

/** An element: the text of its address or network, and what it counted. */
export interface PrintedElement {
  readonly text: string;
  readonly hits: Hits;
}

/** What a set is like. */
export interface PrintedSet {
  /** What keeps banban from using it, behind "the set NAME "; undefined for nothing. */
  readonly fault: string | undefined;
  /** How many elements it takes; undefined for any number. */
  readonly size: number | undefined;
}

/** Most rows have met nothing; one object does for all of them. */
export const NOTHING_MET: Hits = { packets: 0, bytes: 0, lastAt: undefined };
const NOT_COUNTED: Hits = { packets: undefined, bytes: undefined, lastAt: undefined };

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);
const isCount = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

function hitsOf(counter: unknown): Hits {
  if (!isRecord(counter) || !isCount(counter['packets']) || !isCount(counter['bytes'])) return NOT_COUNTED;
  return counter['packets'] === 0 ? NOTHING_MET : { packets: counter['packets'], bytes: counter['bytes'], lastAt: undefined };
}

/** Reads an element; undefined for what is neither an address nor a network (a range that an admin put there). */
export function printedElement(value: unknown): PrintedElement | undefined {
  // An element that has neither timeout nor counter stands there bare.
  const element = isRecord(value) && isRecord(value['elem']) ? value['elem'] : undefined;
  const key = element === undefined ? value : element['val'];
  const hits = hitsOf(element?.['counter']);
  if (typeof key === 'string') return { text: key, hits };
  const prefix = isRecord(key) ? key['prefix'] : undefined;
  if (!isRecord(prefix) || typeof prefix['addr'] !== 'string' || !isCount(prefix['len'])) return undefined;
  return { text: `${prefix['addr']}/${prefix['len']}`, hits };
}

function faultOf(set: Readonly<Record<string, unknown>>, { family, kind }: ElementSet): string | undefined {
  const flags: readonly unknown[] = Array.isArray(set['flags']) ? set['flags'] : [];
  const type = family === 4 ? 'ipv4_addr' : 'ipv6_addr';
  if (set['map'] !== undefined) return 'is a map';
  if (set['type'] !== type) return `is not of the type ${type}`;
  if (flags.includes('constant')) return 'is constant';
  if (!flags.includes('timeout')) return 'lacks the flag timeout';
  if (kind === 'net' && !flags.includes('interval')) return 'lacks the flag interval';
  if (kind === 'host' && flags.includes('interval')) return 'has the flag interval';
  // Neighbouring networks would become one, which is none that banban knows.
  if (set['auto-merge'] === true) return 'merges its elements (auto-merge)';
  return undefined;
}

/** Reads what stands around the elements; undefined when it is not about this set. */
export function printedSet(listing: unknown, wanted: ElementSet): PrintedSet | undefined {
  const objects: readonly unknown[] = isRecord(listing) && Array.isArray(listing['nftables']) ? listing['nftables'] : [];
  for (const object of objects) {
    const set = isRecord(object) ? object['set'] : undefined;
    if (!isRecord(set) || set['name'] !== wanted.name || set['table'] !== NFT_TABLE || set['family'] !== 'inet') continue;
    return { fault: faultOf(set, wanted), size: isCount(set['size']) && set['size'] > 0 ? set['size'] : undefined };
  }
  return undefined;
}
