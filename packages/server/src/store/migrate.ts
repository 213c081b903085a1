/** Brings a database's tables to the form that this banban works with: forward only, all or nothing. */
import type { Database } from 'better-sqlite3';
import { bansOffencesEvents } from './migrations/0001-bans-offences-events.ts';
import { connections } from './migrations/0002-connections.ts';
import { targets } from './migrations/0003-targets.ts';
import { positions } from './migrations/0004-positions.ts';
import { allowed } from './migrations/0005-allowed.ts';
import { loginsStoppedRules } from './migrations/0006-logins-stopped-rules.ts';
import { beneath } from './migrations/0007-beneath.ts';
import type { Migration } from './migration.ts';
import { StoreError } from './store.ts';

/** Every step there is, in the order of their versions. */
export const migrations: readonly Migration[] = [bansOffencesEvents, connections, targets, positions, allowed, loginsStoppedRules, beneath];

/** `banb` in ASCII: marks a SQLite file as banban's, so that no other program's database is ever changed. */
export const APPLICATION_ID = 0x62616e62;

const number = (db: Database, sql: string): number => Number(db.prepare(sql).pluck().get());

/**
 * Looks whose database it is, and changes nothing.
 *
 * @returns the version of its tables, 0 for an empty file
 * @throws StoreError when it is from a newer banban, or not banban's at all
 */
export function refuseOthers(db: Database, path: string, steps: readonly Migration[] = migrations): number {
  const newest = steps.at(-1)?.version ?? 0;
  const from = number(db, 'PRAGMA user_version');
  const owner = number(db, 'PRAGMA application_id');
  const tables = number(db, 'SELECT count(*) FROM sqlite_schema');
  if (owner !== APPLICATION_ID && (owner !== 0 || from !== 0 || tables !== 0)) {
    throw new StoreError(`${path} is a SQLite database of some other program: name another file as database`);
  }
  if (from > newest) {
    throw new StoreError(
      `${path} was written by a newer banban (its tables have version ${from}, this one knows ${newest}): upgrade banban, or name another file as database`,
    );
  }
  return from;
}

/**
 * Runs the migrations that `db` does not have yet, all in one transaction: after a failure the file is as it was.
 *
 * @returns the version before and after
 * @throws StoreError when the database is from a newer banban, or not banban's at all; SqliteError when SQL fails
 */
export function migrate(db: Database, path: string, steps: readonly Migration[] = migrations): { from: number; to: number } {
  const newest = steps.at(-1)?.version ?? 0;
  const run = db.transaction(() => {
    const from = refuseOthers(db, path, steps);
    if (from === newest) return { from, to: newest };
    for (const step of steps) if (step.version > from) db.exec(step.sql);
    db.pragma(`application_id = ${APPLICATION_ID}`);
    db.pragma(`user_version = ${newest}`);
    return { from, to: newest };
  });
  // IMMEDIATE: this also proves, before anything depends on it, that the file can be written and that nobody else holds it.
  return run.immediate();
}
