/** The far sides of TCP connections, from the kernel's tables of sockets (/proc/net/tcp, /proc/net/tcp6). */
import { addressFrom, type Address } from 'banban-shared';
import { readPieces } from './read-file.ts';
import { wordBytes } from './routes.ts';

/** 150 bytes a socket: some 400,000 of them. */
const MOST_BYTES = 64 * 1024 * 1024;

/** `12: 016433C6:0016 426433C6:E8B1 01 …  0  0 2757710 3 …`: number, near side, far side, state 01 (established), queues, timers, retries, user, timeouts, inode. */
const ROW = /^ *\d+: [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{8}(?:[0-9A-F]{24})?):[0-9A-F]{4} 01 \S+ \S+ +\S+ +\d+ +\d+ (\d+) /;

/** An address as it stands there: words of 32 bits, each in the machine's order. */
const addressOf = (hex: string): Address => addressFrom(wordBytes(hex));

/**
 * The far side of each of the established connections whose socket has one of these inodes. The kernel makes the table while it is read, a piece at a
 * time in a thread, so a connection that comes or goes meanwhile may be missed, and so may what is behind the first 64 MiB.
 * @throws Error where a table is there and can't be read
 */
export async function farSides(procNet: string, inodes: ReadonlySet<string>): Promise<ReadonlyMap<string, Address>> {
  const found = new Map<string, Address>();
  for (const table of ['tcp', 'tcp6']) {
    let rest = '';
    await readPieces(`${procNet}/${table}`, MOST_BYTES, (piece) => {
      const lines = (rest + piece.toString('latin1')).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const [, far, inode] = ROW.exec(line) ?? [];
        if (far !== undefined && inode !== undefined && inodes.has(inode)) found.set(inode, addressOf(far));
      }
      return found.size < inodes.size;
    });
  }
  return found;
}
