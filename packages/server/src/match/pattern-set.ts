/** Many expressions against one line at once. */
import RE2 from 're2';

/** Expressions that are tried together. */
export interface PatternSet {
  /** The places of the expressions that match, lowest first. */
  match(text: Buffer): readonly number[];
}

/** The part of RE2.Set that is used; its type is not exported by the package. */
interface RE2SetLike {
  match(bytes: Buffer): number[];
}

/** RE2 gives a set 8 MiB and no more; what does not fit is cut in two, and each expression alone is known to fit. */
function compile(expressions: readonly string[], first: number): { readonly set: RE2SetLike; readonly first: number }[] {
  try {
    return [{ set: new RE2.Set([...expressions]), first }];
  } catch (error) {
    if (expressions.length < 2) throw error;
    const half = expressions.length >> 1;
    return [...compile(expressions.slice(0, half), first), ...compile(expressions.slice(half), first + half)];
  }
}

/** All of `expressions`, compiled now. */
export function patternSet(expressions: readonly string[]): PatternSet {
  if (expressions.length === 0) return { match: () => [] };
  const [only, ...more] = compile(expressions, 0);
  return {
    match(text) {
      const found = only?.set.match(text) ?? [];
      for (const { set, first } of more) for (const index of set.match(text)) found.push(first + index);
      if (found.length > 1) found.sort((a, b) => a - b);
      return found;
    },
  };
}
