/** The lines of one chunk of a stream, as deliveries of about a millisecond of work each: the lines may be thousands of a byte or two. */

/** One delivery has no more than these; a line is never parted. */
const MOST_LINES = 1000;
const MOST_BYTES = 16_384;

const NEWLINE = 0x0a;

/** Takes lines and gives them in pieces. */
export interface Pieces {
  /** The line's bytes may be others afterwards. */
  add(line: Buffer): void;
  /** All that was added, each line with a newline behind it. */
  take(): Buffer[];
}

/** @param expected how many bytes will come, about */
export function createPieces(expected: number): Pieces {
  let room = Buffer.allocUnsafe(Math.max(64, 2 * expected));
  let used = 0;
  let begin = 0;
  let lines = 0;
  const pieces: Buffer[] = [];

  function end(): void {
    if (used > begin) pieces.push(room.subarray(begin, used));
    begin = used;
    lines = 0;
  }

  return {
    add(line) {
      if (used + line.length + 1 > room.length) {
        end();
        room = Buffer.allocUnsafe(Math.max(room.length, line.length + 1));
        used = 0;
        begin = 0;
      }
      used += line.copy(room, used);
      room[used++] = NEWLINE;
      if (++lines >= MOST_LINES || used - begin >= MOST_BYTES) end();
    },
    take() {
      end();
      return pieces.splice(0);
    },
  };
}
