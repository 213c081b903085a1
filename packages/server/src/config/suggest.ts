/** "Did you mean": the known word that a mistyped one most likely stands for. */
import { visible } from './document.ts';

/** No key or target name is longer, and the work grows with the square of it. */
const LONGEST = 64;
/** A file with more targets than this is made by a program, which does not mistype. */
const MOST_CANDIDATES = 500;

/**
 * Edits from `a` to `b`: characters put in, left out, changed, or two neighbours swapped (optimal string alignment).
 * Stops with `most + 1` when it would be more than `most`.
 */
function distance(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1;
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      row.push(cost);
      least = Math.min(least, cost);
    }
    if (least > most) return most + 1;
    before = last;
    last = row;
  }
  return last[b.length] ?? most + 1;
}

/** The candidate nearest to `word`, or undefined when none is near: a third of its letters may be wrong, and one at least. */
export function suggest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > LONGEST) return undefined;
  const lower = word.toLowerCase();
  let best: string | undefined;
  let least = Math.max(1, Math.floor(word.length / 3)) + 1;
  let looked = 0;
  for (const candidate of candidates) {
    if (++looked > MOST_CANDIDATES) break;
    const edits = distance(lower, candidate.toLowerCase(), least - 1);
    if (edits < least) {
      best = candidate;
      least = edits;
    }
  }
  return best;
}

/**
 * The sentence for a key that does not exist here.
 *
 * @param synonyms words that admins know from elsewhere, and the key they want here
 */
export function unknownKey(name: string, known: readonly string[], synonyms: { readonly [word: string]: string } = {}): string {
  const meant = Object.hasOwn(synonyms, name) ? synonyms[name] : suggest(name, known);
  if (meant !== undefined) return `there is no key "${visible(name)}" here; did you mean "${meant}"?`;
  return `there is no key "${visible(name)}" here; the keys are ${known.join(', ')}`;
}
