/** Lists in their whole life: fetched when due, believed or not, banned and lifted by the real engine, kept on disk over restarts. Time is the test's. */
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { listParser, ms, type Prefix } from 'banban-shared';
import type { Config, ListConfig } from '../../packages/server/src/config/config.ts';
import { copiesIn } from '../../packages/server/src/lists/copy.ts';
import type { Fetched, FetchOptions } from '../../packages/server/src/lists/fetch.ts';
import { createLists, type Lists, type ListState } from '../../packages/server/src/lists/keeper.ts';
import { engineRoom, failed, type EngineRoom } from '../support/engine-room.ts';
import { DAY, HOUR, place, prefix, target } from '../support/policies.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait-for.ts';

const list = (name: string, given: Partial<ListConfig> = {}): ListConfig => ({
  name, from: { kind: 'url', url: `https://lists.example/${name}?key=secret` }, target: 'BLOCKER', ban: ms(3 * DAY), refresh: ms(DAY), mostEntries: 100_000, shrink: 50, grow: 300, unfit: 'refuse', place, ...given,
});

interface Room extends EngineRoom {
  readonly folder: string;
  /** What the server says, by the list's name: a text, or a problem. */
  readonly served: Map<string, string | Fetched>;
  readonly asked: FetchOptions[];
  readonly notices: string[];
  lists: Lists;
  /** Ends when the promise has, with the loop turning meanwhile. */
  wait<T>(promise: Promise<T>): Promise<T>;
  /** Time goes by, and whatever begins by it comes to its end. */
  pass(milliseconds: number): Promise<void>;
  refresh(force?: boolean): Promise<readonly ListState[]>;
  bannedUntil(address: string): number;
  /** Configures, and waits until every list has been looked at once. */
  use(...lists: ListConfig[]): Promise<void>;
  again(...lists: ListConfig[]): Promise<void>;
}

/** Looks at the disk, each begun when the one before has ended: what was asked of it before them has been answered by then. */
const LOOKS = 15;

function room(given: Partial<Config> = {}): Room {
  const base = engineRoom({ targets: [target('BLOCKER', { backends: ['nftables'] }), target('OTHER', { backends: ['nftables'] })], ...given });
  const served = new Map<string, string | Fetched>();
  const asked: FetchOptions[] = [];
  const notices: string[] = [];
  const folder = join(tempDir(), 'lists');
  const fetch = (options: FetchOptions): Promise<Fetched> => {
    asked.push(options);
    const answer = served.get(new URL(options.url).pathname.slice(1));
    if (typeof answer !== 'string') return Promise.resolve(answer ?? { kind: 'failed', problem: 'https://lists.example can’t be fetched' });
    const parser = listParser(options.most);
    parser.push(Buffer.from(answer));
    const read = parser.end();
    return Promise.resolve('problem' in read ? { kind: 'failed', problem: `can’t be used: ${read.problem}` } : { kind: 'list', list: read, validators: { etag: '"v1"', modified: undefined } });
  };
  const make = (): Lists => createLists({ clock: base.clock, engine: base.engine, copies: copiesIn(folder, base.clock), log: base.log, tell: (name, message) => void notices.push(`${name}: ${message}`), fetch, chance: () => 0 });
  const isBusy = (): boolean => own.lists.state().some(({ nextAt }) => nextAt === undefined || nextAt <= base.clock.now());
  const quiet = async (): Promise<void> => {
    for (let looks = 0; looks < LOOKS || isBusy(); looks++) {
      base.clock.turn();
      await stat('/');
    }
  };
  const own: Room = Object.assign(base, {
    folder, served, asked, notices, lists: make(),
    async wait<T>(promise: Promise<T>): Promise<T> {
      let over = false;
      void promise.finally(() => (over = true)).catch(() => undefined);
      while (!over) {
        base.clock.turn();
        await stat('/');
      }
      return promise;
    },
    async pass(milliseconds: number) {
      base.clock.advance(milliseconds);
      await quiet();
    },
    bannedUntil: (address: string) => base.engine.bans().find((ban) => ban.address === address)?.until ?? 0,
    refresh: (force = false) => own.wait(own.lists.refresh(undefined, force)),
    async use(...lists: ListConfig[]) {
      own.lists.configure(lists);
      await quiet();
    },
    async again(...lists: ListConfig[]) {
      await own.wait(own.lists.stop());
      own.restart();
      own.lists = make();
      await own.use(...lists);
    },
  });
  onTestFinished(() => own.wait(own.lists.stop()));
  return own;
}

