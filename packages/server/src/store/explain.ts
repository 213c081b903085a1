/** Turns what SQLite and the file system report into one sentence for the admin. */
import { SqliteError } from 'better-sqlite3';
import { StoreError } from './store.ts';

const isErrno = (error: unknown): error is NodeJS.ErrnoException => error instanceof Error && 'syscall' in error && 'code' in error;

/** @param what one line, as SQLite found it */
export function damagedDatabase(path: string, what: string): StoreError {
  const shown = (what.split('\n')[0] ?? '').slice(0, 200);
  return new StoreError(`${path} is damaged (${shown}): put a backup in its place, or move it away with its -wal and -shm to begin with an empty one (its bans are then forgotten)`);
}

function sqliteSentence(path: string, code: string, message: string): string {
  // Extended codes: SQLITE_IOERR_WRITE is a kind of SQLITE_IOERR.
  switch (code.split('_')[1]) {
    case 'FULL':
      return `${path} can't grow because its disk is full; nothing was written: make room on that disk`;
    case 'READONLY':
      return `${path} can't be written because it, its directory or its disk is read-only: make them writable for banband`;
    case 'BUSY':
    case 'LOCKED':
      return `${path} is locked by another program; nothing was written: end that program (a sqlite3 shell with an open transaction?)`;
    case 'CORRUPT':
      return damagedDatabase(path, message).message;
    case 'NOTADB':
      return `${path} is not a database: move it away, or name another file as database`;
    case 'CANTOPEN':
      return `${path} can't be opened (${message}): see that its directory exists and that banband may write both`;
    case 'IOERR':
      return `${path} can't be read or written (${code}): see that its disk has room and works (dmesg says more)`;
    default:
      return `${path}: SQLite refused (${code}: ${message}); this is a fault in banban, please report it`;
  }
}

function errnoSentence(path: string, code: string | undefined, message: string): string {
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return `${path} can't be opened because banband may not read and write it and its directory: give them to the user that runs banband, or run it as root`;
    case 'EROFS':
      return `${path} can't be written because its disk is mounted read-only: name a database on another disk`;
    case 'ENOSPC':
    case 'EDQUOT':
      return `${path} can't be made because its disk is full: make room on that disk`;
    case 'ENOTDIR':
    case 'EEXIST':
      return `${path} can't be made because a part of its path is a file: name another file as database`;
    default:
      return `${path} can't be opened (${message}): name another file as database`;
  }
}

/** A StoreError for anything that SQLite or the file system threw, `cause` kept; other errors are bugs and come back as they are. */
export function explain(path: string, error: unknown): unknown {
  if (error instanceof SqliteError) return new StoreError(sqliteSentence(path, error.code, error.message), { cause: error });
  if (isErrno(error)) return new StoreError(errnoSentence(path, error.code, error.message), { cause: error });
  return error;
}

/** Runs `action` on the database at `path`, with errors explained. */
export function explaining<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw explain(path, error);
  }
}
