/** What is in banban's database, read beside the running daemon. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { checkout } from './victim.ts';

interface Database {
  prepare(sql: string): { all(): unknown[] };
  close(): void;
}

/** The active bans as rows of the table, in no order. */
export function storedBans(path: string): { address: string; target: string }[] {
  const open = createRequire(join(checkout, 'packages/server/package.json'))('better-sqlite3') as new (path: string, options: object) => Database;
  const database = new open(path, { readonly: true });
  try {
    return database.prepare('SELECT address, target FROM bans WHERE ended_at IS NULL').all() as { address: string; target: string }[];
  } finally {
    database.close();
  }
}
