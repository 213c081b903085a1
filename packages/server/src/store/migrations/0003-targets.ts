import type { Migration } from '../migration.ts';

/** The targets of the last run, each as JSON: what they left in the kernel is known by them. Frozen, as every migration is. */
export const targets: Migration = {
  version: 3,
  sql: `
CREATE TABLE targets (
  name TEXT PRIMARY KEY,
  shape TEXT NOT NULL
) STRICT;
`,
};
