/** Lists in the built daemon: over real HTTPS, with banctl, over reload and kill -9. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { LocalBanban, POLICY } from '../support/local-banban.ts';
import { listOf, listServer } from '../support/list-server.ts';
import { waitFor } from '../support/wait-for.ts';

const policy = (lists: string): string => POLICY.replace('{ ban: [1h, 7d] }', '{ backend: nftables, ban: [1h, 7d] }') + (lists === '' ? '' : `lists:\n${lists}\n`);

test('a list is fetched over TLS, refreshed by hand, kept over kill -9, and lifted with its configuration', async () => {
  const server = await listServer(listOf('198.51.100.0/25\n198.51.100.128/25\n203.0.113.9\n', '"v1"'), true);
  const with1 = policy(`  drop: { url: '${server.url}/drop.txt?key=secret', target: BLOCKER }`);
  const through = ['env', `NODE_EXTRA_CA_CERTS=${server.certificate ?? ''}`];
  const banban = await LocalBanban.start({ policy: with1, through });
  await waitFor('the list', async () => (await banban.banned()).length === 2, {}, () => banban.child.stdout + banban.child.stderr);
  expect((await banban.list()).map(({ address, origin }) => [address, origin]).sort()).toEqual([['198.51.100.0/24', { kind: 'list', name: 'drop' }], ['203.0.113.9', { kind: 'list', name: 'drop' }]]);
  expect(statSync(join(banban.dir, 'lists/drop.list')).mode & 0o777).toBe(0o600);
  expect(banban.child.stdout + banban.child.stderr, 'a key is not for the log').not.toContain('secret');

  const table = await banban.banctl('lists');
  expect(table).toMatchObject({ code: 0, stderr: '' });
  expect(table.stdout).toMatch(/drop +https:\/\/localhost:\d+\/drop\.txt\?… +BLOCKER +2 +.* +in 2[1-3]h\d+m +ok/);

  server.serve = (_, response) => void response.writeHead(500).end();
  expect(await banban.banctl('lists', 'refresh')).toMatchObject({ code: 1, stderr: expect.stringContaining('answers with status 500 (2 entries of it are banned in BLOCKER)') });
  expect((await banban.status()).problems.join('\n')).toMatch(/list drop: https:\/\/localhost:\d+\/drop\.txt\?… answers with status 500/);

  banban.signal('SIGKILL');
  await banban.child.finished();
  const again = await LocalBanban.start({ policy: with1, through, dir: banban.dir });
  expect((await again.banned()).length).toBe(2);
  const asked = server.asked.length;
  server.serve = listOf('203.0.113.10\n', '"v2"');
  expect(await again.banctl('lists', 'refresh', 'nosuch')).toMatchObject({ code: 1, stderr: expect.stringContaining('there is no list "nosuch"; configured are drop') });
  expect(await again.banctl('lists', 'refresh', 'drop')).toMatchObject({ code: 0, stdout: 'drop: 1 entry of it is banned in BLOCKER\n' });
  expect(server.asked.slice(asked).map(({ headers }) => headers['if-none-match'])).toEqual(['"v1"']);
  expect((await again.list()).map(({ address }) => address)).toEqual(['203.0.113.10']);

  again.configure(policy(''));
  const reloaded = await again.banctl('reload');
  expect(reloaded.stdout).toContain('list drop removed, and what it alone had banned is free');
  await waitFor('the bans to be lifted', async () => (await again.list()).length === 0);
  await waitFor('the copy to be gone', () => !existsSync(join(again.dir, 'lists/drop.list')));
  expect((await again.banctl('lists')).stdout).toBe('No lists are configured.\n');
  await again.stop();
});

test('a ban by hand of what a list has is for its own time, and kept over kill -9', async () => {
  const server = await listServer(listOf('203.0.113.9\n203.0.113.20\n203.0.113.30\n', '"v1"'));
  const given = { policy: policy(`  drop: { url: '${server.url}/', target: BLOCKER, ban: 72h }`) };
  const banban = await LocalBanban.start(given);
  await waitFor('the list', async () => (await banban.banned()).length === 3);
  expect((await banban.banctl('ban', '203.0.113.9', '--for', '1h', '--reason', 'mine')).stdout).toContain('the list drop has it for longer; yours is kept beneath, for its own time');
  banban.signal('SIGKILL');
  await banban.child.finished();
  const again = await LocalBanban.start({ ...given, dir: banban.dir });
  server.serve = listOf('203.0.113.20\n203.0.113.30\n', '"v2"');
  expect(await again.banctl('lists', 'refresh')).toMatchObject({ code: 0 });
  const left = (await again.list()).find(({ address }) => address === '203.0.113.9');
  expect(left).toMatchObject({ origin: { kind: 'manual' }, reason: 'mine' });
  expect(Date.parse(left?.until ?? '') - Date.now()).toBeLessThanOrEqual(3_600_000);
  await again.stop();
});

test('a server that hangs delays neither lines nor a stop', async () => {
  const server = await listServer(() => undefined);
  const banban = await LocalBanban.start({ policy: policy(`  drop: { url: '${server.url}/', target: BLOCKER }`) });
  await waitFor('the request', () => server.asked.length > 0);
  await banban.attack('203.0.113.7');
  await waitFor('the ban', async () => (await banban.list()).some(({ address }) => address === '203.0.113.7'));
  expect(await banban.stop()).toMatchObject({ code: 0 });
});

test('100,000 entries are in force, and lines are heard meanwhile', async () => {
  const text = Array.from({ length: 100_000 }, (_, i) => `${11 + (i >> 15)}.${(i >> 7) & 255}.${(i & 127) * 2}.1`).join('\n');
  const server = await listServer(listOf(text));
  const banban = await LocalBanban.start({ policy: policy(`  big: { url: '${server.url}/', target: BLOCKER }`) });
  await waitFor('the request', () => server.asked.length > 0);
  await banban.attack('203.0.113.7');
  await waitFor('the list', async () => (await banban.status()).bans.active === 100_001, { everyMs: 200 }, () => banban.status());
  const exported = await banban.banctl('export', '--format', 'csv');
  expect(exported.stdout.split('\n').length).toBe(100_003);
  banban.configure(policy(''));
  expect(await banban.banctl('reload')).toMatchObject({ code: 0 });
  await banban.attack('203.0.113.8');
  // Long before all of it is lifted.
  await waitFor('the ban', async () => (await banban.list()).some(({ address }) => address === '203.0.113.8'));
  await banban.stop();
});
