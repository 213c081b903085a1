/**
 * The store in SQLite: one file, one writer, every method one transaction and every statement prepared once. It is longer than most files
 * because all statements stand here beside each other, so that nobody else speaks SQL.
 */
import { renameSync, rmSync, statSync } from 'node:fs';
import type { Database } from 'better-sqlite3';
import { instant, type Instant, type Subject } from 'banban-shared';
import { allowTable, prepareAllow } from './allow-table.ts';
import { beneathTable, prepareBeneath } from './beneath-table.ts';
import { pastTable, preparePast } from './past-table.ts';
import { makePrivateFile, openDatabase, prepareDirectory, syncFile, writeAhead } from './database-file.ts';
import { damagedDatabase, explaining } from './explain.ts';
import { migrate, refuseOthers } from './migrate.ts';
import type { Migration } from './migration.ts';
import { RowReader, sqlBound, sqlInstant, sqlLines, type BanRow, type EndedBanRow, type OffenceRow, type UnreleasedRow } from './rows.ts';
import { StoreError, type AllowStore, type BanEnd, type BanRecord, type BanWrite, type BeneathStore, type Durability, type EndCause, type EndedBanRecord, type NewOffence, type OffenceRecord, type OffenceScope, type PastStore, type Store, type Unreleased } from './store.ts';

/** What may be left out: all but `warn` is for tests. */
export interface StoreOptions {
  /** Told when the file was removed and has been written anew, a sentence for the admin. */
  readonly warn?: (message: string) => void;
  /** How long a call waits for another program's lock, with the loop standing still. */
  readonly busyTimeoutMs?: number;
  /** For tests of the migrations themselves. */
  readonly migrations?: readonly Migration[];
}

/** Enough for a sqlite3 shell's look or a backup's last step, too short for the log queue behind the loop to run over. */
const BUSY_TIMEOUT_MS = 200;

/**
 * Opens the database at `path`, making it (0600) and its directory (0700) where they are missing and bringing its tables
 * up to date. Call `holdInstanceLock` first.
 *
 * @throws StoreError: not a database, another program's, a newer banban's, damaged, locked, not to be written
 */
export function openStore(path: string, options: StoreOptions = {}): Store {
  return explaining(path, () => {
    const file = prepareDirectory(path);
    const db = openDatabase(file, options.busyTimeoutMs ?? BUSY_TIMEOUT_MS);
    try {
      // Before the first pragma that writes: switching to WAL changes the file.
      refuseOthers(db, path, options.migrations);
      writeAhead(db);
      migrate(db, path, options.migrations);
      checkBans(db, path);
      return new SqliteStore(path, file, db, options);
    } catch (error) {
      db.close();
      throw error;
    }
  });
}

/**
 * Looks through the table of bans and its indexes (under a millisecond for a thousand rows): a damaged index would not
 * fail, it would forget bans.
 */
function checkBans(db: Database, path: string): void {
  const verdict = String(db.pragma('integrity_check(bans)', { simple: true }));
  if (verdict !== 'ok') throw damagedDatabase(path, verdict);
}

/** What an end is called in the events. */
const END_EVENT: Readonly<Record<EndCause, string>> = {
  expired: 'expire',
  pardoned: 'pardon',
  unbanned: 'unban',
  allowlisted: 'allow',
  target_removed: 'target_removed',
  delisted: 'delist',
};

const BAN = 'id, address, target, origin_kind, origin_name, level, reason, since, until, connections';

type Value = string | number | null;
type Purge = { readonly before: number; readonly limit: number };

