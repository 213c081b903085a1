/** All that the doctor looks at, gathered. */
import type { TargetConfig } from '../../config/config.ts';
import { lookAtIpsets, needsIpset, type IpsetLook } from './ipset-ruleset.ts';
import { mainIptables, otherIptables, save, type Iptables, type Saved } from './iptables-programs.ts';
import { needsIptables } from './iptables-text.ts';
import type { ListedStatements } from './nft-listing.ts';
import { lookAtNft, needsNft, readNftRules, type NftLook } from './nft-ruleset.ts';
import type { Programs } from './programs.ts';

/** What one iptables has. */
export interface SavedBy {
  readonly iptables: Iptables;
  readonly saved: Saved;
}

/** What is there. Undefined for what no target needs, and which therefore was not looked at. */
export interface Evidence {
  readonly nft: NftLook | undefined;
  /** What the rules of that table say; undefined, too, where they can't be understood, and `nft` then says why. */
  readonly nftRules: ListedStatements | undefined;
  /** The rules of PATH's own, IPv4 first; and of the other variant where that is installed and says something. */
  readonly iptables: { readonly main: readonly SavedBy[]; readonly others: readonly SavedBy[] } | undefined;
  readonly ipset: IpsetLook | undefined;
  /** Whether an interface other than the loopback has an IPv6 address. */
  readonly usesIpv6: boolean;
  /** Whether a target's list of xt_recent is known to see as much of IPv6 addresses as the target wants. */
  readonly hasKnownMask: (target: TargetConfig) => boolean;
  /** Rows that a list of xt_recent can have; undefined when the kernel does not tell. */
  readonly recentRows: number | undefined;
}

async function gatherIptables(programs: Programs): Promise<Evidence['iptables']> {
  const main = await mainIptables(programs);
  const saveAll = (all: readonly (Iptables | undefined)[]): Promise<SavedBy[]> =>
    Promise.all(all.filter((one) => one !== undefined).map(async (iptables) => ({ iptables, saved: await save(iptables, undefined, programs) })));
  return { main: await saveAll(main), others: await saveAll(main.map((iptables) => otherIptables(iptables, programs))) };
}

async function gatherNft(programs: Programs): Promise<{ readonly look: NftLook; readonly rules: ListedStatements | undefined }> {
  const look = await lookAtNft(programs);
  // Nobody's packets go through a dormant table, whatever its rules say.
  if (!look.isDone || look.table === 'absent' || look.table.isDormant) return { look, rules: new Map() };
  const read = await readNftRules(programs);
  return read.isDone ? { look, rules: read.statements } : { look: read, rules: undefined };
}

/** Looks at what the targets need, and at nothing else. */
export async function gather(targets: readonly TargetConfig[], programs: Programs, given: Pick<Evidence, 'usesIpv6' | 'hasKnownMask' | 'recentRows'>): Promise<Evidence> {
  const [nft, iptables, ipset] = await Promise.all([
    targets.some(needsNft) ? gatherNft(programs) : undefined,
    targets.some(needsIptables) ? gatherIptables(programs) : undefined,
    targets.some(needsIpset) ? lookAtIpsets(programs) : undefined,
  ]);
  return { nft: nft?.look, nftRules: nft?.rules, iptables, ipset, ...given };
}

/** Whether rules have been looked at that are, or may be, where neither netlink nor its events show them. */
export function hasLegacyRules({ iptables }: Evidence): boolean {
  if (iptables === undefined) return false;
  return iptables.main.some(({ iptables: { variant } }) => variant !== 'nft') || iptables.others.some((other) => other.iptables.variant === 'legacy' && hasFilter(other));
}

/** Whether there is anything in the filter table. */
export const hasFilter = ({ saved }: SavedBy): boolean =>
  saved.isDone && [...(saved.tables.get('filter')?.values() ?? [])].some(({ rules, policy }) => rules.length > 0 || policy === 'DROP');
