import type { Migration } from '../migration.ts';

/** How many existing connections died of a ban. Frozen, as every migration is. An `address` may be a network from here on. */
export const connections: Migration = {
  version: 2,
  sql: `
ALTER TABLE bans ADD COLUMN connections INTEGER NOT NULL DEFAULT 0;
`,
};
