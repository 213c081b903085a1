/** Databases that can't be had, and disks that fill up: the built daemon says so in a sentence, deletes nothing, and goes on protecting the machine. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { run } from '../support/child.ts';
import { describeKernel } from '../support/kernel-gate.ts';
import { failed, LocalBanban } from '../support/local-banban.ts';
import { withRaw } from '../support/raw-sqlite.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait-for.ts';

/** A database of banban's with one ban by hand in it, left behind by a daemon that ended well. */
async function used(): Promise<LocalBanban> {
  const banban = await LocalBanban.start();
  expect(await banban.banctl('ban', '192.0.2.77')).toMatchObject({ code: 0 });
  expect(await banban.stop()).toMatchObject({ code: 0 });
  return banban;
}

/** Starts on it: one sentence on stderr and exit 1, nothing on stdout, no socket left behind. */
async function refusal(dir: string, options: Parameters<typeof LocalBanban.begin>[0] = {}): Promise<string> {
  const result = await LocalBanban.begin({ ...options, dir }).child.finished();
  expect(result).toMatchObject({ code: 1, stdout: '' });
  expect(result.stderr).toMatch(/^banband: [^\n]+: [^\n]+\n$/);
  expect(result.stderr).not.toMatch(/\.js:\d|SQLITE_|E[A-Z]{4,}:/);
  expect(readdirSync(dir).filter((name) => name.endsWith('.sock'))).toEqual([]);
  return result.stderr.slice('banband: '.length).trimEnd();
}

describe('at the start', () => {
  test.each<[string, (path: string) => void, RegExp]>([
    ['random bytes', (path) => writeFileSync(path, randomBytes(20_000)), /is not a database: move it away, or name another file/],
    ['a text', (path) => writeFileSync(path, 'my diary\n'.repeat(500)), /is not a database: move it away, or name another file/],
    ['a SQLite head with random bytes behind it', (path) => writeFileSync(path, Buffer.concat([Buffer.from('SQLite format 3\0'), randomBytes(20_000)])), /is (?:not a database|damaged)/],
    ['half of a database', (path) => truncateSync(path, 9000), /is damaged \(.*\): put a backup in its place, or move it away/],
    ['a database with random bytes in its middle', (path) => writeFileSync(path, scribbled(readFileSync(path))), /is damaged \(.*\): put a backup in its place, or move it away/],
    ['a newer banban’s', (path) => withRaw(path, (db) => db.pragma('user_version = 99')), /was written by a newer banban \(its tables have version 99, this one knows \d+\): upgrade banban/],
    ['another program’s', otherProgram, /is a SQLite database of some other program: name another file as database/],
  ])('a database that is %s is refused with a sentence, and left as it is', async (_, spoil, reason) => {
    const { dir, database } = await used();
    spoil(database);
    const before = readFileSync(database);
    expect(await refusal(dir)).toMatch(reason);
    expect(readFileSync(database).equals(before)).toBe(true);
    // What is not banban's gets no files beside it, but for the lock.
    expect(readdirSync(dir).filter((name) => name.startsWith('banban.db')).sort()).toEqual(['banban.db', 'banban.db.lock']);
    // A second try ends no better: nothing was repaired away.
    expect(await refusal(dir)).toMatch(reason);
    expect(readFileSync(database).equals(before)).toBe(true);
  });

  test('a log (-wal) of random bytes beside a good database is none, and the ban is there', async () => {
    const first = await used();
    writeFileSync(`${first.database}-wal`, randomBytes(100_000));
    const second = await first.startAgain();
    expect(await second.banned()).toEqual(['192.0.2.77']);
  });

  test('a directory, a device or a part of a path that is a file is no place for one', async () => {
    const dir = tempDir();
    mkdirSync(join(dir, 'banban.db'));
    writeFileSync(join(dir, 'file'), 'precious');
    symlinkSync('/dev/null', join(dir, 'null'));
    expect(await refusal(dir)).toContain(`${join(dir, 'banban.db')} is not a file: name a file as database`);
    expect(await refusal(dir, { database: join(dir, 'file/banban.db') })).toMatch(/a part of its path is a file/);
    expect(readFileSync(join(dir, 'file'), 'utf8')).toBe('precious');
  });

  test.runIf(process.getuid?.() === 0)('a directory that may not be written, or a database that may not be read', async () => {
    const dir = tempDir();
    chmodSync(dir, 0o755);
    const database = join(dir, 'db/banban.db');
    const through = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'];
    const reason = /banban may not|banband may not read and write it and its directory: give them to the user that runs banband, or run it as root/;
    mkdirSync(join(dir, 'db'), { mode: 0o755 });
    expect(await refusal(dir, { database, through })).toMatch(reason);
    expect(readdirSync(join(dir, 'db'))).toEqual([]);
    writeFileSync(database, '', { mode: 0o600 });
    chownSync(join(dir, 'db'), 65534, 65534);
    expect(await refusal(dir, { database, through })).toMatch(reason);
    expect(statSync(database).size).toBe(0);
  });
});

