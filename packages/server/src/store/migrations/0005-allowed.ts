import type { Migration } from '../migration.ts';

/**
 * What people have allowed by hand, and the last good answer for each host name of the allow list (a JSON list of addresses). Frozen, as
 * every migration is. An `until` of NULL is for ever.
 */
export const allowed: Migration = {
  version: 5,
  sql: `
CREATE TABLE allowed (
  prefix TEXT PRIMARY KEY,
  since INTEGER NOT NULL,
  until INTEGER,
  reason TEXT,
  who TEXT NOT NULL
) STRICT;
CREATE TABLE allowed_hosts (
  name TEXT PRIMARY KEY,
  at INTEGER NOT NULL,
  addresses TEXT NOT NULL
) STRICT;
`,
};
