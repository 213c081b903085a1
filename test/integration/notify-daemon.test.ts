/** The built daemon tells people: over its whole life, by a reload, past dead receivers, and asked by banctl. */
import { describe, expect, test } from 'vitest';
import type { StatusResponse } from 'banban-shared';
import { fakeProgram } from '../support/fake-program.ts';
import { failed, LocalBanban, POLICY } from '../support/local-banban.ts';
import { smtpServer } from '../support/smtp-server.ts';
import { waitFor } from '../support/wait-for.ts';
import { webServer, type Posted } from '../support/web-server.ts';

interface Told {
  readonly total: number;
  readonly subject: string;
  readonly events: readonly { readonly type: string; readonly address?: string; readonly lines?: readonly string[]; readonly text: string }[];
}
const read = (posted: Posted): Told => JSON.parse(posted.body) as Told;
const events = (posted: readonly Posted[]): Told['events'] => posted.flatMap((one) => read(one).events);
const start = (notify: string): Promise<LocalBanban> => LocalBanban.start({ policy: `${POLICY}notify:\n${notify}` });
const notifyOf = async (banban: LocalBanban): Promise<StatusResponse['notify']> => (await banban.status()).notify;

describe('its life', () => {
  test('is told from the start to the stop, with bans, their lines and their ends', async () => {
    const server = await webServer();
    const banban = await start(`  - { on: [start, ban, unban, stop], webhook: '${server.url}/hook' }\n`);
    await waitFor('the start to be told', () => events(server.posted).some(({ type }) => type === 'start'));
    await banban.hears(failed('203.0.113.7', '<!channel> ```\x1b[2J'), failed('203.0.113.7'), failed('203.0.113.7'));
    expect(await banban.banctl('unban', '203.0.113.7')).toMatchObject({ code: 0 });
    expect(await banban.banctl('ban', '203.0.113.9', '--reason', 'scans')).toMatchObject({ code: 0 });
    const ended = await banban.stop();
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    const told = events(server.posted);
    expect(told.map(({ type }) => type)).toEqual(['start', 'ban', 'unban', 'ban', 'stop']);
    expect(told[1]).toMatchObject({ address: '203.0.113.7', lines: [expect.stringContaining('<!channel> ```\x1b[2J'), expect.any(String), expect.stringContaining('for root from 203.0.113.7')] });
    expect(told[3]).toMatchObject({ address: '203.0.113.9', text: expect.stringMatching(/: scans$/) });
  });

  test('is told to others after a reload, and what the old ones had gathered is not lost', async () => {
    const [old, fresh] = [await webServer(), await webServer()];
    const banban = await start(`  - { on: ban, webhook: '${old.url}', every: 1h }\n`);
    await banban.attack('203.0.113.7');
    banban.configure(`${POLICY}notify:\n  - { on: ban, webhook: '${fresh.url}' }\n`);
    const result = await banban.banctl('reload');
    expect(result).toMatchObject({ code: 0, stdout: expect.stringContaining('notify changed: 1 receiver') });
    await waitFor('what was gathered', () => old.posted.length === 1);
    await banban.attack('203.0.113.8');
    await waitFor('the next ban', () => fresh.posted.length === 1);
    expect([...old.posted, ...fresh.posted].map((one) => read(one).subject)).toEqual(['banned 203.0.113.7 in BLOCKER', 'banned 203.0.113.8 in BLOCKER']);
  });

  test('has errors that are told, such as a reload that was refused', async () => {
    const server = await webServer();
    const banban = await start(`  - { on: error, webhook: '${server.url}' }\n`);
    banban.configure('targets: 7\n');
    expect(await banban.banctl('reload')).toMatchObject({ code: 1 });
    await waitFor('the error', () => server.posted.length === 1);
    expect(events(server.posted)[0]?.text).toMatch(/^reload refused: .*targets/);
  });
});

