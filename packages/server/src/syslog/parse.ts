/**
 * Syslog lines, on bytes and in one pass: RFC 3164 (section 4.1), RFC 5424 (section 6), ISO 8601 time stamps as rsyslog's
 * file format has them, glibc's own form without a host name, what journalctl prints, or nothing but a tag. Nothing here can
 * fail: what has no program is an entry without one.
 */
import { CLOSE, COLON, isDigit, nextSpace, OPEN, SPACE } from './bytes.ts';
import type { Entry } from './entry.ts';
import { readRepeat } from './fold.ts';
import { parseRfc5424 } from './rfc5424.ts';
import { afterBsdStamp, afterIsoStamp, afterJournalStamp, afterMonotonicStamp, afterPri, afterUnixStamp, afterWeekday } from './stamp-forms.ts';
import { afterPriority, isTag, nameEnd, tagAfterHost } from './tag.ts';

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
