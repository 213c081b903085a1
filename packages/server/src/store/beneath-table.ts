/** The table of what people and rules ask for beneath the longer ban of a list. */
import type { Database } from 'better-sqlite3';
import { instant, NEVER, parseSubject } from 'banban-shared';
import { explaining } from './explain.ts';
import { sqlInstant } from './rows.ts';
import type { BeneathRecord, BeneathStore } from './store.ts';
import type { TableParts } from './table.ts';

interface BeneathRow {
  readonly target: string;
  readonly address: string;
  readonly origin_kind: string;
  readonly origin_name: string;
  readonly level: number | null;
  readonly reason: string | null;
  readonly until: number | null;
}

type Value = string | number | null;

/** Every statement, compiled when the store is opened. */
export const prepareBeneath = (db: Database) => ({
  all: db.prepare<[], BeneathRow>('SELECT target, address, origin_kind, origin_name, level, reason, until FROM beneath ORDER BY target, address'),
  put: db.prepare<Value[]>('INSERT OR REPLACE INTO beneath (target, address, origin_kind, origin_name, level, reason, until) VALUES (?, ?, ?, ?, ?, ?, ?)'),
  remove: db.prepare<Value[]>('DELETE FROM beneath WHERE target = ? AND address = ?'),
});

/** The part of the store that is about them. */
export function beneathTable({ path, statements, write }: TableParts<ReturnType<typeof prepareBeneath>>): BeneathStore {
  return {
    all: () => explaining(path, () => statements().all.all().flatMap((row) => recordOf(row) ?? [])),
    change({ put, remove }, durability) {
      const sql = statements;
      write(durability, () => {
        for (const { target, address } of remove) sql().remove.run(target, address);
        for (const { target, address, origin, level, reason, until } of put) sql().put.run(target, address, origin.kind, origin.name, level ?? null, reason ?? null, sqlInstant(until));
      });
    },
  };
}

/** Undefined for what banban does not write. */
function recordOf({ target, address, origin_kind: kind, origin_name: name, level, reason, until }: BeneathRow): BeneathRecord | undefined {
  const subject = parseSubject(address);
  if (subject === undefined || (kind !== 'rule' && kind !== 'manual')) return undefined;
  return { target, address: subject, origin: { kind, name }, level: level ?? undefined, reason: reason ?? undefined, until: until === null ? NEVER : instant(until) };
}
