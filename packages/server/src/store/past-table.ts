/** What decisions look up of the past besides offences in one target: bans of an address, logins, and rules that were stopped. */
import type { Database } from 'better-sqlite3';
import { instant, parseSubject, type Instant, type Subject } from 'banban-shared';
import { explaining } from './explain.ts';
import { sqlBound, sqlInstant } from './rows.ts';
import type { PastStore } from './store.ts';
import type { TableParts } from './table.ts';

type Value = string | number | null;
interface PastBanRow {
  readonly id: number;
  readonly target: string;
  readonly rule: string;
  readonly since: number;
}

/** Every statement, compiled when the store is opened. */
export const preparePast = (db: Database) => ({
  bansOf: db.prepare<Value[], PastBanRow>("SELECT id, target, origin_name AS rule, since FROM bans WHERE address = ? AND ended_at IS NOT NULL AND since > ? AND since <= ? AND origin_kind = 'rule' UNION ALL SELECT id, target, origin_name, since FROM bans WHERE address = ? AND ended_at IS NULL AND since > ? AND since <= ? AND origin_kind = 'rule' ORDER BY since DESC, id DESC LIMIT ?"),
  offenders: db.prepare<Value[], string>("SELECT DISTINCT address FROM offences WHERE decision <> 'none' LIMIT ?").pluck(),
  lastOffence: db.prepare<Value[], number | null>("SELECT max(at) FROM offences WHERE address = ? AND rule = ? AND at <= ? AND decision <> 'none'").pluck(),
  putLogin: db.prepare<Value[]>('INSERT INTO logins (address, at) VALUES (?, ?) ON CONFLICT (address) DO UPDATE SET at = max(at, excluded.at)'),
  login: db.prepare<Value[], number>('SELECT at FROM logins WHERE address = ?').pluck(),
  logins: db.prepare<Value[], { address: string; at: number }>('SELECT address, at FROM (SELECT address, at FROM logins ORDER BY at DESC LIMIT ?) ORDER BY at'),
  forgetLogins: db.prepare<Value[]>('DELETE FROM logins WHERE address IN (SELECT address FROM logins WHERE at < ? LIMIT ?)'),
  stopped: db.prepare<[], { rule: string; at: number; reason: string }>('SELECT rule, at, reason FROM stopped_rules ORDER BY rule'),
  stop: db.prepare<Value[]>('INSERT INTO stopped_rules (rule, at, reason) VALUES (?, ?, ?) ON CONFLICT (rule) DO UPDATE SET at = excluded.at, reason = excluded.reason'),
  resume: db.prepare<Value[]>('DELETE FROM stopped_rules WHERE rule = ?'),
  event: db.prepare<Value[]>('INSERT INTO events (at, type, who, detail) VALUES (?, ?, ?, ?)'),
});

/** The part of the store that decisions look things up in. */
export function pastTable({ path, statements, write }: TableParts<ReturnType<typeof preparePast>>): PastStore {
  return {
    bansOf: (address, since, now, limit) => explaining(path, () => statements().bansOf.all(address, sqlBound(since), sqlBound(now), address, sqlBound(since), sqlBound(now), limit).map((row) => ({ ...row, since: instant(row.since) }))),
    offenders: (limit) => explaining(path, () => statements().offenders.all(limit).flatMap((address) => parseSubject(address) ?? [])),
    lastOffence(addresses, rule, now) {
      const last = explaining(path, () => addresses.flatMap((address) => statements().lastOffence.get(address, rule, sqlBound(now)) ?? []));
      return last.length === 0 ? undefined : instant(Math.max(...last));
    },
    noteLogins(logins) {
      write('process', () => {
        for (const [address, at] of logins) statements().putLogin.run(address, sqlInstant(at));
      });
    },
    lastLogin(address) {
      const at = explaining(path, () => statements().login.get(address));
      return at === undefined ? undefined : instant(at);
    },
    logins: (limit) =>
      explaining(path, () => {
        const logins = new Map<Subject, Instant>();
        for (const { address, at } of statements().logins.iterate(limit)) {
          const subject = parseSubject(address);
          if (subject !== undefined) logins.set(subject, instant(at));
        }
        return logins;
      }),
    forgetLogins(before, limit) {
      let gone = 0;
      write('process', () => (gone = statements().forgetLogins.run(sqlBound(before), limit).changes));
      return gone;
    },
    stoppedRules: () => explaining(path, () => new Map(statements().stopped.all().map(({ rule, at, reason }) => [rule, { since: instant(at), reason }]))),
    stopRule(rule, at, reason) {
      write('power', () => {
        statements().stop.run(rule, sqlInstant(at), reason);
        statements().event.run(sqlInstant(at), 'rule_stopped', null, `${rule}: ${reason}`);
      });
    },
    resumeRule(rule, at, by) {
      write('power', () => {
        statements().resume.run(rule);
        statements().event.run(sqlInstant(at), 'rule_resumed', by, rule);
      });
    },
  };
}
