/** Host, priority and tag: who wrote the line, as the syslog daemon says. */
import { CLOSE, COLON, isDigit, nextSpace, OPEN, SPACE, startsWith } from './bytes.ts';

/** Longer names exist nowhere (RFC 5424 allows 48, Linux comm has 15): such a tag is somebody's prose. */
export const LONGEST_PROGRAM = 128;

const FACILITIES = new Set(['auth', 'authpriv', 'cron', 'daemon', 'ftp', 'kern', 'lpr', 'mail', 'news', 'syslog', 'user', 'uucp', 'local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7', 'security', 'console']);
const SEVERITIES = new Set(['emerg', 'panic', 'alert', 'crit', 'err', 'error', 'warn', 'warning', 'notice', 'info', 'debug']);

/** Where the text after `authpriv.info ` or `<auth.info> ` begins, which BusyBox and FreeBSD put before or after the host; `at` where there is none. */
export function afterPriority(b: Buffer, at: number, end: number): number {
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

/** Where the name in the tag that `tagAfterHost` found last ends. */
export let nameEnd = -1;

/** Whether a tag begins at `at`; `nameEnd` is where its name ends. */
export const isTag = (b: Buffer, at: number, end: number): boolean => (nameEnd = tagEnd(b, at, end)) >= 0;

/** Where the tag begins when it stands at `at` or behind a host there; -1 when there is none. `nameEnd` is where its name ends. */
export function tagAfterHost(b: Buffer, at: number, end: number): number {
  if (isTag(b, at, end)) return at;
  const priority = afterPriority(b, at, end);
  if (priority > at && isTag(b, priority, end)) return priority;
  const host = hostEnd(b, priority, end);
  if (host <= at) return -1;
  const tag = afterPriority(b, host + 1, end);
  return isTag(b, tag, end) ? tag : -1;
}
