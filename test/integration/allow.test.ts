/** The allow list as it is followed: real files, a real database and a real engine, with a clock that the test moves. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, ms, type HostName } from 'banban-shared';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createAllow, type Allow, type AllowConfig } from '../../packages/server/src/allow/allow.ts';
import type { NameAnswer } from '../../packages/server/src/names/resolver.ts';
import { engineRoom, failed, type EngineRoom } from '../support/engine-room.ts';
import { HOUR, prefix } from '../support/policies.ts';
import { address, hostName } from '../support/records.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait-for.ts';

interface Room {
  readonly room: EngineRoom;
  readonly file: string;
  readonly answers: Map<HostName, NameAnswer>;
  allow: Allow;
  /** Lets seconds go by, with time for what the disk has to say, until something is so. */
  until(what: string, look: () => boolean): Promise<void>;
  /** The entries of a group. */
  group(name?: string): readonly string[];
  restart(config: AllowConfig): Promise<void>;
}

const NOTHING: AllowConfig = { allowFiles: [], allowHosts: [], allowSelf: false };

async function following(text: string | undefined, given: Partial<AllowConfig> = {}): Promise<Room> {
  const room = engineRoom();
  const file = join(tempDir(), 'allow.txt');
  if (text !== undefined) writeFileSync(file, text);
  const answers = new Map<HostName, NameAnswer>();
  const begin = (): Allow =>
    createAllow({
      clock: room.clock, store: room.store.allow, native: undefined, log: room.log, readOwn: () => [prefix('198.51.100.1')],
      resolver: { lookUp: (name) => Promise.resolve(answers.get(name) ?? { kind: 'none' }) },
      setAllowed: (group, prefixes) => room.engine.setAllowed(group, prefixes),
    });
  const self: Room = {
    room, file, answers, allow: begin(),
    until: async (what, look) => {
      await waitFor(what, () => {
        room.clock.advance(1000);
        return look();
      }, { everyMs: 5, timeoutMs: 10_000 }, () => ({ groups: [...room.engine.allowed.groups()], problems: self.allow.problems() }));
    },
    group: (name = `file ${file}`) => room.engine.allowed.groups().get(name) ?? [],
    async restart(config) {
      self.allow.stop();
      room.restart();
      self.allow = begin();
      await self.allow.configure(config);
    },
  };
  onTestFinished(() => self.allow.stop());
  await self.allow.configure({ ...NOTHING, allowFiles: [file], ...given });
  return self;
}

