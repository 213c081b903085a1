/**
 * All patterns of a configuration against one line: by program first, then every pattern that is left in one RE2.Set pass
 * over the bytes. Only where the set found something is an address looked for: those that stand in the line are found by
 * one look at its bytes, and the pattern is asked whether it matches with this one in its place. Good before bad.
 *
 * Everything runs in RE2, so no pattern and no line can cost more than their length.
 */
import { parseAddress, type Address } from 'banban-shared';
import RE2 from 're2';
import { OWN_NAME, type Entry } from '../syslog/entry.ts';
import { addressesOf, MOST_ADDRESSES } from './addresses-of-line.ts';
import { standsAlone } from './edges.ts';
import { MARK, type Pattern } from './pattern.ts';

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

/** A program's plans: for messages that begin with one of `gate`, and for all others. */
interface Program {
  readonly name: Buffer;
  readonly whole: Plan | undefined;
  readonly rest: Plan | undefined;
  /** The first bytes of messages that patterns for any program want; undefined when there are no such patterns. */
  readonly gate: Uint8Array | undefined;
}

/** What the lines of one program have to be tried against. */
interface Plan {
  /** Nearly always one; several where all patterns together are too many for RE2. */
  readonly sets: readonly { readonly set: RE2SetLike; readonly first: number }[];
  readonly slots: readonly Slot[];
}

/** The part of RE2.Set that is used; its type is not exported by the package. */
interface RE2SetLike {
  match(bytes: Buffer): number[];
}

/** One distinct pattern with everybody who uses it. */
interface Slot {
  readonly pattern: Pattern;
  readonly good: boolean;
  readonly rules: readonly number[];
  costMs: number;
  isOff: boolean;
}

/** Program names seen, with their plans: a machine has dozens; a forged flood of names only costs the cache. */
const MOST_PROGRAMS = 4096;
/** Different selections of patterns; more come only from a forged flood of names against a pattern like `.?.?sshd`. */
const MOST_PLANS = 256;
/** So many lines to one whose cost is measured: looking at the clock costs as much as a tenth of a line. */
const SAMPLED = 64;
/** 45 characters are the longest that an address has as text; what is longer is none. */
const LONGEST_ADDRESS = 64;

function isName(name: Buffer, text: Buffer, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let i = 0; i < name.length; i++) if (name[i] !== text[start + i]) return false;
  return true;
}

/** All expressions as one set, or as several: RE2 gives a set 8 MiB and no more, and each expression alone is known to fit. */
function setsOf(finders: readonly string[], first: number): Plan['sets'] {
  try {
    return [{ set: new RE2.Set([...finders]), first }];
  } catch (error) {
    if (finders.length < 2) throw error;
    const half = finders.length >> 1;
    return [...setsOf(finders.slice(0, half), first), ...setsOf(finders.slice(half), first + half)];
  }
}

/** The places in `plan.slots` of the patterns that `text` may match, in order. */
function findIn({ sets }: Plan, text: Buffer): readonly number[] {
  const [only] = sets;
  if (only === undefined) return [];
  const found = only.set.match(text);
  if (sets.length > 1) for (const { set, first } of sets.slice(1)) for (const index of set.match(text)) found.push(first + index);
  if (found.length > 1) found.sort((a, b) => a - b);
  return found;
}

/** Whom `pattern` names in `text` by what it captures; null when it matches but names nobody. */
function capture(pattern: Pattern, text: Buffer): Address | null {
  const found = pattern.capturer.exec(text);
  const captured = found?.[1 as 0];
  if (found === null || captured === undefined) return null;
  const address = parseAddress(captured.toString('latin1', 0, captured.length));
  if (address === undefined) return null;
  if (pattern.checkLeft || pattern.checkRight) {
    const place = found.indices?.[1];
    if (place === undefined || !standsAlone(text, place[0], place[1], pattern.checkLeft, pattern.checkRight)) return null;
  }
  return address;
}

/** IPv6 addresses by their text: reading one takes as long as ten lines, and attackers come again. */
const known = new Map<string, Address | undefined>();
const MOST_KNOWN = 4096;

/** The address that the bytes are; undefined when they are none. */
function addressIn(text: Buffer, from: number, to: number): Address | undefined {
  const written = text.toString('latin1', from, to);
  if (!written.includes(':')) return parseAddress(written);
  if (known.has(written)) return known.get(written);
  if (known.size >= MOST_KNOWN) known.clear();
  const address = parseAddress(written);
  known.set(written, address);
  return address;
}

const places = new Int32Array(2 * MOST_ADDRESSES);
const kept = new Uint8Array(LONGEST_ADDRESS);