/** Addresses of which no two are neighbours. */
const many = (count: number): string => Array.from({ length: count }, (_, i) => `193.${i >> 14}.${(i >> 6) & 255}.${(i & 63) * 4}`).join('\n');

describe('what is on a list', () => {
  test('is banned, merged, for as long as the list says; what left it is free again', async () => {
    const it = room();
    it.served.set('drop', '192.0.2.0/25\n192.0.2.128/25\n192.0.2.7\n203.0.113.9\n');
    await it.use(list('drop'));
    expect(it.banned().sort()).toEqual(['BLOCKER 192.0.2.0/24', 'BLOCKER 203.0.113.9']);
    expect(it.ban('BLOCKER', prefix('192.0.2.0/24'))).toMatchObject({ origin: { kind: 'list', name: 'drop' }, until: it.clock.now() + 3 * DAY });
    expect(it.lists.state()).toMatchObject([{ name: 'drop', entries: 2, skipped: 0, error: undefined, warnings: [], nextAt: it.clock.now() + DAY, from: 'https://lists.example/drop?…' }]);
    it.served.set('drop', '203.0.113.9\n203.0.113.10\n');
    await it.refresh();
    expect(it.banned().sort()).toEqual(['BLOCKER 203.0.113.10', 'BLOCKER 203.0.113.9']);
  });

  test('is fetched again when it is due, and banned for longer as long as it is the same', async () => {
    const it = room();
    it.served.set('drop', '203.0.113.9\n');
    await it.use(list('drop'));
    const until = it.clock.now() + 3 * DAY;
    it.served.set('drop', { kind: 'unchanged' });
    await it.pass(DAY - 1);
    expect(it.asked).toHaveLength(1);
    await it.pass(1);
    expect(it.asked.map(({ known }) => known)).toEqual([undefined, { etag: '"v1"', modified: undefined }]);
    expect(it.bannedUntil('203.0.113.9')).toBe(until + DAY);
  });

  test('runs out when the list can’t be had for so long, with ever fewer tries and one notice', async () => {
    const it = room();
    it.served.set('drop', '203.0.113.9\n');
    await it.use(list('drop'));
    it.served.delete('drop');
    for (let hours = 0; hours < 72; hours++) await it.pass(HOUR);
    expect(it.banned()).toEqual([]);
    expect(it.notices).toEqual(['drop: https://lists.example can’t be fetched']);
    expect(it.asked.length).toBeGreaterThan(8);
    expect(it.asked.length, 'and no more than a server may be asked').toBeLessThan(20);
    expect(it.lists.state()[0], 'nothing of it is banned any more').toMatchObject({ error: 'https://lists.example can’t be fetched', entries: 0 });
    it.served.set('drop', '203.0.113.9\n');
    await it.refresh();
    expect(it.lists.state()[0]).toMatchObject({ error: undefined, entries: 1 });
    expect(it.banned()).toEqual(['BLOCKER 203.0.113.9']);
  });

  test('is what a person fetches while the start still looks for the copy', async () => {
    const it = room();
    it.served.set('drop', '203.0.113.9\n');
    await it.use(list('drop'));
    await it.again();
    it.served.set('drop', '203.0.113.10\n');
    it.lists.configure([list('drop')]);
    await it.refresh();
    await it.pass(1000);
    expect(it.banned()).toEqual(['BLOCKER 203.0.113.10']);
    expect(it.asked.at(-1)?.known, 'the copy was known').toEqual({ etag: '"v1"', modified: undefined });
  });

  test('is believed when one person forces it, though another asked without force at the same time', async () => {
    const it = room();
    it.served.set('drop', many(1000));
    await it.use(list('drop'));
    it.served.set('drop', many(100));
    await it.wait(Promise.all([it.lists.refresh(undefined, false), it.lists.refresh(undefined, true)]));
    expect(it.lists.state()[0]).toMatchObject({ error: undefined, entries: 100 });
  });

  test('stays banned where another list, a rule or a person wants it, too', async () => {
    const it = room();
    it.served.set('one', '203.0.113.9\n203.0.113.10\n');
    it.served.set('two', '203.0.113.9\n');
    await it.use(list('one'), list('two'));
    it.engine.ban({ subjects: [prefix('192.0.2.0/24')], target: 'BLOCKER', length: ms(HOUR), reason: undefined, by: 'anna' });
    it.served.set('one', '192.0.2.0/24\n');
    await it.refresh();
    expect(it.banned().sort()).toEqual(['BLOCKER 192.0.2.0/24', 'BLOCKER 203.0.113.9']);
    it.served.set('one', '203.0.113.77\n');
    await it.refresh();
    expect(it.banned().sort()).toEqual(['BLOCKER 192.0.2.0/24', 'BLOCKER 203.0.113.77', 'BLOCKER 203.0.113.9']);
  });

  test('is free when the list leaves the configuration, and moves when its target is another', async () => {
    const it = room();
    it.served.set('one', '203.0.113.9\n');
    it.served.set('two', '203.0.113.10\n');
    await it.use(list('one'), list('two'));
    await it.use(list('one', { target: 'OTHER' }));
    expect(it.banned()).toEqual(['OTHER 203.0.113.9']);
    await it.use();
    expect(it.banned()).toEqual([]);
    expect(it.lists.state()).toEqual([]);
  });
});

