import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { instant, NEVER, type Instant } from 'banban-shared';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openStore } from '../../../../packages/server/src/store/sqlite.ts';
import { StoreError, type BanRecord, type Store } from '../../../../packages/server/src/store/store.ts';
import { withRaw } from '../../../support/raw-sqlite.ts';
import { address, banWrite, nth, offence, subject, T0 } from '../../../support/records.ts';
import { tempDir } from '../../../support/temp-dir.ts';

const A = address('192.0.2.1');
const B = address('2001:db8::1');
const later = (milliseconds: number): Instant => instant(T0 + milliseconds);

function store(path = join(tempDir(), 'banban.db')): Store {
  const opened = openStore(path);
  onTestFinished(() => opened.close());
  return opened;
}

const first = (bans: readonly BanRecord[]): BanRecord => {
  const [ban] = bans;
  if (ban === undefined) throw new Error('no ban');
  return ban;
};

const eventsOf = (path: string): Record<string, unknown>[] => withRaw(path, (db) => db.prepare('SELECT at, type, ban, address, target, who, until, detail FROM events ORDER BY id').all());

describe('a ban', () => {
  test('comes back as it was written, also from another opening', () => {
    const path = join(tempDir(), 'banban.db');
    const s = openStore(path);
    const written = s.writeBans(
      [
        banWrite({ reason: 'three failures', offence: offence() }),
        banWrite({ address: B, origin: { kind: 'manual', name: 'eva' }, level: undefined, until: NEVER }),
      ],
      'process',
    );
    expect(written).toEqual([
      { id: 1, address: A, target: 'BLOCKER', origin: { kind: 'rule', name: 'ssh' }, level: 1, reason: 'three failures', since: T0, until: later(3_600_000), connections: 0 },
      { id: 2, address: B, target: 'BLOCKER', origin: { kind: 'manual', name: 'eva' }, level: undefined, reason: undefined, since: T0, until: NEVER, connections: 0 },
    ]);
    expect(s.activeBans()).toEqual(written);
    s.close();
    expect(store(path).activeBans()).toEqual(written);
  });

  test('of a network comes back as one, and is another than that of its first address', () => {
    const s = store();
    const texts = ['192.0.2.0/24', '192.0.2.0', '2001:db8::/64', '2001:db8::'];
    const written = s.writeBans(texts.map((text) => banWrite({ address: subject(text), offence: offence({ address: subject(text) }) })), 'process');
    expect(written.map((ban) => ban.address)).toEqual(texts);
    expect(s.activeBans()).toEqual(written);
    expect(s.countOffences([subject('192.0.2.0/24')], { target: 'BLOCKER' }, T0)).toBe(1);
    s.endBans([{ id: first(written).id, at: later(5), by: 'expired', name: undefined }], 'process');
    expect(s.unreleased()).toEqual([{ id: 1, address: '192.0.2.0/24', target: 'BLOCKER' }]);
    expect(s.endedBansOf(subject('192.0.2.0/24'), 10)).toHaveLength(1);
    expect(s.endedBansOf(subject('192.0.2.0'), 10)).toEqual([]);
  });

  test.each(['192.0.2.1/24', '192.0.2.1/32', '2001:db8::1/64', '192.0.2.0/33', '2001:DB8::/64'])('of %s, which nobody writes so, is called damaged', (text) => {
    const s = store();
    s.writeBans([banWrite()], 'process');
    withRaw(s.path, (db) => db.prepare('UPDATE bans SET address = ?').run(text));
    expect(() => s.activeBans()).toThrow(/is damaged \(bans 1 has address /);
  });

  test('counts the connections that died of it, also after its end, and an extension keeps them', () => {
    const s = store();
    const { id } = first(s.writeBans([banWrite(), banWrite({ address: B })], 'process'));
    s.addConnections([{ id, connections: 2 }, { id: 4711, connections: 5 }]);
    s.addConnections([{ id, connections: 3 }]);
    expect(s.activeBans().map((ban) => ban.connections)).toEqual([5, 0]);
    expect(first(s.writeBans([banWrite({ until: NEVER })], 'process'))).toMatchObject({ id, connections: 5 });
    s.endBans([{ id, at: later(5), by: 'expired', name: undefined }], 'process');
    s.addConnections([{ id, connections: 1 }]);
    expect(s.endedBansOf(A, 10)).toMatchObject([{ connections: 6 }]);
    expect(first(s.writeBans([banWrite()], 'process')), 'the next ban of the address begins at none').toMatchObject({ connections: 0 });
  });

  test('that is for ever is NULL in SQL', () => {
    const s = store();
    s.writeBans([banWrite({ until: NEVER })], 'process');
    expect(withRaw(s.path, (db) => db.prepare('SELECT until, typeof(since) AS since FROM bans').get())).toEqual({ until: null, since: 'integer' });
  });

  test('is one per address and target, whatever is written, also within one call', () => {
    const s = store();
    const bans = s.writeBans([banWrite(), banWrite(), banWrite({ target: 'THROTTLE' }), banWrite()], 'process');
    expect(bans.map((ban) => ban.id)).toEqual([1, 1, bans[2]?.id, 1]);
    expect(s.activeBans().map((ban) => ban.target)).toEqual(['BLOCKER', 'THROTTLE']);
  });

  test('can’t be doubled even by hand: the table refuses', () => {
    const s = store();
    s.writeBans([banWrite()], 'process');
    expect(() =>
      withRaw(s.path, (db) => db.exec("INSERT INTO bans (address, target, origin_kind, origin_name, since) VALUES ('192.0.2.1', 'BLOCKER', 'rule', 'x', 0)")),
    ).toThrow(/UNIQUE/);
  });

  test.each([
    ['shorter', later(60_000), later(3_600_000)],
    ['longer', later(9_000_000), later(9_000_000)],
    ['for ever', NEVER, NEVER],
  ])('extended by something %s lasts until the later of the two', (_name, until, expected) => {
    const s = store();
    s.writeBans([banWrite()], 'process');
    expect(first(s.writeBans([banWrite({ at: later(1000), until })], 'process'))).toMatchObject({ id: 1, since: T0, until: expected });
  });

  test('that is for ever is never shortened', () => {
    const s = store();
    s.writeBans([banWrite({ until: NEVER })], 'process');
    expect(first(s.writeBans([banWrite()], 'process')).until).toBe(NEVER);
  });

  test('extended takes the new origin, and level and reason where they are given', () => {
    const s = store();
    s.writeBans([banWrite({ reason: 'old', level: 2 })], 'process');
    const kept = first(s.writeBans([banWrite({ origin: { kind: 'manual', name: 'eva' }, level: undefined, reason: undefined })], 'process'));
    expect(kept).toMatchObject({ origin: { kind: 'manual', name: 'eva' }, level: 2, reason: 'old' });
    expect(first(s.writeBans([banWrite({ level: 3, reason: 'new' })], 'process'))).toMatchObject({ origin: { kind: 'rule', name: 'ssh' }, level: 3, reason: 'new' });
  });

  test('that was refused by the store leaves nothing of its whole call', () => {
    const s = store();
    expect(() => s.writeBans([banWrite({ offence: offence() }), banWrite({ address: B, until: instant(NaN) })], 'process')).toThrow(/not an instant/);
    expect(s.activeBans()).toEqual([]);
    expect(s.offencesOf(A, 10)).toEqual([]);
    expect(eventsOf(s.path)).toEqual([]);
    expect(s.writeBans([banWrite()], 'process')).toHaveLength(1);
  });
});

describe('the end of a ban', () => {
  test('touches no other ban, is kept with its cause, and leaves the address free for a new one', () => {
    const s = store();
    const [ban] = s.writeBans([banWrite(), banWrite({ target: 'THROTTLE' }), banWrite({ address: B })], 'process');
    s.endBans([{ id: first([ban as BanRecord]).id, at: later(5), by: 'unbanned', name: 'eva' }], 'power');
    expect(s.activeBans().map((b) => [b.address, b.target])).toEqual([[A, 'THROTTLE'], [B, 'BLOCKER']]);
    expect(s.endedBansOf(A, 10)).toEqual([{ ...ban, endedAt: later(5), endedBy: 'unbanned', endedName: 'eva' }]);
    expect(first(s.writeBans([banWrite({ at: later(10) })], 'process'))).toMatchObject({ since: later(10) });
  });

  test('happens once: a second end changes nothing and makes no event', () => {
    const s = store();
    const { id } = first(s.writeBans([banWrite()], 'process'));
    s.endBans([{ id, at: later(5), by: 'expired', name: undefined }], 'process');
    s.endBans([{ id, at: later(9), by: 'unbanned', name: 'eva' }, { id: 4711, at: later(9), by: 'unbanned', name: 'eva' }], 'process');
    expect(s.endedBansOf(A, 10)).toMatchObject([{ endedAt: later(5), endedBy: 'expired' }]);
    expect(eventsOf(s.path).map((event) => event['type'])).toEqual(['ban', 'expire']);
  });

  test('shows the newest first, up to the limit', () => {
    const s = store();
    for (const at of [10, 30, 20]) {
      const { id } = first(s.writeBans([banWrite()], 'process'));
      s.endBans([{ id, at: later(at), by: 'expired', name: undefined }], 'process');
    }
    expect(s.endedBansOf(A, 2).map((ban) => ban.endedAt)).toEqual([later(30), later(20)]);
  });

  test('leaves it unreleased until the kernel’s row is confirmed gone', () => {
    const s = store();
    const [a, b] = s.writeBans([banWrite(), banWrite({ address: B })], 'process') as [BanRecord, BanRecord];
    s.markReleased([a.id]);
    s.endBans([a, b].map(({ id }) => ({ id, at: T0, by: 'expired' as const, name: undefined })), 'process');
    expect(s.unreleased()).toEqual([{ id: a.id, address: A, target: 'BLOCKER' }, { id: b.id, address: B, target: 'BLOCKER' }]);
    s.markReleased([a.id]);
    expect(s.unreleased().map((ban) => ban.id)).toEqual([b.id]);
  });

  test('is released by the next ban of the address, whose row it is then', () => {
    const s = store();
    const { id } = first(s.writeBans([banWrite()], 'process'));
    s.endBans([{ id, at: T0, by: 'expired', name: undefined }], 'process');
    s.writeBans([banWrite({ target: 'THROTTLE' })], 'process');
    expect(s.unreleased()).toHaveLength(1);
    s.writeBans([banWrite()], 'process');
    expect(s.unreleased()).toEqual([]);
  });
});

describe('offences', () => {
  test('come with their very lines, the newest first', () => {
    const s = store();
    const odd = ['plain', 'quote " and \\', 'nul \0 escape \x1b[2J', 'lone \ud800', 'ä 漢 🦊'];
    s.writeBans([banWrite({ offence: offence({ lines: odd, reason: 'because' }) })], 'process');
    s.writeOffences([offence({ at: later(1), decision: 'none', reason: 'allow-listed' }), offence({ address: B })]);
    const seen = s.offencesOf(A, 10);
    expect(seen.map(({ at, decision }) => [at, decision])).toEqual([[later(1), 'none'], [T0, 'banned']]);
    expect(seen[1]).toMatchObject({ lines: odd, reason: 'because', rule: 'ssh', level: 1 });
    expect(s.offencesOf(A, 1)).toHaveLength(1);
  });

  test('are counted by address, target and time, but for those that led to nothing', () => {
    const s = store();
    s.writeOffences([
      offence({ at: later(1) }),
      offence({ at: later(2), decision: 'extended' }),
      offence({ at: later(3), decision: 'none' }),
      offence({ at: later(3), target: 'THROTTLE' }),
      offence({ at: later(3), address: B }),
    ]);
    expect(s.countOffences([A], { target: 'BLOCKER' }, later(1))).toBe(2);
    expect(s.countOffences([A], { target: 'BLOCKER' }, later(2))).toBe(1);
    expect(s.countOffences([A], { target: 'BLOCKER' }, instant(-Infinity))).toBe(2);
    expect(s.countOffences([A], { target: 'BLOCKER' }, NEVER)).toBe(0);
  });

  test('keep a bounded amount of lines, the newest', () => {
    const s = store();
    s.writeOffences([offence({ lines: Array.from({ length: 1000 }, (_, i) => `line ${i}`) }), offence({ at: later(1), lines: Array.from({ length: 40 }, () => 'x'.repeat(65_536)) })]);
    const [long, many] = s.offencesOf(A, 2);
    expect(many?.lines).toHaveLength(100);
    expect(many?.lines.at(-1)).toBe('line 999');
    expect(long?.lines.join('').length).toBeLessThanOrEqual(65_536);
    expect(long?.lines[0]).toBe(`${'x'.repeat(4096)}…`);
  });
});

test('every change leaves an event that says who', () => {
  const s = store();
  s.writeEvent({ at: T0, type: 'start', detail: undefined });
  const { id } = first(s.writeBans([banWrite({ reason: 'r' })], 'process'));
  s.writeBans([banWrite({ at: later(1), origin: { kind: 'manual', name: 'eva' }, until: NEVER })], 'process');
  s.endBans([{ id, at: later(2), by: 'unbanned', name: 'eva' }], 'process');
  s.writeEvent({ at: later(3), type: 'reload', detail: '1 rule changed' });
  const ban = { ban: id, address: A, target: 'BLOCKER' };
  const none = { ban: null, address: null, target: null, who: null, until: null };
  expect(eventsOf(s.path)).toEqual([
    { at: T0, type: 'start', ...none, detail: null },
    { at: T0, type: 'ban', ...ban, who: 'rule:ssh', until: later(3_600_000), detail: 'r' },
    { at: later(1), type: 'extend', ...ban, who: 'manual:eva', until: null, detail: null },
    { at: later(2), type: 'unban', ...ban, who: 'eva', until: null, detail: null },
    { at: later(3), type: 'reload', ...none, detail: '1 rule changed' },
  ]);
});

describe('purge', () => {
  test('takes what is older, never an active ban nor one whose kernel row may still be there', () => {
    const s = store();
    const [active, gone, held] = s.writeBans([banWrite({ offence: offence() }), banWrite({ address: B }), banWrite({ address: nth(1) })], 'process') as [BanRecord, BanRecord, BanRecord];
    s.endBans([gone, held].map(({ id }) => ({ id, at: later(10), by: 'expired' as const, name: undefined })), 'process');
    s.markReleased([gone.id]);
    // One offence and three events are older than 10 ms; the ends are not.
    expect(s.purge(later(10), 100)).toBe(4);
    expect(s.purge(later(11), 100)).toBe(3);
    expect(s.activeBans()).toEqual([active]);
    expect(s.unreleased().map(({ id }) => id)).toEqual([held.id]);
    expect(s.offencesOf(A, 10)).toEqual([]);
  });

  test('takes at most the limit of each kind', () => {
    const s = store();
    s.writeOffences(Array.from({ length: 10 }, (_, i) => offence({ at: later(i) })));
    expect([s.purge(NEVER, 6), s.purge(NEVER, 6), s.purge(NEVER, 6)]).toEqual([6, 4, 0]);
  });

  test('never lets an id be used again', () => {
    const s = store();
    const { id } = first(s.writeBans([banWrite()], 'process'));
    s.endBans([{ id, at: T0, by: 'expired', name: undefined }], 'process');
    s.markReleased([id]);
    s.purge(NEVER, 100);
    expect(first(s.writeBans([banWrite()], 'process')).id).toBeGreaterThan(id);
  });
});

describe('the file', () => {
  test('and its directory are made, for their owner only, whatever the umask', () => {
    const umask = process.umask(0);
    onTestFinished(() => void process.umask(umask));
    const directory = join(tempDir(), 'var/lib');
    const s = store(join(directory, 'banban.db'));
    s.writeBans([banWrite()], 'process');
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(readdirSync(directory).map((name) => [name, statSync(join(directory, name)).mode & 0o777])).toEqual([
      ['banban.db', 0o600],
      ['banban.db-shm', 0o600],
      ['banban.db-wal', 0o600],
    ]);
    expect(s.sizeBytes()).toBe(readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0));
  });

  test('is read by others while the store has it open', () => {
    const s = store();
    s.writeBans([banWrite()], 'process');
    expect(withRaw(s.path, (db) => [db.pragma('journal_mode', { simple: true }), db.prepare('SELECT count(*) AS n FROM bans').get()])).toEqual(['wal', { n: 1 }]);
  });

  const refusal = (path: string, busyTimeoutMs = 1): string => {
    try {
      openStore(path, { busyTimeoutMs }).close();
    } catch (error) {
      expect(error).toBeInstanceOf(StoreError);
      return (error as StoreError).message;
    }
    throw new Error('it was opened');
  };

  test('must be a file', () => {
    const directory = tempDir();
    expect(refusal(directory)).toBe(`${directory} is not a file: name a file as database`);
    symlinkSync('nowhere', join(directory, 'dangling'));
    expect(refusal(join(directory, 'dangling'))).toMatch(/can't be opened \(ENOENT/);
    writeFileSync(join(directory, 'file'), '');
    expect(refusal(join(directory, 'file/banban.db'))).toMatch(/a part of its path is a file/);
    expect(refusal(join(directory, 'file/below/banban.db'))).toMatch(/a part of its path is a file/);
  });

  test('must be a database, and banban’s', () => {
    const path = join(tempDir(), 'x');
    writeFileSync(path, 'root:x:0:0:root:/root:/bin/bash\n'.repeat(100));
    expect(refusal(path)).toMatch(/is not a database: move it away/);
    const other = join(tempDir(), 'other');
    withRaw(other, (db) => db.exec('CREATE TABLE moz_places (id)'));
    expect(refusal(other)).toMatch(/database of some other program/);
    expect(withRaw(other, (db) => db.prepare('SELECT name FROM sqlite_schema').all())).toEqual([{ name: 'moz_places' }]);
  });

  const full = (): { path: string; bytes: Buffer } => {
    const path = join(tempDir(), 'banban.db');
    const s = openStore(path);
    s.writeBans(Array.from({ length: 2000 }, (_, i) => banWrite({ address: nth(i), offence: offence({ address: nth(i) }) })), 'process');
    s.close();
    return { path, bytes: readFileSync(path) };
  };

  test('that was cut short is called damaged', () => {
    const { path, bytes } = full();
    writeFileSync(path, bytes.subarray(0, bytes.length >> 1));
    expect(refusal(path)).toMatch(/is damaged \(.+\): put a backup in its place, or move it away/);
  });

  test('with a page of the bans overwritten is called damaged, not read as fewer bans', () => {
    const { path, bytes } = full();
    const roots = withRaw(path, (db) => db.prepare("SELECT name, pageno FROM dbstat WHERE name IN ('bans', 'bans_active') AND pagetype = 'leaf' GROUP BY name").all());
    expect(roots).toHaveLength(2);
    for (const { pageno } of roots) {
      const broken = Buffer.from(bytes);
      const page = broken.subarray((Number(pageno) - 1) * 4096, Number(pageno) * 4096);
      page.fill(0xa5, 200);
      writeFileSync(path, broken);
      expect(refusal(path)).toMatch(/is damaged/);
    }
  });

  test('with an index that lost rows is called damaged', () => {
    const { path } = full();
    withRaw(path, (db) => {
      db.unsafeMode();
      db.pragma('writable_schema = ON');
      // The rows stay in the table, the index no longer has them.
      db.exec("UPDATE sqlite_schema SET sql = 'CREATE INDEX bans_active ON bans (address, target) WHERE ended_at IS NULL AND id < 5' WHERE name = 'bans_active'");
      db.exec('VACUUM');
      db.exec("UPDATE sqlite_schema SET sql = 'CREATE UNIQUE INDEX bans_active ON bans (address, target) WHERE ended_at IS NULL' WHERE name = 'bans_active'");
    });
    expect(refusal(path)).toMatch(/is damaged \(row \d+ missing from index bans_active\)/);
  });

  test('locked by another program is refused, and a call that fails on the lock leaves the store usable', () => {
    const s = store();
    const path = s.path;
    withRaw(path, (db) => {
      db.exec('BEGIN IMMEDIATE');
      expect(refusal(path)).toMatch(/is locked by another program; nothing was written: end that program/);
      expect(() => s.writeBans([banWrite()], 'process')).toThrow(StoreError);
      expect(s.activeBans()).toEqual([]);
    });
    expect(s.writeBans([banWrite()], 'process')).toHaveLength(1);
  });

  test.each([
    ["UPDATE bans SET address = '010.0.0.1'", /damaged \(bans 1 has address "010.0.0.1"\)/],
    ["UPDATE bans SET address = '2001:DB8::1'", /damaged/],
    ["UPDATE bans SET origin_kind = 'god'", /origin_kind "god"/],
  ])('with a row that banban never wrote is called damaged: %s', (sql, message) => {
    const s = store();
    s.writeBans([banWrite()], 'process');
    withRaw(s.path, (db) => db.exec(sql));
    expect(() => s.activeBans()).toThrow(message);
  });

  test('with offences or ends that banban never wrote is called damaged', () => {
    const s = store();
    const { id } = first(s.writeBans([banWrite({ offence: offence() })], 'process'));
    s.endBans([{ id, at: T0, by: 'expired', name: undefined }], 'process');
    withRaw(s.path, (db) => db.exec("UPDATE offences SET lines = '[1]'; UPDATE bans SET ended_by = 'magic'"));
    expect(() => s.offencesOf(A, 1)).toThrow(/offences 1 has lines "\[1\]"/);
    expect(() => s.endedBansOf(A, 1)).toThrow(/ended_by "magic"/);
  });

  test('that exists keeps its mode, and its directory too', () => {
    const directory = join(tempDir(), 'd');
    mkdirSync(directory, { mode: 0o750 });
    writeFileSync(join(directory, 'banban.db'), '', { mode: 0o640 });
    store(join(directory, 'banban.db'));
    expect([statSync(directory).mode & 0o777, statSync(join(directory, 'banban.db')).mode & 0o777]).toEqual([0o750, 0o640]);
  });
});
