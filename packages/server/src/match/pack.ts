/**
 * A pack: ready patterns for one service, each with the lines that prove it. A pattern is compiled once for each way in
 * which a line of the service begins: with a tag from syslog, or with the stamp of a log file of its own.
 */
import { parseAddress, type Address } from 'banban-shared';
import RE2 from 're2';
import { newEntry } from '../syslog/entry.ts';
import { parseLine } from '../syslog/parse.ts';
import { createMatcher } from './matcher.ts';
import { userIn } from './naming.ts';
import { compilePattern, hasProgram, PatternError, type Pattern } from './pattern.ts';
import { cut, isChoice } from './pieces.ts';
import { compileSession } from './session.ts';

/** A line that a pattern must match, and whom it must name. */
export interface Sample {
  readonly line: string;
  readonly address: string;
  readonly user: string | undefined;
  /** The line that has to come before it, for a pattern over two lines. */
  readonly after?: string | undefined;
}

/** One pattern as its file has it. */
export interface PatternSource {
  /** Within its pack: `failed-password`. */
  readonly name: string;
  readonly group: string;
  readonly begins: readonly string[];
  /** For a pattern over two lines: what follows the beginning in the first one, with the address. */
  readonly opens?: string | undefined;
  /** What follows the beginning. */
  readonly match: string;
  /** Where the service writes the line. */
  readonly source: string;
  readonly samples: readonly Sample[];
  readonly misses: readonly string[];
}

/** A pack as its file has it. */
export interface PackSource {
  readonly name: string;
  readonly service: string;
  readonly source: string;
  /** A `good` group pardons; a `weak` one is what honest clients do, too, and is only used where it is named. */
  readonly groups: readonly { readonly name: string; readonly about: string; readonly good: boolean; readonly weak: boolean }[];
  readonly patterns: readonly PatternSource[];
}

/** A pattern of a pack, ready to run. */
export interface PackPattern extends PatternSource {
  /** `sshd/failed-password`. */
  readonly fullName: string;
  readonly good: boolean;
  readonly weak: boolean;
  /** One for each beginning. */
  readonly compiled: readonly Pattern[];
}

/** A pack, ready to run. */
export interface Pack extends Omit<PackSource, 'patterns'> {
  readonly patterns: readonly PackPattern[];
}

/** What is wrong with a pattern of a pack. `sample` and `miss` are indices; absent ones mean the pattern as a whole. */
export interface PackFault {
  readonly pattern: string;
  readonly sample?: number;
  readonly miss?: number;
  readonly message: string;
}

/** An expression that others can stand before and behind. */
const whole = (expression: string): string => (isChoice(cut(expression)) ? `(?:${expression})` : expression);

/** The lines of all samples that come from a program, by which a beginning that is a tag is told from one that is a log file's own. */
function taggedSamples(patterns: readonly PatternSource[]): { readonly text: Buffer; readonly program: number }[] {
  const entry = newEntry();
  return patterns.flatMap((p) => p.samples).flatMap(({ line }) => {
    const bytes = Buffer.from(line);
    parseLine(bytes, 0, bytes.length, entry);
    return entry.programEnd > entry.textStart ? [{ text: Buffer.from(entry.text.subarray(entry.textStart, entry.textEnd)), program: entry.programEnd - entry.textStart }] : [];
  });
}

