/** The one function that text from logs, reasons and error messages goes through on its way to a terminal. */

/**
 * Control characters (C0, DEL, C1), invisible and direction-changing format characters, line and paragraph
 * separators, halves of surrogate pairs: everything that moves the cursor, sets colours, or shows text as other than it is.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return NAMED[character] ?? (code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`);
}

/**
 * `text` on one line, harmless on any terminal: what can't be printed is written out (`\x1b`, `\n`, `\u{202e}`).
 *
 * @param longest characters (of the original) to show; the rest is counted in `… (+N)`. Default: all
 */
export function printable(text: string, longest = Infinity): string {
  if (text.length <= longest) return text.replace(UNPRINTABLE, escaped);
  return `${text.slice(0, longest).replace(UNPRINTABLE, escaped)}… (+${text.length - longest})`;
}

/** `printable` for a text of many lines: line feeds and tabs are kept. */
export const printableLines = (text: string): string => text.replace(/[^\n\t]+/g, (part) => printable(part));

/** JSON for a terminal: the same value, its unprintable characters as JSON escapes. They can stand only inside strings. */
export function printableJson(json: string): string {
  return json.replace(/[^\n\r\t\P{Cc}]|[\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (character) => {
    let out = '';
    for (let i = 0; i < character.length; i++) out += `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`;
    return out;
  });
}
