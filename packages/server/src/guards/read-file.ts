/** Files of the machine, read a bounded piece at a time. */
import { closeSync, openSync, readSync } from 'node:fs';
import { constants, open } from 'node:fs/promises';

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '');

/** Whether an error means that the thing is not there, or a process not any more. */
export const isGone = (error: unknown): boolean => ['ENOENT', 'ESRCH', 'ENOTDIR'].includes(codeOf(error));

/** NONBLOCK: what should be a file may be a FIFO, and nobody may ever write to it. */
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** Nearly all are shorter than this; the table of sockets is longer. */
const PIECE = 65_536;

/**
 * Reads a regular file in pieces of at most 64 KiB, in a thread of the pool, until it ends, `most` bytes were read or `take` gives
 * false. A piece is good until the next one. False where there is no such file.
 * @throws Error where there is one and it can't be read
 */
export async function readPieces(path: string, most: number, take: (piece: Buffer) => boolean): Promise<boolean> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, FLAGS);
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
  try {
    if (!(await file.stat()).isFile()) return false;
    const room = Buffer.allocUnsafe(Math.min(PIECE, most));
    for (let left = most; left > 0; ) {
      const { bytesRead } = await file.read(room, 0, Math.min(left, room.length));
      if (bytesRead === 0 || !take(room.subarray(0, bytesRead))) break;
      left -= bytesRead;
    }
    return true;
  } catch (error) {
    // A process that ended while its file was read.
    if (isGone(error)) return false;
    throw error;
  } finally {
    await file.close();
  }
}

/** The first `most` bytes of a regular file; undefined where there is none. @throws as `readPieces` */
export async function readFileStart(path: string, most: number): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  const found = await readPieces(path, most, (piece) => {
    pieces.push(Buffer.from(piece));
    return true;
  });
  return found ? Buffer.concat(pieces) : undefined;
}

const small = Buffer.allocUnsafe(4096);

/**
 * The first 4 KiB of a file of /proc, at once: for those that the kernel has ready (some 10 µs), where a thread would cost more. Not for `cmdline`,
 * which waits for the process's own memory lock. Undefined where it can't be read.
 */
export function readNow(path: string): string | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, FLAGS);
    return small.toString('latin1', 0, readSync(fd, small));
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