/** Whether the pattern matches with the bytes `from` to `to` as its address: they are marked, and put back. */
function ask(asker: RE2, text: Buffer, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    kept[i - from] = text[i] ?? 0;
    text[i] = i === from ? MARK.first : i === to - 1 ? MARK.last : MARK.between;
  }
  const answer = asker.test(text);
  for (let i = from; i < to; i++) text[i] = kept[i - from] ?? 0;
  return answer;
}

/** Whom `pattern` names in `text`; `count` is what `addressesOf` said of it. Null when it names nobody. */
function addressFor(pattern: Pattern, text: Buffer, count: number): Address | null {
  const { asker } = pattern;
  if (asker === undefined || count < 0) return capture(pattern, text);
  let address: Address | undefined;
  let isCertain = true;
  for (let i = 0; i < count; i++) {
    const from = places[2 * i] ?? 0;
    const to = places[2 * i + 1] ?? 0;
    const here = addressIn(text, from, to);
    // Only a pattern with a colon beside its address can say what it wants of `2001:db8::7:25` (the first six groups and a
    // port?) and of `::ffff:192.0.2.1` (the end of it?), and any pattern of what looks like an address and is none.
    if (here === undefined || (pattern.besideColon && (here.includes(':') || here.length !== to - from))) isCertain = false;
    if (here === undefined || here === address || to - from > LONGEST_ADDRESS || !ask(asker, text, from, to)) continue;
    // Two are possible: which one is meant is for the order of the pattern's own parts to say.
    if (address !== undefined) return capture(pattern, text);
    address = here;
  }
  if (isCertain || (address !== undefined && count === 1)) return address ?? null;
  return capture(pattern, text);
}

/**
 * Makes the matcher for good patterns and, for each rule, its bad ones.
 *
 * @param precise milliseconds of a clock that only goes forward, to measure what patterns cost
 */
export function createMatcher(good: readonly Pattern[], rules: readonly (readonly Pattern[])[], precise: () => number = () => 0): Matcher {
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
    const plan = wanted.length === 0 ? undefined : { sets: setsOf(wanted.map((slot) => slot.pattern.finder), 0), slots: wanted };
    plans.set(key, plan);
    return plan;
  }

  // ── lines of a program ────────────────────────────────────────────────────────────────────────────────────────

  /** banband's own lines are for patterns that ask for them by name: any other would feed on what it caused. */
  const takes = ({ program, fileBegin }: Pattern, name: Buffer): boolean =>
    fileBegin === undefined && (program === undefined ? !name.equals(OWN_NAME) : program.test(name));

  function programFor(name: Buffer): Program {
    const wanted = slots.filter(({ isOff, pattern }) => !isOff && takes(pattern, name));
    const gated = wanted.filter(({ pattern }) => pattern.messageFirst !== undefined);
    const whole = planOfSlots(wanted);
    if (gated.length === 0) return { name, whole, rest: whole, gate: undefined };
    const gate = new Uint8Array(256);
    for (const { pattern } of gated) for (const c of pattern.messageFirst ?? []) gate[c] = 1;
    return { name, whole, rest: planOfSlots(wanted.filter((slot) => !gated.includes(slot))), gate };
  }

  /** The plan for a line whose program's name is from `start` to `end`. */
  function planOf(text: Buffer, start: number, end: number): Plan | undefined {
    const { whole, rest, gate } = programOf(text, start, end);
    if (gate === undefined) return whole;
    let at = end;
    // Behind `[pid]`, colon and space.
    if (text[at] === 0x5b) {
      while (at < text.length && text[at] !== 0x5d) at++;
      at++;
    }
    return gate[text[at + 2] ?? 0] === 1 ? whole : rest;
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
  const fileSet: RE2SetLike | undefined = fileBegins.length === 0 ? undefined : new RE2.Set(fileBegins.map((begin) => `^(?:${begin})`));
  const filePlans = new Map<string, Plan | undefined>();

  function planOfFile(text: Buffer): Plan | undefined {
    const found = fileSet === undefined ? [] : fileSet.match(text);
    const key = found.length === 1 ? String(found[0]) : found.sort((a, b) => a - b).join();
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
      let text: Buffer | undefined;
      let plan: Plan | undefined;
      if (programEnd > textStart) plan = planOf(entry.text, textStart, programEnd);
      else {
        text = entry.text.subarray(textStart, entry.textEnd);
        plan = planOfFile(text);
      }
      if (plan === undefined) return result;
      text ??= entry.text.subarray(textStart, entry.textEnd);
      const found = findIn(plan, text);
      book(plan.slots);
      if (found.length === 0) return result;
      line = (line + 1) >>> 0;
      const count = addressesOf(text, 0, text.length, places);
      for (const index of found) {
        const slot = plan.slots[index];
        if (slot === undefined || (!slot.good && slot.rules.every((rule) => ruleSeen[rule] === line))) continue;
        const address = addressFor(slot.pattern, text, count);
        if (since !== undefined) book([slot]);
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
