/** Databases seen past the store: what another program sees, or does. Tests only. */
import { createRequire } from 'node:module';
import { join } from 'node:path';

export interface RawDatabase {
  prepare(sql: string): { all(...values: unknown[]): Record<string, unknown>[]; get(...values: unknown[]): Record<string, unknown> | undefined; run(...values: unknown[]): unknown };
  exec(sql: string): void;
  /** Lets the schema itself be written. */
  unsafeMode(): void;
  pragma(sql: string, options?: { simple: boolean }): unknown;
  close(): void;
}

// The package belongs to the server, so it is found from there.
const Sqlite = createRequire(join(import.meta.dirname, '../../packages/server/package.json'))('better-sqlite3') as new (path: string) => RawDatabase;

/** For a test that closes it itself. */
export const openRaw = (path: string): RawDatabase => new Sqlite(path);

/** Runs `action` on the database at `path` and closes it. */
export function withRaw<T>(path: string, action: (db: RawDatabase) => T): T {
  const db = new Sqlite(path);
  try {
    return action(db);
  } finally {
    db.close();
  }
}
