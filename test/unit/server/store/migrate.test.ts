import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { APPLICATION_ID, migrations } from '../../../../packages/server/src/store/migrate.ts';
import type { Migration } from '../../../../packages/server/src/store/migration.ts';
import { openStore } from '../../../../packages/server/src/store/sqlite.ts';
import { withRaw } from '../../../support/raw-sqlite.ts';
import { banWrite } from '../../../support/records.ts';
import { tempDir } from '../../../support/temp-dir.ts';

/** Databases out there were made by these very texts. Add a line for a new migration; never change one. */
const FROZEN: Readonly<Record<number, string>> = {
  1: '39975a6bacfa5ccf0b5135b20215d41d2bb540bbbea28ec62cac49bd3540e72b',
};

test('a migration’s text is never changed', () => {
  const hashes = Object.fromEntries(migrations.map(({ version, sql }) => [version, createHash('sha256').update(sql).digest('hex')]));
  expect(hashes).toEqual(FROZEN);
});

test('versions count up from 1 without gaps', () => {
  expect(migrations.map(({ version }) => version)).toEqual(migrations.map((_, i) => i + 1));
});

const versionOf = (path: string): unknown => withRaw(path, (db) => [db.pragma('application_id', { simple: true }), db.pragma('user_version', { simple: true })]);
const made = (): string => {
  const path = join(tempDir(), 'banban.db');
  const store = openStore(path);
  store.writeBans([banWrite()], 'process');
  store.close();
  return path;
};
const newest = migrations.length;
const next = (sql: string): Migration[] => [...migrations, { version: newest + 1, sql }];

test('a new database is marked as banban’s and has the newest version', () => {
  expect(versionOf(made())).toEqual([APPLICATION_ID, newest]);
});

test('an older database is brought forward, with what it holds', () => {
  const path = made();
  const store = openStore(path, { migrations: next('ALTER TABLE bans ADD COLUMN country TEXT') });
  expect(store.activeBans()).toHaveLength(1);
  store.close();
  expect(versionOf(path)).toEqual([APPLICATION_ID, newest + 1]);
});

test('a database from a newer banban is refused with a sentence, and left alone', () => {
  const path = made();
  withRaw(path, (db) => db.pragma(`user_version = ${newest + 6}`));
  const before = readFileSync(path);
  expect(() => openStore(path)).toThrow(`${path} was written by a newer banban (its tables have version ${newest + 6}, this one knows ${newest}): upgrade banban, or name another file as database`);
  expect(readFileSync(path).equals(before)).toBe(true);
});

test('a migration that fails leaves the file as it was, also after statements that worked', () => {
  const path = made();
  const before = readFileSync(path);
  expect(() => openStore(path, { migrations: next('CREATE TABLE extra (id); DELETE FROM bans; DROP TABLE nowhere') })).toThrow(/nowhere/);
  expect(readFileSync(path).equals(before)).toBe(true);
  const store = openStore(path);
  expect(store.activeBans()).toHaveLength(1);
  store.close();
});
