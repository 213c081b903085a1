/** Whether banban's chain of iptables is as it has to be, and who jumps to it. */
import type { Family } from 'banban-shared';
import type { TargetConfig } from '../../config/config.ts';
import { IPTABLES_CHAIN } from '../names.ts';
import { chainRules, JUMPING_CHAINS, jumpRule } from './iptables-text.ts';
import { canonical, optionsOf } from './saved-options.ts';
import { parseSaved, type SavedChain } from './saved-tables.ts';

/** What there is of banban in a filter table. */
export interface IptablesState {
  /** The rules of the chain in a comparable form; undefined when there is no such chain. */
  readonly rules: readonly string[] | undefined;
  /** For each chain that has to jump: how many plain jumps it has, and whether there is just one, and first. */
  readonly jumps: ReadonlyMap<string, { readonly count: number; readonly isRight: boolean }>;
  /** Rules of others that go to the chain, as they are written. */
  readonly strangers: readonly string[];
}

/** What is wanted, in the same form as `IptablesState.rules`. */
export function wantedRules(targets: readonly TargetConfig[], family: Family): readonly string[] {
  const saved = parseSaved(`*filter\n${chainRules(targets, family).join('\n')}\n`);
  return (saved.get('filter')?.get(IPTABLES_CHAIN)?.rules ?? []).map(canonical);
}

/** @param chains the filter table as iptables-save prints it; undefined when there is none */
export function iptablesState(chains: ReadonlyMap<string, SavedChain> | undefined): IptablesState {
  const jumps = new Map<string, { count: number; isRight: boolean }>();
  const strangers: string[] = [];
  for (const name of JUMPING_CHAINS) jumps.set(name, { count: 0, isRight: false });
  for (const [name, { rules }] of chains ?? []) {
    const counted = jumps.get(name);
    rules.forEach((rule, i) => {
      if (optionsOf(rule).target?.name !== IPTABLES_CHAIN) return;
      if (counted === undefined || rule.line !== jumpRule(name)) strangers.push(rule.line);
      else {
        counted.count++;
        counted.isRight = counted.count === 1 && i === 0;
      }
    });
  }
  return { rules: chains?.get(IPTABLES_CHAIN)?.rules.map(canonical), jumps, strangers };
}
