import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { instant } from 'banban-shared';
import { expect, test } from 'vitest';
import { APPLICATION_ID, migrations } from '../../../../packages/server/src/store/migrate.ts';
import type { Migration } from '../../../../packages/server/src/store/migration.ts';
import { openStore } from '../../../../packages/server/src/store/sqlite.ts';
import { withRaw } from '../../../support/raw-sqlite.ts';
import { address, banWrite, T0 } from '../../../support/records.ts';
import { tempDir } from '../../../support/temp-dir.ts';

/** Databases out there were made by these very texts. Add a line for a new migration; never change one. */
const FROZEN: Readonly<Record<number, string>> = {
  1: '39975a6bacfa5ccf0b5135b20215d41d2bb540bbbea28ec62cac49bd3540e72b',
  2: '8422d10fa4932ff4f7f154c1e9da507265ed6ef9d5d007f9ca0b6fb95476db6a',
  3: 'f4e771b71e4d39eba332d009cac1e60541f11d80539ee69a2f2ecffa28b0a4fb',
  4: '96456749f9fd7add1601b982a2707f615f24e935d9ceae21c1ade0a0b9f745e5',
  5: '1c839a91dad8a20d02ea5b0ba23606f7b1c2e82a5eecfacc464e59e838e3f148',
  6: 'c0864e335887242fe148e77d30218f4ff31b48106776abc82a4074d254e4ad9e',
  7: '5f7217bec62d0d671948f43f80f94d54c527763014eebca254e91f27d87e2463',
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

/** As banban 0.1 left it. */
const versionOne = (): string => {
  const path = join(tempDir(), 'banban.db');
  withRaw(path, (db) => {
    db.exec(migrations[0]?.sql ?? '');
    db.exec(`
      INSERT INTO bans (address, target, origin_kind, origin_name, level, reason, since, until, extensions) VALUES
        ('192.0.2.1', 'BLOCKER', 'rule', 'ssh', 2, NULL, ${T0}, ${T0 + 3_600_000}, 1),
        ('2001:db8::1', 'THROTTLE', 'manual', 'ann', NULL, 'scans', ${T0}, NULL, 0);
      INSERT INTO bans (address, target, origin_kind, origin_name, since, until, ended_at, ended_by, ended_name, released) VALUES
        ('192.0.2.2', 'BLOCKER', 'rule', 'ssh', ${T0}, ${T0 + 1000}, ${T0 + 500}, 'unbanned', 'ann', 0);
      INSERT INTO offences (at, address, target, rule, level, decision, lines) VALUES (${T0}, '192.0.2.1', 'BLOCKER', 'ssh', 2, 'banned', '["one"]');
      INSERT INTO events (at, type) VALUES (${T0}, 'start');`);
    db.pragma(`application_id = ${APPLICATION_ID}`);
    db.pragma('user_version = 1');
  });
  return path;
};

test('a database of version 1 keeps its bans, ends, offences and events, and every ban has no connection that died of it', () => {
  const path = versionOne();
  const store = openStore(path);
  const one = { id: 1, address: '192.0.2.1', target: 'BLOCKER', origin: { kind: 'rule', name: 'ssh' }, level: 2, reason: undefined, since: T0, until: T0 + 3_600_000, connections: 0 };
  expect(store.activeBans()).toEqual([one, { id: 2, address: '2001:db8::1', target: 'THROTTLE', origin: { kind: 'manual', name: 'ann' }, level: undefined, reason: 'scans', since: T0, until: Infinity, connections: 0 }]);
  expect(store.unreleased()).toEqual([{ id: 3, address: '192.0.2.2', target: 'BLOCKER' }]);
  expect(store.endedBansOf(address('192.0.2.2'), 10)).toMatchObject([{ endedBy: 'unbanned', endedName: 'ann', connections: 0 }]);
  expect(store.offencesOf(address('192.0.2.1'), 10)).toMatchObject([{ level: 2, lines: ['one'] }]);
  store.addConnections([{ id: 1, connections: 2 }]);
  expect(store.activeBans()[0]).toEqual({ ...one, connections: 2 });
  expect(store.writeBans([banWrite({ until: instant(T0 + 9_000_000) })], 'power'), 'and goes on').toMatchObject([{ id: 1, until: T0 + 9_000_000, connections: 2 }]);
  store.close();
  expect(versionOf(path)).toEqual([APPLICATION_ID, newest]);
  expect(withRaw(path, (db) => db.prepare('SELECT type FROM events ORDER BY id').all())).toEqual([{ type: 'start' }, { type: 'extend' }]);
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