/** Every statement, compiled when the store is opened. */
const prepareAll = (db: Database) => ({
  activeBans: db.prepare<[], BanRow>(`SELECT ${BAN} FROM bans WHERE ended_at IS NULL ORDER BY id`),
  unreleased: db.prepare<[], UnreleasedRow>('SELECT id, address, target FROM bans WHERE ended_at IS NOT NULL AND released = 0 ORDER BY id'),
  // Within one IMMEDIATE transaction nobody comes between these; bans_active refuses a second active ban all the same.
  activeBan: db.prepare<Value[], BanRow>(`SELECT ${BAN} FROM bans WHERE address = ? AND target = ? AND ended_at IS NULL`),
  insertBan: db.prepare<Value[]>('INSERT INTO bans (address, target, origin_kind, origin_name, level, reason, since, until) VALUES (?, ?, ?, ?, ?, ?, ?, ?)'),
  extendBan: db.prepare<Value[]>('UPDATE bans SET origin_kind = ?, origin_name = ?, level = ?, reason = ?, until = ?, extensions = extensions + 1 WHERE id = ?'),
  hasUnreleased: db.prepare<Value[], number>('SELECT 1 FROM bans WHERE address = ? AND target = ? AND ended_at IS NOT NULL AND released = 0').pluck(),
  takeOver: db.prepare<Value[]>('UPDATE bans SET released = 1 WHERE address = ? AND target = ? AND ended_at IS NOT NULL AND released = 0'),
  endBan: db.prepare<Value[], UnreleasedRow>('UPDATE bans SET ended_at = ?, ended_by = ?, ended_name = ? WHERE id = ? AND ended_at IS NULL RETURNING id, address, target'),
  shapes: db.prepare<[], { name: string; shape: string }>('SELECT name, shape FROM targets ORDER BY name'),
  positions: db.prepare<[], { name: string; state: string }>('SELECT name, state FROM positions'),
  putPosition: db.prepare<Value[]>('INSERT INTO positions (name, state) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET state = excluded.state'),
  forgetPosition: db.prepare<Value[]>('DELETE FROM positions WHERE name = ?'),
  forgetShapes: db.prepare<[]>('DELETE FROM targets'),
  writeShape: db.prepare<Value[]>('INSERT INTO targets (name, shape) VALUES (?, ?)'),
  addConnections: db.prepare<Value[]>('UPDATE bans SET connections = connections + ? WHERE id = ?'),
  markReleased: db.prepare<Value[]>('UPDATE bans SET released = 1 WHERE id = ? AND ended_at IS NOT NULL'),
  writeOffence: db.prepare<Value[]>('INSERT INTO offences (at, address, target, rule, level, decision, reason, lines) VALUES (?, ?, ?, ?, ?, ?, ?, ?)'),
  countOffences: db.prepare<Value[], number>("SELECT count(*) FROM offences WHERE address = ? AND target = ? AND at >= ? AND decision <> 'none'").pluck(),
  countOffencesAgainst: db.prepare<Value[], number>("SELECT count(*) FROM offences WHERE address = ? AND rule = ? AND at >= ? AND decision <> 'none'").pluck(),
  countAllOffences: db.prepare<Value[], number>("SELECT count(*) FROM offences WHERE address = ? AND at >= ? AND decision <> 'none'").pluck(),
  offencesOf: db.prepare<Value[], OffenceRow>('SELECT * FROM offences WHERE address = ? ORDER BY at DESC, id DESC LIMIT ?'),
  endedBansOf: db.prepare<Value[], EndedBanRow>(
    `SELECT ${BAN}, ended_at, ended_by, ended_name FROM bans WHERE address = ? AND ended_at IS NOT NULL ORDER BY ended_at DESC, id DESC LIMIT ?`,
  ),
  writeEvent: db.prepare<Value[]>('INSERT INTO events (at, type, ban, address, target, who, until, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?)'),
  // An ended ban whose kernel row may still be there is kept whatever its age: without it nobody would ever remove the row.
  purgeBans: db.prepare<[Purge]>('DELETE FROM bans WHERE id IN (SELECT id FROM bans WHERE ended_at IS NOT NULL AND ended_at < @before AND released = 1 LIMIT @limit)'),
  // Rows are written in the order of time, so the first by id are the oldest: no index to keep up for a rare job.
  purgeOffences: db.prepare<[Purge]>('DELETE FROM offences WHERE id IN (SELECT id FROM offences ORDER BY id LIMIT @limit) AND at < @before'),
  purgeEvents: db.prepare<[Purge]>('DELETE FROM events WHERE id IN (SELECT id FROM events ORDER BY id LIMIT @limit) AND at < @before'),
});

class SqliteStore implements Store {
  readonly allow: AllowStore;
  readonly past: PastStore;
  readonly beneath: BeneathStore;
  private pastSql: ReturnType<typeof preparePast>;
  private beneathSql: ReturnType<typeof prepareBeneath>;
  private allowSql: ReturnType<typeof prepareAllow>;
  private sql: ReturnType<typeof prepareAll>;
  private readonly rows: RowReader;
  private inTransaction: (action: () => void) => void;
  private durability: Durability = 'process';
  private inode: bigint;

  constructor(readonly path: string, private readonly file: string, private db: Database, private readonly options: StoreOptions) {
    this.rows = new RowReader(path);
    this.allow = allowTable({ path, statements: () => this.allowSql, write: (durability, action) => this.write(durability, action) });
    this.beneath = beneathTable({ path, statements: () => this.beneathSql, write: (durability, action) => this.write(durability, action) });
    this.past = pastTable({ path, statements: () => this.pastSql, write: (durability, action) => this.write(durability, action) });
    ({ sql: this.sql, allowSql: this.allowSql, pastSql: this.pastSql, beneathSql: this.beneathSql, inTransaction: this.inTransaction, inode: this.inode } = this.attach(db));
  }

