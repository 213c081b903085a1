/**
 * All patterns of a configuration against one line: by program first; then one look at its bytes finds its addresses. A line
 * without one is done. In a line with one it is marked, and all patterns are tried at once in an RE2.Set, in which only that
 * address can stand for `<ip>`. Where there are several the set finds the patterns and each is asked which one it means.
 * Good before bad.
 *
 * Everything runs in RE2, so no pattern and no line can cost more than their length.
 */
import type { Address } from 'banban-shared';
import { OWN_NAME, type Entry } from '../syslog/entry.ts';
import { mendUtf8 } from '../syslog/lines.ts';
import { addressesOf, NOT_ASCII } from './addresses-of-line.ts';
import { addressFor, addressIn, hasColon, LONGEST_ADDRESS, matchMarked, places } from './naming.ts';
import { patternSet } from './pattern-set.ts';
import type { Pattern } from './pattern.ts';
import { planFor, type Plan, type Slot } from './plan.ts';

/** A rule that a line matched, by which pattern, and whom it names. */
export interface Hit {
  /** The rule's place in the list that the matcher was made with. */
  readonly rule: number;
  readonly address: Address;
  readonly pattern: Pattern;
}

/** What a good pattern says of a line: whom it pardons. */
export interface Pardon {
  readonly address: Address;
  readonly pattern: Pattern;
}

/** The answer for one line. */
export interface MatchResult {
  /** Of the first good pattern that matched; then there are no hits. */
  good: Pardon | undefined;
  /** At most one a rule. */
  hits: Hit[];
  /** True when a pattern matched and what it captured was no address. */
  notAnAddress: boolean;
}

/** Matches lines against the patterns it was made with. */
export interface Matcher {
  /** Matches one line. The result belongs to the matcher and holds until the next call. */
  match(entry: Entry): MatchResult;
  /** CPU time spent on a pattern since the start, in milliseconds: an estimate from every 64th line. */
  costOf(pattern: Pattern): number;
  /** Takes a pattern out of all further matching. */
  switchOff(pattern: Pattern): void;
}

/** What is known of a program. */
interface Program {
  readonly name: Buffer;
  readonly plan: Plan | undefined;
  /** The bytes with which a message can begin that one of its patterns wants; undefined where that is not known. */
  readonly gate: Uint8Array | undefined;
}

/** Program names seen, with their plans: a machine has dozens; a forged flood of names only costs the cache. */
const MOST_PROGRAMS = 4096;
/** Different selections of patterns; more come only from a forged flood of names against a pattern like `.?.?sshd`. */
const MOST_PLANS = 256;
const NONE: readonly number[] = [];
/** So many lines to one whose cost is measured: looking at the clock costs as much as a tenth of a line. */
const SAMPLED = 64;

function isName(name: Buffer, text: Buffer, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let i = 0; i < name.length; i++) if (name[i] !== text[start + i]) return false;
  return true;
}

/**
 * Makes the matcher for good patterns and, for each rule, its bad ones.
 *
 * @param precise milliseconds of a clock that only goes forward, to measure what patterns cost
 * @param oneByOne for a few lines only: sets are not compiled where that can be avoided
 */
