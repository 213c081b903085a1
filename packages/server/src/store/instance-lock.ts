/**
 * One banband a database. Two would each overwrite what the other put into the kernel.
 *
 * The lock is an SQLite file beside the database that is held by an open exclusive transaction: fcntl locks of the kernel,
 * which vanish with the process however it dies. The database's own lock won't do, because others may read it meanwhile.
 */
import { readFileSync, statSync } from 'node:fs';
import Sqlite, { SqliteError, type Database } from 'better-sqlite3';
import { makePrivateFile, prepareDirectory } from './database-file.ts';
import { explain } from './explain.ts';
import { StoreError } from './store.ts';

/** The lock, held until `release` or the end of the process. */
export interface InstanceLock {
  /** The lock file; it stays when the lock is gone, because removing it would race with the next holder. */
  readonly path: string;
  release(): void;
}

/**
 * Takes the lock of the database at `databasePath`, whose directory is made where it is missing. Does not wait.
 *
 * @throws StoreError that names the process when another one holds it, or says why the file can't be made
 */
export function holdInstanceLock(databasePath: string): InstanceLock {
  let path = `${databasePath}.lock`;
  let db: Database | undefined;
  try {
    path = `${prepareDirectory(databasePath)}.lock`;
    makePrivateFile(path);
    db = new Sqlite(path, { timeout: 0 });
    const held = db;
    held.exec('BEGIN EXCLUSIVE');
    return { path, release: () => void held.close() };
  } catch (error) {
    db?.close();
    if (!(error instanceof SqliteError && error.code === 'SQLITE_BUSY')) throw explain(path, error);
    const pid = holderOf(path);
    const who = pid === undefined ? 'another banband' : pid === process.pid ? `this banband (pid ${pid}) already` : `another banband (pid ${pid})`;
    throw new StoreError(`${databasePath} is in use by ${who}: stop that one first, or name another file as database`, { cause: error });
  }
}

/**
 * The process that holds a lock on the file, from /proc/locks (proc_locks(5)); undefined when it can't be told, as from
 * inside another pid namespace. The file itself is not opened: see `makePrivateFile`.
 */
function holderOf(path: string): number | undefined {
  try {
    const { ino, dev } = statSync(path);
    // The device as the kernel prints it: major and minor in hex (makedev(3) packs them so).
    const major = (dev >> 8) & 0xfff;
    const minor = (dev & 0xff) | ((dev >> 12) & 0xfff00);
    const hex = (value: number): string => value.toString(16).padStart(2, '0');
    const file = `${hex(major)}:${hex(minor)}:${ino}`;
    for (const line of readFileSync('/proc/locks', 'utf8').split('\n')) {
      // 1: POSIX  ADVISORY  WRITE 4711 fd:01:1234 1073741824 1073742335
      const fields = line.split(/\s+/);
      const pid = Number(fields[4]);
      if (fields[3] === 'WRITE' && fields[5] === file && pid > 0) return pid;
    }
  } catch {
    // No /proc, or not ours to read: the message does without.
  }
  return undefined;
}
