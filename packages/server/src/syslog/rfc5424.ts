/** Lines of RFC 5424: header, structured data, message. */
import { CLOSE, COLON, DASH, nextSpace, OPEN, SPACE } from './bytes.ts';
import type { Entry } from './entry.ts';
import { afterIsoStamp } from './stamp-forms.ts';
import { LONGEST_PROGRAM } from './tag.ts';

/** Holds the text that an RFC 5424 line is put together to; its message can't be longer than a datagram. */
export const assembled = Buffer.alloc(65_536 + 2 * LONGEST_PROGRAM);

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
  // rsyslog passes on the space that stood behind an RFC 3164 tag.
  if (i < end && b[i] === SPACE) i++;
  return i;
}

/** Parses what follows `1 ` in an RFC 5424 line; false when it is none after all. */
export function parseRfc5424(b: Buffer, at: number, end: number, out: Entry): boolean {
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