export function createMatcher(good: readonly Pattern[], rules: readonly (readonly Pattern[])[], precise: () => number = () => 0, oneByOne = false): Matcher {
  const same = (pattern: Pattern): string => `${pattern.fileBegin ?? ''}\n${pattern.source}`;
  const bad = new Map<string, { pattern: Pattern; rules: number[] }>();
  rules.forEach((patterns, rule) => {
    for (const pattern of patterns) {
      const known = bad.get(same(pattern));
      if (known === undefined) bad.set(same(pattern), { pattern, rules: [rule] });
      else if (!known.rules.includes(rule)) known.rules.push(rule);
    }
  });
  // Good ones first: the places in a plan keep this order, so the lowest index that captures an address decides.
  const slots: readonly Slot[] = [
    ...good.map((pattern): Slot => ({ pattern, good: true, rules: [], costMs: 0, isOff: false })),
    ...[...bad.values()].map(({ pattern, rules: users }): Slot => ({ pattern, good: false, rules: users, costMs: 0, isOff: false })),
  ];

  /** Whether lines without a program may want a pattern that can't be asked. */
  const hasOthers = slots.some(({ pattern }) => pattern.askExpression === undefined && (pattern.fileBegin !== undefined || pattern.program === undefined));
  const plans = new Map<string, Plan | undefined>();
  const programs = new Map<number, Program>();

  function planOfSlots(wanted: readonly Slot[]): Plan | undefined {
    const key = wanted.map((slot) => slots.indexOf(slot)).join();
    if (plans.has(key)) return plans.get(key);
    if (plans.size >= MOST_PLANS) {
      plans.clear();
      programs.clear();
      filePlans.clear();
    }
    const plan = wanted.length === 0 ? undefined : planFor(wanted, oneByOne);
    plans.set(key, plan);
    return plan;
  }

  // ── lines of a program ────────────────────────────────────────────────────────────────────────────────────────

  /** banband's own lines are for patterns that ask for them by name: any other would feed on what it caused. */
  const takes = ({ program, fileBegin }: Pattern, name: Buffer): boolean =>
    fileBegin === undefined && (program === undefined ? !name.equals(OWN_NAME) : program.test(name));

  function programFor(name: Buffer): Program {
    const wanted = slots.filter(({ isOff, pattern }) => !isOff && takes(pattern, name));
    const plan = planOfSlots(wanted);
    if (wanted.some(({ pattern }) => pattern.messageFirst === undefined)) return { name, plan, gate: undefined };
    const gate = new Uint8Array(256);
    for (const { pattern } of wanted) for (const c of pattern.messageFirst ?? []) gate[c] = 1;
    return { name, plan, gate };
  }

  /** The plan for a line whose program's name is from `start` to `end`. */
  function planOf(text: Buffer, start: number, end: number): Plan | undefined {
    const { plan, gate } = programOf(text, start, end);
    if (gate === undefined) return plan;
    let at = end;
    // Behind `[pid]`, colon and space.
    if (text[at] === 0x5b) {
      while (at < text.length && text[at] !== 0x5d) at++;
      at++;
    }
    // Whatever else stands there is for the patterns to say.
    if (text[at] !== 0x3a || text[at + 1] !== 0x20) return plan;
    return gate[text[at + 2] ?? 0] === 1 ? plan : undefined;
  }

  function programOf(text: Buffer, start: number, end: number): Program {
    // FNV-1a, 32 bit: the name is looked up without becoming a string.
    let hash = 0x811c9dc5;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ (text[i] ?? 0), 0x01000193);
    const known = programs.get(hash);
    if (known !== undefined && isName(known.name, text, start, end)) return known;
    const program = programFor(Buffer.from(text.subarray(start, end)));
    if (programs.size >= MOST_PROGRAMS) programs.clear();
    programs.set(hash, program);
    return program;
  }

  // ── lines of a log file of a service's own: by how they begin ─────────────────────────────────────────────────

  const fileBegins = [...new Set(slots.flatMap(({ pattern }) => pattern.fileBegin ?? []))];
  const fileSet = patternSet(fileBegins.map((begin) => `^(?:${begin})`));
  const filePlans = new Map<string, Plan | undefined>();

  function planOfFile(text: Buffer): Plan | undefined {
    const found = fileSet.match(text);
    const key = found.join();
    if (filePlans.has(key)) return filePlans.get(key);
    const begins = new Set(found.map((i) => fileBegins[i]));
    const plan = planOfSlots(slots.filter(({ isOff, pattern }) => !isOff && (pattern.fileBegin === undefined ? pattern.program === undefined : begins.has(pattern.fileBegin))));
    filePlans.set(key, plan);
    return plan;
  }

  // ── what is measured ──────────────────────────────────────────────────────────────────────────────────────────

  let turn = 0;
  /** The clock when the step that is measured began; undefined on the lines that are not. */
  let since: number | undefined;

  /** Books the time since the last step on these. */
  function book(on: readonly Slot[]): void {
    if (since === undefined) return;
    const now = precise();
    const share = ((now - since) * SAMPLED) / on.length;
    for (const slot of on) slot.costMs += share;
    since = now;
  }

  /** The line's one address, where the set has said already which patterns name it. */
  let named: Address | undefined;

  /** The patterns that may match, by their places in the plan, lowest first; sets `named`. */
  function find(plan: Plan, text: Buffer, count: number): readonly number[] {
    named = undefined;
    const from = places[0] ?? 0;
    const to = places[1] ?? 0;
    const isV6 = count === 1 && hasColon(text, from, to);
    // Only a pattern with a colon beside its address can say how much of an IPv6 address it means.
    if (count < 0 || count > 1 || (count === 1 && to - from > LONGEST_ADDRESS) || (isV6 && (plan.besideColon || addressIn(text, from, to) === undefined))) return plan.loose().match(text);
    const others = plan.others.length === 0 ? NONE : plan.unaskable().match(text).map((i) => plan.others[i] ?? 0);
    if (count === 0) return others;
    const asked = matchMarked(plan.asked(), text, from, to);
    if (asked.length === 0) return others;
    named = addressIn(text, from, to);
    if (named === undefined) return plan.loose().match(text);
    return plan.others.length === 0 ? asked : [...others, ...asked.map((i) => plan.askable[i] ?? 0)].sort((a, b) => a - b);
  }

  const result: MatchResult = { good: undefined, hits: [], notAnAddress: false };
  const ruleSeen = new Uint32Array(rules.length);
  let line = 0;

  return {
    match(entry) {
      result.good = undefined;
      result.notAnAddress = false;
      if (result.hits.length > 0) result.hits = [];
      since = (turn = (turn + 1) % SAMPLED) === 0 ? precise() : undefined;
      const { textStart, programEnd } = entry;
      const isTagged = programEnd > textStart;
      let plan = isTagged ? planOf(entry.text, textStart, programEnd) : undefined;
      if (isTagged && plan === undefined) return result;
      const count = addressesOf(entry.text, textStart, entry.textEnd, places);
      // No address, and no pattern with an idea of its own of what one is: nothing can match.
      if (count === 0 && (plan === undefined ? !hasOthers : plan.others.length === 0)) return result;
      const text = entry.text.subarray(textStart, entry.textEnd);
      // To RE2 a broken byte is none: it would hide the line from every pattern.
      if (places[NOT_ASCII] === 1) mendUtf8(text);
      plan ??= planOfFile(text);
      if (plan === undefined || (count === 0 && plan.others.length === 0)) return result;
      const found = find(plan, text, count);
      book(plan.slots);
      if (found.length === 0) return result;
      line = (line + 1) >>> 0;
      for (const index of found) {
        const slot = plan.slots[index];
        if (slot === undefined || (!slot.good && slot.rules.every((rule) => ruleSeen[rule] === line))) continue;
        const address = named !== undefined && slot.pattern.askExpression !== undefined ? named : addressFor(slot.pattern, text, count);
        if (since !== undefined) book([slot]);
        if (address === undefined) continue;
        if (address === null) {
          result.notAnAddress = true;
          continue;
        }
        if (slot.good) {
          result.good = { address, pattern: slot.pattern };
          return result;
        }
        for (const rule of slot.rules) {
          if (ruleSeen[rule] === line) continue;
          ruleSeen[rule] = line;
          result.hits.push({ rule, address, pattern: slot.pattern });
        }
      }
      return result;
    },
    costOf: (pattern) => slots.reduce((sum, slot) => (slot.pattern.name === pattern.name ? sum + slot.costMs : sum), 0),
    switchOff(pattern) {
      for (const slot of slots) if (slot.pattern.name === pattern.name) slot.isOff = true;
      plans.clear();
      programs.clear();
      filePlans.clear();
    },
  };
}
