/** What the patterns say of a line, with no daemon: parsed, matched, and told in words. */
import type { Address } from 'banban-shared';
import { createMatcher, type Matcher } from '../match/matcher.ts';
import { userIn } from '../match/naming.ts';
import type { Pattern } from '../match/pattern.ts';
import { newEntry, type Entry } from '../syslog/entry.ts';
import { unescapeTabs } from '../syslog/lines.ts';
import { parseLine } from '../syslog/parse.ts';

/** Patterns to try, and who uses them. */
export interface TestRules {
  readonly good: readonly Pattern[];
  /** Without a name: patterns of packs that are tried without a configuration. */
  readonly rules: readonly { readonly name: string | undefined; readonly patterns: readonly Pattern[] }[];
}

/** What was found of one line. */
export interface LineVerdict {
  /** Empty where the line has none. */
  readonly program: string;
  readonly verdict: 'bad' | 'good';
  readonly pattern: string;
  readonly rules: readonly string[];
  readonly address: Address;
  readonly user: string | undefined;
  /** More than once where a syslog daemon folded lines. */
  readonly times: number;
}

/** Tries lines, one after the other. */
export interface Tester {
  /** The entry of the last line. */
  readonly entry: Entry;
  /** @returns undefined when nothing matched */
  test(bytes: Buffer, from: number, to: number): LineVerdict | undefined;
}

/** @param program for lines that have none of their own, as in a service's own log file */
export function createTester({ good, rules }: TestRules, program: string | undefined): Tester {
  const matcher: Matcher = createMatcher(good, rules.map((r) => r.patterns));
  const entry = newEntry();
  const tag = program === undefined ? undefined : Buffer.from(`${program}: `);
  let last: LineVerdict | undefined;

  function verdict(): LineVerdict | undefined {
    const { good: pardon, hits } = matcher.match(entry);
    const found = pardon ?? hits[0];
    if (found === undefined) return undefined;
    return {
      program: programOf(entry),
      verdict: pardon === undefined ? 'bad' : 'good',
      pattern: found.pattern.name,
      rules: pardon === undefined ? hits.flatMap((hit) => rules[hit.rule]?.name ?? []) : [],
      address: found.address,
      user: userIn(found.pattern, entry.text.subarray(entry.textStart, entry.textEnd), found.address),
      times: entry.times,
    };
  }

  /** The line as the service would have sent it to syslog. */
  function tagged(): LineVerdict | undefined {
    if (tag === undefined || program === undefined || entry.programEnd > entry.textStart) return undefined;
    const text = Buffer.concat([tag, entry.text.subarray(entry.textStart, entry.textEnd)]);
    entry.text = text;
    entry.textStart = 0;
    entry.textEnd = text.length;
    entry.programEnd = Buffer.byteLength(program);
    return verdict();
  }

  return {
    entry,
    test(bytes, from, to) {
      const line = bytes.subarray(from, to);
      parseLine(line, 0, unescapeTabs(line, 0, line.length), entry);
      if (entry.repeatsLast) return last === undefined ? undefined : { ...last, times: entry.times };
      return (last = verdict() ?? tagged());
    },
  };
}

/** The program's name as text; empty where there is none. */
export const programOf = (entry: Entry): string => entry.text.toString('utf8', entry.textStart, entry.programEnd);
