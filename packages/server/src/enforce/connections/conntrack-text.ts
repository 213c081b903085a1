/** Reads the lines that the program conntrack prints of its table, with -L and with -D. */
import { parseAddress } from 'banban-shared';

/** Which side of a connection an address is on: the one that opened it, or the one it was opened to. */
export type Side = 'source' | 'destination';

/** No packet passes under these any more: a new SYN makes a new entry, which has to pass the rules. */
const OVER = /^tcp .* (?:TIME_WAIT|CLOSE) src=/;

/** The text behind the first `key`. */
function valueOf(line: string, key: string): string | undefined {
  const at = line.indexOf(key);
  if (at < 0) return undefined;
  const start = at + key.length;
  const space = line.indexOf(' ', start);
  return space < 0 ? line.slice(start) : line.slice(start, space);
}

/** Whether the connection of a line is over. */
export const isOver = (line: string): boolean => OVER.test(line);

/** The address on one side of the packet that made the entry: the first of two of its kind in the line. */
export const addressOn = (line: string, side: Side): string | undefined => valueOf(line, side === 'source' ? ' src=' : ' dst=');

/** The names of a connection as ss would show it from this machine: see `socketKey`. Empty for a line that has no ports. */
export function keysOf(line: string): readonly string[] {
  const protocol = /^[a-z]+(?= )/.exec(line)?.[0];
  const tuples = [...line.matchAll(/ src=(\S+) dst=(\S+) sport=(\d{1,5}) dport=(\d{1,5})(?= |$)/g)];
  // Twice: as the connection was made, and as its replies go. This machine is at the source of one of them.
  return protocol === undefined ? [] : tuples.map(([, near = '', far = '', nearPort = '', farPort = '']) => socketKey(protocol, far, farPort, near, nearPort));
}

/** The name of a connection: protocol, then address and port of the far side, then of this one. */
export const socketKey = (protocol: string, far: string, farPort: string, near: string, nearPort: string): string =>
  `${protocol} ${parseAddress(far) ?? far} ${farPort} ${parseAddress(near) ?? near} ${nearPort}`;

/** The N of `conntrack v1.4.7 (conntrack-tools): N flow entries have been deleted.`; undefined when there is no such line. */
export function deletedCount(stderr: string): number | undefined {
  const count = /: (\d{1,9}) flow entries have been deleted\./.exec(stderr)?.[1];
  return count === undefined ? undefined : Number(count);
}