describe('a file of the allow list', () => {
  test('is in force at once, and again whenever it changes', async () => {
    const { room, file, until, group, allow } = await following('203.0.113.7\n');
    expect(group()).toEqual(['203.0.113.7/32']);
    room.hear(...Array<string>(5).fill(failed('203.0.113.7')), ...Array<string>(5).fill(failed('203.0.113.9')));
    expect(room.banned()).toEqual(['BLOCKER 203.0.113.9']);
    appendFileSync(file, '203.0.113.0/29 # the office\n203.0.113.9\n');
    await until('the new entries', () => group().length === 3);
    expect(room.banned(), 'what becomes allowed is unbanned at once').toEqual([]);
    expect(allow.problems()).toEqual([]);
    expect(allow.checkedAt(`file ${file}`)).toBeDefined();
    expect(room.engine.allowed.groupsOf(prefix('203.0.113.9'))).toEqual([`file ${file}`]);
  });

  test('that an editor puts in the place of the old one is read', async () => {
    const { file, until, group } = await following('203.0.113.7\n');
    for (const [i, entry] of ['203.0.113.8', '203.0.113.9', '203.0.113.7'].entries()) {
      writeFileSync(`${file}.${i}`, `${entry}\n`);
      renameSync(`${file}.${i}`, file);
      await until(entry, () => group().join() === `${entry}/32`);
    }
  });

  test('behind a symbolic link is followed to where it leads now', async () => {
    const { file, until, group } = await following(undefined);
    const folder = tempDir();
    writeFileSync(join(folder, 'one'), '203.0.113.1\n');
    writeFileSync(join(folder, 'two'), '203.0.113.2\n');
    symlinkSync(join(folder, 'one'), file);
    await until('the first', () => group().join() === '203.0.113.1/32');
    unlinkSync(file);
    symlinkSync(join(folder, 'two'), file);
    await until('the second', () => group().join() === '203.0.113.2/32');
  });

  test('with a typo has the line named, and the rest used', async () => {
    const { file, until, group, allow, room } = await following('203.0.113.7\n');
    writeFileSync(file, '203.0.113.7\n203.0.113.300\n203.0.113.8\n');
    await until('the good lines', () => group().length === 2);
    expect(allow.problems()).toEqual([`${file}, line 2: "203.0.113.300" is no address, no network such as 192.0.2.0/24 and no host name with a dot in it`, `${file}: its other 2 entries are in use`]);
    await until('the log', () => room.log.said.some(({ event, fields }) => event === 'allow_list' && String(fields['message']).includes('line 2')));
    writeFileSync(file, '203.0.113.7\n203.0.113.30\n203.0.113.8\n');
    await until('the mended file', () => group().length === 3);
    expect(allow.problems()).toEqual([]);
  });

  const gone: readonly (readonly [string, (file: string) => void, RegExp])[] = [
    ['is removed', (file) => unlinkSync(file), /there is no such file, so the 2 entries that it had at 2026-\S+ stay allowed$/],
    ['is emptied', (file) => truncateSync(file), /it has become empty, so the 2 entries that it had/],
    ['loses all but comments', (file) => writeFileSync(file, '# nothing\n'), /it has become empty, so the 2 entries/],
    ['becomes a page of HTML', (file) => writeFileSync(file, '<html>\n'.repeat(100)), /nothing in it can be used \(line 1: "<html>" is no address.*\), so the 2 entries/],
    ['becomes bytes that are no text', (file) => writeFileSync(file, Buffer.from([0xff, 0xfe, 0, 0x80])), /it is not UTF-8 text, so the 2 entries/],
    ['becomes a directory', (file) => (unlinkSync(file), mkdirSync(file)), /it is a directory, so the 2 entries/],
    ['becomes too large', (file) => truncateSync(file, 17 * 1024 * 1024), /it is larger than 16 MiB, so the 2 entries/],
    ['becomes a circle of links', (file) => (unlinkSync(file), symlinkSync(file, file)), /its symbolic links lead in a circle, so the 2 entries/],
  ];
  test.each(gone)('that %s keeps what it had, says so and why, and is read again when it is good', async (_, spoil, why) => {
    const { file, until, group, allow } = await following('203.0.113.7\nhome.example.org\n');
    spoil(file);
    await until('the problem', () => allow.problems().some((sentence) => why.test(sentence)));
    expect(group()).toEqual(['203.0.113.7/32']);
    expect(allow.problems().filter((sentence) => sentence.startsWith(`${file}:`))).toHaveLength(1);
    rmSync(file, { recursive: true, force: true });
    writeFileSync(file, '203.0.113.8\n');
    await until('the file', () => group().join() === '203.0.113.8/32');
    expect(allow.problems()).toEqual([]);
  });

  test('that comes back as it was is no problem any more', async () => {
    const { file, until, group, allow } = await following('203.0.113.7\n');
    renameSync(file, `${file}.away`);
    await until('the problem', () => allow.problems().length === 1);
    renameSync(`${file}.away`, file);
    await until('its end', () => allow.problems().length === 0);
    expect(group()).toEqual(['203.0.113.7/32']);
  });

  test('that is not there at the start allows nothing, is no reason not to start, and is read when it comes', async () => {
    const { file, until, group, allow } = await following(undefined);
    expect(allow.problems()).toEqual([`${file}: there is no such file, so nothing of it is allowed`]);
    writeFileSync(file, '203.0.113.7\n');
    await until('the file', () => group().length === 1);
  });

  test('that is a pipe does not stop anything', async () => {
    const { file, until, allow } = await following(undefined);
    execFileSync('mkfifo', [file]);
    await until('the problem', () => allow.problems()[0]?.includes('it is not a regular file') === true);
  });

  test('of which the configuration speaks no longer allows nothing', async () => {
    const { group, allow, file } = await following('203.0.113.7\n');
    await allow.configure(NOTHING);
    expect(group()).toEqual([]);
    await allow.configure({ ...NOTHING, allowFiles: [file] });
    expect(group()).toEqual(['203.0.113.7/32']);
  });

  test('that is written to while it is read is never taken by halves', async () => {
    const { file, until, group, room } = await following('203.0.113.7\n');
    const whole = Array.from({ length: 1000 }, (_, i) => `10.0.${i >> 8}.${i & 255}\n`);
    const seen = new Set<number>();
    for (let from = 0; from < 1000; from += 100) {
      if (from === 0) writeFileSync(file, '');
      appendFileSync(file, whole.slice(from, from + 100).join(''));
      room.clock.advance(1000);
      await new Promise((resolve) => setImmediate(resolve));
      seen.add(group().length);
    }
    await until('all of it', () => group().length === 1000);
    expect([...seen].every((count) => count === 1 || count === 1000), [...seen].join()).toBe(true);
  });

  test('names hosts, too, whose addresses are allowed as groups of their own', async () => {
    const { file, until, group, answers, allow } = await following('203.0.113.7\n');
    const home = hostName('home.example.org');
    answers.set(home, { kind: 'found', addresses: [address('192.0.2.9')], leftOut: 0, unknown: [], why: undefined });
    appendFileSync(file, 'home.example.org\n');
    await until('its address', () => group('host home.example.org').join() === '192.0.2.9/32');
    expect(allow.checkedAt('host home.example.org')).toBeDefined();
    writeFileSync(file, '203.0.113.7\n');
    await until('its end', () => group('host home.example.org').length === 0);
  });
});

test('what people allowed and what host names meant is there again after kill -9, before anybody is asked', async () => {
  const home = hostName('home.example.org');
  const config = { ...NOTHING, allowHosts: [home], allowSelf: true };
  const room = await following(undefined, config);
  room.answers.set(home, { kind: 'found', addresses: [address('192.0.2.9')], leftOut: 0, unknown: [], why: undefined });
  await room.until('its address', () => room.group('host home.example.org').length === 1);
  room.allow.byHand.allow({ prefixes: [prefix('203.0.113.0/24')], until: room.room.clock.now(), reason: undefined, by: 'ann' });
  room.allow.byHand.allow({ prefixes: [prefix('203.0.112.0/24')], until: after(room.room.clock.now(), ms(HOUR)), reason: undefined, by: 'ann' });
  room.answers.clear();
  await room.restart(config);
  expect(room.group('host home.example.org')).toEqual(['192.0.2.9/32']);
  expect(room.group('self')).toEqual(['198.51.100.1/32']);
  expect(room.group('by hand')).toEqual(['203.0.112.0/24']);
  room.room.clock.advance(HOUR);
  expect(room.group('by hand')).toEqual([]);
  await room.allow.configure(NOTHING);
  expect([...room.room.engine.allowed.groups().keys()]).toEqual([]);
});