/** @throws PatternError */
function compileBegin(begin: string): RE2 {
  try {
    return new RE2(`^(?:${begin})`);
  } catch (error) {
    throw new PatternError(`RE2 can't run its beginning ${JSON.stringify(begin)}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** @throws PatternError */
function compile(pack: string, { name, begins, opens, match }: PatternSource, isTag: (begin: string) => boolean): Pattern[] {
  return begins.map((begin) => {
    const text = `^${whole(begin)}${whole(opens ?? match)}`;
    const options = { name: `${pack}/${name}`, ...(hasProgram(text) || isTag(begin) ? {} : { fileBegin: begin }) };
    return opens === undefined ? compilePattern(text, options) : compileSession(whole(begin), opens, match, options);
  });
}

/** Tries every sample and every miss on the whole pack at once. */
function prove(patterns: readonly PackPattern[]): PackFault[] {
  const faults: PackFault[] = [];
  const matcher = createMatcher([], patterns.map((p) => p.compiled), undefined, true);
  const entry = newEntry();
  const match = (line: string): ReturnType<typeof matcher.match> => {
    const bytes = Buffer.from(line);
    parseLine(bytes, 0, bytes.length, entry);
    return matcher.match(entry);
  };
  patterns.forEach((pattern, index) => {
    pattern.samples.forEach(({ line, address, user, after }, sample) => {
      const fault = (message: string): void => void faults.push({ pattern: pattern.name, sample, message });
      const wanted = parseAddress(address);
      if (wanted === undefined) return fault(`the address ${JSON.stringify(address)} of its sample is none`);
      if (after !== undefined) match(after);
      const { hits } = match(line);
      const own = hits.find((hit) => hit.rule === index);
      if (own === undefined) return fault('it does not match its own sample');
      if (own.address !== wanted) return fault(`of its own sample it yields the address ${own.address}, not ${wanted}`);
      const named = userIn(own.pattern, entry.text.subarray(entry.textStart, entry.textEnd), own.address);
      if (user !== undefined && named !== user) return fault(`of its own sample it yields ${named === undefined ? 'no user' : `the user ${JSON.stringify(named)}`}, not ${JSON.stringify(user)}`);
      const other = otherWord(hits, patterns, pattern, wanted);
      if (other !== undefined) fault(other);
    });
    pattern.misses.forEach((line, miss) => {
      if (match(line).hits.some((hit) => hit.rule === index)) faults.push({ pattern: pattern.name, miss, message: 'it matches a line that it must not match' });
    });
  });
  return faults;
}

/** What another pattern of the pack says against this one's sample. */
function otherWord(hits: readonly { readonly rule: number; readonly address: Address }[], patterns: readonly PackPattern[], pattern: PackPattern, wanted: Address): string | undefined {
  for (const { rule, address } of hits) {
    const other = patterns[rule];
    if (other === undefined || other === pattern) continue;
    if (other.good !== pattern.good) return `its sample also matches ${other.fullName}, which is ${other.good ? 'good' : 'bad'}`;
    if (address !== wanted) return `of its sample ${other.fullName} yields another address, ${address}`;
  }
  return undefined;
}

/** Compiles a pack and tries its samples; patterns with a fault are left out of it. */
export function compilePack(source: PackSource): { readonly pack: Pack; readonly faults: readonly PackFault[] } {
  const faults: PackFault[] = [];
  const groups = new Map(source.groups.map((g) => [g.name, g]));
  const compiled: PackPattern[] = [];
  const tagged = taggedSamples(source.patterns);
  const tags = new Map<string, boolean>();
  const isTag = (begin: string): boolean => {
    let known = tags.get(begin);
    if (known === undefined) {
      const start = compileBegin(begin);
      tags.set(begin, (known = tagged.some(({ text, program }) => (start.exec(text)?.[0].length ?? 0) > program)));
    }
    return known;
  };
  for (const pattern of source.patterns) {
    try {
      compiled.push({ ...pattern, fullName: `${source.name}/${pattern.name}`, good: groups.get(pattern.group)?.good === true, weak: groups.get(pattern.group)?.weak === true, compiled: compile(source.name, pattern, isTag) });
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      faults.push({ pattern: pattern.name, message: error.message });
    }
  }
  faults.push(...prove(compiled));
  const faulty = new Set(faults.map((f) => f.pattern));
  return { pack: { ...source, patterns: compiled.filter((p) => !faulty.has(p.name)) }, faults };
}
