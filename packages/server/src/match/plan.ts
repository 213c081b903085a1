/** What the lines of one program have to be tried against: its patterns, in the sets that find them. */
import { patternSet, type PatternSet } from './pattern-set.ts';
import type { Pattern } from './pattern.ts';

/** One distinct pattern with everybody who uses it. */
export interface Slot {
  readonly pattern: Pattern;
  readonly good: boolean;
  readonly rules: readonly number[];
  costMs: number;
  isOff: boolean;
}

/** What the lines of one program have to be tried against. */
export interface Plan {
  readonly slots: readonly Slot[];
  /** All of them, with anything that looks like an address in the place of one: for lines with several addresses, or odd ones. */
  loose(): PatternSet;
  /** Those that can be asked, on a line in which its one address is marked. */
  asked(): PatternSet;
  readonly askable: readonly number[];
  /** Those that can't, because they say themselves what an address is. */
  unaskable(): PatternSet;
  readonly others: readonly number[];
  /** Whether one of them may want a part of an IPv6 address. */
  readonly besideColon: boolean;
}

/**
 * The sets are compiled when a line first wants them. `oneByOne` does without, as far as it can: for a handful of lines
 * that costs less than to compile.
 */
export function planFor(slots: readonly Slot[], oneByOne = false): Plan {
  const every = [...slots.keys()];
  const askable = every.filter((i) => slots[i]?.pattern.askExpression !== undefined);
  const others = every.filter((i) => !askable.includes(i));
  const lazily = (expressions: () => readonly string[]): (() => PatternSet) => {
    let set: PatternSet | undefined;
    return () => (set ??= patternSet(expressions()));
  };
  const of = (indices: readonly number[], expression: (pattern: Pattern) => string | undefined) => lazily(() => indices.map((i) => (slots[i] === undefined ? '' : (expression(slots[i].pattern) ?? ''))));
  return {
    slots,
    loose: of(every, (p) => p.finder),
    asked: oneByOne ? () => ({ match: (text) => askable.flatMap((i, place) => (slots[i]?.pattern.asker?.test(text) === true ? [place] : [])) }) : of(askable, (p) => p.askExpression),
    askable,
    unaskable: of(others, (p) => p.finder),
    others,
    besideColon: slots.some((slot) => slot.pattern.besideColon),
  };
}
