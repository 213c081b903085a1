/**
 * Host names where an address should be: the patterns of rules that ask for it, once more, with a name in the place of `<ip>`. Only
 * lines in which no pattern found an address are tried. Patterns over two lines are left out: they are about an address of before.
 */
import { parseHostName, type HostName } from 'banban-shared';
import RE2 from 're2';
import { OWN_NAME, type Entry } from '../syslog/entry.ts';
import { mendUtf8 } from '../syslog/lines.ts';
import { endsColour, IS_WORD_BYTE } from './edges.ts';
import { patternSet, type PatternSet } from './pattern-set.ts';
import type { Pattern } from './pattern.ts';

/** A rule that a line would count in, by which pattern, if the name's address were there. */
export interface NameHit {
  /** The rule's place in the list that the matcher was made with. */
  readonly rule: number;
  readonly name: HostName;
  readonly pattern: Pattern;
}

/** Matches lines against the patterns it was made with. */
export interface HostMatcher {
  /** At most one a rule; none where a good pattern has the name, which pardons nobody by it. */
  match(entry: Entry): readonly NameHit[];
  /** Takes a pattern out of all further matching. */
  switchOff(pattern: Pattern): void;
}

interface Slot {
  readonly pattern: Pattern;
  readonly good: boolean;
  readonly rules: readonly number[];
  capturer: RE2 | undefined;
}

interface Plan {
  readonly slots: readonly Slot[];
  set: PatternSet | undefined;
}

/** As many as the matcher of addresses has: a forged flood of names costs the cache only. */
const MOST_PROGRAMS = 4096;
const MOST_PLANS = 256;
const NONE: readonly NameHit[] = [];

const DOT = 0x2e;
const DASH = 0x2d;

const isWord = (c: number | undefined): boolean => IS_WORD_BYTE[c ?? 0] === 1;

/** Whether a dot stands between two letters or digits: without one there is no name. */
function mayHaveName(b: Buffer, from: number, to: number): boolean {
  for (let at = b.indexOf(DOT, from); at >= 0 && at + 1 < to; at = b.indexOf(DOT, at + 1)) if (at > from && isWord(b[at - 1]) && isWord(b[at + 1])) return true;
  return false;
}

/** Whether bytes `from` to `to` are a word of their own: beside them stands nothing that a longer name could be made of. */
function standsAlone(text: Buffer, from: number, to: number): boolean {
  const before = from > 0 ? text[from - 1] : undefined;
  const next = text[to];
  if ((isWord(before) && !endsColour(text, from - 1)) || before === DOT || before === DASH) return false;
  // The full stop of a sentence may follow, or an arrow.
  return !isWord(next) && !((next === DOT || next === DASH) && (isWord(text[to + 1]) || text[to + 1] === DOT || text[to + 1] === DASH));
}

/** The name that `capturer` finds in `text`; undefined where it finds none, or another word. */
function nameIn(text: Buffer, capturer: RE2): HostName | undefined {
  const place = capturer.exec(text)?.indices?.[1];
  // RE2 says [-1, -1] of a group that is not in the line; 253 bytes are the longest name, and a dot may follow.
  if (place === undefined || place[0] < 0 || place[1] - place[0] > 254) return undefined;
  return standsAlone(text, place[0], place[1]) ? parseHostName(text.toString('latin1', place[0], place[1])) : undefined;
}

/**
 * Makes the matcher for good patterns and, for each rule, its bad ones; those of a rule that wants no names are left out by its maker.
 *
 * @param oneByOne for a few lines only: each pattern is tried alone, which saves compiling them together
 */
export function createHostMatcher(good: readonly Pattern[], rules: readonly (readonly Pattern[])[], oneByOne = false): HostMatcher {
  const same = ({ fileBegin, source }: Pattern): string => `${fileBegin ?? ''}\n${source}`;
  const bad = new Map<string, { readonly pattern: Pattern; readonly rules: number[] }>();
  rules.forEach((patterns, rule) => {
    for (const pattern of patterns) {
      const known = bad.get(same(pattern));
      if (known === undefined) bad.set(same(pattern), { pattern, rules: [rule] });
      else if (!known.rules.includes(rule)) known.rules.push(rule);
    }
  });
  let slots: readonly Slot[] = [...good.map((pattern) => ({ pattern, good: true, rules: [] })), ...[...bad.values()].map((one) => ({ ...one, good: false }))]
    .filter(({ pattern }) => pattern.recall === undefined)
    .map((one) => ({ ...one, capturer: undefined }));
  const programs = new Map<string, Plan>();
  /** By the slots in them: programs of a flood of forged names share theirs. */
  const plans = new Map<string, Plan>();

  /** Lines without a program are those of a service's own log file: their patterns say how they begin. */
  const takes = ({ program, fileBegin }: Pattern, name: string): boolean =>
    name === '' ? fileBegin !== undefined || program === undefined : fileBegin === undefined && (program === undefined ? name !== OWN_NAME.toString() : program.test(name));

  function planFor(name: string): Plan {
    let plan = programs.get(name);
    if (plan === undefined) {
      const wanted = slots.filter(({ pattern }) => takes(pattern, name));
      const key = wanted.map((slot) => slots.indexOf(slot)).join();
      plan = plans.get(key);
      if (plan === undefined) {
        if (plans.size >= MOST_PLANS) {
          plans.clear();
          programs.clear();
        }
        // Good ones alone have nothing to keep out.
        plans.set(key, (plan = { slots: wanted.some((slot) => !slot.good) ? wanted : [], set: undefined }));
      }
      if (programs.size >= MOST_PROGRAMS) programs.clear();
      programs.set(name, plan);
    }
    return plan;
  }

  const capturerOf = (slot: Slot): RE2 => (slot.capturer ??= new RE2(slot.pattern.wordExpression, 'd'));

  return {
    match(entry) {
      const { textStart, textEnd, programEnd } = entry;
      if (!mayHaveName(entry.text, textStart, textEnd)) return NONE;
      const plan = planFor(entry.text.toString('utf8', textStart, programEnd));
      if (plan.slots.length === 0) return NONE;
      const text = entry.text.subarray(textStart, textEnd);
      mendUtf8(text);
      const found = oneByOne ? plan.slots.keys() : (plan.set ??= patternSet(plan.slots.map((slot) => slot.pattern.wordExpression))).match(text);
      let hits: NameHit[] | undefined;
      for (const index of found) {
        const slot = plan.slots[index];
        if (slot === undefined) continue;
        const name = nameIn(text, capturerOf(slot));
        if (name === undefined) continue;
        if (slot.good) return NONE;
        for (const rule of slot.rules) if (hits?.some((hit) => hit.rule === rule) !== true) (hits ??= []).push({ rule, name, pattern: slot.pattern });
      }
      return hits ?? NONE;
    },
    switchOff(pattern) {
      slots = slots.filter((slot) => slot.pattern.name !== pattern.name);
      programs.clear();
      plans.clear();
    },
  };
}
