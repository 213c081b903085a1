/** What the rules in banban's table of nftables mean, for `rule-model.ts`: those that banban wrote, and those of an admin. */
import type { PortRange } from '../../config/config.ts';
import { dig, items, text } from './json.ts';
import type { ListedStatements, ListedTable } from './nft-listing.ts';
import type { Condition, Entrance, Rule, Verdict, View } from './rule-model.ts';

const OTHER: Condition = { kind: 'other' };
/** Statements that look and let go on. */
const HARMLESS = ['counter', 'log', 'notrack', 'mangle', 'set'];

/** A value, a range, or an anonymous set of them. */
function portsOf(right: unknown): readonly PortRange[] | undefined {
  const all = Array.isArray(dig(right, 'set')) ? items(dig(right, 'set')) : [right];
  const ranges = all.map((one): PortRange | undefined => {
    const [first, last] = typeof one === 'number' ? [one, one] : items(dig(one, 'range'));
    return typeof first === 'number' && typeof last === 'number' ? { first, last } : undefined;
  });
  const known = ranges.filter((range) => range !== undefined);
  return known.length === ranges.length ? known : undefined;
}

/** One word, several, or an anonymous set of them. */
function wordsOf(right: unknown): readonly string[] | undefined {
  const set = dig(right, 'set');
  const all = typeof right === 'string' ? [right] : Array.isArray(right) ? items(right) : items(set);
  const words = all.filter((one) => typeof one === 'string');
  return words.length > 0 && words.length === all.length && !words.some((word) => word.startsWith('@')) ? words : undefined;
}

function ofPayload(left: unknown, right: unknown, isNegated: boolean, mask: string | undefined): readonly Condition[] {
  const protocol = text(left, 'protocol') ?? '';
  const field = text(left, 'field');
  if ((protocol === 'ip' || protocol === 'ip6') && (field === 'saddr' || field === 'daddr')) {
    if (typeof right !== 'string' || !right.startsWith('@')) return [OTHER];
    const side = field === 'saddr' ? 'source' : 'destination';
    return [{ kind: 'list', store: 'nftables', list: right.slice(1), isNegated, side, mask, seconds: undefined, hitCount: undefined }];
  }
  const ranges = field === 'dport' && !isNegated && mask === undefined ? portsOf(right) : undefined;
  if (ranges === undefined) return [OTHER];
  const ports = { kind: 'ports', ranges } as const;
  return protocol === 'tcp' || protocol === 'udp' ? [{ kind: 'protocol', names: [protocol] }, ports] : protocol === 'th' ? [ports] : [OTHER];
}

function ofConnection(left: unknown, right: unknown, isNegated: boolean): readonly Condition[] {
  const key = text(left, 'key');
  const states = wordsOf(right);
  if (key === 'state' && states !== undefined) {
    const has = (state: string): boolean => states.includes(state) !== isNegated;
    if (has('new')) return [];
    return has('established') ? [{ kind: 'established' }] : [OTHER];
  }
  if (key === 'direction' && right === 'original' && !isNegated) return [];
  const ranges = key === 'proto-dst' && text(left, 'dir') === 'original' && !isNegated ? portsOf(right) : undefined;
  return ranges === undefined ? [OTHER] : [{ kind: 'ports', ranges }];
}

function ofMatch(match: unknown): readonly Condition[] {
  const op = text(match, 'op');
  const isNegated = op === '!=';
  const [left, right] = [dig(match, 'left'), dig(match, 'right')];
  if (op !== '==' && op !== 'in' && op !== '!=') return [OTHER];
  const [masked, mask] = items(dig(left, '&'));
  if (masked !== undefined) return ofPayload(dig(masked, 'payload'), right, isNegated, typeof mask === 'string' ? mask : '?');
  if (dig(left, 'payload') !== undefined) return ofPayload(dig(left, 'payload'), right, isNegated, undefined);
  if (dig(left, 'ct') !== undefined) return ofConnection(dig(left, 'ct'), right, isNegated);
  const names = text(left, 'meta', 'key') === 'l4proto' && !isNegated ? wordsOf(right) : undefined;
  return names === undefined ? [OTHER] : [{ kind: 'protocol', names }];
}

function ruleOf(statements: readonly unknown[], chain: string, number: number): Rule {
  const conditions: Condition[] = [];
  let verdict: Verdict = { kind: 'continue' };
  for (const statement of statements) {
    const has = (key: string): boolean => typeof statement === 'object' && statement !== null && Object.hasOwn(statement, key);
    const [jump, goto] = [text(statement, 'jump', 'target'), text(statement, 'goto', 'target')];
    if (has('match')) conditions.push(...ofMatch(dig(statement, 'match')));
    else if (has('accept')) verdict = { kind: 'accept' };
    else if (has('drop') || has('reject')) verdict = { kind: 'drop' };
    else if (has('return')) verdict = { kind: 'return' };
    else if (jump !== undefined) verdict = { kind: 'jump', chain: jump };
    else if (goto !== undefined) verdict = { kind: 'goto', chain: goto };
    else if (!HARMLESS.some(has)) conditions.push(OTHER);
  }
  return { conditions, verdict, text: `rule ${number} of the chain ${chain}` };
}

/** The way of a packet from outside through the table; of a dormant one there is none. */
export function viewOfTable(table: ListedTable, statements: ListedStatements): View {
  const chains = new Map([...table.chains.keys()].map((name) => [name, (statements.get(name) ?? []).map((rule, i) => ruleOf(rule, name, i + 1))] as const));
  const entrances: (Entrance & { readonly order: number })[] = [];
  for (const [chain, { hook }] of table.chains) {
    if (table.isDormant || hook?.type !== 'filter' || (hook.name !== 'input' && hook.name !== 'prerouting')) continue;
    // Before routing comes before all of input, whatever the priorities.
    entrances.push({ name: `chain ${chain}`, chain, chains, order: hook.priority + (hook.name === 'input' ? 2 ** 32 : 0) });
  }
  return { program: 'nftables', entrances: entrances.sort((a, b) => a.order - b.order) };
}
