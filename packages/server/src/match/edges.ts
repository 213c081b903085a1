/** Whether what a pattern captured is an address of its own, or a piece of something longer. */
import { parseAddress, type Address } from 'banban-shared';

/** What stands for an address may be made of these: hexadecimal digits, colon, dot. */
export const IS_ADDRESS_BYTE = new Uint8Array(256);
/** What makes a longer word of an address that stands beside it: letters, digits, underscore, and all that is not ASCII. */
export const IS_WORD_BYTE = new Uint8Array(256);
for (let c = 0; c < 256; c++) {
  const isDigit = c >= 0x30 && c <= 0x39;
  const isLetter = (c >= 0x41 && c <= 0x5a) || (c >= 0x61 && c <= 0x7a);
  if (isDigit || (c >= 0x41 && c <= 0x46) || (c >= 0x61 && c <= 0x66) || c === 0x3a || c === 0x2e) IS_ADDRESS_BYTE[c] = 1;
  if (isDigit || isLetter || c === 0x5f || c >= 0x80) IS_WORD_BYTE[c] = 1;
}

const isWord = (c: number | undefined): boolean => IS_WORD_BYTE[c ?? 0] === 1;
const isAddressByte = (c: number | undefined): boolean => IS_ADDRESS_BYTE[c ?? 0] === 1;

/** Full stop and colon: the sentence's own, unless they are inside of an address. */
const isPoint = (c: number | undefined): boolean => c === 0x2e || c === 0x3a;

/** What is longer than 45 characters is no address, and not worth a string. */
const addressOf = (text: Buffer, from: number, to: number): Address | undefined => (to - from > 45 ? undefined : parseAddress(text.toString('latin1', from, to)));

/** True behind `IPv6:`, the tag of an address literal (RFC 5321, section 4.1.3). */
const isTagged = (text: Buffer, from: number): boolean => from >= 5 && text.toString('latin1', from - 5, from).toLowerCase() === 'ipv6:';

/** The `6:` that an address seems to begin with may be the end of `IPv6:`: where the address begins. */
export const afterTag = (text: Buffer, start: number): number => (text[start] === 0x36 && text[start + 1] === 0x3a && isTagged(text, start + 2) ? start + 2 : start);

/** True when the byte at `at` ends a colour (ECMA-48 SGR, `ESC [ 1 m`, as it is or as rsyslog writes it), which services that log for terminals put around an address. */
export function endsColour(text: Buffer, at: number): boolean {
  if (text[at] !== 0x6d) return false;
  let i = at - 1;
  for (let c = text[i]; c !== undefined && ((c >= 0x30 && c <= 0x39) || c === 0x3b); c = text[--i]);
  if (text[i] !== 0x5b) return false;
  return text[i - 1] === 0x1b || (text[i - 1] === 0x33 && text[i - 2] === 0x33 && text[i - 3] === 0x30 && text[i - 4] === 0x23);
}

/**
 * Whether bytes `from` to `to` are an address of their own and not a piece of something longer: of another address
 * (`11.2.3.4`, `2001:db8::1`), or of a host name that its owner may have chosen (`192.0.2.66.example.net`).
 */
export function standsAlone(text: Buffer, from: number, to: number, left: boolean, right: boolean): boolean {
  const before = text[from - 1];
  const next = text[to];
  if (left && from > 0) {
    if (isWord(before) && !endsColour(text, from - 1)) return false;
    if ((before === 0x2e || before === 0x2d) && isWord(text[from - 2])) return false;
  }
  if (right) {
    if (isWord(next)) return false;
    if ((next === 0x2e || next === 0x2d) && isWord(text[to + 1])) return false;
  }
  if (left && before === 0x3a && !isTagged(text, from)) {
    let start = from;
    while (start > 0 && isAddressByte(text[start - 1])) start--;
    start = afterTag(text, start);
    const own = addressOf(text, from, to);
    // The longer one may begin behind a point of the sentence, as in `peer: :2001:db8::1`.
    do {
      const whole = addressOf(text, start, to);
      if (whole !== undefined && whole !== own) return false;
    } while (isPoint(text[start++]) && start < from);
  }
  if (right && next === 0x3a && isAddressByte(text[to + 1])) {
    let end = to;
    while (isAddressByte(text[end])) end++;
    // And end before one: `2001:db8::7:25: refused`.
    do {
      if (addressOf(text, from, end) !== undefined) return false;
    } while (isPoint(text[--end]) && end > to);
  }
  return true;
}
