/** "Did you mean": the word of a short list that a mistyped one most likely stands for. */

/** Words longer than this are not mistyped verbs. */
const LONGEST = 24;

/** Characters put in, left out, changed, or two neighbours swapped. */
function edits(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      let least = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, (before[j - 2] ?? 0) + 1);
      next.push(least);
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}

/** The nearest word within two edits (one for words of up to three letters), or one that `word` begins; undefined when none is near. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  if (word.length > LONGEST) return undefined;
  const most = word.length <= 3 ? 1 : 2;
  const byDistance = words.map((candidate) => ({ candidate, distance: edits(word, candidate) })).sort((a, b) => a.distance - b.distance);
  const best = byDistance[0];
  if (best !== undefined && best.distance <= most) return best.candidate;
  return word.length >= 2 ? words.find((candidate) => candidate.startsWith(word)) : undefined;
}
