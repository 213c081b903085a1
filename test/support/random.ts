/** Random numbers that are the same every time: what is found once is found again by its seed. */

export interface Random {
  /** A whole number from 0 to `below` - 1. */
  (below: number): number;
}

/** Marsaglia's xorshift with 32 bits of state; the seed is stirred first, so that 1 and 2 give different numbers at once. */
export function seededRandom(seed: number): Random {
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) | 0;
  if (state === 0) state = 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return Math.floor(((state >>> 0) / 0x1_0000_0000) * below);
  };
}
