/** What banban's table of nftables lacks of what the targets need, in words and for `nftText`. */
import type { TargetConfig } from '../../config/config.ts';
import { NFT_PRIORITY, NFT_TABLE } from '../names.ts';
import { enumerate } from './enumerate.ts';
import type { ListedSet, ListedTable } from './nft-listing.ts';
import { isTargetChain, isTargetSet, wantedChains, wantedSets, type Stale, type WantedChain, type WantedSet } from './nft-text.ts';

/** How the table differs; all is well when there are neither changes nor problems. */
export interface NftDifferences {
  /** What putting it right will have done, sentences. */
  readonly changes: readonly string[];
  /** What keeps it from being put right, sentences. */
  readonly problems: readonly string[];
  readonly stale: Stale;
}

/** Why a set can't be used, as what is said behind its name; undefined when it can. */
export function setDiffers(wanted: WantedSet, found: ListedSet): string | undefined {
  const words = (type: string, flags: readonly string[], hasCounter: boolean, timeout: string | undefined): string =>
    `type ${type}; flags ${flags.join(', ') || 'none'};${hasCounter ? ' counter;' : ''}${timeout === undefined ? '' : ` timeout ${timeout};`}`;
  const [right, is] = [words(wanted.type, wanted.flags, true, undefined), words(found.type, found.flags, found.hasCounter, found.timeout)];
  return right === is ? undefined : `is "${is}" and has to be "${right}"`;
}

/** What heals a set that is another than it has to be. */
export const SET_REMEDY = `take the table away with "banctl firewall remove" (or "nft delete table inet ${NFT_TABLE}") and put it in again with "banctl firewall install"; the bans are written into it anew`;

function isMisplaced({ name, hook }: WantedChain, table: ListedTable): boolean {
  const found = table.chains.get(name);
  if (found === undefined) return false;
  const text = found.hook === undefined ? undefined : `${found.hook.type} ${found.hook.name} ${found.hook.priority} ${found.hook.policy}`;
  return text !== (hook === undefined ? undefined : `filter ${hook} ${NFT_PRIORITY} accept`);
}

/** Compares what is with what is wanted; rules by their marks, which no version of nft prints in another way. */
export function nftDifferences(targets: readonly TargetConfig[], table: ListedTable | 'absent'): NftDifferences {
  const [sets, chains] = [wantedSets(targets), wantedChains(targets)];
  const names = enumerate([...new Set(sets.map((set) => set.target))]);
  if (table === 'absent') return { changes: [`made nftables' table inet ${NFT_TABLE} with the sets and rules of ${names}`], problems: [], stale: { sets: [], chains: [], misplaced: [] } };
  const stale = {
    sets: [...table.sets.keys()].filter((name) => isTargetSet(name) && !sets.some((set) => set.name === name)),
    chains: [...table.chains.keys()].filter((name) => isTargetChain(name) && !chains.some((chain) => chain.name === name)),
    // Those that jump come before those that are jumped to, and none can be deleted while another jumps to it.
    misplaced: chains.some((chain) => isMisplaced(chain, table)) ? chains.map(({ name }) => name).filter((name) => table.chains.has(name)).reverse() : [],
  };
  const problems = sets.flatMap((set) => {
    const found = table.sets.get(set.name);
    const difference = found === undefined ? undefined : setDiffers(set, found);
    return difference === undefined ? [] : [`the set ${set.name} of nftables' table inet ${NFT_TABLE} ${difference}, so that the rules can't be put in: ${SET_REMEDY}`];
  });
  const missing = sets.filter(({ name }) => !table.sets.has(name)).map(({ name }) => name);
  const marks = (rules: readonly (string | undefined)[]): string => JSON.stringify(rules);
  const wrong = chains.filter(({ name, rules }) => {
    const found = table.chains.get(name);
    return found === undefined || stale.misplaced.includes(name) || marks(found.comments) !== marks(rules.map(({ mark }) => mark));
  });
  const changes = [
    ...(table.isDormant ? [`woke nftables' table inet ${NFT_TABLE}, which was dormant`] : []),
    ...(missing.length > 0 ? [`made the sets ${enumerate(missing)} of nftables' table inet ${NFT_TABLE}`] : []),
    ...(wrong.length > 0 ? [`wrote the rules of ${enumerate(wrong.map(({ name }) => name))} in nftables' table inet ${NFT_TABLE} anew, because they were not those that are needed`] : []),
    ...(stale.sets.length + stale.chains.length > 0 ? [`deleted ${enumerate([...stale.chains, ...stale.sets])} from nftables' table inet ${NFT_TABLE}: no target needs them`] : []),
  ];
  return { changes, problems, stale };
}
