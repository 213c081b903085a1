/** banban's chain of iptables and ip6tables, looked at and put right by iptables-save and iptables-restore. */
import type { Family } from 'banban-shared';
import type { TargetConfig } from '../../config/config.ts';
import type { RulesOutcome } from '../firewall.ts';
import { IPTABLES_CHAIN } from '../names.ts';
import { enumerate } from './enumerate.ts';
import { mainIptables, otherIptables, restore, save, type Iptables } from './iptables-programs.ts';
import { iptablesState, wantedRules, type IptablesState } from './iptables-state.ts';
import { installText, needsIptables, removalText } from './iptables-text.ts';
import { NOTHING, problem, together, unlessIdle } from './outcome.ts';
import type { Programs } from './programs.ts';
import { forgetLists, type ListTools } from './recent-mending.ts';

/** What the rules of one family are for, in messages. */
const FAMILY_WORDS = { 4: 'IPv4', 6: 'IPv6' } as const;

/** What the work is done with. */
export interface IptablesTools extends ListTools {
  readonly isIpv6Used: boolean;
  readonly spellings: Spellings;
}

/**
 * Rules as a version of iptables printed them that was just given them, by the rules that it was given: should it print them in another way
 * than it was told, they are known again by this.
 */
export type Spellings = Map<string, string>;

const key = (rules: readonly string[]): string => rules.join('\n');

const isChainRight = ({ rules }: IptablesState, wanted: readonly string[], spellings: Spellings): boolean =>
  rules !== undefined && (key(rules) === key(wanted) || key(rules) === spellings.get(key(wanted)));

const isRight = (state: IptablesState, wanted: readonly string[], spellings: Spellings): boolean =>
  isChainRight(state, wanted, spellings) && [...state.jumps.values()].every((jump) => jump.isRight);

/** What the state lacks, as sentences of what will have been done about it. */
function changesOf({ rules, jumps }: IptablesState, isChainKept: boolean, name: string): string[] {
  const changes: string[] = [];
  if (rules === undefined) changes.push(`made the chain ${IPTABLES_CHAIN} of ${name}`);
  else if (!isChainKept) changes.push(`wrote the rules of the chain ${IPTABLES_CHAIN} of ${name} anew, because they were not those that are needed`);
  const [missing, moved] = [[...jumps].filter(([, { count }]) => count === 0), [...jumps].filter(([, jump]) => jump.count > 0 && !jump.isRight)];
  if (missing.length > 0) changes.push(`let ${enumerate(missing.map(([chain]) => chain))} of ${name} go to the chain ${IPTABLES_CHAIN} first`);
  if (moved.length > 0) changes.push(`put the jump to the chain ${IPTABLES_CHAIN} back to the top of ${enumerate(moved.map(([chain]) => chain))} of ${name}`);
  return changes;
}

/** What is said of a family that can't be protected. */
const unprotected = (family: Family, message: string): string => `${FAMILY_WORDS[family]} is not protected by the rules of ${family === 4 ? 'iptables' : 'ip6tables'}: ${message}`;

async function installFamily(iptables: Iptables, targets: readonly TargetConfig[], { programs, spellings }: IptablesTools): Promise<RulesOutcome> {
  const { family, name } = iptables;
  const found = await save(iptables, 'filter', programs);
  if (!found.isDone) return problem(unprotected(family, found.message));
  const state = iptablesState(found.tables.get('filter'));
  const wanted = wantedRules(targets, family);
  if (isRight(state, wanted, spellings)) return NOTHING;
  const jumps = new Map([...state.jumps].filter(([, jump]) => !jump.isRight).map(([chain, { count }]) => [chain, count] as const));
  const ran = await restore(iptables, installText(targets, family, jumps), programs);
  if (!ran.isDone) return problem(unprotected(family, ran.message));
  const after = await save(iptables, 'filter', programs);
  if (after.isDone) {
    const { rules } = iptablesState(after.tables.get('filter'));
    if (rules?.length === wanted.length && key(rules) !== key(wanted)) spellings.set(key(wanted), key(rules));
  }
  return { changes: changesOf(state, isChainRight(state, wanted, spellings), name), problems: [] };
}

