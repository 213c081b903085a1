/** What saved rules of iptables mean, for `rule-model.ts`. */
import type { PortRange } from '../../config/config.ts';
import type { Condition, Entrance, ListCondition, Rule, Verdict, View } from './rule-model.ts';
import { optionsOf, type Match, type Option } from './saved-options.ts';
import type { SavedChain, SavedRule, SavedTables } from './saved-tables.ts';

const OTHER: Condition = { kind: 'other' };
const REFUSALS = new Set(['DROP', 'REJECT', 'TARPIT', 'DELUDE', 'CHAOS', 'STEAL']);
const PROTOCOLS: Readonly<Record<string, string>> = { '1': 'icmp', '6': 'tcp', '17': 'udp', '58': 'ipv6-icmp', icmpv6: 'ipv6-icmp' };

/** `22`, `22,25,1000:2000`; undefined for what is none. */
export function parsePorts(text: string | undefined): readonly PortRange[] | undefined {
  const ranges: PortRange[] = [];
  for (const part of (text ?? '').split(',')) {
    const found = /^(\d{0,5})(:?)(\d{0,5})$/.exec(part);
    if (found === null || part === '' || part === ':') return undefined;
    const [, first = '', colon, last = ''] = found;
    const from = Number(first === '' ? 0 : first);
    ranges.push({ first: from, last: colon === '' ? from : Number(last === '' ? 65_535 : last) });
  }
  return ranges;
}

/** States of connections: what is for new ones holds for whoever begins one, which is no condition. */
function ofStates(states: readonly string[], isNegated: boolean): Condition | undefined {
  const has = (state: string): boolean => states.includes(state) !== isNegated;
  if (has('NEW')) return undefined;
  return has('ESTABLISHED') ? { kind: 'established' } : OTHER;
}

function ofOwn({ name, isNegated, values: [value = ''] }: Option): Condition | undefined {
  switch (name) {
    case '-p':
      if (value === 'all' || value === '0') return undefined;
      return isNegated ? OTHER : { kind: 'protocol', names: [PROTOCOLS[value.toLowerCase()] ?? value.toLowerCase()] };
    case '-s':
    case '-d':
      return !isNegated && /^(?:0\.0\.0\.0\/0(?:\.0\.0\.0)?|::\/0)$/.test(value) ? undefined : OTHER;
    case '-i':
      return value === '+' && !isNegated ? undefined : OTHER;
    default:
      return OTHER;
  }
}

function ofTransport({ name, isNegated, values: [value] }: Option): Condition | undefined {
  if (name === '--syn' || name === '--tcp-flags') {
    // `--syn` begins a connection, and its contrary goes on with one.
    if (name === '--syn') return isNegated ? { kind: 'established' } : undefined;
    return isNegated ? OTHER : undefined;
  }
  const ranges = name === '--dport' || name === '--dports' ? parsePorts(value) : undefined;
  return ranges === undefined || isNegated ? OTHER : { kind: 'ports', ranges };
}

function ofConntrack(option: Option): Condition | undefined {
  const { name, isNegated, values: [value = ''] } = option;
  if (name === '--ctstate' || name === '--state') return ofStates(value.split(','), isNegated);
  if (name === '--ctdir' && value === 'ORIGINAL' && !isNegated) return undefined;
  if (name === '--ctorigdstport') return ofTransport({ ...option, name: '--dport' });
  return OTHER;
}

/** A count of xt_recent's. */
const numberOf = (option: Option | undefined): number | undefined => {
  const value = Number(option?.values[0]);
  return option !== undefined && Number.isSafeInteger(value) ? value : undefined;
};

function ofRecent(options: readonly Option[]): Condition | undefined {
  const find = (name: string): Option | undefined => options.find((option) => option.name === name);
  const look = find('--rcheck') ?? find('--update');
  // `--set` writes and holds for everybody; `--remove` holds for some.
  if (look === undefined) return find('--set') === undefined ? OTHER : undefined;
  return {
    kind: 'list',
    store: 'xt_recent',
    list: find('--name')?.values[0] ?? 'DEFAULT',
    isNegated: look.isNegated,
    side: find('--rdest') === undefined ? 'source' : 'destination',
    mask: find('--mask')?.values[0],
    seconds: numberOf(find('--seconds')),
    hitCount: numberOf(find('--hitcount')),
  };
}

function ofSet(options: readonly Option[]): readonly Condition[] {
  return options.map((option): Condition => {
    const [list, flags = ''] = option.values;
    if (option.name !== '--match-set' || list === undefined) return OTHER;
    const side = flags.split(',')[0] === 'src' ? 'source' : 'destination';
    return { kind: 'list', store: 'ipset', list, isNegated: option.isNegated, side, mask: undefined, seconds: undefined, hitCount: undefined };
  });
}

/** What a match demands. A module that is not known here demands something. */
function conditionsOf({ module, options }: Match): readonly (Condition | undefined)[] {
  switch (module) {
    case '':
      return options.map(ofOwn);
    case 'tcp':
    case 'udp':
    case 'multiport':
      return options.map(ofTransport);
    case 'state':
    case 'conntrack':
      return options.map(ofConntrack);
    case 'recent':
      return [ofRecent(options)];
    case 'set':
      return ofSet(options);
    case 'addrtype':
      return options.map(({ name, isNegated, values }) => (name === '--dst-type' && values[0] === 'LOCAL' && !isNegated ? undefined : OTHER));
    case 'comment':
      return [];
    default:
      return [OTHER];
  }
}

function ruleOf(saved: SavedRule, chains: ReadonlyMap<string, SavedChain>): Rule {
  const { matches, target } = optionsOf(saved);
  const conditions = matches.flatMap(conditionsOf).filter((condition) => condition !== undefined);
  const name = target?.name ?? '';
  let verdict: Verdict = { kind: 'continue' };
  if (name === 'ACCEPT') verdict = { kind: 'accept' };
  else if (name === 'RETURN') verdict = { kind: 'return' };
  else if (REFUSALS.has(name)) verdict = { kind: 'drop' };
  else if (chains.has(name)) verdict = { kind: target?.isGoto === true ? 'goto' : 'jump', chain: name };
  return { conditions, verdict, text: saved.line };
}

/** The chains that a packet to this machine goes through, in order. In `nat` nothing may be dropped. */
const ENTRANCES = [['raw', 'PREROUTING'], ['mangle', 'PREROUTING'], ['mangle', 'INPUT'], ['filter', 'INPUT'], ['security', 'INPUT']] as const;

/** The way of a packet from outside through saved tables. */
export function viewOfSaved(program: string, tables: SavedTables): View {
  const entrances: Entrance[] = [];
  const understood = new Map<string, ReadonlyMap<string, readonly Rule[]>>();
  for (const [table, chain] of ENTRANCES) {
    const saved = tables.get(table);
    if (saved === undefined) continue;
    const chains = understood.get(table) ?? new Map([...saved].map(([name, { rules }]) => [name, rules.map((rule) => ruleOf(rule, saved))] as const));
    understood.set(table, chains);
    if (chains.has(chain)) entrances.push({ name: `${table} ${chain}`, chain, chains });
  }
  return { program, entrances };
}

/** Whether a rule of saved tables looks a list up at all, reached or not. */
export function namesList(tables: SavedTables, store: ListCondition['store'], list: string): boolean {
  for (const chains of tables.values())
    for (const { rules } of chains.values())
      for (const rule of rules)
        if (optionsOf(rule).matches.flatMap(conditionsOf).some((one) => one?.kind === 'list' && one.store === store && one.list === list)) return true;
  return false;
}
