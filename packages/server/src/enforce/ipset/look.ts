/** A look at a target's sets: one conversation (`ipset -`) for all four. */
import type { TargetConfig } from '../../config/config.ts';
import { ipsetName } from '../names.ts';
import { INSTALL } from '../nftables/refusal.ts';
import { setsOf, type ElementSet } from '../nftables/sets.ts';
import { optionOf, saveReader, type SavedRow, type SavedSet } from './listing.ts';
import { failureOf, runIpset, type IpsetOptions } from './program.ts';
import { saysMissing } from './restore.ts';

/** What it found. */
export type Look =
  | {
      readonly state: 'looked';
      /** The numbers of the sets that are not there, as in `setsOf`. */
      readonly missing: ReadonlySet<number>;
      /** Why banban can't use a set, by its number. */
      readonly faults: ReadonlyMap<number, string>;
    }
  | { readonly state: 'failed'; readonly message: string };

/** Eight sets of 100,000. */
const MOST_OUTPUT = 64 * 1024 * 1024;

/** The names of a target's sets, by their numbers. */
export const namesOf = ({ name }: Pick<TargetConfig, 'name'>): readonly string[] => setsOf({ name }).map(({ family, kind }) => ipsetName(name, family, kind));

/** What is said of a set that is not there. */
export const noSet = (name: string): string => `the set ${name} of ipset is not there: ${INSTALL}`;

/** What keeps banban from using a set; undefined for nothing. With a shorter netmask it would ban neighbours. */
function faultOf(set: SavedSet, { family, kind }: ElementSet, ipv6Prefix: number): string | undefined {
  const type = kind === 'host' ? 'hash:ip' : 'hash:net';
  const wanted = family === 4 ? 'inet' : 'inet6';
  const netmask = kind === 'host' && family === 6 && ipv6Prefix < 128 ? String(ipv6Prefix) : undefined;
  if (set.type !== type) return `is of the type ${set.type} and has to be ${type}`;
  if (optionOf(set, 'family') !== wanted) return `is not of the family ${wanted}`;
  if (optionOf(set, 'netmask') !== netmask) return netmask === undefined ? 'has a netmask' : `lacks the netmask ${netmask}`;
  if (!set.options.includes('timeout')) return 'was made without a timeout';
  return undefined;
}

/** @param row called with each row and the number of its set */
export async function lookAtSets(target: TargetConfig, options: IpsetOptions, signal: AbortSignal, row: (row: SavedRow, set: number) => void): Promise<Look> {
  const names = namesOf(target);
  const found = new Map<string, SavedSet>();
  const reader = saveReader(
    (set) => found.set(set.name, set),
    (one) => {
      const set = names.indexOf(one.set);
      if (set >= 0) row(one, set);
    },
  );
  const enough = new AbortController();
  let length = 0;
  const onStdout = (chunk: Buffer): void => {
    length += chunk.length;
    if (length <= MOST_OUTPUT) reader.feed(chunk);
    else enough.abort();
  };
  const input = names.map((name) => `save ${name}\n`).join('');
  const result = await runIpset(['-'], options, { signal: AbortSignal.any([signal, enough.signal]), input, onStdout });
  if (enough.signal.aborted) return { state: 'failed', message: `ipset printed more than 64 MiB of the sets of ${target.name}, which banban does not read` };
  const isMissing = result.kind === 'ended' && saysMissing(result.stderr);
  const reason = isMissing ? undefined : failureOf(result);
  if (reason !== undefined) return { state: 'failed', message: reason };
  const missing = new Set<number>();
  const faults = new Map<number, string>();
  for (const [number, wanted] of setsOf(target).entries()) {
    const name = names[number] ?? '';
    const set = found.get(name);
    const fault = set && faultOf(set, wanted, target.ipv6Prefix);
    if (set === undefined) missing.add(number);
    if (fault !== undefined) faults.set(number, `the set ${name} of ipset ${fault}: take it out of the rules and destroy it, and "banctl firewall install" makes it anew`);
  }
  if (!reader.end() || (missing.size > 0 && !isMissing)) return { state: 'failed', message: `what ipset printed are not the sets of ${target.name}` };
  return { state: 'looked', missing, faults };
}