describe('a list is refused, and the one before stays,', () => {
  async function refuses(text: string, said: RegExp, given: Partial<ListConfig> = {}, before = `${many(200)}\n`, config: Partial<Config> = {}): Promise<Room> {
    const it = room(config);
    it.served.set('drop', before);
    await it.use(list('drop', given));
    const banned = it.banned();
    expect(banned.length).toBeGreaterThan(0);
    it.served.set('drop', text);
    await it.refresh();
    expect(it.lists.state()[0]?.error).toMatch(said);
    expect(it.banned()).toEqual(banned);
    expect(it.notices).toHaveLength(1);
    return it;
  }

  test('when it is empty', async () => void (await refuses('# nothing\n', /^it was refused, and the one before stays: it is empty, though it had 200 entries before; if that is right: banctl lists refresh drop --force$/)));
  test('when it has shrunk', async () => void (await refuses(`${many(50)}\n`, /it lost 75 percent at once, and 50 are allowed \(shrink\)/)));
  test('when it has grown', async () => void (await refuses(`${many(1000)}\n`, /it gained 400 percent at once, and 300 are allowed \(grow\)/)));
  test('when it has a network that is too wide', async () => void (await refuses(`${many(200)}\n44.0.0.0/7\n`, /44\.0\.0\.0\/7 is too wide/)));
  test('when it has a private one', async () => void (await refuses(`${many(200)}\n10.0.0.0/8\n`, /10\.0\.0\.0\/8 is a private network; with unfit: skip/)));
  test('when it holds an allowed address', async () => void (await refuses(`${many(200)}\n192.0.2.0/24\n`, /192\.0\.2\.0\/24 has addresses of 192\.0\.2\.7, which is on the allow list/, {}, undefined, { allowlist: [prefix('192.0.2.7')] })));
  test('when it is a web page', async () => void (await refuses('<html>', /it is a web page/)));

  test('but not when a person says that it is right', async () => {
    const it = await refuses(`${many(50)}\n`, /it lost 75 percent/);
    await it.refresh(true);
    expect(it.lists.state()[0]).toMatchObject({ error: undefined, entries: 50 });
    expect(it.banned()).toHaveLength(50);
  });

  test('and force believes no private network', async () => {
    const it = await refuses(`${many(200)}\n10.0.0.0/8\n`, /a private network/);
    await it.refresh(true);
    expect(it.lists.state()[0]?.error).toMatch(/a private network/);
  });
});

