/** Cuts a stream of bytes into records, however it comes apart: lines, and the two kinds of frames of RFC 6587. */

/** Takes a record; `isCut` where it was longer than it may be and has lost its end. Its bytes hold until the call returns. */
export type EachRecord = (record: Buffer, isCut: boolean) => void;

/** One stream. Never holds more than the longest record. */
export interface Framer {
  /** Takes what came and gives each record that has come to its end. */
  push(chunk: Buffer, each: EachRecord): void;
  /** Gives what has no end of its own: for a stream that ends. */
  end(each: EachRecord): void;
  /** Bytes of a record that has not ended. */
  readonly held: number;
  /** Why nothing more can be understood of this stream, a clause; what comes then is forgotten. */
  readonly broken: string | undefined;
}

const NEWLINE = 0x0a;
const SPACE = 0x20;
const isDigit = (c: number | undefined): boolean => c !== undefined && c >= 0x30 && c <= 0x39;

/** To begin with; most records are shorter, and a peer that sends one byte at a time must not cost more than that. */
const FIRST_ROOM = 1024;
/** A frame that says it is longer is none: no sender's messages are (RFC 5425 asks for 8 KiB, RFC 5424 knows no limit). */
const LONGEST_FRAME = 1024 * 1024;
const MOST_DIGITS = String(LONGEST_FRAME).length;

/** What is there of a record: at most `longest` bytes of it are kept. */
function createRoom(longest: number): { add(bytes: Buffer, from: number, to: number): void; give(each: EachRecord): void; readonly length: number } {
  let room = Buffer.alloc(0);
  let kept = 0;
  let length = 0;
  return {
    add(bytes, from, to) {
      length += to - from;
      const wanted = Math.min(longest, kept + to - from);
      if (wanted > room.length) {
        const larger = Buffer.alloc(Math.min(longest, Math.max(FIRST_ROOM, wanted, 2 * room.length)));
        room.copy(larger, 0, 0, kept);
        room = larger;
      }
      kept += bytes.copy(room, kept, from, from + wanted - kept);
    },
    give(each) {
      const record = room.subarray(0, kept);
      const isCut = length > kept;
      kept = 0;
      length = 0;
      each(record, isCut);
    },
    get length() {
      return length;
    },
  };
}

/** Records that end with a newline, which is not part of them. */
export function lineFramer(longest: number): Framer {
  const room = createRoom(longest);
  return {
    push(chunk, each) {
      for (let start = 0; start < chunk.length; ) {
        const at = chunk.indexOf(NEWLINE, start);
        if (at >= 0 && room.length === 0) each(chunk.subarray(start, Math.min(at, start + longest)), at - start > longest);
        else {
          room.add(chunk, start, at < 0 ? chunk.length : at);
          if (at >= 0) room.give(each);
        }
        start = at < 0 ? chunk.length : at + 1;
      }
    },
    end(each) {
      if (room.length > 0) room.give(each);
    },
    get held() {
      return room.length;
    },
    broken: undefined,
  };
}

/** Frames with their length before them: `MSG-LEN SP SYSLOG-MSG` (RFC 6587 section 3.4.1). */
export function countedFramer(longest: number): Framer {
  const room = createRoom(longest);
  let digits = '';
  /** Bytes of the frame that are still to come; undefined while its length is read. */
  let missing: number | undefined;
  let broken: string | undefined;

  /** Reads a byte of the length. */
  function count(c: number | undefined): void {
    if (isDigit(c) && digits.length < MOST_DIGITS && !(digits === '' && c === 0x30)) digits += String.fromCharCode(c ?? 0);
    else if (c === SPACE && digits !== '' && Number(digits) <= LONGEST_FRAME) {
      missing = Number(digits);
      digits = '';
      // Some senders end a counted frame with a newline all the same.
    } else if (c !== NEWLINE || digits !== '') broken = `its frames begin with their length and one of them does not, or with more than ${LONGEST_FRAME} bytes`;
  }

  return {
    push(chunk, each) {
      for (let at = 0; at < chunk.length && broken === undefined; ) {
        if (missing === undefined) {
          count(chunk[at++]);
          continue;
        }
        const to = Math.min(chunk.length, at + missing);
        room.add(chunk, at, to);
        missing -= to - at;
        at = to;
        if (missing > 0) continue;
        missing = undefined;
        room.give(each);
      }
    },
    // A frame that is not whole is no record: its end may be missing.
    end: () => undefined,
    get held() {
      return room.length + digits.length + (missing === undefined ? 0 : 1);
    },
    get broken() {
      return broken;
    },
  };
}

/**
 * Syslog over TCP (RFC 6587): what the stream begins with tells its frames, once and for all, so that no message can change
 * how the following ones are read.
 */
export function syslogFramer(longest: number): Framer {
  let framer: Framer | undefined;
  return {
    push(chunk, each) {
      if (chunk.length === 0) return;
      framer ??= isDigit(chunk[0]) ? countedFramer(longest) : lineFramer(longest);
      framer.push(chunk, each);
    },
    end: (each) => framer?.end(each),
    get held() {
      return framer?.held ?? 0;
    },
    get broken() {
      return framer?.broken;
    },
  };
}
