/** Hashes that nobody outside can foresee. */

/** Bytes of a key. */
const BYTES = 20;

/**
 * A hash of five words by tables of chance (simple tabulation: Zobrist 1970; Pătraşcu and Thorup, J. ACM 59(3)): who does not know `seed` can't choose
 * addresses that fall together, of which IPv6 would give everybody as many as are needed. `words[4]` has 1 in its lowest bit for IPv6; without it the
 * first three words are zero.
 */
export function createScatter(seed: number): (words: Int32Array) => number {
  const table = new Int32Array(BYTES * 256);
  let state = seed | 0;
  for (let i = 0; i < table.length; i++) {
    // splitmix32: every seed gives another sequence, and zero is as good as any.
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    table[i] = mixed ^ (mixed >>> 15);
  }
  const ofWord = (word: number, row: number): number =>
    (table[row + (word & 0xff)] ?? 0) ^ (table[row + 256 + ((word >>> 8) & 0xff)] ?? 0) ^ (table[row + 512 + ((word >>> 16) & 0xff)] ?? 0) ^ (table[row + 768 + (word >>> 24)] ?? 0);
  return (words) => {
    const last = words[4] ?? 0;
    const hash = ofWord(words[3] ?? 0, 3072) ^ ofWord(last, 4096);
    return (last & 1) === 0 ? hash : hash ^ ofWord(words[0] ?? 0, 0) ^ ofWord(words[1] ?? 0, 1024) ^ ofWord(words[2] ?? 0, 2048);
  };
}
