import type { Migration } from '../migration.ts';

/** How far sources that can be read again were worked off. Frozen, as every migration is. */
export const positions: Migration = {
  version: 4,
  sql: `
CREATE TABLE positions (
  name TEXT PRIMARY KEY,
  state TEXT NOT NULL
) STRICT;
`,
};
