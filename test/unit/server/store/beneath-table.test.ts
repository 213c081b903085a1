import { join } from 'node:path';
import { NEVER } from 'banban-shared';
import { expect, test } from 'vitest';
import { openStore } from '../../../../packages/server/src/store/sqlite.ts';
import type { BeneathRecord } from '../../../../packages/server/src/store/store.ts';
import { address, T0 } from '../../../support/records.ts';
import { tempDir } from '../../../support/temp-dir.ts';
import { withRaw } from '../../../support/raw-sqlite.ts';

const one: BeneathRecord = { target: 'BLOCKER', address: address('192.0.2.1'), origin: { kind: 'manual', name: 'ann' }, level: undefined, reason: 'mine', until: NEVER };
const other: BeneathRecord = { ...one, address: address('192.0.2.2'), origin: { kind: 'rule', name: 'ssh' }, level: 2, reason: undefined, until: T0 };

test('what is asked for beneath the bans of lists is there again, one for each address, and what banban does not write is left out', () => {
  const path = join(tempDir(), 'banban.db');
  let store = openStore(path);
  store.beneath.change({ put: [one, { ...other, level: 1 }], remove: [] }, 'power');
  store.beneath.change({ put: [other], remove: [] }, 'process');
  store.close();
  withRaw(path, (db) => db.exec("INSERT INTO beneath VALUES ('BLOCKER', '192.0.2.300', 'manual', 'ann', NULL, NULL, NULL), ('BLOCKER', '192.0.2.3', 'list', 'drop', NULL, NULL, NULL)"));
  store = openStore(path);
  expect(store.beneath.all()).toEqual([one, other]);
  store.beneath.change({ put: [], remove: [one] }, 'process');
  expect(store.beneath.all()).toEqual([other]);
  store.close();
});