/** Overwrites the middle of the file, where the pages of the tables are. */
function scribbled(bytes: Buffer): Buffer {
  randomBytes(bytes.length - 8192).copy(bytes, 4096);
  return bytes;
}

function otherProgram(path: string): void {
  rmSync(path);
  withRaw(path, (db) => db.exec('CREATE TABLE accounts (name); INSERT INTO accounts VALUES (1)'));
}

interface Disk {
  /** Words that run a program where the disk is. */
  readonly through: readonly string[];
  /** Where the disk is, for those words. */
  readonly path: string;
  /** The same place for this process. */
  readonly seen: string;
}

/** A small disk in a mount namespace of its own, as long as the test; daemons come and go on it. */
async function smallDisk(options: string): Promise<Disk> {
  const path = tempDir();
  const holder = spawn('unshare', ['--mount', 'sh', '-ec', `mount -t tmpfs -o ${options} tmpfs ${path}; echo ready; exec cat`], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void holder.kill('SIGKILL'));
  await once(holder.stdout, 'data');
  return { through: ['nsenter', `--mount=/proc/${holder.pid}/ns/mnt`], path, seen: `/proc/${holder.pid}/root${path}` };
}

/** Takes all that is left of the disk, to the last byte. @returns what gives it back */
function fill(disk: Disk): () => void {
  const ballast = join(disk.seen, 'ballast');
  for (const size of [65_536, 4096]) {
    try {
      for (;;) writeFileSync(ballast, Buffer.alloc(size), { flag: 'a' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }
  return () => rmSync(ballast);
}

describeKernel('a disk', ['mount'], () => {
  test('that is read-only is said to be, and what is on it stays', async () => {
    const disk = await smallDisk('size=4m');
    const dir = tempDir();
    const options = { dir, through: disk.through, database: join(disk.path, 'banban.db') };
    const banban = await LocalBanban.start(options);
    expect(await banban.banctl('ban', '192.0.2.77')).toMatchObject({ code: 0 });
    await banban.stop();
    const readOnly = [...disk.through, 'unshare', '--mount', 'sh', '-ec', `mount -o remount,ro ${disk.path}; exec "$@"`, 'sh'];
    expect(await refusal(dir, { ...options, through: readOnly })).toMatch(/can't be written because its disk is mounted read-only: name a database on another disk/);
    // The remount is of the one file system for all who see it.
    await waitFor('the disk to be writable again', async () => (await run([...disk.through, 'mount', '-o', 'remount,rw', disk.path])).code === 0);
    expect(await (await banban.startAgain()).banned()).toEqual(['192.0.2.77']);
  });

  test('that is full at the start is said to be', async () => {
    const disk = await smallDisk('size=64k');
    fill(disk);
    expect(await refusal(tempDir(), { through: disk.through, database: join(disk.path, 'banban.db') })).toMatch(/banban\.db\S* can't .* disk is full|its disk has room/);
  });

  test('that fills up while it runs: bans go on, banctl is told what can’t be done, and nothing is lost once there is room', async () => {
    const disk = await smallDisk('size=2m');
    const banban = await LocalBanban.start({ through: disk.through, database: join(disk.path, 'banban.db') });
    await banban.attack('203.0.113.1');
    const empty = fill(disk);

    // As many as it takes for the database to need another page.
    const attackers = Array.from({ length: 300 }, (_, i) => `203.0.113.${(i % 250) + 2}`.replace(/^203/, String(200 + Math.floor(i / 250))));
    await banban.hears(...attackers.flatMap((address) => [failed(address), failed(address), failed(address)]));
    expect(await banban.logs('database_failed')).toMatchObject({ level: 'error', message: expect.stringMatching(/disk is full; nothing was written: make room on that disk/) });
    // Every one of them is banned all the same, and why still says what for.
    expect(await banban.banned()).toEqual(['203.0.113.1', ...attackers].sort());
    const last = attackers.at(-1) ?? '';
    expect((await banban.list()).find((ban) => ban.address === last)).toMatchObject({ enforcement: 'simulated', origin: { kind: 'rule', name: 'ssh' }, level: 1 });

    const status = await banban.status();
    expect(status.store.error).toMatch(/disk is full.*\(\d+ bans are enforced but not yet saved\)$/);
    expect(status.problems).toContain(status.store.error);
    expect((await banban.banctl('status')).stdout).toContain('disk is full');

    const refused = await banban.banctl('ban', '192.0.2.77', '--json');
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(JSON.parse(refused.stderr)).toMatchObject({ error: { code: 'store_unavailable', message: expect.stringMatching(/disk is full.*nothing was done$/) } });
    expect(await banban.banned()).not.toContain('192.0.2.77');
    // One that stands in the database can't be ended there, so it stands.
    expect(await banban.banctl('unban', '203.0.113.1', '--json')).toMatchObject({ code: 1, stderr: expect.stringContaining('store_unavailable') });
    expect(await banban.banned()).toContain('203.0.113.1');

    empty();
    expect(await banban.logs('unsaved_bans_written')).toMatchObject({ level: 'info' });
    await waitFor('the problem to be over', async () => (await banban.status()).store.error === null);
    expect((await banban.status()).problems.filter((problem) => problem.includes('disk'))).toEqual([]);
    expect(await banban.banctl('ban', '192.0.2.77')).toMatchObject({ code: 0 });
    const before = await banban.list();
    await banban.stop('SIGKILL');

    const again = await banban.startAgain();
    const known = ({ address, target, origin, level, until }: (typeof before)[number]): unknown[] => [address, target, origin, level, until];
    const sorted = (bans: typeof before): unknown[] => bans.map(known).sort((a, b) => String(a[0]).localeCompare(String(b[0])));
    expect(sorted(await again.list())).toEqual(sorted(before));
    expect((await again.why(last)).offences).toMatchObject([{ rule: 'ssh', decision: 'banned', lines: { length: 3 } }]);
  });

  test('that is still full at the stop: the stop is a clean one', async () => {
    const disk = await smallDisk('size=1m');
    const banban = await LocalBanban.start({ through: disk.through, database: join(disk.path, 'banban.db') });
    fill(disk);
    await banban.hears(...Array.from({ length: 200 }, (_, i) => [failed(`203.0.113.${i}`), failed(`203.0.113.${i}`), failed(`203.0.113.${i}`)]).flat());
    await banban.logs('database_failed');
    const end = await banban.stop();
    expect(end).toMatchObject({ code: 0, stderr: '' });
    expect(banban.logged('stopped')).toHaveLength(1);
  });

  test('that is full at a start with a database: it starts, and the bans in it are enforced', async () => {
    const disk = await smallDisk('size=1m');
    const banban = await LocalBanban.start({ through: disk.through, database: join(disk.path, 'banban.db') });
    expect(await banban.banctl('ban', '192.0.2.77')).toMatchObject({ code: 0 });
    await banban.stop('SIGKILL');
    const empty = fill(disk);
    const again = await banban.startAgain();
    expect(await again.banned()).toEqual(['192.0.2.77']);
    empty();
    await again.attack('203.0.113.1');
    expect(await again.banned()).toEqual(['192.0.2.77', '203.0.113.1']);
  });
});

describe('a database that somebody takes away while it runs', () => {
  const removeAll = (banban: LocalBanban): void => {
    for (const tail of ['', '-wal', '-shm']) rmSync(banban.database + tail, { force: true });
  };

  test('is written anew, and no ban that was acknowledged before or after is lost, kill -9 or not', async () => {
    const banban = await LocalBanban.start();
    await banban.attack('203.0.113.1');
    expect(await banban.banctl('ban', '192.0.2.77')).toMatchObject({ code: 0 });
    removeAll(banban);
    expect(await banban.banctl('ban', '192.0.2.78')).toMatchObject({ code: 0 });
    expect(await banban.logs('database')).toMatchObject({ level: 'warn', message: expect.stringMatching(/banban\.db was removed while banband ran, and has been written anew/) });
    expect((await banban.status()).store.error).toBeNull();
    expect(statSync(banban.database).mode & 0o777).toBe(0o600);
    await banban.stop('SIGKILL');
    const again = await banban.startAgain();
    expect(await again.banned()).toEqual(['192.0.2.77', '192.0.2.78', '203.0.113.1']);
    expect((await again.why('203.0.113.1')).offences).toHaveLength(1);
    // Also where nobody writes.
    removeAll(again);
    await again.logs('database');
    await again.stop('SIGKILL');
    expect(await (await again.startAgain()).banned()).toEqual(['192.0.2.77', '192.0.2.78', '203.0.113.1']);
  });

  test('and puts another in its place: that one is not touched, and nothing is acknowledged that would be lost', async () => {
    const banban = await LocalBanban.start();
    await banban.attack('203.0.113.1');
    writeFileSync(`${banban.database}.other`, 'my diary');
    renameSync(`${banban.database}.other`, banban.database);
    expect(await banban.banctl('ban', '192.0.2.77')).toMatchObject({ code: 1, stderr: expect.stringMatching(/was replaced by another file while banband ran/) });
    await waitFor('status to say so', async () => (await banban.status()).problems.some((problem) => problem.includes('was replaced by another file')));
    expect(await banban.banned()).toEqual(['203.0.113.1']);
    expect(readFileSync(banban.database, 'utf8')).toBe('my diary');
    expect(await banban.stop()).toMatchObject({ code: 0 });
    expect(readFileSync(banban.database, 'utf8')).toBe('my diary');
  });
});
