/** What the kernel dropped of a UDP socket's datagrams because nobody received them in time, from /proc/net/udp and udp6. */
import { readFileSync } from 'node:fs';

/** The last column, `drops`, of all sockets bound to the port: SO_REUSEADDR lets there be several, and more than one is rare. */
export function dropsOf(table: string, port: number): number | undefined {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  let drops: number | undefined;
  for (const row of table.split('\n').slice(1)) {
    const columns = row.trim().split(/\s+/);
    if (columns[1]?.endsWith(wanted) === true && /^\d+$/.test(columns.at(-1) ?? '')) drops = (drops ?? 0) + Number(columns.at(-1));
  }
  return drops;
}

/** The same, of this machine; undefined where it can't be read. */
export function udpDrops(family: 4 | 6, port: number): number | undefined {
  try {
    return dropsOf(readFileSync(family === 4 ? '/proc/net/udp' : '/proc/net/udp6', 'latin1'), port);
  } catch {
    return undefined;
  }
}