  /** All that belongs to one opening of the file. */
  private attach(db: Database) {
    return { sql: prepareAll(db), allowSql: prepareAllow(db), pastSql: preparePast(db), beneathSql: prepareBeneath(db), inTransaction: db.transaction((action: () => void) => action()).immediate, inode: statSync(this.file, { bigint: true }).ino };
  }

  activeBans(): BanRecord[] {
    return explaining(this.path, () => {
      // One row at a time: 100,000 of them twice in memory would stay in its high-water mark.
      const bans: BanRecord[] = [];
      for (const row of this.sql.activeBans.iterate()) bans.push(this.rows.ban(row));
      return bans;
    });
  }

  unreleased(): Unreleased[] {
    return explaining(this.path, () => this.sql.unreleased.all().map((row) => this.rows.unreleased(row)));
  }

  writeBans(writes: readonly BanWrite[], durability: Durability, positions?: ReadonlyMap<string, string>): BanRecord[] {
    const bans: BanRecord[] = [];
    this.write(durability, () => {
      for (const write of writes) bans.push(this.writeBan(write));
      if (positions !== undefined) this.putPositions(positions);
    });
    return bans;
  }

  private putPositions(positions: ReadonlyMap<string, string>): void {
    for (const [name, state] of positions) this.sql.putPosition.run(name, state);
  }

  positions(): ReadonlyMap<string, string> {
    return explaining(this.path, () => new Map(this.sql.positions.all().map(({ name, state }) => [name, state])));
  }

  savePositions(positions: ReadonlyMap<string, string>): void {
    this.write('process', () => this.putPositions(positions));
  }

  keepPositions(names: ReadonlySet<string>): void {
    const gone = [...this.positions().keys()].filter((name) => !names.has(name));
    if (gone.length > 0) this.write('process', () => gone.forEach((name) => this.sql.forgetPosition.run(name)));
  }

  private writeBan(write: BanWrite): BanRecord {
    const { address, target, origin } = write;
    if (write.offence !== undefined) this.insertOffence(write.offence);
    const row = this.sql.activeBan.get(address, target);
    const ban = row === undefined ? this.openBan(write) : this.extendBan(this.rows.ban(row), write);
    const type = row === undefined ? 'ban' : 'extend';
    if (write.quiet !== true) this.sql.writeEvent.run(sqlInstant(write.at), type, ban.id, address, target, `${origin.kind}:${origin.name}`, sqlInstant(ban.until), write.reason ?? null);
    return ban;
  }

  private openBan({ address, target, origin, level, reason, at, until }: BanWrite): BanRecord {
    // The kernel's row, if an ended ban left one, is this ban's now: removing it for the old one would free the address.
    if (this.sql.hasUnreleased.get(address, target) !== undefined) this.sql.takeOver.run(address, target);
    const values = [address, target, origin.kind, origin.name, level ?? null, reason ?? null, sqlInstant(at), sqlInstant(until)];
    const id = Number(this.sql.insertBan.run(...values).lastInsertRowid);
    return { id, address, target, origin, level, reason, since: at, until, connections: 0 };
  }

  private extendBan(old: BanRecord, write: BanWrite): BanRecord {
    const level = write.level ?? old.level;
    const reason = write.reason ?? old.reason;
    const until = instant(Math.max(old.until, write.until));
    this.sql.extendBan.run(write.origin.kind, write.origin.name, level ?? null, reason ?? null, sqlInstant(until), old.id);
    return { ...old, origin: write.origin, level, reason, until };
  }

  writeOffences(offences: readonly NewOffence[]): void {
    this.write('process', () => {
      for (const offence of offences) this.insertOffence(offence);
    });
  }

  private insertOffence(offence: NewOffence): void {
    const { address, target, rule, level, decision, reason } = offence;
    this.sql.writeOffence.run(sqlInstant(offence.at), address, target, rule, level, decision, reason ?? null, sqlLines(offence.lines));
  }

  endBans(ends: readonly BanEnd[], durability: Durability): void {
    this.write(durability, () => {
      for (const { id, at, by, name } of ends) {
        const row = this.sql.endBan.get(sqlInstant(at), by, name ?? null, id);
        if (row !== undefined) this.sql.writeEvent.run(sqlInstant(at), END_EVENT[by], id, row.address, row.target, name ?? null, null, null);
      }
    });
  }

  shapes(): ReadonlyMap<string, string> {
    return explaining(this.path, () => new Map(this.sql.shapes.all().map(({ name, shape }) => [name, shape])));
  }

