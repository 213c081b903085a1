/** Lists of xt_recent of which the mask can't be known are given up, so that the rules that come next make them anew (recent-lists.ts). */
import { ms } from 'banban-shared';
import type { Clock } from '../../clock.ts';
import type { TargetConfig } from '../../config/config.ts';
import { enumerate } from './enumerate.ts';
import { restore, save, type Iptables } from './iptables-programs.ts';
import { iptablesState, type IptablesState } from './iptables-state.ts';
import { installText } from './iptables-text.ts';
import type { Programs } from './programs.ts';
import type { RecentLists } from './recent-lists.ts';

/** What the work is done with. */
export interface ListTools {
  readonly clock: Clock;
  readonly programs: Programs;
  readonly lists: RecentLists;
  /** Whether it is the same to a target which of the rules made its list, as far as the kernel tells. */
  readonly isHarmless: (target: TargetConfig) => boolean;
}

/** A list goes with the last rule that names it, a moment after that; it stays as long as a rule of the admin's names it, too. */
const TRIES = 25;
const BETWEEN_TRIES = ms(20);

/**
 * Takes the rules that name such lists out of banban's chains. Bans in these lists don't hold from then until rules and rows are in
 * again, so it is only done where no ban has been held in them, or none of IPv6.
 *
 * @param areRulesRight whether banban's rules for IPv6 are as they have to be
 * @returns sentences of what will have been done
 */
export async function forgetLists(targets: readonly TargetConfig[], main: readonly Iptables[], areRulesRight: (state: IptablesState) => boolean, { clock, programs, lists, isHarmless }: ListTools): Promise<string[]> {
  const recent = targets.filter((target) => target.backends.includes('xt_recent') && !lists.isKnown(target) && !isHarmless(target));
  if (recent.length === 0) return [];
  const states = new Map<Iptables, IptablesState>();
  for (const iptables of main) {
    const found = await save(iptables, 'filter', programs);
    if (found.isDone) states.set(iptables, iptablesState(found.tables.get('filter')));
  }
  const ipv6 = [...states].find(([{ family }]) => family === 6)?.[1];
  // Where there are no rules for IPv6 it is no matter how much of its addresses a list would see.
  if (ipv6 === undefined) return [];
  const unknown = recent.filter((target) => !lists.isTrusted(target, areRulesRight(ipv6)));
  const rest = targets.map((target) => (unknown.includes(target) ? { ...target, backends: target.backends.filter((backend) => backend !== 'xt_recent') } : target));
  const own = [...states].filter(([, { rules }]) => rules !== undefined);
  if (unknown.length === 0 || own.length === 0) return [];
  for (const [iptables] of own) await restore(iptables, installText(rest, iptables.family, new Map()), programs);
  for (let tries = 0; tries < TRIES && unknown.some((target) => lists.exists(target)); tries++) await new Promise<void>((resolve) => void clock.after(BETWEEN_TRIES, resolve));
  const gone = unknown.filter((target) => !lists.exists(target));
  if (gone.length === 0) return [];
  return [`had the kernel make ${gone.length === 1 ? 'the list' : 'the lists'} ${enumerate(gone.map(({ name }) => name))} of xt_recent anew, because whichever rule made it may have cut IPv6 addresses to another length than banban's do`];
}
