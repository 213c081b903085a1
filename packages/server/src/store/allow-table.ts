/** The tables of what people have allowed by hand, and of the last good answers for host names. */
import type { Database } from 'better-sqlite3';
import { instant, NEVER, parseAddress, parseHostName, parsePrefix, subjectOf } from 'banban-shared';
import { explaining } from './explain.ts';
import { sqlInstant } from './rows.ts';
import { StoreError, type AllowedRecord, type AllowStore, type HostRecord } from './store.ts';
import type { TableParts } from './table.ts';

interface AllowedRow {
  readonly prefix: string;
  readonly since: number;
  readonly until: number | null;
  readonly reason: string | null;
  readonly who: string;
}

interface HostRow {
  readonly name: string;
  readonly at: number;
  readonly addresses: string;
}

type Value = string | number | null;

/** Every statement, compiled when the store is opened. */
export const prepareAllow = (db: Database) => ({
  byHand: db.prepare<[], AllowedRow>('SELECT prefix, since, until, reason, who FROM allowed ORDER BY since, prefix'),
  put: db.prepare<Value[]>(
    'INSERT INTO allowed (prefix, since, until, reason, who) VALUES (?, ?, ?, ?, ?) ON CONFLICT (prefix) DO UPDATE SET since = excluded.since, until = excluded.until, reason = excluded.reason, who = excluded.who',
  ),
  remove: db.prepare<Value[]>('DELETE FROM allowed WHERE prefix = ?'),
  event: db.prepare<Value[]>('INSERT INTO events (at, type, ban, address, target, who, until, detail) VALUES (?, ?, NULL, ?, NULL, ?, ?, ?)'),
  hosts: db.prepare<[], HostRow>('SELECT name, at, addresses FROM allowed_hosts ORDER BY name'),
  putHost: db.prepare<Value[]>('INSERT INTO allowed_hosts (name, at, addresses) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET at = excluded.at, addresses = excluded.addresses'),
  forgetHost: db.prepare<Value[]>('DELETE FROM allowed_hosts WHERE name = ?'),
});

/** The part of the store that is about the allow list. */
export function allowTable({ path, statements, write }: TableParts<ReturnType<typeof prepareAllow>>): AllowStore {
  return {
    byHand: () => explaining(path, () => statements().byHand.all().map((row) => allowedOf(path, row))),
    change({ put, remove }) {
      const sql = statements;
      write('power', () => {
        for (const { prefix, since, until, reason, by } of put) {
          sql().put.run(prefix, sqlInstant(since), sqlInstant(until), reason ?? null, by);
          sql().event.run(sqlInstant(since), 'allow_add', subjectOf(prefix), by, sqlInstant(until), reason ?? null);
        }
        for (const { prefix, at, by } of remove) {
          sql().remove.run(prefix);
          sql().event.run(sqlInstant(at), by === undefined ? 'allow_expire' : 'allow_remove', subjectOf(prefix), by ?? null, null, null);
        }
      });
    },
    hosts: () => explaining(path, () => statements().hosts.all().flatMap((row) => hostOf(row) ?? [])),
    saveHost({ name, at, addresses }) {
      write('process', () => statements().putHost.run(name, sqlInstant(at), JSON.stringify(addresses)));
    },
    forgetHosts(names) {
      if (names.length === 0) return;
      write('process', () => {
        for (const name of names) statements().forgetHost.run(name);
      });
    },
  };
}

function allowedOf(path: string, row: AllowedRow): AllowedRecord {
  const prefix = parsePrefix(row.prefix);
  if (prefix === undefined || prefix !== row.prefix) {
    throw new StoreError(`${path} is damaged (allowed has prefix ${JSON.stringify(row.prefix.slice(0, 60))}): correct or delete that row with sqlite3, or put a backup in its place`);
  }
  return { prefix, since: instant(row.since), until: row.until === null ? NEVER : instant(row.until), reason: row.reason ?? undefined, by: row.who };
}

/** Undefined for what does not parse: the name servers will say it again. */
function hostOf(row: HostRow): HostRecord | undefined {
  const name = parseHostName(row.name);
  if (name === undefined) return undefined;
  try {
    const texts: unknown = JSON.parse(row.addresses);
    if (!Array.isArray(texts)) return undefined;
    const addresses = texts.flatMap((text) => (typeof text === 'string' ? (parseAddress(text) ?? []) : []));
    return { name, at: instant(row.at), addresses };
  } catch {
    return undefined;
  }
}
