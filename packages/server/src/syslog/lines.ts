/** From the bytes of one delivery to its lines: splits, takes line ends off, and makes the bytes fit for matching, in place. */

/** What a line's bytes are given to, `from` to `to` in `bytes`. */
export type EachLine = (bytes: Buffer, from: number, to: number) => void;

const NEWLINE = 0x0a;

/** Calls `each` for every line that is not empty; `\n`, `\r\n` and NUL bytes at a line's end are not part of it. */
export function splitLines(bytes: Buffer, each: EachLine): void {
  let start = 0;
  while (start < bytes.length) {
    let end = bytes.indexOf(NEWLINE, start);
    if (end < 0) end = bytes.length;
    const next = end + 1;
    while (end > start && (bytes[end - 1] === 0 || bytes[end - 1] === 0x0d)) end--;
    if (end > start) each(bytes, start, end);
    start = next;
  }
}

/**
 * Replaces each byte that is not part of well-formed UTF-8 (RFC 3629) by `?`, in place. RE2 reads UTF-8, and its `.` does
 * not match a broken byte: without this one such byte in a user name would hide the line from every pattern.
 */
export function mendUtf8(b: Buffer): void {
  const length = b.length;
  for (let i = 0; i < length; ) {
    const c = b[i] ?? 0;
    if (c < 0x80) {
      i++;
      continue;
    }
    // The first following byte has tighter bounds after E0, ED, F0 and F4: no overlong forms, no surrogates, nothing over U+10FFFF.
    let following = 0;
    let low = 0x80;
    let high = 0xbf;
    if (c >= 0xc2 && c <= 0xdf) following = 1;
    else if (c >= 0xe0 && c <= 0xef) {
      following = 2;
      if (c === 0xe0) low = 0xa0;
      else if (c === 0xed) high = 0x9f;
    } else if (c >= 0xf0 && c <= 0xf4) {
      following = 3;
      if (c === 0xf0) low = 0x90;
      else if (c === 0xf4) high = 0x8f;
    }
    let good = following > 0;
    for (let k = 1; good && k <= following; k++) {
      const d = b[i + k];
      good = d !== undefined && d >= low && d <= high;
      low = 0x80;
      high = 0xbf;
    }
    if (good) i += following + 1;
    else b[i++] = 0x3f;
  }
}

const HASH = 0x23;

/** `#011` at `at`. */
const isEscapedTab = (b: Buffer, at: number): boolean => b[at] === HASH && b[at + 1] === 0x30 && b[at + 2] === 0x31 && b[at + 3] === 0x31;

/**
 * rsyslog writes a tab as `#011` (its escapeControlCharactersOnReceive, octal with `#` before); a pattern's `\t` or `\s`
 * should find it all the same. Turns each into a tab in place and returns the new end of the line. Only the tab: any
 * other control byte, a newline above all, stays escaped, because it could only come from the far side.
 */
export function unescapeTabs(b: Buffer, start: number, end: number): number {
  // Looking for one byte is several times as fast as looking for a string, and most lines have none.
  let at = b.indexOf(HASH, start);
  while (at >= 0 && at + 4 <= end && !isEscapedTab(b, at)) at = b.indexOf(HASH, at + 1);
  if (at < 0 || at + 4 > end) return end;
  let to = at;
  for (; at < end; ) {
    if (at + 4 <= end && isEscapedTab(b, at)) {
      b[to++] = 0x09;
      at += 4;
    } else b[to++] = b[at++] ?? 0;
  }
  return to;
}