  saveShapes(shapes: ReadonlyMap<string, string>): void {
    this.write('process', () => {
      this.sql.forgetShapes.run();
      for (const [name, shape] of shapes) this.sql.writeShape.run(name, shape);
    });
  }

  addConnections(cuts: readonly { readonly id: number; readonly connections: number }[]): void {
    this.write('process', () => {
      for (const { id, connections } of cuts) this.sql.addConnections.run(connections, id);
    });
  }

  markReleased(ids: readonly number[]): void {
    this.write('process', () => {
      for (const id of ids) this.sql.markReleased.run(id);
    });
  }

  countOffences(addresses: readonly Subject[], scope: OffenceScope, since: Instant): number {
    const from = sqlBound(since);
    const { countAllOffences, countOffences, countOffencesAgainst } = this.sql;
    const countOf = (address: Subject): number => (scope === 'all' ? countAllOffences.get(address, from) : 'target' in scope ? countOffences.get(address, scope.target, from) : countOffencesAgainst.get(address, scope.rule, from)) ?? 0;
    return explaining(this.path, () => addresses.reduce((sum, address) => sum + countOf(address), 0));
  }

  offencesOf(address: Subject, limit: number): OffenceRecord[] {
    return explaining(this.path, () => this.sql.offencesOf.all(address, limit).map((row) => this.rows.offence(row)));
  }

  endedBansOf(address: Subject, limit: number): EndedBanRecord[] {
    return explaining(this.path, () => this.sql.endedBansOf.all(address, limit).map((row) => this.rows.endedBan(row)));
  }

  writeEvent(event: { readonly at: Instant; readonly type: string; readonly detail: string | undefined }): void {
    this.write('process', () => this.sql.writeEvent.run(sqlInstant(event.at), event.type, null, null, null, null, null, event.detail ?? null));
  }

  purge(before: Instant, limit: number): number {
    let gone = 0;
    this.write('process', () => {
      gone = 0;
      for (const statement of [this.sql.purgeBans, this.sql.purgeOffences, this.sql.purgeEvents]) gone += statement.run({ before: sqlBound(before), limit }).changes;
    });
    return gone;
  }

  /** The room that the file, its log and its index take on the disk. */
  sizeBytes(): number {
    return ['', '-wal', '-shm'].reduce((sum, tail) => sum + (statSync(this.path + tail, { throwIfNoEntry: false })?.size ?? 0), 0);
  }

  putBack(): void {
    const there = statSync(this.file, { bigint: true, throwIfNoEntry: false });
    if (there?.ino === this.inode) return;
    if (there !== undefined) throw new StoreError(`${this.path} was replaced by another file while banband ran; nothing was written: restart banband to go on with the new one`);
    const copy = `${this.file}.new`;
    explaining(this.path, () => {
      prepareDirectory(this.file);
      rmSync(copy, { force: true });
      // VACUUM INTO takes an empty file as it is, with its mode.
      makePrivateFile(copy);
      this.db.prepare('VACUUM INTO ?').run(copy);
      syncFile(copy);
    });
    // An old log would be taken for the new file's. What goes wrong from here on is no StoreError: it ends banband, and the
    // next start finds everything.
    for (const tail of ['-wal', '-shm']) rmSync(this.file + tail, { force: true });
    renameSync(copy, this.file);
    // Before the new one is opened: a connection that closes removes the log by its name, whosever it is.
    this.db.close();
    this.db = openDatabase(this.file, this.options.busyTimeoutMs ?? BUSY_TIMEOUT_MS);
    writeAhead(this.db);
    ({ sql: this.sql, allowSql: this.allowSql, pastSql: this.pastSql, beneathSql: this.beneathSql, inTransaction: this.inTransaction, inode: this.inode } = this.attach(this.db));
    this.durability = 'process';
    this.options.warn?.(`${this.path} was removed while banband ran, and has been written anew with all that was in it: to end bans use banctl unban, and stop banband before its database is moved`);
  }

  close(): void {
    // The last one out copies the log into the file; should that fail, the next start does it.
    this.db.close();
  }

  /** One transaction. In WAL mode NORMAL leaves a commit to the kernel's page cache, FULL syncs the log before it returns. */
  private write(durability: Durability, action: () => void): void {
    explaining(this.path, () => {
      this.putBack();
      if (durability !== this.durability) {
        // Inside a transaction SQLite would ignore it.
        this.db.pragma(`synchronous = ${durability === 'power' ? 'FULL' : 'NORMAL'}`);
        this.durability = durability;
      }
      this.inTransaction(action);
    });
  }
}
