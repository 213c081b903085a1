/** How many columns of a terminal a text takes: what `length` does not tell. */

/** Marks that are drawn over the character before them: combining accents, enclosing circles, variation selectors. */
const OVER_THE_LAST = /[\p{Mn}\p{Me}]/u;
/** Unicode's East Asian Wide and Fullwidth (UAX #11) by block, and the emoji that are drawn as pictures. */
const TWO_COLUMNS =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u4dbf\u4e00-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18aff}\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;
/** Almost every cell is this, and needs no look at its characters. */
const PLAIN = /^[\x20-\x7e]*$/;

function columnsOf(character: string): number {
  if (OVER_THE_LAST.test(character)) return 0;
  return TWO_COLUMNS.test(character) ? 2 : 1;
}

/** Columns of a text that has gone through `printable`. Terminals differ on sequences of emoji; those may be off by some. */
export function width(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let columns = 0;
  for (const character of text) columns += columnsOf(character);
  return columns;
}

/** `text` where it fits in `columns` (at least 1), else its beginning with `…` as the last. */
export function fit(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  let out = '';
  let used = 0;
  for (const character of text) {
    used += columnsOf(character);
    if (used > columns - 1) break;
    out += character;
  }
  return `${out}…`;
}
