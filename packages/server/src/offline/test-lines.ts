/** What the patterns say of a line, with no daemon: parsed, matched, and told in words. */
import type { Address, HostName } from 'banban-shared';
import { createHostMatcher } from '../match/host-names.ts';
import { createMatcher, type Matcher } from '../match/matcher.ts';
import { userIn } from '../match/naming.ts';
import type { Pattern } from '../match/pattern.ts';
import { newEntry, type Entry } from '../syslog/entry.ts';
import { unescapeTabs } from '../syslog/lines.ts';
import { parseLine } from '../syslog/parse.ts';

/** What a rule does about host names. */
type UseDns = 'no' | 'warn' | 'yes';

/** Patterns to try, and who uses them. */
export interface TestRules {
  readonly good: readonly Pattern[];
  /** Without a name: patterns of packs that are tried without a configuration. */
  readonly rules: readonly { readonly name: string | undefined; readonly patterns: readonly Pattern[]; readonly usedns?: UseDns }[];
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

/** A host name where a line should have its address. */
export interface NamedHost {
  readonly name: HostName;
  /** The most that a rule does which the line is for. */
  readonly usedns: UseDns;
}

/** Who tries a few lines wants to know it of rules that ignore names, too; in a whole log nobody would read it. */
const EXPLAINED = 100;

/** Tries lines, one after the other. */
export interface Tester {
  /** The entry of the last line. */
  readonly entry: Entry;
  /** @returns undefined when nothing matched */
  test(bytes: Buffer, from: number, to: number): LineVerdict | undefined;
  /** The name in the last line, where nothing matched it; where all rules ignore names, in the first lines only. */
  named(): NamedHost | undefined;
}

/** @param program for lines that have none of their own, as in a service's own log file */
export function createTester({ good, rules }: TestRules, program: string | undefined): Tester {
  const matcher: Matcher = createMatcher(good, rules.map((r) => r.patterns));
  const entry = newEntry();
  const tag = program === undefined ? undefined : Buffer.from(`${program}: `);
  let last: LineVerdict | undefined;
  const usednsOf = (rule: number): UseDns => rules[rule]?.usedns ?? 'no';
  const wanting = rules.map(({ patterns }, i) => (usednsOf(i) === 'no' ? [] : patterns));
  const wanted = wanting.some((patterns) => patterns.length > 0) ? createHostMatcher(good, wanting) : undefined;
  const ignored = createHostMatcher(good, rules.map((r) => r.patterns), true);
  let explained = 0;

  function named(): NamedHost | undefined {
    let hits = wanted?.match(entry) ?? [];
    if (hits.length === 0 && explained++ < EXPLAINED) hits = ignored.match(entry);
    const [first] = hits;
    if (first === undefined) return undefined;
    const all = hits.map(({ rule }) => usednsOf(rule));
    return { name: first.name, usedns: all.includes('yes') ? 'yes' : all.includes('warn') ? 'warn' : 'no' };
  }

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
    named: () => (entry.repeatsLast || last !== undefined ? undefined : named()),
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
