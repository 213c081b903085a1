import { unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, ms, NEVER } from 'banban-shared';
import { expect, onTestFinished, test } from 'vitest';
import { openStore } from '../../../../packages/server/src/store/sqlite.ts';
import type { AllowedRecord, Store } from '../../../../packages/server/src/store/store.ts';
import { HOUR, prefix } from '../../../support/policies.ts';
import { withRaw } from '../../../support/raw-sqlite.ts';
import { address, hostName, T0 } from '../../../support/records.ts';
import { tempDir } from '../../../support/temp-dir.ts';

const path = (): string => join(tempDir(), 'banban.db');
function open(at: string): Store {
  const store = openStore(at);
  onTestFinished(() => store.close());
  return store;
}
const record = (text: string, given: Partial<AllowedRecord> = {}): AllowedRecord => ({ prefix: prefix(text), since: T0, until: NEVER, reason: undefined, by: 'ann', ...given });

test('what people allow is kept, once for each network, with an event for each change', () => {
  const { allow } = open(path());
  const one = record('203.0.113.7', { until: after(T0, ms(HOUR)), reason: 'a guest' });
  allow.change({ put: [one, record('2001:db8::/32')], remove: [] });
  allow.change({ put: [{ ...one, until: NEVER, by: 'bert' }], remove: [{ prefix: prefix('2001:db8::/32'), at: T0, by: 'ann' }] });
  expect(allow.byHand()).toEqual([{ ...one, until: NEVER, by: 'bert' }]);
  allow.change({ put: [], remove: [{ prefix: one.prefix, at: T0, by: undefined }] });
  expect(allow.byHand()).toEqual([]);
});

test('events say who allowed whom until when, and what ended it', () => {
  const at = path();
  const { allow } = open(at);
  allow.change({ put: [record('203.0.113.7', { until: after(T0, ms(HOUR)), reason: 'a guest' })], remove: [] });
  allow.change({ put: [], remove: [{ prefix: prefix('203.0.113.7'), at: T0, by: 'bert' }, { prefix: prefix('192.0.2.0/24'), at: T0, by: undefined }] });
  expect(withRaw(at, (db) => db.prepare('SELECT type, address, who, until, detail FROM events ORDER BY id').all())).toEqual([
    { type: 'allow_add', address: '203.0.113.7', who: 'ann', until: T0 + HOUR, detail: 'a guest' },
    { type: 'allow_remove', address: '203.0.113.7', who: 'bert', until: null, detail: null },
    { type: 'allow_expire', address: '192.0.2.0/24', who: null, until: null, detail: null },
  ]);
});

test('the last good answers for host names are kept', () => {
  const { allow } = open(path());
  const [home, away] = [hostName('home.example.org'), hostName('away.example.org')];
  allow.saveHost({ name: home, at: T0, addresses: [address('203.0.113.7')] });
  allow.saveHost({ name: away, at: T0, addresses: [] });
  allow.saveHost({ name: home, at: after(T0, ms(HOUR)), addresses: [address('203.0.113.8'), address('2001:db8::8')] });
  expect(allow.hosts()).toEqual([{ name: away, at: T0, addresses: [] }, { name: home, at: T0 + HOUR, addresses: ['203.0.113.8', '2001:db8::8'] }]);
  allow.forgetHosts([away]);
  expect(allow.hosts().map(({ name }) => name)).toEqual([home]);
});

test('a damaged entry by hand is said with what to do; a damaged answer is forgotten', () => {
  const at = path();
  const { allow } = open(at);
  allow.saveHost({ name: hostName('home.example.org'), at: T0, addresses: [address('203.0.113.7')] });
  withRaw(at, (db) => db.exec(`INSERT INTO allowed_hosts VALUES ('x', 1, '[]'), ('a.example.org', 1, '{'), ('b.example.org', 1, '["no", 5, "192.0.2.1"]'); INSERT INTO allowed VALUES ('203.0.113.7', 1, NULL, NULL, 'ann')`));
  expect(allow.hosts().map(({ name, addresses }) => [name, addresses])).toEqual([['b.example.org', ['192.0.2.1']], ['home.example.org', ['203.0.113.7']]]);
  expect(() => allow.byHand()).toThrow(`${at} is damaged (allowed has prefix "203.0.113.7"): correct or delete that row with sqlite3, or put a backup in its place`);
});

test('a database that was removed is written anew, and goes on', () => {
  const at = path();
  const { allow } = open(at);
  allow.change({ put: [record('203.0.113.7')], remove: [] });
  unlinkSync(at);
  allow.change({ put: [record('203.0.113.8')], remove: [] });
  expect(allow.byHand().map((r) => r.prefix)).toEqual(['203.0.113.7/32', '203.0.113.8/32']);
  expect(withRaw(at, (db) => db.prepare('SELECT count(*) AS n FROM allowed').all())).toEqual([{ n: 2 }]);
});
