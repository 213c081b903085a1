/** Opens log files where others may write, too: what a name leads to can be another thing a moment later. */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';

/** Neither a FIFO nor a terminal holds us up. */
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
/** `O_PATH` of open(2), which Node has no name for: it finds the file and does not open it, so that closing it lets go of nobody's locks. */
const FOUND_ONLY = 0o10000000;

/** The file that `path` leads to, if it is a regular one, it is `id` (device and inode) still, and so nothing that must not be opened. @throws what the system throws */
export async function openRegular(path: string, id: string): Promise<FileHandle | undefined> {
  const found = await open(path, FOUND_ONLY);
  try {
    const now = await found.stat({ bigint: true });
    return now.isFile() && `${now.dev}:${now.ino}` === id ? await open(`/proc/self/fd/${found.fd}`, FLAGS) : undefined;
  } finally {
    await found.close();
  }
}
