/**
 * What `iptables-save` prints (iptables-save(8)), taken apart without a guess at its meaning. Root alone writes rules, but a comment
 * in one may hold anything: quotes, line breaks, what looks like a rule.
 */

/** A word of a rule. One that was quoted is never an option or a `!`. */
export interface Word {
  readonly text: string;
  readonly isQuoted: boolean;
}

/** One rule: what stands after `-A CHAIN`. */
export interface SavedRule {
  readonly words: readonly Word[];
  /** `-A INPUT -j DROP`, without counters. */
  readonly line: string;
}

/** One chain. */
export interface SavedChain {
  /** ACCEPT or DROP; undefined for a chain of an admin's own. */
  readonly policy: string | undefined;
  readonly rules: readonly SavedRule[];
}

/** Chains by name, by table. */
export type SavedTables = ReadonlyMap<string, ReadonlyMap<string, SavedChain>>;

/** Words from `start` to the end of the line, which a quoted line break does not end. As in add_param_to_argv of iptables' xshared.c. */
function readLine(text: string, start: number): { readonly words: Word[]; readonly end: number } {
  const words: Word[] = [];
  let word = '';
  let isQuoted = false;
  let isOpen = false;
  const finish = (): void => {
    if (word !== '' || isQuoted) words.push({ text: word, isQuoted });
    word = '';
    isQuoted = false;
  };
  let at = start;
  for (; at < text.length; at++) {
    const c = text.charAt(at);
    if (isOpen) {
      if (c === '"') isOpen = false;
      else word += c === '\\' && at + 1 < text.length ? text.charAt(++at) : c;
    } else if (c === '"') isOpen = isQuoted = true;
    else if (c === '\n') break;
    else if (c === ' ' || c === '\t') finish();
    else word += c;
  }
  finish();
  return { words, end: at };
}

/** No packet may be dropped there, and a cluster's has 50,000 rules, which would be a second of reading. */
const LEFT_OUT = 'nat';

/** Reads what `iptables-save`, with or without counters, has printed, but for its table `nat`. What is none of its lines is passed over. */
export function parseSaved(text: string): SavedTables {
  const tables = new Map<string, Map<string, { readonly policy: string | undefined; readonly rules: SavedRule[] }>>();
  let chains: Map<string, { readonly policy: string | undefined; readonly rules: SavedRule[] }> | undefined;
  for (let at = 0; at < text.length; ) {
    if (text.charAt(at) === '#') {
      const newline = text.indexOf('\n', at);
      at = newline < 0 ? text.length : newline + 1;
      continue;
    }
    const { words, end } = readLine(text, at);
    const raw = text.slice(at, end);
    at = end + 1;
    const [first, second] = words;
    if (first === undefined || first.isQuoted) continue;
    if (first.text === `*${LEFT_OUT}`) {
      const commit = text.indexOf('\nCOMMIT', at - 1);
      at = commit < 0 ? text.length : commit + 1;
      chains = undefined;
    } else if (first.text.startsWith('*')) {
      chains = tables.get(first.text.slice(1)) ?? new Map();
      tables.set(first.text.slice(1), chains);
    } else if (chains === undefined) continue;
    else if (first.text === 'COMMIT') chains = undefined;
    else if (first.text.startsWith(':')) {
      const policy = second?.text === '-' ? undefined : second?.text;
      if (!chains.has(first.text.slice(1))) chains.set(first.text.slice(1), { policy, rules: [] });
    } else {
      // Counters, with -c: [packets:bytes].
      const skipped = /^\[\d+:\d+\]$/.test(first.text) ? 1 : 0;
      const [verb, name, ...rest] = words.slice(skipped);
      if (verb?.text !== '-A' || verb.isQuoted || name === undefined) continue;
      const chain = chains.get(name.text) ?? { policy: undefined, rules: [] };
      chains.set(name.text, chain);
      chain.rules.push({ words: rest, line: skipped === 0 ? raw.trim() : raw.replace(/^\s*\[\d+:\d+\]\s*/, '').trim() });
    }
  }
  return tables;
}
