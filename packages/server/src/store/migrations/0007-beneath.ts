import type { Migration } from '../migration.ts';

/** What people and rules ask for beneath the longer ban of a list. Frozen, as every migration is. An `until` of NULL is for ever. */
export const beneath: Migration = {
  version: 7,
  sql: `
CREATE TABLE beneath (
  target TEXT NOT NULL,
  address TEXT NOT NULL,
  origin_kind TEXT NOT NULL,
  origin_name TEXT NOT NULL,
  level INTEGER,
  reason TEXT,
  until INTEGER,
  PRIMARY KEY (target, address)
) STRICT;
`,
};
