/** banban's table of nftables, looked at and put right by the program nft. */
import type { TargetConfig } from '../../config/config.ts';
import type { RulesOutcome } from '../firewall.ts';
import { NFT_TABLE } from '../names.ts';
import { nftDifferences } from './nft-differences.ts';
import { parseNft, parseNftStatements, type ListedStatements, type ListedTable } from './nft-listing.ts';
import { NFT_REMOVAL, nftText } from './nft-text.ts';
import { NOTHING, problem, unlessIdle } from './outcome.ts';
import type { Programs } from './programs.ts';

/** What a look at the table has found. */
export type NftLook =
  | { readonly isDone: true; readonly table: ListedTable | 'absent' }
  | { readonly isDone: false; readonly isMissing: boolean; readonly message: string };

/** Whether a target's bans are in sets of nftables. */
export const needsNft = ({ backends }: TargetConfig): boolean => backends.includes('nftables');

/**
 * Looks at the table, elements left out. It has to be `list ruleset`: nft 1.0.6 fetches the elements for `-t list table` as well, half a second of
 * them for 100,000.
 */
export async function lookAtNft(programs: Programs): Promise<NftLook> {
  const ran = await programs.run('nft', ['-s', '-y', '-t', 'list', 'ruleset', 'inet']);
  return ran.isDone ? { isDone: true, table: parseNft(ran.stdout) } : ran;
}

/** The rules of the table, to be understood. */
export async function readNftRules(programs: Programs): Promise<{ readonly isDone: true; readonly statements: ListedStatements } | Extract<NftLook, { isDone: false }>> {
  const ran = await programs.run('nft', ['-j', '-t', 'list', 'ruleset', 'inet']);
  if (!ran.isDone) return ran;
  const statements = parseNftStatements(ran.stdout);
  return statements === undefined ? { isDone: false, isMissing: false, message: 'nft printed no JSON that can be read, so that the rules can\'t be judged' } : { isDone: true, statements };
}

/** What is told of an nft that does not do what it was asked. */
export const nftTrouble = (message: string): string => `the rules of nftables can't be looked at or changed: ${message}`;

/** Puts in what the targets need and takes out what they needed before; elements of sets stay. */
export async function installNft(targets: readonly TargetConfig[], programs: Programs): Promise<RulesOutcome> {
  const isNeeded = targets.some(needsNft);
  if (!isNeeded && !programs.has('nft')) return NOTHING;
  const look = await lookAtNft(programs);
  if (!look.isDone) return unlessIdle(isNeeded, problem(nftTrouble(look.message)));
  if (!isNeeded) return look.table === 'absent' ? NOTHING : removeTable(programs, ': no target needs it');
  const { changes, problems, stale } = nftDifferences(targets, look.table);
  if (problems.length > 0) return { changes: [], problems };
  if (changes.length === 0) return NOTHING;
  const ran = await programs.run('nft', ['-f', '-'], nftText(targets, stale));
  return ran.isDone ? { changes, problems: [] } : problem(nftTrouble(ran.message));
}

async function removeTable(programs: Programs, why: string): Promise<RulesOutcome> {
  const ran = await programs.run('nft', ['-f', '-'], NFT_REMOVAL);
  return ran.isDone ? { changes: [`took away nftables' table inet ${NFT_TABLE}${why}`], problems: [] } : problem(nftTrouble(ran.message));
}

/** Takes the table away if it is there. */
export async function removeNft(targets: readonly TargetConfig[], programs: Programs): Promise<RulesOutcome> {
  const isNeeded = targets.some(needsNft);
  if (!isNeeded && !programs.has('nft')) return NOTHING;
  const look = await lookAtNft(programs);
  if (!look.isDone) return unlessIdle(isNeeded, problem(nftTrouble(look.message)));
  return look.table === 'absent' ? NOTHING : removeTable(programs, ' with its sets');
}

/** Whether all is there; false when that can't be seen. */
export async function isNftIntact(targets: readonly TargetConfig[], programs: Programs): Promise<boolean> {
  if (!targets.some(needsNft)) return true;
  const look = await lookAtNft(programs);
  if (!look.isDone) return false;
  const { changes, problems } = nftDifferences(targets, look.table);
  return changes.length === 0 && problems.length === 0;
}
