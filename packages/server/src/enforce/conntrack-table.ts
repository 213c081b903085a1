/** Reads the text that `conntrack -L` prints, piece by piece: the table may have hundreds of thousands of lines. */
import { parseAddress, type Address } from 'banban-shared';

/** Which side of a connection an address is on: the one that opened it, or the one it was opened to. */
export type Side = 'source' | 'destination';

/** No packet passes under these any more: a new SYN makes a new entry, which has to pass the rules. */
const OVER = /^tcp .* (?:TIME_WAIT|CLOSE) src=/;

/** Longer than any line of conntrack; what is longer is no such line and is not kept. */
const LONGEST_LINE = 4096;

/**
 * Takes chunks of output and tells of each connection that one of the `wanted` addresses opened or was opened to. The
 * first `src=` and `dst=` of a line are those of the packet that made the entry.
 */
export function connectionFinder(wanted: ReadonlySet<Address>, found: (address: Address, side: Side) => void): (chunk: Buffer) => void {
  let rest = '';

  const look = (line: string, key: string, side: Side): void => {
    const at = line.indexOf(key);
    if (at < 0) return;
    const start = at + key.length;
    const space = line.indexOf(' ', start);
    const text = space < 0 ? line.slice(start) : line.slice(start, space);
    // inet_ntop writes what RFC 5952 wants, but for IPv4 inside IPv6: only that is worth the price of parsing.
    const address = text.includes(':') && text.includes('.') ? parseAddress(text) : (text as Address);
    if (address !== undefined && wanted.has(address)) found(address, side);
  };

  return (chunk) => {
    const lines = (rest + chunk.toString('latin1')).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LONGEST_LINE) rest = '';
    for (const line of lines) {
      if (OVER.test(line)) continue;
      look(line, ' src=', 'source');
      look(line, ' dst=', 'destination');
    }
  };
}

/** The N of `conntrack v1.4.7 (conntrack-tools): N flow entries have been deleted.`; undefined when there is no such line. */
export function deletedCount(stderr: string): number | undefined {
  const count = /: (\d{1,9}) flow entries have been deleted\./.exec(stderr)?.[1];
  return count === undefined ? undefined : Number(count);
}