async function removeFrom(iptables: Iptables, programs: Programs, why: string): Promise<RulesOutcome> {
  const { family, name } = iptables;
  // Not by name: iptables-legacy would make a table that is not there.
  const found = await save(iptables, undefined, programs);
  if (!found.isDone) return problem(`the rules of ${FAMILY_WORDS[family]} can't be taken out: ${found.message}`);
  const { rules, jumps, strangers } = iptablesState(found.tables.get('filter'));
  if (rules === undefined) return NOTHING;
  // A chain that others go to can't be deleted; nothing would be.
  const ran = await restore(iptables, removalText(new Map([...jumps].map(([chain, { count }]) => [chain, count])), strangers.length > 0), programs);
  if (!ran.isDone) return problem(`the rules of ${FAMILY_WORDS[family]} can't be taken out: ${ran.message}`);
  const stays = strangers.map((line) => `the chain ${IPTABLES_CHAIN} of ${name} is empty now and stays, because "${line}" goes to it: delete that rule, and then the chain with "${name} -X ${IPTABLES_CHAIN}"`);
  return { changes: [`took the chain ${IPTABLES_CHAIN} out of ${name}${why}`], problems: stays.slice(0, 1) };
}

/** Takes out what banban has put into those variants of iptables that are installed. */
async function removeFromAll(all: readonly (Iptables | undefined)[], programs: Programs, why: string): Promise<RulesOutcome> {
  const outcomes: RulesOutcome[] = [];
  for (const iptables of all) if (iptables !== undefined && programs.has(`${iptables.name}-save`)) outcomes.push(await removeFrom(iptables, programs, why));
  return together(...outcomes);
}

/** Puts in what the targets need, and takes out what they needed before or in the other variant. */
export async function installIptables(targets: readonly TargetConfig[], tools: IptablesTools): Promise<RulesOutcome> {
  const { programs, spellings, lists, isIpv6Used } = tools;
  const main = await mainIptables(programs);
  const others = main.map((iptables) => otherIptables(iptables, programs));
  if (!targets.some(needsIptables)) return unlessIdle(false, await removeFromAll([...main, ...others], programs, ': no target needs it'));
  const areRulesRight = (state: IptablesState): boolean => isChainRight(state, wantedRules(targets, 6), spellings);
  const outcomes: RulesOutcome[] = [{ changes: await forgetLists(targets, main, areRulesRight, tools), problems: [] }];
  // IPv6 first: its rules have the masks that lists of xt_recent are to be made with.
  for (const iptables of [...main].reverse()) {
    const outcome = await installFamily(iptables, targets, tools);
    outcomes.push(unlessIdle(iptables.family === 4 || isIpv6Used, outcome));
  }
  lists.trust(targets);
  const rest = await removeFromAll(others, programs, ': the rules are in the other variant of iptables now');
  return together(...outcomes, unlessIdle(false, rest));
}

/** Takes the chain and the jumps to it out of every variant that has them. */
export async function removeIptables(targets: readonly TargetConfig[], programs: Programs, isIpv6Used: boolean): Promise<RulesOutcome> {
  const main = await mainIptables(programs);
  const isNeeded = targets.some(needsIptables);
  const outcomes: RulesOutcome[] = [];
  for (const iptables of main) {
    const outcome = programs.has(`${iptables.name}-save`) ? await removeFrom(iptables, programs, '') : NOTHING;
    outcomes.push(unlessIdle(isNeeded && (iptables.family === 4 || isIpv6Used), outcome));
  }
  const rest = await removeFromAll(main.map((iptables) => otherIptables(iptables, programs)), programs, '');
  return together(...outcomes, unlessIdle(false, rest));
}

/** Whether all is there; false when that can't be seen, but for an IPv6 that this machine does not use. */
export async function isIptablesIntact(targets: readonly TargetConfig[], { programs, spellings, lists, isHarmless, isIpv6Used }: IptablesTools): Promise<boolean> {
  if (!targets.some(needsIptables)) return true;
  const [ipv4, ipv6] = await Promise.all(
    (['iptables', 'ip6tables'] as const).map(async (name) => {
      const family = name === 'iptables' ? 4 : 6;
      const found = await save({ family, variant: undefined, name }, 'filter', programs);
      return found.isDone ? isRight(iptablesState(found.tables.get('filter')), wantedRules(targets, family), spellings) : undefined;
    }),
  );
  if (ipv4 !== true || (ipv6 ?? !isIpv6Used) === false) return false;
  const recent = targets.filter(({ backends }) => backends.includes('xt_recent'));
  // Without rules for IPv6 it is no matter how much of its addresses a list would see.
  if (ipv6 === true && !recent.every((target) => lists.isTrusted(target, true) || isHarmless(target))) return false;
  lists.trust(recent);
  return true;
}
