/** What `nft -j -t list ruleset inet` prints (libnftables-json(5)) about banban's own table; of others nothing is kept. */
import { NFT_TABLE } from '../names.ts';
import { dig, items, number, parseJson, text } from './json.ts';

/** A set as it is. */
export interface ListedSet {
  /** `ipv4_addr`; empty for a type that is put together of others. */
  readonly type: string;
  /** Sorted: interval, timeout … */
  readonly flags: readonly string[];
  readonly hasCounter: boolean;
  /** For elements that are added without one, in seconds. */
  readonly timeout: number | undefined;
}

/** A chain as it is. */
export interface ListedChain {
  /** Undefined for a chain that is only jumped to. */
  readonly hook: { readonly type: string; readonly name: string; readonly priority: number; readonly policy: string } | undefined;
  readonly rules: readonly ListedRule[];
}

/** A rule as it is. */
export interface ListedRule {
  readonly comment: string | undefined;
  /** Statements of libnftables-json(5). */
  readonly statements: readonly unknown[];
}

/** The table. */
export interface ListedTable {
  readonly isDormant: boolean;
  readonly sets: ReadonlyMap<string, ListedSet>;
  readonly chains: ReadonlyMap<string, ListedChain>;
}

/** Flags are a text where there is one, and a list where there are more. */
const texts = (value: unknown): string[] => (typeof value === 'string' ? [value] : items(value).filter((one) => typeof one === 'string'));

function setOf(value: unknown): ListedSet {
  const hasCounter = items(dig(value, 'stmt')).some((one) => one === 'counter' || dig(one, 'counter') !== undefined);
  return { type: text(value, 'type') ?? '', flags: texts(dig(value, 'flags')).sort(), hasCounter, timeout: number(value, 'timeout') };
}

function hookOf(value: unknown): ListedChain['hook'] {
  const [type, name, priority, policy] = [text(value, 'type'), text(value, 'hook'), number(value, 'prio'), text(value, 'policy')];
  return type === undefined || name === undefined || priority === undefined ? undefined : { type, name, priority, policy: policy ?? '' };
}

/**
 * The table as nft prints it.
 *
 * @returns `absent` when there is none, undefined for what is not nft's JSON
 */
export function parseNft(json: string): ListedTable | 'absent' | undefined {
  const all = dig(parseJson(json), 'nftables');
  if (!Array.isArray(all)) return undefined;
  const sets = new Map<string, ListedSet>();
  const chains = new Map<string, { hook: ListedChain['hook']; rules: ListedRule[] }>();
  let table: unknown;
  for (const one of items(all)) {
    const isOurs = (value: unknown): boolean => text(value, 'family') === 'inet' && text(value, 'table') === NFT_TABLE;
    const [listed, set, chain, rule] = ['table', 'set', 'chain', 'rule'].map((key) => dig(one, key));
    if (text(listed, 'family') === 'inet' && text(listed, 'name') === NFT_TABLE) table = listed;
    else if (isOurs(set)) sets.set(text(set, 'name') ?? '', setOf(set));
    else if (isOurs(chain)) chains.set(text(chain, 'name') ?? '', { hook: hookOf(chain), rules: [] });
    else if (isOurs(rule)) chains.get(text(rule, 'chain') ?? '')?.rules.push({ comment: text(rule, 'comment'), statements: items(dig(rule, 'expr')) });
  }
  return table === undefined ? 'absent' : { isDormant: texts(dig(table, 'flags')).includes('dormant'), sets, chains };
}
