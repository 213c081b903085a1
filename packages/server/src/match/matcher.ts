/**
 * All patterns of a configuration against one line: by program first, then every pattern that is left in one RE2.Set pass
 * over the bytes, and a capture only where the set found something. Good before bad.
 */
import { parseAddress, type Address } from 'banban-shared';
import RE2 from 're2';
import type { Entry } from '../syslog/entry.ts';
import type { Pattern } from './pattern.ts';

/** A rule that a line matched, and whom it names. */
export interface Hit {
  /** The rule's place in the list that the matcher was made with. */
  readonly rule: number;
  readonly address: Address;
}

export interface MatchResult {
  /** The address that a good pattern pardons; then there are no hits. */
  good: Address | undefined;
  /** At most one a rule. */
  hits: Hit[];
  /** True when a pattern matched and what it captured was no address. */
  notAnAddress: boolean;
}

export interface Matcher {
  /** Matches one line. The result belongs to the matcher and holds until the next call. */
  match(entry: Entry): MatchResult;
}

/** What the lines of one program have to be tried against. */
interface Plan {
  readonly set: RE2SetLike;
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
}

/** Program names seen, with their plans: a machine has dozens; a forged flood of names only costs the cache. */
const MOST_PROGRAMS = 4096;
/** Different selections of patterns; more come only from a forged flood of names against a pattern like `.?.?sshd`. */
const MOST_PLANS = 256;

const isAlphanumeric = (c: number | undefined): boolean =>
  c !== undefined && ((c >= 0x30 && c <= 0x39) || (c >= 0x41 && c <= 0x5a) || (c >= 0x61 && c <= 0x7a) || c === 0x5f || c >= 0x80);
const isAddressByte = (c: number | undefined): boolean =>
  c !== undefined && ((c >= 0x30 && c <= 0x3a) || (c >= 0x41 && c <= 0x46) || (c >= 0x61 && c <= 0x66) || c === 0x2e);

/**
 * Whether bytes `from` to `to` are an address of their own and not a piece of something longer: of another address
 * (`11.2.3.4`, `2001:db8::1`), or of a host name that its owner may have chosen (`192.0.2.66.example.net`).
 */
function standsAlone(text: Buffer, from: number, to: number, left: boolean, right: boolean): boolean {
  const before = text[from - 1];
  const next = text[to];
  if (left && from > 0) {
    if (isAlphanumeric(before)) return false;
    if ((before === 0x2e || before === 0x2d) && isAlphanumeric(text[from - 2])) return false;
  }
  if (right) {
    if (isAlphanumeric(next)) return false;
    if ((next === 0x2e || next === 0x2d) && isAlphanumeric(text[to + 1])) return false;
  }
  if (left && before === 0x3a) {
    let start = from;
    while (start > 0 && isAddressByte(text[start - 1])) start--;
    const whole = parseAddress(text.toString('latin1', start, to));
    if (whole !== undefined && whole !== parseAddress(text.toString('latin1', from, to))) return false;
  }
  if (right && next === 0x3a && isAddressByte(text[to + 1])) {
    let end = to;
    while (isAddressByte(text[end])) end++;
    const whole = parseAddress(text.toString('latin1', from, end));
    if (whole !== undefined) return false;
  }
  return true;
}

function isName(name: Buffer, text: Buffer, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let i = 0; i < name.length; i++) if (name[i] !== text[start + i]) return false;
  return true;
}

/** Whom `pattern` names in `text`; null when it matches but names nobody; undefined when it does not match. */
function capture(pattern: Pattern, text: Buffer): Address | null | undefined {
  const found = pattern.capturer.exec(text);
  const captured = found?.[1 as 0];
  if (found === null || captured === undefined) return undefined;
  const address = parseAddress(captured.toString('latin1', 0, captured.length));
  if (address === undefined) return null;
  if (pattern.checkLeft || pattern.checkRight) {
    const place = found.indices?.[1];
    if (place === undefined || !standsAlone(text, place[0], place[1], pattern.checkLeft, pattern.checkRight)) return null;
  }
  return address;
}

/** Makes the matcher for good patterns and, for each rule, its bad ones. */
export function createMatcher(good: readonly Pattern[], rules: readonly (readonly Pattern[])[]): Matcher {
  const bad = new Map<string, { pattern: Pattern; rules: number[] }>();
  rules.forEach((patterns, rule) => {
    for (const pattern of patterns) {
      const same = bad.get(pattern.source);
      if (same === undefined) bad.set(pattern.source, { pattern, rules: [rule] });
      else if (!same.rules.includes(rule)) same.rules.push(rule);
    }
  });
  // Good ones first: the places in a plan keep this order, so the lowest index that captures an address decides.
  const slots: readonly Slot[] = [
    ...good.map((pattern) => ({ pattern, good: true, rules: [] })),
    ...[...bad.values()].map(({ pattern, rules: users }) => ({ pattern, good: false, rules: users })),
  ];

  const plans = new Map<string, Plan | undefined>();
  const programs = new Map<number, { readonly name: Buffer; readonly plan: Plan | undefined }>();

  function planFor(name: Buffer): Plan | undefined {
    const wanted = slots.filter(({ pattern }) => pattern.program === undefined || (name.length > 0 && pattern.program.test(name)));
    const key = wanted.map((slot) => slots.indexOf(slot)).join();
    if (plans.has(key)) return plans.get(key);
    if (plans.size >= MOST_PLANS) {
      plans.clear();
      programs.clear();
    }
    const plan = wanted.length === 0 ? undefined : { set: new RE2.Set(wanted.map((slot) => slot.pattern.finder)), slots: wanted };
    plans.set(key, plan);
    return plan;
  }

  function planOf(text: Buffer, start: number, end: number): Plan | undefined {
    // FNV-1a, 32 bit: the name is looked up without becoming a string.
    let hash = 0x811c9dc5;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ (text[i] ?? 0), 0x01000193);
    const known = programs.get(hash);
    if (known !== undefined && isName(known.name, text, start, end)) return known.plan;
    const name = Buffer.from(text.subarray(start, end));
    const plan = planFor(name);
    if (programs.size >= MOST_PROGRAMS) programs.clear();
    programs.set(hash, { name, plan });
    return plan;
  }

  const result: MatchResult = { good: undefined, hits: [], notAnAddress: false };
  const ruleSeen = new Uint32Array(rules.length);
  let line = 0;

  return {
    match(entry) {
      result.good = undefined;
      result.notAnAddress = false;
      if (result.hits.length > 0) result.hits = [];
      const plan = planOf(entry.text, entry.textStart, entry.programEnd);
      if (plan === undefined) return result;
      const text = entry.text.subarray(entry.textStart, entry.textEnd);
      const found = plan.set.match(text);
      if (found.length === 0) return result;
      if (found.length > 1) found.sort((a, b) => a - b);
      line = (line + 1) >>> 0;
      for (const index of found) {
        const slot = plan.slots[index];
        if (slot === undefined || (!slot.good && slot.rules.every((rule) => ruleSeen[rule] === line))) continue;
        const address = capture(slot.pattern, text);
        if (address === undefined || address === null) {
          result.notAnAddress = true;
          continue;
        }
        if (slot.good) {
          result.good = address;
          return result;
        }
        for (const rule of slot.rules) {
          if (ruleSeen[rule] === line) continue;
          ruleSeen[rule] = line;
          result.hits.push({ rule, address });
        }
      }
      return result;
    },
  };
}