test('with unfit: skip what no list may have is left out and counted, and never joined to be so', async () => {
  const it = room({ allowlist: [prefix('203.0.113.7')] });
  it.served.set('drop', '10.0.0.0/8\n0.0.0.0/0\n203.0.113.0/24\n198.51.100.0/24\n44.0.0.0/8\n45.0.0.0/8\n');
  await it.use(list('drop', { unfit: 'skip' }));
  expect(it.lists.state()).toMatchObject([{ entries: 3, skipped: 3, error: undefined, warnings: [] }]);
  expect(it.banned().sort()).toEqual(['BLOCKER 198.51.100.0/24', 'BLOCKER 44.0.0.0/8', 'BLOCKER 45.0.0.0/8']);
});

test('lines that can’t be read are left out, named, and told once', async () => {
  const it = room();
  it.served.set('drop', '192.0.2.1\n192.0.2.300\n192.0.2.2\n');
  await it.use(list('drop'));
  await it.refresh();
  expect(it.banned()).toHaveLength(2);
  expect(it.lists.state()[0]).toMatchObject({ error: undefined, warnings: ['1 of its lines can’t be read and is left out, the rest is used: line 2 "192.0.2.300"'] });
  expect(it.notices).toHaveLength(1);
});

test('entries that the target can’t hold are told', async () => {
  const it = room({ targets: [target('BLOCKER')] });
  it.served.set('drop', '192.0.2.0/24\n203.0.113.9\n');
  await it.use(list('drop'));
  expect(it.lists.state()[0]).toMatchObject({ entries: 1, warnings: [expect.stringMatching(/^1 of its 2 entries could not be banned, such as 192\.0\.2\.0\/24: /)] });
});

describe('over a restart', () => {
  test('the copy is in force at once, is nobody else’s business, and is fetched when it is due by its age', async () => {
    const it = room();
    it.served.set('drop', '203.0.113.9\n198.51.100.0/24\n');
    await it.use(list('drop'));
    const until = it.bannedUntil('203.0.113.9');
    expect(statSync(it.folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(it.folder, 'drop.list')).mode & 0o777).toBe(0o600);
    it.served.delete('drop');
    await it.pass(20 * HOUR);
    await it.again(list('drop'));
    expect(it.asked).toHaveLength(1);
    expect(it.lists.state()[0]).toMatchObject({ entries: 2, error: undefined, nextAt: it.clock.now() + 4 * HOUR });
    expect(it.bannedUntil('203.0.113.9'), 'a restart makes no list younger').toBe(until);
    await it.pass(4 * HOUR);
    expect(it.asked.at(-1)?.known).toEqual({ etag: '"v1"', modified: undefined });
  });

  test('a copy that is damaged, or of another source, is not used', async () => {
    const it = room();
    it.served.set('drop', '203.0.113.9\n198.51.100.0/24\n');
    await it.use(list('drop'));
    const path = join(it.folder, 'drop.list');
    const whole = readFileSync(path, 'utf8');
    for (const text of ['', 'x', whole.slice(0, -20), whole.replace('203.0.113.9', 'example.org'), whole.replace('"count":2', '"count":3'), whole.replace('banban list 1', 'banban list 2')]) {
      writeFileSync(path, text);
      await it.again(list('drop'));
      expect(it.asked.at(-1)?.known, JSON.stringify(text.slice(0, 40))).toBeUndefined();
    }
    const asked = it.asked.length;
    await it.again(list('drop', { from: { kind: 'url', url: 'https://lists.example/other' } }));
    expect(it.asked.length).toBe(asked + 1);
    expect(it.asked.at(-1)?.known).toBeUndefined();
  });

  test('a folder that can’t be written keeps nothing from being banned', async () => {
    const it = room();
    writeFileSync(it.folder, 'in the way');
    it.served.set('drop', '203.0.113.9\n');
    await it.use(list('drop'));
    expect(it.banned()).toEqual(['BLOCKER 203.0.113.9']);
  });
});

