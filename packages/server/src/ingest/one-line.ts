/** One record as one line: what it holds of line ends is no end of it, so that no part of a message becomes a record of its own. */

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;
const TAB = 0x09;
const DELETE = 0x7f;
const DOT = 0x2e;
const COLON = 0x3a;
const ADDRESS_BYTES: ReadonlySet<number> = new Set(Buffer.from('0123456789abcdefABCDEF.:'));

const NOTHING = Buffer.alloc(0);

/** Where the record ends without the newlines, carriage returns and NULs at its end. */
function trimmedEnd(record: Buffer): number {
  let end = record.length;
  while (end > 0 && (record[end - 1] === NEWLINE || record[end - 1] === RETURN || record[end - 1] === 0)) end--;
  return end;
}

/** Writes the bytes that `isBad` tells as rsyslog does on receipt: `#` and three octal digits. The record itself where there is none. */
function withoutBytes(record: Buffer, isBad: (byte: number) => boolean): Buffer {
  let bad = 0;
  for (const byte of record) if (isBad(byte)) bad++;
  if (bad === 0) return record;
  const line = Buffer.alloc(record.length + 3 * bad);
  let to = 0;
  for (const byte of record) {
    if (isBad(byte)) to += line.write(`#${byte.toString(8).padStart(3, '0')}`, to, 'latin1');
    else line[to++] = byte;
  }
  return line;
}

/** Where an end was lost: whoever chose the length chose what stands last, so that no pattern that asks for the line's end may find one there. */
const CUT = Buffer.from(' [cut]');

/** What is left of a record that lost its end: up to its last space, because half an address is another's, and with a mark. */
export function wholeWords(record: Buffer): Buffer {
  const space = record.subarray(0, Math.max(0, record.length - CUT.length + 1)).lastIndexOf(SPACE);
  return space < 0 ? NOTHING : Buffer.concat([record.subarray(0, space), CUT]);
}

/** A record that may have lost its end, without what could be the first half of an address there. Nothing is copied. */
export function withoutHalfAddress(record: Buffer): Buffer {
  let start = trimmedEnd(record);
  let isAddressLike = false;
  for (; start > 0 && ADDRESS_BYTES.has(record[start - 1] ?? 0); start--) if (record[start - 1] === DOT || record[start - 1] === COLON) isAddressLike = true;
  return isAddressLike ? record.subarray(0, start) : record;
}

/** The line of a record, without line ends; the bytes are the record's own where nothing had to be changed. */
export function oneLine(record: Buffer, isCut: boolean): Buffer {
  const whole = isCut ? wholeWords(record) : record;
  const line = whole.subarray(0, trimmedEnd(whole));
  return line.includes(NEWLINE) ? withoutBytes(line, (byte) => byte === NEWLINE) : line;
}

/** A message without control bytes: all but tabs are escaped. For what comes as it was written, past every syslog daemon. */
export function plainMessage(message: Buffer, longest: number): Buffer {
  const whole = message.length > longest ? wholeWords(message.subarray(0, longest)) : message;
  return withoutBytes(whole.subarray(0, trimmedEnd(whole)), (byte) => (byte < SPACE && byte !== TAB) || byte === DELETE);
}
