import type { Migration } from '../migration.ts';

/**
 * The first tables. Frozen: a database out there was made by this text, so a change of mind is a new migration (a test
 * holds the hash). Instants are milliseconds since 1970; an `until` of NULL is for ever.
 */
export const bansOffencesEvents: Migration = {
  version: 1,
  sql: `
CREATE TABLE bans (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  address TEXT NOT NULL,
  target TEXT NOT NULL,
  origin_kind TEXT NOT NULL,
  origin_name TEXT NOT NULL,
  level INTEGER,
  reason TEXT,
  since INTEGER NOT NULL,
  until INTEGER,
  extensions INTEGER NOT NULL DEFAULT 0,
  ended_at INTEGER,
  ended_by TEXT,
  ended_name TEXT,
  released INTEGER NOT NULL DEFAULT 0,
  CHECK ((ended_at IS NULL) = (ended_by IS NULL)),
  CHECK (released = 0 OR ended_at IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX bans_active ON bans (address, target) WHERE ended_at IS NULL;
CREATE INDEX bans_ended ON bans (address, ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX bans_unreleased ON bans (address, target) WHERE ended_at IS NOT NULL AND released = 0;
CREATE INDEX bans_purge ON bans (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE offences (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  address TEXT NOT NULL,
  target TEXT NOT NULL,
  rule TEXT NOT NULL,
  level INTEGER NOT NULL,
  decision TEXT NOT NULL,
  reason TEXT,
  lines TEXT NOT NULL
) STRICT;
CREATE INDEX offences_of ON offences (address, at, target, decision);

CREATE TABLE events (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  type TEXT NOT NULL,
  ban INTEGER,
  address TEXT,
  target TEXT,
  who TEXT,
  until INTEGER,
  detail TEXT
) STRICT;
`,
};
