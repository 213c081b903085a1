/** The database as a file: where it is, who may read it, and the connection to it. */
import { accessSync, closeSync, constants, fsyncSync, mkdirSync, openSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import Sqlite, { type Database } from 'better-sqlite3';
import { StoreError } from './store.ts';

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';

/**
 * Makes the directory (0700) where it is missing: what is inside quotes log lines and is nobody else's business.
 *
 * @returns the path without symbolic links, so that two names of one file are one
 */
export function prepareDirectory(path: string): string {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  try {
    return realpathSync(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
    return join(realpathSync(dirname(path)), basename(path));
  }
}

/**
 * Makes an empty file (0600) where there is none. SQLite gives its -wal and -shm the mode of the file itself. A file that
 * exists is never opened here: closing it would drop every lock that this process holds on it (fcntl(2)).
 */
export function makePrivateFile(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}

/** Brings a file that no connection has open to the disk: see `makePrivateFile` for why not another. */
export function syncFile(path: string): void {
  const fd = openSync(path, 'r+');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Opens the database at `path`, made if missing, and changes nothing in it: it may be another program's.
 *
 * @param busyTimeoutMs how long a call may wait for another program's lock, with the loop standing still
 * @throws StoreError, SqliteError or a file system's error
 */
export function openDatabase(path: string, busyTimeoutMs: number): Database {
  makePrivateFile(path);
  if (!statSync(path).isFile()) throw new StoreError(`${path} is not a file: name a file as database`);
  // SQLite falls back to reading only, without a word, and would fail at the first ban.
  accessSync(path, constants.R_OK | constants.W_OK);
  accessSync(dirname(path), constants.W_OK);
  return new Sqlite(path, { timeout: busyTimeoutMs });
}

/** Sets how banban's own database is written: a log (WAL) that readers beside it do not stop. */
export function writeAhead(db: Database): void {
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = NORMAL');
  db.pragma('foreign_keys = ON');
  // After a storm the log is cut back to this; without it the file keeps its largest size for ever.
  db.pragma('journal_size_limit = 8388608');
}
