/**
 * Syslog lines, on bytes and in one pass: RFC 3164 (section 4.1), RFC 5424 (section 6), ISO 8601 time stamps as rsyslog's
 * file format has them, glibc's own form without a host name, or nothing but a tag. It is long because all
 * these forms begin alike and share their steps. Nothing here can fail: what has no program is an entry without one.
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

/** `Fri ` and its like at `at`, as `journalctl -o short-full` and OpenWrt's logread begin their lines: where what follows begins, or -1. */
function afterWeekday(b: Buffer, at: number): number {
  return isLetter(b[at]) && isLetter(b[at + 1]) && isLetter(b[at + 2]) && b[at + 3] === SPACE ? at + 4 : -1;
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
  // And OpenWrt's logread ends it with the year, if a weekday stands before it.
  if (b[at - 1] === SPACE && at >= 4 && isDigit(b[i + 1]) && isDigit(b[i + 2]) && isDigit(b[i + 3]) && isDigit(b[i + 4]) && b[i + 5] === SPACE && afterWeekday(b, at - 4) === at) i += 5;
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

/** Where the text after the stamp of `journalctl -o short-full` begins (`2026-01-02 03:04:05 CET `, the weekday is taken off), or -1. */
function afterJournalStamp(b: Buffer, at: number, end: number): number {
  for (const offset of [0, 1, 2, 3, 5, 6, 8, 9]) if (!isDigit(b[at + offset])) return -1;
  if (b[at + 4] !== DASH || b[at + 7] !== DASH || b[at + 10] !== SPACE || !isClock(b, at + 11)) return -1;
  let i = at + 19;
  if (b[i] === 0x2e) for (i++; isDigit(b[i]); i++);
  return b[i] === SPACE && i < end ? i + 1 : -1;
}

/** Where the text after `1767323045.123456 ` (`journalctl -o short-unix`) begins, or -1. */
function afterUnixStamp(b: Buffer, at: number, end: number): number {
  let i = at;
  while (isDigit(b[i])) i++;
  if (i - at < 9 || i - at > 11 || b[i] !== 0x2e) return -1;
  for (i++; isDigit(b[i]); i++);
  return b[i] === SPACE && i < end ? i + 1 : -1;
}

/** Where the text after `[   12.345678] ` or `[   12.345678 <    0.1 >] ` (`journalctl -o short-monotonic`, `short-delta`) begins, or -1. */
function afterMonotonicStamp(b: Buffer, at: number, end: number): number {
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

const FACILITIES = new Set(['auth', 'authpriv', 'cron', 'daemon', 'ftp', 'kern', 'lpr', 'mail', 'news', 'syslog', 'user', 'uucp', 'local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7', 'security', 'console']);
const SEVERITIES = new Set(['emerg', 'panic', 'alert', 'crit', 'err', 'error', 'warn', 'warning', 'notice', 'info', 'debug']);

/** Where the text after `authpriv.info ` or `<auth.info> ` begins, which BusyBox and FreeBSD put before or after the host; `at` where there is none. */
function afterPriority(b: Buffer, at: number, end: number): number {
  const quoted = b[at] === 0x3c;
  const first = b[at + (quoted ? 1 : 0)];
  if (first === undefined || first < 0x61 || first > 0x7a) return at;
  // The first dot is where a facility would end; hardly any host has one there, and no text is made of those that don't.
  let dot = at;
  while (dot < end && dot < at + 11 && b[dot] !== 0x2e && b[dot] !== SPACE) dot++;
  if (b[dot] !== 0x2e) return at;
  const space = nextSpace(b, at, Math.min(end, at + 24));
  if (space < 0 || (quoted && b[space - 1] !== 0x3e)) return at;
  const [facility, severity, more] = b.toString('latin1', quoted ? at + 1 : at, quoted ? space - 1 : space).split('.');
  return more === undefined && facility !== undefined && FACILITIES.has(facility) && severity !== undefined && SEVERITIES.has(severity) ? space + 1 : at;
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
    if (c === SPACE && i - at === SOGO.length && b[i + 1] === OPEN && startsWith(b, at, end, SOGO)) {
      // The one that puts a space before its pid: `sogod [811]: `.
      let j = i + 2;
      while (j < end && isDigit(b[j])) j++;
      return j > i + 2 && b[j] === CLOSE && b[j + 1] === COLON ? i : -1;
    }
    if (c === undefined || c <= SPACE || c === 0x7f || NOT_IN_NAME[c] === 1) return -1;
  }
  return -1;
}

const SOGO = Buffer.from('sogod');

/** What stands in no name of a program or host, but in JSON, in lists and in other people's prose: `]`, quotes, braces, signs. */
const NOT_IN_NAME = new Uint8Array(256);
for (const c of '"\'`{}<>,;=|\\]!?*&^%~#') NOT_IN_NAME[c.charCodeAt(0)] = 1;

/** The end of the host at `at`, where a space follows it, or -1: what has brackets or signs in it is no host, but somebody's text. */
function hostEnd(b: Buffer, at: number, end: number): number {
  for (let i = at; i < end; i++) {
    const c = b[i] ?? 0;
    if (c === SPACE) return i;
    if (c <= SPACE || c === 0x7f || c === 0x28 || c === 0x29 || (NOT_IN_NAME[c] === 1 && c !== CLOSE && c !== 0x25)) return -1;
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
  out.times = 1;
  out.repeatsLast = false;
  out.line = b;
  out.lineStart = i;
  out.lineEnd = end;
  if (b[i] === 0x31 && b[i + 1] === SPACE && parseRfc5424(b, i + 2, end, out)) return readRepeat(out);
  out.text = b;
  out.textEnd = end;
  const body = afterStamp(b, i, end);
  out.hasStamp = body >= 0;
  out.textStart = out.programEnd = body < 0 ? i : body;
  readTag(b, out.textStart, end, out);
  if (body < 0 && out.programEnd === out.textStart) readOwnStamp(b, i, end, out);
  readRepeat(out);
}

/** Where the text after whatever stamp there is begins, or -1. */
function afterStamp(b: Buffer, at: number, end: number): number {
  let body = afterBsdStamp(b, at, end);
  if (body < 0) body = afterIsoStamp(b, at, end);
  const dated = afterWeekday(b, at);
  if (body < 0 && dated >= 0) {
    body = afterBsdStamp(b, dated, end);
    if (body < 0) {
      body = afterJournalStamp(b, dated, end);
      // The zone by its name.
      const zone = body < 0 ? -1 : nextSpace(b, body, end);
      body = zone < 0 ? -1 : zone + 1;
    }
    // A log file of some service's own may begin so: then the stamp is not syslog's. OpenWrt has facility and severity behind it.
    const isOurs = body >= 0 && (isDigit(b[dated]) ? tagAfterHost(b, body, end) >= 0 : afterPriority(b, body, end) > body);
    if (!isOurs) body = -1;
  }
  return body;
}

/** Where the name in the tag that `tagAfterHost` found last ends. */
let nameEnd = -1;

const isTag = (b: Buffer, at: number, end: number): boolean => (nameEnd = tagEnd(b, at, end)) >= 0;

/** Where the tag begins when it stands at `at` or behind a host there; -1 when there is none. `nameEnd` is where its name ends. */
function tagAfterHost(b: Buffer, at: number, end: number): number {
  if (isTag(b, at, end)) return at;
  const priority = afterPriority(b, at, end);
  if (priority > at && isTag(b, priority, end)) return priority;
  const host = hostEnd(b, priority, end);
  if (host <= at) return -1;
  const tag = afterPriority(b, host + 1, end);
  return isTag(b, tag, end) ? tag : -1;
}

/** Finds the tag that stands at `at`, or behind a host where the line has a stamp. */
function readTag(b: Buffer, at: number, end: number, out: Entry): void {
  const tag = out.hasStamp ? tagAfterHost(b, at, end) : isTag(b, at, end) ? at : -1;
  if (tag < 0) return;
  out.textStart = tag;
  out.programEnd = nameEnd;
}

/** Stamps that services have, too: they are syslog's where a host and `name[pid]: ` follow. */
function readOwnStamp(b: Buffer, at: number, end: number, out: Entry): void {
  let body = afterJournalStamp(b, at, end);
  if (body < 0) body = afterUnixStamp(b, at, end);
  if (body < 0) body = afterMonotonicStamp(b, at, end);
  if (body < 0) return;
  const tag = tagAfterHost(b, body, end);
  if (tag <= body) return;
  const name = nameEnd;
  let close = name + 1;
  while (isDigit(b[close])) close++;
  if (b[name] !== OPEN || b[close] !== CLOSE || b[close + 1] !== COLON) return;
  out.hasStamp = true;
  out.textStart = tag;
  out.programEnd = name;
}

/** Solaris and illumos write `[ID 800047 auth.info] ` before each message (syslog.conf(5), msgid in log.conf): it is left out. */
function leaveMessageId(at: number, out: Entry): void {
  const { text: b, textEnd: end } = out;
  if (b[at + 1] !== 0x49 || b[at + 2] !== 0x44 || b[at + 3] !== SPACE) return;
  let i = at + 4;
  while (i < end && isDigit(b[i])) i++;
  if (i === at + 4 || b[i] !== SPACE) return;
  const close = b.indexOf(CLOSE, i);
  if (close < 0 || close > i + 20 || close + 1 >= end || b[close + 1] !== SPACE || afterPriority(Buffer.from(`${b.toString('latin1', i + 1, close)} `), 0, close - i) === 0) return;
  let to = b.copy(assembled, 0, out.textStart, at);
  to += b.copy(assembled, to, close + 2, end);
  out.programEnd -= out.textStart;
  out.text = assembled;
  out.textStart = 0;
  out.textEnd = to;
}

const MESSAGE_REPEATED = Buffer.from('message repeated ');
const LAST_REPEATED = Buffer.from('last message repeated ');
const TIMES = Buffer.from(' times');
/** More in one line is no attack that a rule could tell from fewer. */
const MOST_TIMES = 1000;

function startsWith(b: Buffer, at: number, end: number, text: Buffer): boolean {
  return at + text.length <= end && b.compare(text, 0, text.length, at, at + text.length) === 0;
}

/** Reads the number at `at` and ` times` behind it: the number, and where the rest begins; undefined when it is none. */
function readTimes(b: Buffer, at: number, end: number): { readonly times: number; readonly rest: number } | undefined {
  let i = at;
  let times = 0;
  for (; i < end && isDigit(b[i]); i++) times = Math.min(MOST_TIMES, times * 10 + ((b[i] ?? 0) - 0x30));
  return times > 0 && startsWith(b, i, end, TIMES) ? { times, rest: i + TIMES.length } : undefined;
}

/** Unfolds what a syslog daemon folded: rsyslog's and systemd's `message repeated N times: [ … ]`, and `last message repeated N times`. */
function readRepeat(out: Entry): void {
  const { text: b, textEnd: end } = out;
  let at = out.textStart;
  if (out.programEnd > at) {
    // Behind the tag; a message of rsyslog's own has none, and the host may still stand before it.
    at = out.programEnd;
    if (b[at] === OPEN) while (at < end && b[at] !== CLOSE) at++;
    if (b[at] === CLOSE) at++;
    if (b[at] === COLON) at++;
    if (b[at] === SPACE) at++;
    if (b[at] === OPEN) return leaveMessageId(at, out);
    if (b[at] !== 0x6d || !startsWith(b, at, end, MESSAGE_REPEATED)) return;
    const found = readTimes(b, at + MESSAGE_REPEATED.length, end);
    if (found === undefined || b[found.rest] !== COLON || b[found.rest + 1] !== SPACE || b[found.rest + 2] !== OPEN || b[end - 1] !== CLOSE) return;
    let inner = found.rest + 3;
    if (b[inner] === SPACE) inner++;
    const head = at - out.textStart;
    let to = b.copy(assembled, 0, out.textStart, at);
    to += b.copy(assembled, to, inner, end - 1);
    out.programEnd -= out.textStart;
    out.text = assembled;
    out.textStart = 0;
    out.textEnd = to;
    out.times = head > 0 ? found.times : 1;
    return;
  }
  if (!out.hasStamp) return;
  if (!startsWith(b, at, end, LAST_REPEATED)) at = nextSpace(b, at, end) + 1;
  if (at <= 0 || !startsWith(b, at, end, LAST_REPEATED)) return;
  const found = readTimes(b, at + LAST_REPEATED.length, end);
  if (found === undefined || found.rest !== end) return;
  out.times = found.times;
  out.repeatsLast = true;
}
