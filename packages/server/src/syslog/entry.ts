/** A parsed line as places in the bytes it came in, so that a line that no pattern wants never becomes a string. */

/** One line. The same entry is parsed into again and again, so it holds for one line only, and only while its buffers do. */
export interface Entry {
  /** The line as received, PRI and line end taken off: what is kept as evidence. */
  line: Buffer;
  lineStart: number;
  lineEnd: number;
  /** `program[pid]: message`: what the patterns are matched against; the message alone where there is no program. */
  text: Buffer;
  textStart: number;
  textEnd: number;
  /** The program's name is `text` from `textStart` to here; equal to `textStart` where none could be found. */
  programEnd: number;
  /** Whether the line had a PRI, and whether it had a time stamp: what a second line of a datagram must have too. */
  hasPri: boolean;
  hasStamp: boolean;
  /** How often the message was written: more than once where a syslog daemon folded it into `message repeated N times: [ … ]`. */
  times: number;
  /** True for `last message repeated N times`: it stands for the line before it, `times` times. */
  repeatsLast: boolean;
}

const NOTHING = Buffer.alloc(0);

/** An entry to parse into; a parser's caller keeps one and uses it for every line. */
export function newEntry(): Entry {
  return { line: NOTHING, lineStart: 0, lineEnd: 0, text: NOTHING, textStart: 0, textEnd: 0, programEnd: 0, hasPri: false, hasStamp: false, times: 1, repeatsLast: false };
}

/** 2 KiB of a line say all that an admin wants to read of it; what is longer is kept so far and marked. */
const EVIDENCE_BYTES = 2048;

/** The line as text for the database and for people; control bytes are left in, whoever shows it escapes them. */
export function evidence(entry: Entry): string {
  const length = entry.lineEnd - entry.lineStart;
  if (length <= EVIDENCE_BYTES) return entry.line.toString('utf8', entry.lineStart, entry.lineEnd);
  return `${entry.line.toString('utf8', entry.lineStart, entry.lineStart + EVIDENCE_BYTES)}… (${length} bytes)`;
}

/** The program's name in banban's own lines. */
export const OWN_NAME = Buffer.from('banband');

/** True for a line that banban itself wrote: it must not feed what it reports (no log loop). */
export function isOwn(entry: Entry): boolean {
  if (entry.programEnd - entry.textStart !== OWN_NAME.length) return false;
  for (let i = 0; i < OWN_NAME.length; i++) if (entry.text[entry.textStart + i] !== OWN_NAME[i]) return false;
  return true;
}
