/**
 * What nft prints of banban's own table; of others nothing is kept. Its text tells what there is; what rules mean is asked of its JSON
 * (libnftables-json(5)), by the doctor alone: nft 1.0.6 prints half a JSON where any table has flags, and some are built without.
 */
import { NFT_TABLE } from '../names.ts';
import { dig, items, parseJson, text } from './json.ts';

/** A set as it is. */
export interface ListedSet {
  /** `ipv4_addr`; `typeof …` where it was made so. */
  readonly type: string;
  /** Sorted: interval, timeout … */
  readonly flags: readonly string[];
  readonly hasCounter: boolean;
  /** For elements that are added without one, as nft writes it. */
  readonly timeout: string | undefined;
}

/** A chain as it is. */
export interface ListedChain {
  /** Undefined for a chain that is only jumped to. */
  readonly hook: { readonly type: string; readonly name: string; readonly priority: number; readonly policy: string } | undefined;
  /** The comment of each rule, or undefined. */
  readonly comments: readonly (string | undefined)[];
}

/** The table. */
export interface ListedTable {
  readonly isDormant: boolean;
  readonly sets: ReadonlyMap<string, ListedSet>;
  readonly chains: ReadonlyMap<string, ListedChain>;
}

/** The statements of each rule, by chain, as libnftables-json(5) has them. */
export type ListedStatements = ReadonlyMap<string, readonly (readonly unknown[])[]>;

function setOf(lines: readonly string[]): ListedSet {
  const after = (word: string): string | undefined => lines.find((line) => line.startsWith(`${word} `))?.slice(word.length + 1).replace(/;$/, '');
  return {
    type: after('type') ?? `typeof ${after('typeof') ?? ''}`,
    flags: (after('flags') ?? '').split(',').map((flag) => flag.trim()).filter(Boolean).sort(),
    hasCounter: lines.some((line) => /^counter\b/.test(line)),
    timeout: after('timeout'),
  };
}

function chainOf(lines: readonly string[]): ListedChain {
  const hooks = /^type (\w+) hook (\w+) (?:.* )?priority (-?\d+); policy (\w+);$/;
  const found = lines.map((line) => hooks.exec(line)).find((match) => match !== null);
  const [, type = '', name = '', priority, policy = ''] = found ?? [];
  // A chain may have a comment and flags of its own.
  const rules = lines.filter((line) => !hooks.test(line) && !/^(?:comment "|flags )/.test(line));
  return { hook: found === undefined ? undefined : { type, name, priority: Number(priority), policy }, comments: rules.map((line) => / comment "([^"]*)"$/.exec(line)?.[1]) };
}

/** Reads what `nft -s -y -t list ruleset inet` prints. */
export function parseNft(listing: string): ListedTable | 'absent' {
  const lines = listing.split('\n');
  const start = lines.indexOf(`table inet ${NFT_TABLE} {`);
  if (start < 0) return 'absent';
  const sets = new Map<string, ListedSet>();
  const chains = new Map<string, ListedChain>();
  let isDormant = false;
  for (let at = start + 1; at < lines.length && lines[at] !== '}'; at++) {
    const [, kind = '', name = ''] = /^\t(\w+) (\S+) \{$/.exec(lines[at] ?? '') ?? [];
    if (/^\tflags .*\bdormant\b/.test(lines[at] ?? '')) isDormant = true;
    if (kind === '') continue;
    const inside: string[] = [];
    for (at++; at < lines.length && lines[at] !== '\t}'; at++) if (lines[at]?.startsWith('\t\t') === true) inside.push((lines[at] ?? '').trim());
    if (kind === 'set') sets.set(name, setOf(inside));
    else if (kind === 'chain') chains.set(name, chainOf(inside));
  }
  return { isDormant, sets, chains };
}

/** Reads what `nft -j -t list ruleset inet` prints; undefined for what is not nft's JSON. */
export function parseNftStatements(json: string): ListedStatements | undefined {
  const all = dig(parseJson(json), 'nftables');
  if (!Array.isArray(all)) return undefined;
  const statements = new Map<string, (readonly unknown[])[]>();
  for (const one of items(all)) {
    const rule = dig(one, 'rule');
    if (text(rule, 'family') !== 'inet' || text(rule, 'table') !== NFT_TABLE) continue;
    const chain = text(rule, 'chain') ?? '';
    const rules = statements.get(chain) ?? [];
    statements.set(chain, rules);
    rules.push(items(dig(rule, 'expr')));
  }
  return statements;
}
