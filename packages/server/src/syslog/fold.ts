/** What syslog daemons do to messages: ids put before them, repeated ones folded into one. */
import { CLOSE, COLON, isDigit, nextSpace, OPEN, SPACE, startsWith } from './bytes.ts';
import type { Entry } from './entry.ts';
import { assembled } from './rfc5424.ts';
import { afterPriority } from './tag.ts';

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

/** Reads the number at `at` and ` times` behind it: the number, and where the rest begins; undefined when it is none. */
function readTimes(b: Buffer, at: number, end: number): { readonly times: number; readonly rest: number } | undefined {
  let i = at;
  let times = 0;
  for (; i < end && isDigit(b[i]); i++) times = Math.min(MOST_TIMES, times * 10 + ((b[i] ?? 0) - 0x30));
  return times > 0 && startsWith(b, i, end, TIMES) ? { times, rest: i + TIMES.length } : undefined;
}

/** Unfolds what a syslog daemon folded: rsyslog's and systemd's `message repeated N times: [ … ]`, and `last message repeated N times`. */
export function readRepeat(out: Entry): void {
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
