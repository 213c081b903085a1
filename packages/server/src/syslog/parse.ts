/**
 * Syslog lines, on bytes and in one pass: RFC 3164 (section 4.1), RFC 5424 (section 6), ISO 8601 time stamps as rsyslog's
 * file format has them, glibc's own form without a host name, or nothing but a tag. Nothing here can fail: what has no
 * program is an entry without one.
 */
import type { Entry } from './entry.ts';

const SPACE = 0x20;
const COLON = 0x3a;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const DASH = 0x2d;

/** Longer names exist nowhere (RFC 5424 allows 48, Linux comm has 15): such a tag is somebody's prose. */
const LONGEST_PROGRAM = 128;

/** Holds the text that an RFC 5424 line is put together to; its message can't be longer than a datagram. */
const assembled = Buffer.alloc(65_536 + 2 * LONGEST_PROGRAM);

const isDigit = (c: number | undefined): boolean => c !== undefined && c >= 0x30 && c <= 0x39;
const isLetter = (c: number | undefined): boolean => c !== undefined && ((c >= 0x41 && c <= 0x5a) || (c >= 0x61 && c <= 0x7a));

/** Where the text after `<PRI>` begins, or `at` when there is no PRI (RFC 5424 section 6.2.1: 0 to 191, no leading zeros). */
function afterPri(b: Buffer, at: number, end: number): number {
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

/** Where the text after `Mmm dd hh:mm:ss ` begins, or -1. Day with space, zero or neither before it; a year after it, as some devices write. */
function afterBsdStamp(b: Buffer, at: number, end: number): number {
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
  return b[i] === SPACE && i < end ? i + 1 : -1;
}

/** Where the text after an ISO 8601 stamp and its space begins, or -1. */
function afterIsoStamp(b: Buffer, at: number, end: number): number {
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

/**
 * The end of the program's name when a tag (`name:`, `name[pid]:`, `name[pid]`) begins at `at`, or -1.
 * A name has no space, bracket or colon, so nothing that follows in the message can become part of it.
 */
function tagEnd(b: Buffer, at: number, end: number): number {
  const limit = Math.min(end, at + LONGEST_PROGRAM + 1);
  for (let i = at; i < limit; i++) {
    const c = b[i];
    if (c === COLON) return i > at && (i + 1 === end || b[i + 1] === SPACE || b[i + 1] === 0x09 || b[i + 1] === 0x23) ? i : -1;
    if (c === OPEN) {
      if (i === at) return -1;
      for (let j = i + 1; j < end && j < i + 1 + LONGEST_PROGRAM; j++) {
        const d = b[j];
        if (d === CLOSE) return j > i + 1 && (j + 1 === end || b[j + 1] === COLON || b[j + 1] === SPACE) ? i : -1;
        if (d === SPACE || d === OPEN) return -1;
      }
      return -1;
    }
    if (c === undefined || c <= SPACE || c === CLOSE || c === 0x7f) return -1;
  }
  return -1;
}

function nextSpace(b: Buffer, at: number, end: number): number {
  for (let i = at; i < end; i++) if (b[i] === SPACE) return i;
  return -1;
}

/** Where the message of an RFC 5424 line begins, after its structured data at `at`; -1 when that is not well formed. */
function afterStructuredData(b: Buffer, at: number, end: number): number {
  let i = at;
  // What stands after the line's end may look like data: a tab that was unescaped leaves such bytes behind.
  if (at >= end) return -1;
  if (b[i] === DASH) i++;
  else {
    if (b[i] !== OPEN) return -1;
    while (i < end && b[i] === OPEN) {
      let quoted = false;
      for (i++; i < end; i++) {
        const c = b[i];
        if (quoted) {
          // Inside a value a backslash takes the next byte along: `\"`, `\\`, `\]` (section 6.3.3).
          if (c === 0x5c) i++;
          else if (c === 0x22) quoted = false;
        } else if (c === 0x22) quoted = true;
        else if (c === CLOSE) break;
      }
      if (i >= end) return -1;
      i++;
    }
  }
  if (i === end) return end;
  if (b[i] !== SPACE) return -1;
  i++;
  if (i + 3 <= end && b[i] === 0xef && b[i + 1] === 0xbb && b[i + 2] === 0xbf) i += 3;
  return i;
}

/** Parses what follows `1 ` in an RFC 5424 line; false when it is none after all. */
function parseRfc5424(b: Buffer, at: number, end: number, out: Entry): boolean {
  let i = at;
  if (b[i] === DASH && b[i + 1] === SPACE) i += 2;
  else {
    i = afterIsoStamp(b, i, end);
    if (i < 0) return false;
  }
  const hostEnd = nextSpace(b, i, end);
  if (hostEnd < 0) return false;
  const app = hostEnd + 1;
  const appEnd = nextSpace(b, app, end);
  if (appEnd < 0 || appEnd === app || appEnd - app > LONGEST_PROGRAM) return false;
  const proc = appEnd + 1;
  const procEnd = nextSpace(b, proc, end);
  if (procEnd < 0 || procEnd === proc || procEnd - proc > LONGEST_PROGRAM) return false;
  const idEnd = nextSpace(b, procEnd + 1, end);
  if (idEnd < 0) return false;
  const message = afterStructuredData(b, idEnd + 1, end);
  if (message < 0) return false;
  out.hasStamp = true;
  if (appEnd - app === 1 && b[app] === DASH) {
    out.text = b;
    out.textStart = out.programEnd = message;
    out.textEnd = end;
    return true;
  }
  let to = 0;
  for (let j = app; j < appEnd; j++) {
    const c = b[j];
    // A name that could end the header early (`sshd[1]:` as APP-NAME) is nobody's: keep its bytes out of the syntax.
    assembled[to++] = c === OPEN || c === CLOSE || c === COLON || c === undefined ? 0x5f : c;
  }
  out.programEnd = to;
  if (procEnd - proc !== 1 || b[proc] !== DASH) {
    assembled[to++] = OPEN;
    for (let j = proc; j < procEnd; j++) {
      const c = b[j];
      assembled[to++] = c === OPEN || c === CLOSE || c === COLON || c === undefined ? 0x5f : c;
    }
    assembled[to++] = CLOSE;
  }
  assembled[to++] = COLON;
  assembled[to++] = SPACE;
  to += b.copy(assembled, to, message, Math.min(end, message + 65_536));
  out.text = assembled;
  out.textStart = 0;
  out.textEnd = to;
  return true;
}

/**
 * Parses one line, `b` from `start` to `end`, into `out`. The bytes are only read. After RFC 5424 `out.text` is a
 * buffer of this module that the next such line overwrites.
 */
export function parseLine(b: Buffer, start: number, end: number, out: Entry): void {
  const i = afterPri(b, start, end);
  out.hasPri = i > start;
  out.hasStamp = false;
  out.line = b;
  out.lineStart = i;
  out.lineEnd = end;
  if (b[i] === 0x31 && b[i + 1] === SPACE && parseRfc5424(b, i + 2, end, out)) return;
  out.text = b;
  out.textEnd = end;
  let body = afterBsdStamp(b, i, end);
  if (body < 0) body = afterIsoStamp(b, i, end);
  out.hasStamp = body >= 0;
  if (body < 0) body = i;
  out.textStart = out.programEnd = body;
  let name = tagEnd(b, body, end);
  if (name < 0 && out.hasStamp) {
    const hostEnd = nextSpace(b, body, end);
    if (hostEnd > body) {
      name = tagEnd(b, hostEnd + 1, end);
      if (name >= 0) out.textStart = hostEnd + 1;
    }
  }
  if (name >= 0) out.programEnd = name;
}
