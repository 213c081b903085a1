/** Where the log's lines go: the standard output, whose reader may hang. */
import type { Writable } from 'node:stream';

/**
 * Node keeps in memory what a pipe's reader has not taken; an attacker who is logged faster than that must not make the
 * daemon grow. A few thousand lines: more than any reader that is alive leaves lying.
 */
const MOST_UNREAD = 4 * 1024 * 1024;

/**
 * A function that writes whole lines to `out`. While more than `mostUnread` bytes wait for the reader it drops them, and
 * `tell` gets their number before the first line that is written again. A reader that went away is no reason to end.
 */
export function logWriter(out: Writable, tell: (dropped: number) => void, mostUnread = MOST_UNREAD): (line: string) => void {
  let dropped = 0;
  out.on('error', () => undefined);
  return (line) => {
    if (out.writableLength > mostUnread) {
      dropped++;
      return;
    }
    const before = dropped;
    dropped = 0;
    if (before > 0) tell(before);
    out.write(line);
  };
}
