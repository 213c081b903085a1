import type { Migration } from '../migration.ts';

/** Who logged in when last, and which rules the circuit breaker has stopped. Frozen, as every migration is. */
export const loginsStoppedRules: Migration = {
  version: 6,
  sql: `
CREATE TABLE logins (
  address TEXT PRIMARY KEY,
  at INTEGER NOT NULL
) STRICT;
CREATE INDEX logins_at ON logins (at);
CREATE TABLE stopped_rules (
  rule TEXT PRIMARY KEY,
  at INTEGER NOT NULL,
  reason TEXT NOT NULL
) STRICT;
`,
};
