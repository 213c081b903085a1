/** The options of a saved rule of iptables, by the match or target that they belong to. */
import { parseAddress } from 'banban-shared';
import { ipv6Mask } from './ipv6-mask.ts';
import type { SavedRule } from './saved-tables.ts';

/** One option with what follows it. */
export interface Option {
  /** `--dport`, `-s`; long forms of iptables' own are short: `--protocol` is `-p`. */
  readonly name: string;
  /** After a `!`. */
  readonly isNegated: boolean;
  readonly values: readonly string[];
}

/** A match (`-m recent`) with its options. */
export interface Match {
  /** Empty for what belongs to iptables itself: `-p`, `-s`, `-i` … */
  readonly module: string;
  readonly options: readonly Option[];
}

/** A rule's matches and what it does. */
export interface Options {
  readonly matches: readonly Match[];
  /** What stands after `-j` or `-g`; undefined for a rule that only counts. */
  readonly target: { readonly name: string; readonly isGoto: boolean; readonly options: readonly Option[] } | undefined;
}

const SHORT: Readonly<Record<string, string>> = {
  '--protocol': '-p', '--source': '-s', '--destination': '-d', '--in-interface': '-i', '--out-interface': '-o', '--match': '-m', '--jump': '-j', '--goto': '-g', '--fragment': '-f',
};
/** Those of iptables itself may stand anywhere, also behind a match. */
const OWN = new Set(['-p', '-s', '-d', '-i', '-o', '-f']);

/** A rule with its words put to the options that they belong to. */
export function optionsOf({ words }: SavedRule): Options {
  const own: Option[] = [];
  const matches: { module: string; options: Option[] }[] = [{ module: '', options: own }];
  let target: { name: string; isGoto: boolean; options: Option[] } | undefined;
  let isNegated = false;
  for (let i = 0; i < words.length; ) {
    const word = words[i++];
    if (word === undefined) break;
    if (!word.isQuoted && word.text === '!') {
      isNegated = true;
      continue;
    }
    const name = SHORT[word.text] ?? word.text;
    const values: string[] = [];
    for (let next = words[i]; next !== undefined && (next.isQuoted || !/^(?:!$|--?[A-Za-z])/.test(next.text)); next = words[++i]) values.push(next.text);
    if (name === '-m') matches.push({ module: values[0] ?? '', options: [] });
    else if (name === '-j' || name === '-g') target = { name: values[0] ?? '', isGoto: name === '-g', options: [] };
    else {
      const option = { name, isNegated, values };
      if (OWN.has(name)) own.push(option);
      else (target ?? matches.at(-1) ?? { options: own }).options.push(option);
    }
    isNegated = false;
  }
  return { matches, target };
}

/** xt_recent's mask of all bits: iptables-save prints it, and nobody has to write it. */
const isWholeMask = ({ name, values: [value = ''] }: Option): boolean => name === '--mask' && (value === '255.255.255.255' || parseAddress(value) === ipv6Mask(128));

/** A rule in a form in which two that mean the same are equal, whatever the order in which a version of iptables prints options. */
export function canonical(rule: SavedRule): string {
  const { matches, target } = optionsOf(rule);
  const text = ({ name, isNegated, values }: Option): string => `${isNegated ? '! ' : ''}${name} ${JSON.stringify(values.map((value) => parseAddress(value) ?? value))}`;
  const parts = matches.map(({ module, options }) => `${module}:${options.filter((option) => !isWholeMask(option)).map(text).sort().join(' ')}`);
  // `-m tcp` and its like without options say nothing; `-p tcp` loads them.
  const said = parts.filter((part) => !part.endsWith(':')).sort();
  return `${said.join(' | ')} > ${target === undefined ? '' : `${target.isGoto ? 'goto ' : ''}${target.name} ${target.options.map(text).sort().join(' ')}`}`;
}
