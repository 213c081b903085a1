/** The sources of the built banband: what they may feed, what a reload does to them, and what status says of them. */
import { appendFileSync, existsSync, mkdirSync, renameSync, rmdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { LocalBanban } from '../support/local-banban.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait-for.ts';

const policy = (...sources: readonly string[]): string => `
sources: [ ${sources.join(', ')} ]
targets:
  BLOCKER: { ban: 1h }
defaults: { occurrences: 1, interval: 10m }
goodpatterns: [ '^sshd\\[\\d+\\]: Accepted .* from <ip> port \\d+ ssh2$' ]
rules:
  ssh: { target: BLOCKER, badpatterns: [ '^sshd\\[\\d+\\]: Failed password for .* from <ip> port \\d+ ssh2$' ] }
  web: { target: BLOCKER, badpatterns: [ '^<ip> - - .* "GET /wp-login.php' ] }
`;
// Windows of files run on the time of the line.
const bad = (address: string): string => `${new Date().toISOString()} host sshd[811]: Failed password for root from ${address} port 4242 ssh2\n`;
const good = (address: string): string => `${new Date().toISOString()} host sshd[811]: Accepted password for root from ${address} port 4242 ssh2\n`;
const get = (address: string): string => `${address} - - [today] "GET /wp-login.php HTTP/1.1" 404 1 "-" "-"\n`;

const banned = (banban: LocalBanban, ...addresses: readonly string[]): Promise<unknown> => waitFor(`bans of ${addresses.join(', ')}`, async () => (await banban.banned()).join() === [...addresses].sort().join(), {}, () => banban.banned());

test('a source feeds the rules that it names, and pardons only where it may', async () => {
  const dir = tempDir();
  const [web, auth] = [join(dir, 'web.log'), join(dir, 'auth.log')];
  writeFileSync(web, '');
  writeFileSync(auth, '');
  const banban = await LocalBanban.start({ dir, policy: policy(`{ type: file, path: ${web}, rules: [web], goodpatterns: false }`, `{ type: file, path: ${auth} }`) });
  appendFileSync(web, bad('203.0.113.1') + get('203.0.113.2'));
  await banned(banban, '203.0.113.2');
  appendFileSync(web, good('203.0.113.2') + get('203.0.113.3'));
  await banned(banban, '203.0.113.2', '203.0.113.3');
  appendFileSync(auth, good('203.0.113.2') + bad('203.0.113.4'));
  await banned(banban, '203.0.113.3', '203.0.113.4');
  const { sources } = await banban.status();
  expect(sources.map(({ type, lines, matched, dropped }) => [type, lines, matched, dropped])).toEqual([['unix', 0, 0, 0], ['file', 4, 2, 0], ['file', 2, 2, 0]]);
});

test('a reload starts what is new, stops what is gone, and leaves alone what is the same', async () => {
  const dir = tempDir();
  const [one, two] = [join(dir, 'one.log'), join(dir, 'two.log')];
  writeFileSync(one, '');
  writeFileSync(two, '');
  const banban = await LocalBanban.start({ dir, policy: policy(`{ type: file, path: ${one} }`) });
  appendFileSync(one, bad('203.0.113.1'));
  await banned(banban, '203.0.113.1');

  banban.configure(policy(`{ type: file, path: ${one} }`, `{ type: file, path: ${two}, from: start }`, `{ type: unix, path: ${join(dir, 'more.sock')} }`));
  expect((await banban.banctl('reload')).stdout).toMatch(/source file .*two\.log added[\s\S]*source unix .*more\.sock added/);
  await waitFor('the socket', () => existsSync(join(dir, 'more.sock')));
  appendFileSync(two, bad('203.0.113.2'));
  await banned(banban, '203.0.113.1', '203.0.113.2');
  expect((await banban.status()).sources.map(({ lines }) => lines), 'the first one was not begun anew').toEqual([0, 1, 1, 0]);

  banban.configure(policy(`{ type: file, path: ${one}, rules: [web] }`));
  expect((await banban.banctl('reload')).stdout).toMatch(/source file .*one\.log changed[\s\S]*source file .*two\.log removed/);
  await waitFor('the sources to be two', async () => (await banban.status()).sources.length === 2);
  expect(existsSync(join(dir, 'more.sock'))).toBe(false);
  appendFileSync(two, bad('203.0.113.3'));
  appendFileSync(one, bad('203.0.113.4') + get('203.0.113.5'));
  await banned(banban, '203.0.113.1', '203.0.113.2', '203.0.113.5');
  expect((await banban.status()).sources[1], 'what it had read it does not read again').toMatchObject({ lines: 2, matched: 1 });
});

test('what can’t be read is a problem in status, and works as soon as it can', async () => {
  const dir = tempDir();
  const log = join(dir, 'x.log');
  mkdirSync(log);
  const banban = await LocalBanban.start({ dir, policy: policy(`{ type: file, path: ${log} }`) });
  expect((await banban.status()).problems).toContainEqual(expect.stringMatching(/^source .*x\.log: .*x\.log is a directory; write/));
  expect((await banban.banctl('status')).stdout).toContain('is a directory');
  rmdirSync(log);
  writeFileSync(`${log}.new`, bad('203.0.113.1'));
  renameSync(`${log}.new`, log);
  await banned(banban, '203.0.113.1');
  await waitFor('the problem to go', async () => !(await banban.status()).problems.some((problem) => problem.includes('x.log')));
});

test('the database is left alone, by whatever name it is found', async () => {
  const dir = tempDir();
  symlinkSync('banban.db', join(dir, 'innocent'));
  symlinkSync('banban.db-wal', join(dir, 'innocent-too'));
  writeFileSync(join(dir, 'x.log'), '');
  const banban = await LocalBanban.start({ dir, policy: policy(`{ type: file, path: ${dir}/*, from: start }`) });
  appendFileSync(join(dir, 'x.log'), bad('203.0.113.1'));
  await banned(banban, '203.0.113.1');
  // SQLite's locks are in force: a ban is written and read by two.
  for (let i = 2; i < 20; i++) {
    appendFileSync(join(dir, 'x.log'), bad(`203.0.113.${i}`));
    await waitFor('the ban', async () => (await banban.banned()).includes(`203.0.113.${i}`));
  }
  expect(await banban.stop()).toMatchObject({ code: 0, stderr: '' });
});

test('a source that is silent for longer than it may be is a problem', async () => {
  const dir = tempDir();
  const log = join(dir, 'x.log');
  writeFileSync(log, '');
  const banban = await LocalBanban.start({ dir, policy: policy(`{ type: file, path: ${log}, silent_after: 1s }`) });
  expect(await banban.logs('source_alarm')).toMatchObject({ level: 'error', message: expect.stringContaining('no line has come for') as string });
  expect((await banban.status()).problems).toContainEqual(expect.stringContaining('silent_after is 1s'));
});