/** Lets looks at a file come, two seconds apart, until there is something to be seen: how long reading takes is the disk's affair. */
const passUntil = (it: ReturnType<typeof room>, what: string, is: () => boolean) =>
  waitFor(what, async () => {
    await it.pass(2000);
    return is();
  });

describe('a list that is a file', () => {
  const file = (path: string, given: Partial<ListConfig> = {}): ListConfig => list('own', { from: { kind: 'file', path }, ...given });

  test('is read again when it has changed and is no longer being written', async () => {
    const it = room();
    const path = join(tempDir(), 'own.txt');
    writeFileSync(path, '203.0.113.9\n');
    await it.use(file(path));
    expect(it.banned()).toEqual(['BLOCKER 203.0.113.9']);
    writeFileSync(`${path}.new`, '203.0.113.10\n');
    renameSync(`${path}.new`, path);
    await passUntil(it, 'the new entry', () => it.banned().join() === 'BLOCKER 203.0.113.10');
    expect(it.asked).toEqual([]);
  });

  test('that is not there, is a directory, or goes away is told, and what it had stays', async () => {
    const it = room();
    const path = join(tempDir(), 'own.txt');
    await it.use(file(path));
    expect(it.lists.state()[0]?.error).toBe(`${path}: there is no such file`);
    writeFileSync(path, '203.0.113.9\n');
    await passUntil(it, 'the file to be read', () => it.lists.state()[0]?.entries === 1);
    expect(it.lists.state()[0]?.error).toBeUndefined();
    renameSync(path, `${path}.gone`);
    mkdirSync(path);
    await passUntil(it, 'the directory to be seen', () => it.lists.state()[0]?.error !== undefined);
    expect(it.lists.state()[0]).toMatchObject({ error: `${path}: it is a directory; give the path of a file`, entries: 1 });
    expect(it.banned()).toEqual(['BLOCKER 203.0.113.9']);
    expect(it.notices).toHaveLength(2);
  });

  test('that is refused is not tried again every two seconds', async () => {
    const it = room();
    const path = join(tempDir(), 'own.txt');
    writeFileSync(path, '10.0.0.0/8\n');
    await it.use(file(path));
    for (let i = 0; i < 10; i++) await it.pass(2000);
    expect(it.notices).toHaveLength(1);
    expect(it.banned()).toEqual([]);
  });
});

test('an address that becomes allowed is free at once, and its list does not ban it again', async () => {
  const it = room();
  it.served.set('drop', '203.0.113.9\n198.51.100.0/24\n');
  await it.use(list('drop', { unfit: 'skip' }));
  const allowed: Prefix[] = [prefix('198.51.100.7')];
  it.engine.setAllowed('people', allowed);
  expect(it.banned()).toEqual(['BLOCKER 203.0.113.9']);
  await it.refresh();
  expect(it.banned()).toEqual(['BLOCKER 203.0.113.9']);
  expect(it.lists.state()[0]).toMatchObject({ entries: 1, skipped: 1 });
});

test('lines of rules go on while a list of 20,000 is put in force', async () => {
  const it = room();
  it.served.set('drop', `${many(20_000)}\n`);
  await it.use(list('drop'));
  const done = it.wait(it.lists.refresh(undefined, false));
  it.hear(failed('203.0.113.5'), failed('203.0.113.5'), failed('203.0.113.5'));
  expect(it.banned()).toContain('BLOCKER 203.0.113.5');
  await done;
  expect(it.lists.state()[0]).toMatchObject({ entries: 20_000, error: undefined });
});
