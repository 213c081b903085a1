/**
 * What may stand before a tag: PRI and the stamps of syslog daemons and of journalctl, on bytes. Each function says where the
 * text behind its form begins, or -1 where it is not there.
 */
import { CLOSE, COLON, DASH, isDigit, isLetter, OPEN, SPACE } from './bytes.ts';

/** Where the text after `<PRI>` begins, or `at` when there is no PRI (RFC 5424 section 6.2.1: 0 to 191, no leading zeros). */
export function afterPri(b: Buffer, at: number, end: number): number {
  if (b[at] !== 0x3c) return at;
  let value = 0;
  for (let i = at + 1; i < end && i <= at + 4; i++) {
    const c = b[i];
    if (c === 0x3e) return i > at + 1 && value <= 191 ? i + 1 : at;
    if (c === undefined || c < 0x30 || c > 0x39) return at;
    value = value * 10 + (c - 0x30);
  }
  return at;
}

/** `hh:mm:ss` at `at`. */
function isClock(b: Buffer, at: number): boolean {
  return (
    isDigit(b[at]) && isDigit(b[at + 1]) && b[at + 2] === COLON &&
    isDigit(b[at + 3]) && isDigit(b[at + 4]) && b[at + 5] === COLON &&
    isDigit(b[at + 6]) && isDigit(b[at + 7])
  );
}

/** `Fri ` and its like at `at`, as `journalctl -o short-full` and OpenWrt's logread begin their lines: where what follows begins, or -1. */
export function afterWeekday(b: Buffer, at: number): number {
  return isLetter(b[at]) && isLetter(b[at + 1]) && isLetter(b[at + 2]) && b[at + 3] === SPACE ? at + 4 : -1;
}

/** Where the text after `Mmm dd hh:mm:ss ` begins, or -1. Day with space, zero or neither before it; a year after it, as some devices write. */
export function afterBsdStamp(b: Buffer, at: number, end: number): number {
  if (!isLetter(b[at]) || !isLetter(b[at + 1]) || !isLetter(b[at + 2]) || b[at + 3] !== SPACE) return -1;
  let i = at + 4;
  if (b[i] === SPACE) i++;
  if (!isDigit(b[i])) return -1;
  i++;
  if (isDigit(b[i])) i++;
  if (b[i] !== SPACE) return -1;
  i++;
  if (isDigit(b[i]) && isDigit(b[i + 1]) && isDigit(b[i + 2]) && isDigit(b[i + 3]) && b[i + 4] === SPACE) i += 5;
  if (!isClock(b, i)) return -1;
  i += 8;
  if (b[i] === 0x2e) for (i++; isDigit(b[i]); i++);
  // Cisco-like devices end the stamp with a colon.
  if (b[i] === COLON && b[i + 1] === SPACE) i++;
  // And OpenWrt's logread ends it with the year, if a weekday stands before it.
  if (b[at - 1] === SPACE && at >= 4 && isDigit(b[i + 1]) && isDigit(b[i + 2]) && isDigit(b[i + 3]) && isDigit(b[i + 4]) && b[i + 5] === SPACE && afterWeekday(b, at - 4) === at) i += 5;
  return b[i] === SPACE && i < end ? i + 1 : -1;
}

/** Where the text after an ISO 8601 stamp and its space begins, or -1. */
export function afterIsoStamp(b: Buffer, at: number, end: number): number {
  for (const offset of [0, 1, 2, 3, 5, 6, 8, 9]) if (!isDigit(b[at + offset])) return -1;
  if (b[at + 4] !== DASH || b[at + 7] !== DASH || (b[at + 10] !== 0x54 && b[at + 10] !== 0x74) || !isClock(b, at + 11)) return -1;
  let i = at + 19;
  if (b[i] === 0x2e || b[i] === 0x2c) for (i++; isDigit(b[i]); i++);
  if (b[i] === 0x5a || b[i] === 0x7a) i++;
  else if (b[i] === 0x2b || b[i] === DASH) {
    if (!isDigit(b[i + 1]) || !isDigit(b[i + 2])) return -1;
    i += 3;
    if (b[i] === COLON) i++;
    if (isDigit(b[i]) && isDigit(b[i + 1])) i += 2;
  }
  return b[i] === SPACE && i < end ? i + 1 : -1;
}

/** Where the text after the stamp of `journalctl -o short-full` begins (`2026-01-02 03:04:05 CET `, the weekday is taken off), or -1. */
export function afterJournalStamp(b: Buffer, at: number, end: number): number {
  for (const offset of [0, 1, 2, 3, 5, 6, 8, 9]) if (!isDigit(b[at + offset])) return -1;
  if (b[at + 4] !== DASH || b[at + 7] !== DASH || b[at + 10] !== SPACE || !isClock(b, at + 11)) return -1;
  let i = at + 19;
  if (b[i] === 0x2e) for (i++; isDigit(b[i]); i++);
  return b[i] === SPACE && i < end ? i + 1 : -1;
}

/** Where the text after `1767323045.123456 ` (`journalctl -o short-unix`) begins, or -1. */
export function afterUnixStamp(b: Buffer, at: number, end: number): number {
  let i = at;
  while (isDigit(b[i])) i++;
  if (i - at < 9 || i - at > 11 || b[i] !== 0x2e) return -1;
  for (i++; isDigit(b[i]); i++);
  return b[i] === SPACE && i < end ? i + 1 : -1;
}

/** Where the text after `[   12.345678] ` or `[   12.345678 <    0.1 >] ` (`journalctl -o short-monotonic`, `short-delta`) begins, or -1. */
export function afterMonotonicStamp(b: Buffer, at: number, end: number): number {
  if (b[at] !== OPEN) return -1;
  let i = at + 1;
  while (b[i] === SPACE) i++;
  if (!isDigit(b[i])) return -1;
  while (isDigit(b[i]) || b[i] === 0x2e) i++;
  if (b[i] === SPACE && b[i + 1] === 0x3c) {
    for (i += 2; b[i] === SPACE || isDigit(b[i]) || b[i] === 0x2e; i++);
    if (b[i] !== 0x3e) return -1;
    i++;
  }
  return b[i] === CLOSE && b[i + 1] === SPACE && i + 1 < end ? i + 2 : -1;
}
