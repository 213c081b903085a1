/** Characters as bytes, for those who read lines in place. */

/** ' ' */
export const SPACE = 0x20;
/** ':' */
export const COLON = 0x3a;
/** '[' */
export const OPEN = 0x5b;
/** ']' */
export const CLOSE = 0x5d;
/** '-' */
export const DASH = 0x2d;

/** A digit of ASCII; false beyond the end. */
export const isDigit = (c: number | undefined): boolean => c !== undefined && c >= 0x30 && c <= 0x39;
/** A letter of ASCII; false beyond the end. */
export const isLetter = (c: number | undefined): boolean => c !== undefined && ((c >= 0x41 && c <= 0x5a) || (c >= 0x61 && c <= 0x7a));

/** The next space from `at` on, or -1. */
export function nextSpace(b: Buffer, at: number, end: number): number {
  for (let i = at; i < end; i++) if (b[i] === SPACE) return i;
  return -1;
}

/** Whether `text` stands at `at`. */
export function startsWith(b: Buffer, at: number, end: number, text: Buffer): boolean {
  return at + text.length <= end && b.compare(text, 0, text.length, at, at + text.length) === 0;
}