describe('a receiver that is dead', () => {
  test('delays no ban and no stop beyond its seconds; status says what waits and why', async () => {
    const mute = await smtpServer('mute');
    const broken = await webServer();
    broken.answer = (response) => void response.writeHead(500).end('oops');
    const program = fakeProgram('tell', 'exit 1');
    const banban = await start([
      `  - { on: [ban, stop], mail: root@localhost, smtp: { host: 127.0.0.1, port: ${mute.port}, security: none } }`,
      `  - { on: ban, webhook: '${broken.url}/secret' }`,
      `  - { on: ban, command: ['${program.path.split(':')[0] ?? ''}/tell'], name: mine }\n`,
    ].join('\n'));
    await banban.attack('203.0.113.1');
    await waitFor('all three to be tried', async () => mute.open() > 0 && broken.posted.length > 0 && (await notifyOf(banban)).slice(1).every(({ failed: tries }) => tries > 0));
    const from = performance.now();
    for (let n = 2; n < 40; n++) await banban.isSent(failed(`203.0.113.${n}`), failed(`203.0.113.${n}`), failed(`203.0.113.${n}`));
    await waitFor('all to be banned', async () => (await banban.status()).bans.active === 39);
    expect(performance.now() - from).toBeLessThan(5000);
    const status = await banban.status();
    expect(status.notify.map(({ name, kind, sent, waiting }) => ({ name, kind, sent, waiting }))).toEqual([
      { name: 'mail root@localhost', kind: 'mail', sent: 0, waiting: 39 }, { name: `webhook ${broken.url.slice(7)}`, kind: 'webhook', sent: 0, waiting: 39 }, { name: 'mine', kind: 'command', sent: 0, waiting: 39 },
    ]);
    expect(status.problems).toEqual(expect.arrayContaining([
      `notify, webhook ${broken.url.slice(7)}: 39 events wait to be told, because it answered with status 500: oops`,
      expect.stringMatching(/^notify, mine: 39 events wait to be told, because .*tell ended with exit code 1$/),
    ]));
    expect(JSON.stringify(status) + banban.child.stdout, 'who knows the URL may write there').not.toContain('secret');
    expect((await banban.banctl('status')).stdout).toMatch(/NOTIFY .*\n +mail root@localhost +ban stop /);
    const stopped = await banban.stop();
    expect(stopped.code).toBe(0);
    const took = banban.logged('stopped')[0]?.['time'];
    const asked = banban.logged('stopping')[0]?.['time'];
    expect(Date.parse(String(took)) - Date.parse(String(asked))).toBeLessThan(4500);
    expect(banban.logged('notify_failed').map((line) => line['receiver'])).toEqual(expect.arrayContaining(['mine']));
    const lost = banban.logged('notify_dropped');
    expect(lost.reduce((sum, line) => sum + Number(line['notices']), 0)).toBe(3 * 39 + 1);
  });

  test('and comes back gets all that it missed', async () => {
    const server = await webServer();
    server.answer = (response) => void response.writeHead(503).end();
    const banban = await start(`  - { on: ban, webhook: '${server.url}' }\n`);
    await banban.attack('203.0.113.1');
    await waitFor('a try', () => server.posted.length === 1);
    await banban.attack('203.0.113.2');
    server.answer = (response) => void response.end();
    await waitFor('both', async () => (await notifyOf(banban))[0]?.sent === 2);
    expect(await notifyOf(banban)).toMatchObject([{ sent: 2, dropped: 0, waiting: 0, error: null }]);
    expect((await banban.status()).problems.filter((problem) => problem.startsWith('notify'))).toEqual([]);
  });
});

test('a storm of bans is one mail', async () => {
  const server = await smtpServer();
  const banban = await start(`  - { on: ban, mail: root@localhost, smtp: { host: 127.0.0.1, port: ${server.port}, security: none } }\n`);
  await banban.banctl('ban', ...Array.from({ length: 2000 }, (_, n) => `10.0.${n >> 8}.${n & 255}`));
  await waitFor('the mail', () => server.mails.length === 1);
  expect(server.mails[0]?.text).toMatch(/^Subject: \[banban \S+\] 2,000 bans\r$/m);
  expect((await banban.status()).notify).toMatchObject([{ sent: 1, waiting: 0, dropped: 0 }]);
});

describe('banctl notify test', () => {
  test('sends a test to each, and says of each what came of it', async () => {
    const mail = await smtpServer();
    const web = await webServer();
    web.answer = (response) => void response.writeHead(404).end('no_service');
    const banban = await start(`  - { on: ban, mail: root@localhost, every: 1h, smtp: { host: 127.0.0.1, port: ${mail.port}, security: none } }\n  - { on: ban, webhook: '${web.url}', format: slack, name: chat }\n`);
    const all = await banban.banctl('notify', 'test');
    expect(all).toMatchObject({ code: 1, stdout: expect.stringMatching(/^sent: mail root@localhost took the test within \d+ ms; see whether it has arrived\n$/), stderr: 'banctl: chat did not take the test: it answered with status 404: no_service\n' });
    expect(mail.mails).toHaveLength(1);
    for (const which of [['1'], ['mail', 'root@localhost'], ['mail root@localhost']]) expect(await banban.banctl('notify', 'test', ...which)).toMatchObject({ code: 0 });
    expect(mail.mails).toHaveLength(4);
    expect(await banban.banctl('notify', 'test', '3')).toMatchObject({ code: 1, stderr: 'banctl: there is no receiver "3"; configured under notify are 1 mail root@localhost, 2 chat\n' });
    const json = await banban.banctl('notify', 'test', '--json');
    expect(JSON.parse(json.stdout)).toMatchObject({ results: [{ receiver: 'mail root@localhost', ok: true, message: null }, { receiver: 'chat', ok: false }] });
  });

  test('of nobody says so', async () => {
    const banban = await LocalBanban.start();
    expect(await banban.banctl('notify', 'test')).toMatchObject({ code: 0, stdout: 'Nobody is told of anything: add notify: to the configuration, and reload.\n' });
    expect(await banban.banctl('notify')).toMatchObject({ code: 2 });
    expect(await banban.banctl('notify', 'tset')).toMatchObject({ code: 2 });
  });
});
