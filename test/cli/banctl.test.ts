import { createServer } from 'node:net';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { userInfo } from 'node:os';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ErrorBody } from 'banban-shared';
import { aBan, aBanResult, aCanary, aDoctor, aFinding, anUnbanResult, aStatus, aTarget, aWhy } from '../support/answers.ts';
import { readCommandLine } from '../../packages/client/src/cli.ts';
import { banctl, program, startBanctl } from '../support/banctl.ts';
import { Child } from '../support/child.ts';
import { fakeDaemon, type FakeAnswer } from '../support/fake-daemon.ts';
import { tempDir } from '../support/temp-dir.ts';

const now = Date.now();
const person = process.env['SUDO_USER'] || userInfo().username;
const HOSTILE = 'a\x1b[2J\x1b]0;owned\x07\r\nb\x7f\x9b31m\u202ec';
const anythingATerminalObeys = /[^\n\P{Cc}]|[\p{Cf}\p{Zl}\p{Zp}]/u;

const error = (code: string, message: string, details: string[] = []): ErrorBody => ({ error: { code, message, details } }) as ErrorBody;

async function ask(answer: FakeAnswer, args: readonly string[], input = '') {
  const daemon = await fakeDaemon(answer);
  return { ...(await banctl(args, { socket: daemon.socket, input })), asked: daemon.asked };
}

describe('each verb asks one thing and shows the answer', () => {
  test('status begins with the health of the daemon', async () => {
    const result = await ask({ body: aStatus(now) }, ['status']);
    expect(result).toMatchObject({ code: 0, stderr: '', asked: [{ method: 'GET', path: '/v1/status' }] });
    expect(result.stdout.split('\n')[0]).toBe('banband 0.1.0 is enforcing, up 3d2h, pid 123');
  });

  test('list shows a table', async () => {
    const result = await ask({ body: { bans: [aBan(now)] } }, ['list', '--target', 'BLOCKER']);
    expect(result).toMatchObject({ code: 0, stderr: '', asked: [{ method: 'GET', path: '/v1/bans?target=BLOCKER' }] });
    expect(result.stdout).toMatch(/^ADDRESS +TARGET +SINCE +ENDS +LEVEL +BY +KERNEL +REASON\n203\.0\.113\.7 +BLOCKER +2h ago +in 1d21h +1 +rule fullblock +held/);
  });

  test('list of two addresses asks for both and shows a ban once', async () => {
    const result = await ask({ body: { bans: [aBan(now)] } }, ['list', '203.0.113.7', '2001:db8::1', '--json']);
    expect(result.asked.map((one) => one.path)).toEqual(['/v1/bans?address=203.0.113.7', '/v1/bans?address=2001%3Adb8%3A%3A1']);
    expect(JSON.parse(result.stdout)).toEqual({ bans: [aBan(now)] });
  });

  test('list of an empty standard input is not the list of everything', async () => {
    expect(await ask({ body: { bans: [aBan(now)] } }, ['list', '-'])).toMatchObject({ code: 0, stdout: 'No active bans.\n', asked: [] });
  });

  test('ban sends the addresses as they were written, the length in seconds, and who it was', async () => {
    const result = await ask({ body: { results: [aBanResult(Date.now())] } }, ['ban', '1.20', '203.0.113.7', '--target', '1.20', '--for', '1h30m', '--reason', '007']);
    expect(result).toMatchObject({ code: 0, stderr: '', stdout: '203.0.113.7 is banned in BLOCKER for 2d\n' });
    expect(result.asked).toEqual([{ method: 'POST', path: '/v1/bans', body: { addresses: ['1.20', '203.0.113.7'], target: '1.20', durationSeconds: 5400, reason: '007', by: person } }]);
  });

  test('ban --for forever is a ban without an end, and without --for the daemon chooses', async () => {
    const body = { results: [aBanResult(now, { until: null })] };
    const forever = await ask({ body }, ['ban', '203.0.113.7', '--for', 'forever']);
    expect(forever.stdout).toBe('203.0.113.7 is banned in BLOCKER for ever\n');
    expect(forever.asked[0]?.body).toEqual({ addresses: ['203.0.113.7'], durationSeconds: null, by: person });
    expect((await ask({ body }, ['ban', '203.0.113.7'])).asked[0]?.body).toEqual({ addresses: ['203.0.113.7'], by: person });
  });

  test('ban says where the person is connected from, and asks for nothing but force with --force', async () => {
    const body = { results: [aBanResult(now)] };
    const from = async (args: string[], env: NodeJS.ProcessEnv): Promise<unknown> => {
      const daemon = await fakeDaemon({ body });
      await banctl(args, { socket: daemon.socket, env });
      return daemon.asked[0]?.body;
    };
    const env = { SSH_CONNECTION: '192.0.2.7 4242 192.0.2.1 22', SSH_CLIENT: '192.0.2.7 4242 22' };
    expect(await from(['ban', '203.0.113.7'], env)).toEqual({ addresses: ['203.0.113.7'], from: ['192.0.2.7'], by: person });
    expect(await from(['ban', '203.0.113.7', '--force'], env)).toEqual({ addresses: ['203.0.113.7'], force: true, by: person });
    expect(await banctl(['unban', '203.0.113.7', '--force'])).toMatchObject({ code: 2, stderr: expect.stringMatching(/--force is an option of .*, not of unban\./) });
  });

  test('unban ends the bans of an address, or of all', async () => {
    const body = { results: [anUnbanResult({ targets: ['BLOCKER', 'THROTTLE'] })] };
    const one = await ask({ body }, ['unban', '203.0.113.7']);
    expect(one).toMatchObject({ code: 0, stdout: '203.0.113.7 is free again (was in BLOCKER, THROTTLE)\n', asked: [{ method: 'DELETE', path: '/v1/bans', body: { addresses: ['203.0.113.7'], by: person } }] });
    const all = await ask({ body }, ['unban', '--all', '--target', 'BLOCKER']);
    expect(all.asked[0]?.body).toEqual({ all: true, target: 'BLOCKER', by: person });
  });

  test('unban of what was not banned says so and is done', async () => {
    const body = { results: [anUnbanResult({ targets: [] })] };
    expect(await ask({ body }, ['unban', '203.0.113.7'])).toMatchObject({ code: 0, stderr: '', stdout: '203.0.113.7 was not banned: nothing to do\n' });
  });

  test('networks go where addresses go', async () => {
    const network = '203.0.113.0/24';
    const banned = await ask({ body: { results: [aBanResult(Date.now(), { address: network })] } }, ['ban', network]);
    expect(banned).toMatchObject({ code: 0, stderr: '', stdout: `${network} is banned in BLOCKER for 2d\n`, asked: [{ body: { addresses: [network] } }] });
    expect((await ask({ body: { results: [anUnbanResult({ address: network })] } }, ['unban', network])).stdout).toBe(`${network} is free again (was in BLOCKER)\n`);
    const listed = await ask({ body: { bans: [aBan(now, { address: network })] } }, ['list', network]);
    expect(listed).toMatchObject({ code: 0, asked: [{ path: '/v1/bans?address=203.0.113.0%2F24' }] });
    expect(listed.stdout).toContain(`\n${network}  BLOCKER`);
    const known = await ask({ body: aWhy(now, { address: network, bans: [] }) }, ['why', network]);
    expect(known).toMatchObject({ code: 0, asked: [{ path: '/v1/why?address=203.0.113.0%2F24' }] });
  });

  test('firewall print is what nft and iptables-restore take, and nothing else', async () => {
    const text = 'table inet banban {\n\tset BLOCKER_v4 { type ipv4_addr; }\n}\n';
    const result = await ask({ body: { managed: false, text } }, ['firewall', 'print', '--quiet']);
    expect(result).toMatchObject({ code: 0, stderr: '', asked: [{ method: 'GET', path: '/v1/firewall' }] });
    expect(result.stdout).toBe(text);
    const managed = await ask({ body: { managed: true, text } }, ['firewall', 'print']);
    expect(managed.stdout.split('\n').filter((line) => !line.startsWith('#')).join('\n')).toBe(text);
  });

  test('firewall check shows what is wrong and what heals it, and ends with 1 for an error', async () => {
    const warning = aFinding({ severity: 'warning', code: 'not-saved', message: 'the rules are gone after a reboot' });
    const bad = await ask({ body: { findings: [warning, aFinding()] } }, ['firewall', 'check']);
    expect(bad).toMatchObject({ code: 1, stderr: '', asked: [{ method: 'GET', path: '/v1/firewall/check' }] });
    expect(bad.stdout).toMatch(/^1 error, 1 warning\n\nERROR {4}BLOCKER, xt_recent: no firewall rule looks at the list \[no-rule\]\n {9}heal it: banctl firewall install\n\nwarning {2}BLOCKER/);
    expect((await ask({ body: { findings: [warning] } }, ['firewall', 'check'])).code).toBe(0);
    expect(await ask({ body: { findings: [] } }, ['firewall', 'check'])).toMatchObject({ code: 0, stdout: 'All is well: the firewall has the rules that the targets need, each where it has to be.\n' });
  });

  test('firewall install and remove say what they did, and are content where there was nothing to do', async () => {
    const done = await ask({ body: { changes: ['table inet banban put in'], problems: [] } }, ['firewall', 'install']);
    expect(done).toMatchObject({ code: 0, stdout: 'table inet banban put in\n', stderr: '', asked: [{ method: 'POST', path: '/v1/firewall' }] });
    const gone = await ask({ body: { changes: [], problems: [] } }, ['firewall', 'remove']);
    expect(gone).toMatchObject({ code: 0, stdout: "There are no rules of banban's: nothing to do.\n", asked: [{ method: 'DELETE', path: '/v1/firewall' }] });
    expect((await ask({ body: { changes: [], problems: [] } }, ['firewall', 'install'])).stdout).toBe('All rules are there already: nothing to do.\n');
  });

  test('doctor says that all is well, or what is not and what heals it', async () => {
    expect(await ask({ body: aDoctor() }, ['doctor'])).toMatchObject({ code: 0, stderr: '', stdout: 'All is well: BLOCKER, xt_recent holds all that is banned, and no firewall rule is missing.\n', asked: [{ method: 'GET', path: '/v1/doctor' }] });
    const ill = await ask({ body: aDoctor({ findings: [aFinding()] }) }, ['doctor']);
    expect(ill.code).toBe(1);
    expect(ill.stdout).toContain('heal it: banctl firewall install');
  });

  test('doctor --canary also follows a line, and ends with 1 when it does not come back', async () => {
    const both = (canary: object): FakeAnswer => (asked, response) => void response.end(JSON.stringify(asked.path === '/v1/canary' ? canary : aDoctor()));
    const well = await ask(both(aCanary()), ['doctor', '--canary', '--target', 'THROTTLE']);
    expect(well).toMatchObject({ code: 0, stderr: '', asked: [{ path: '/v1/doctor' }, { method: 'POST', path: '/v1/canary', body: { target: 'THROTTLE', by: person } }] });
    expect(well.stdout).toMatch(/^All is well: [^]*\n\ncanary 192\.0\.2\.66 in BLOCKER\n[^]*\nIt came back: /);
    const lost = aCanary({ ok: false, steps: [], problem: 'it did not come back within 10 s' });
    expect(await ask(both(lost), ['doctor', '--canary'])).toMatchObject({ code: 1, stdout: expect.stringContaining('IT DID NOT COME BACK: it did not come back within 10 s\n') });
    const asJson = await ask(both(lost), ['doctor', '--canary', '--json']);
    expect(asJson).toMatchObject({ code: 1, stderr: '', stdout: `${JSON.stringify({ doctor: aDoctor(), canary: lost })}\n` });
  });

  test('what waits for other programs has a minute, unless --timeout says', async () => {
    const result = await ask(() => undefined, ['doctor', '--timeout', '0.2']);
    expect(result).toMatchObject({ code: 4, stderr: expect.stringContaining('within 0.2 s') });
    expect(await readCommandLine(['doctor', '--canary'], {})).toMatchObject({ settings: { timeoutSeconds: 60 } });
    expect(await readCommandLine(['status'], {})).toMatchObject({ settings: { timeoutSeconds: 10 } });
  });

  test('why shows the lines that gave the address away', async () => {
    const result = await ask({ body: aWhy(now) }, ['why', '203.0.113.7']);
    expect(result).toMatchObject({ code: 0, stderr: '', asked: [{ method: 'GET', path: '/v1/why?address=203.0.113.7' }] });
    expect(result.stdout).toContain('| sshd[7]: Failed password for root from 203.0.113.7 port 4242 ssh2');
  });

  test('notify test says of each receiver what came of it; one that did not take it is a failure', async () => {
    const results = [{ receiver: 'mail root@localhost', ok: true, milliseconds: 12.3, message: null }, { receiver: 'chat', ok: false, milliseconds: 4, message: 'it answered with status 404' }];
    const result = await ask({ body: { results } }, ['notify', 'test']);
    expect(result).toMatchObject({
      code: 1, stdout: 'sent: mail root@localhost took the test within 13 ms; see whether it has arrived\n', stderr: 'banctl: chat did not take the test: it answered with status 404\n', asked: [{ method: 'POST', path: '/v1/notify/test', body: { by: person } }],
    });
    expect((await ask({ body: { results: results.slice(0, 1) } }, ['notify', 'test', 'mail', 'root@localhost']))).toMatchObject({ code: 0, asked: [{ body: { by: person, receiver: 'mail root@localhost' } }] });
    expect(await ask({ body: { results } }, ['notify', 'send'])).toMatchObject({ code: 2, asked: [] });
  });

  test('status shows who is told, and who could not be', async () => {
    const notify = [{ name: 'mail root@localhost', kind: 'mail' as const, on: ['ban', 'error'], sent: 12, failed: 3, dropped: 1, waiting: 1042, lastAt: new Date(now - 5000).toISOString(), error: 'nobody listens' }];
    expect((await ask({ body: aStatus(now, { notify }) }, ['status'])).stdout).toMatch(/\n +NOTIFY +ON +SENT +FAILED +WAITING +DROPPED +LAST\n +mail root@localhost +ban error +12 +3 +1,042 +1 +\d+s ago\n/);
    expect((await ask({ body: aStatus(now) }, ['status'])).stdout).not.toContain('NOTIFY');
  });

  test('reload says what changed; warnings go to stderr', async () => {
    const result = await ask({ body: { changes: ['rule ssh is new'], warnings: ['rule x never matches'] } }, ['reload']);
    expect(result).toMatchObject({ code: 0, stdout: 'The configuration is loaded:\n  rule ssh is new\n', stderr: 'banctl: warning: rule x never matches\n', asked: [{ method: 'POST', path: '/v1/reload' }] });
  });

  test('reconcile ends with 1 when bans stay unenforced', async () => {
    const target = { name: 'BLOCKER', added: 2, removed: 0, held: 9, notHeld: 0 };
    expect(await ask({ body: { targets: [target] } }, ['reconcile'])).toMatchObject({ code: 0, stderr: '', asked: [{ method: 'POST', path: '/v1/reconcile' }] });
    const short = await ask({ body: { targets: [{ ...target, notHeld: 3 }] } }, ['reconcile']);
    expect(short).toMatchObject({ code: 1, stderr: 'banctl: 3 active bans are NOT ENFORCED; "banctl status" says why.\n' });
  });

  test('once the answer is printed banctl is done: V8 does not go on to optimise the parser', async () => {
    const daemon = await fakeDaemon({ body: aStatus(now) });
    const child = Child.start([process.execPath, '--trace-wasm-compilation-times', program, 'status', '--socket', daemon.socket]);
    const result = await child.finished();
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toContain('is enforcing');
    expect(result.stdout).not.toMatch(/using TurboFan/);
  });

  test('version names both, and itself alone when there is no daemon', async () => {
    expect(await ask({ body: aStatus(now) }, ['version'])).toMatchObject({ code: 0, stdout: 'banctl 0.1.0\nbanband 0.1.0\n', stderr: '' });
    const alone = await banctl(['version', '--json'], { socket: '/nonexistent/control.sock' });
    expect(alone).toMatchObject({ code: 0, stdout: '{"banctl":"0.1.0","banband":null}\n' });
  });
});

describe('what was not achieved is said on stderr and ends with 1', () => {
  test('a refused address among good ones', async () => {
    const results = [aBanResult(Date.now()), aBanResult(now, { address: '127.0.0.1', outcome: 'refused', until: null, enforcement: null, message: 'it is on the allow list (127.0.0.0/8)' })];
    expect(await ask({ body: { results } }, ['ban', '203.0.113.7', '127.0.0.1'])).toMatchObject({
      code: 1,
      stdout: '203.0.113.7 is banned in BLOCKER for 2d\n',
      stderr: 'banctl: 127.0.0.1 was refused: it is on the allow list (127.0.0.0/8)\n',
    });
  });

  test.each(['unread', 'missing', 'waiting', 'failed'] as const)('a ban that is stored but %s in the kernel', async (enforcement) => {
    const args = ['ban', '203.0.113.7'];
    const result = await ask({ body: { results: [aBanResult(Date.now(), { enforcement })] } }, args);
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toMatch(/^banctl: 203\.0\.113\.7 is stored as banned in BLOCKER for 2d, but IS NOT ENFORCED: /);
    expect(await ask({ body: { results: [aBanResult(Date.now(), { enforcement })] } }, [...args, '--json'])).toMatchObject({ code: 1, stderr: '' });
  });

  test('a simulated ban is done, with a note', async () => {
    const result = await ask({ body: { results: [aBanResult(Date.now(), { enforcement: 'simulated' })] } }, ['ban', '203.0.113.7']);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toContain('(simulated: banband simulates, so the kernel does not drop it)');
  });

  test('a ban that is being written is done, and is said to be on its way', async () => {
    const results = [aBanResult(Date.now(), { enforcement: 'pending', message: 'hosts_deny: 1 rows are being written' })];
    expect(await ask({ body: { results } }, ['ban', '203.0.113.7'])).toMatchObject({ code: 0, stderr: '', stdout: '203.0.113.7 is banned in BLOCKER for 2d (hosts_deny: 1 rows are being written)\n' });
  });

  test('an unban of an address that the ban of a network still holds', async () => {
    const message = '203.0.113.7 is still held by the ban of 203.0.113.0/24 in BLOCKER (banctl unban 203.0.113.0/24 ends that)';
    const heldBy = [{ address: '203.0.113.0/24', target: 'BLOCKER' }];
    const body = { results: [anUnbanResult({ targets: [], heldBy, message }), anUnbanResult({ address: '203.0.113.9', targets: ['THROTTLE'], heldBy, message })] };
    expect(await ask({ body }, ['unban', '203.0.113.7', '203.0.113.9'])).toMatchObject({ code: 1, stdout: '', stderr: `banctl: ${message}\nbanctl: the ban of 203.0.113.9 in THROTTLE is ended, but ${message}\n` });
  });

  test('a firewall rule that could not be put in', async () => {
    const body = { changes: ['the chain banban put in'], problems: ['nft ended with 1: Operation not permitted'] };
    expect(await ask({ body }, ['firewall', 'install'])).toMatchObject({ code: 1, stdout: 'the chain banban put in\n', stderr: 'banctl: nft ended with 1: Operation not permitted\n' });
  });

  test('an unban that the kernel did not follow', async () => {
    const body = { results: [anUnbanResult({ released: false, message: 'BLOCKER still has it' })] };
    expect(await ask({ body }, ['unban', '203.0.113.7'])).toMatchObject({ code: 1, stdout: '', stderr: 'banctl: the ban of 203.0.113.7 in BLOCKER is ended, but it IS STILL BLOCKED: BLOCKER still has it\n' });
  });

  test('an error of the API, with every detail', async () => {
    const body = error('bad_config', 'the configuration has errors; the running one stays', ['banban.yml:3: no key "rulse"', 'banban.yml:9: no target X']);
    expect(await ask({ status: 422, body }, ['reload'])).toMatchObject({
      code: 1,
      stdout: '',
      stderr: 'banctl: the configuration has errors; the running one stays\n  banban.yml:3: no key "rulse"\n  banban.yml:9: no target X\n',
    });
    const asJson = await ask({ status: 422, body }, ['reload', '--json']);
    expect(asJson).toMatchObject({ code: 1, stdout: '' });
    expect(JSON.parse(asJson.stderr)).toEqual(body);
  });
});

test.each([
  ['status', aStatus(now)],
  ['list', { bans: [aBan(now, { reason: HOSTILE })], more: 'from a newer daemon' }],
  ['ban 203.0.113.7', { results: [aBanResult(now)] }],
  ['unban --all', { results: [] }],
  ['why 203.0.113.7', aWhy(now)],
  ['reload', { changes: [], warnings: ['w'] }],
  ['reconcile', { targets: [] }],
  ['firewall print', { managed: true, text: 'a\n\tb\n' }],
  ['firewall check', { findings: [aFinding({ severity: 'warning' })] }],
  ['firewall install', { changes: ['a'], problems: [] }],
  ['firewall remove', { changes: [], problems: [] }],
  ['notify test', { results: [{ receiver: 'mail root', ok: true, milliseconds: 1.5, message: null }] }],
  ['doctor', aDoctor()],
])('%s --json prints the body unchanged', async (args, body) => {
  const text = JSON.stringify(body, null, 1);
  expect(await ask({ body: text }, [...args.split(' '), '--json', '--quiet'])).toMatchObject({ code: 0, stdout: `${text}\n`, stderr: '' });
});

describe('no usable answer', () => {
  test('no socket: 4, with what to do', async () => {
    const socket = join(tempDir(), 'none.sock');
    expect(await banctl(['status', '--socket', socket])).toMatchObject({
      code: 4,
      stdout: '',
      stderr: `banctl: banband is not running here: there is no socket ${socket}.\n  Start it (systemctl start banband), or name its control socket with --socket or BANBAN_SOCKET.\n`,
    });
    const asJson = await banctl(['status', '--json'], { socket });
    expect(asJson.code).toBe(4);
    expect(JSON.parse(asJson.stderr)).toMatchObject({ error: { code: 'no_socket', details: [] } });
  });

  test('a socket that nobody serves: 4', async () => {
    const socket = join(tempDir(), 'stale.sock');
    // A process that dies without tidying up leaves its socket file.
    const script = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', script, socket]);
    const result = await banctl(['status'], { socket });
    expect(result).toMatchObject({ code: 4, stdout: '' });
    expect(result.stderr).toContain('nobody listens on');
  });

  test('a file that is no socket, and a path too long for one: 4', async () => {
    expect(await banctl(['status'], { socket: '/etc/passwd' })).toMatchObject({ code: 4, stdout: '' });
    expect(await banctl(['status'], { socket: `/tmp/${'x'.repeat(200)}` })).toMatchObject({ code: 4, stdout: '' });
  });

  test.skipIf(process.getuid?.() !== 0)('a socket of somebody else: 5', async () => {
    const daemon = await fakeDaemon({ body: aStatus(now) });
    const result = await banctl(['status'], { socket: daemon.socket, uid: 65_534 });
    expect(result).toMatchObject({ code: 5, stdout: '' });
    expect(result.stderr).toMatch(/^banctl: you may not use .*: it is for root and the members of its group\.\n {2}Use sudo/);
    expect(daemon.asked).toEqual([]);
  });

  test('a daemon that hangs: 4 after --timeout', async () => {
    const result = await ask(() => undefined, ['ban', '203.0.113.7', '--timeout', '1']);
    expect(result).toMatchObject({ code: 4, stdout: '' });
    expect(result.stderr).toContain('did not answer on');
    expect(result.stderr).toContain('Whether it was done is not known');
    expect(result.ms).toBeGreaterThan(900);
    expect(result.ms).toBeLessThan(5000);
  });

  test('a daemon that sends drop by drop: the time limit is for the whole answer', async () => {
    const drip: FakeAnswer = (_asked, response) => {
      const timer = setInterval(() => response.write(' '), 50);
      response.on('close', () => clearInterval(timer));
    };
    expect(await ask(drip, ['status', '--timeout', '0.5'])).toMatchObject({ code: 4, stdout: '' });
  });

  test('an answer that is cut off: 4, and nothing on stdout', async () => {
    const half: FakeAnswer = (_asked, response) => {
      response.writeHead(200, { 'content-length': '5000' });
      response.write('{"version":', () => response.destroy());
    };
    const result = await ask(half, ['status', '--json']);
    expect(result).toMatchObject({ code: 4, stdout: '' });
    expect(JSON.parse(result.stderr)).toMatchObject({ error: { code: 'cut_off' } });
  });

  test('garbage instead of HTTP: 4', async () => {
    const socket = join(tempDir(), 'garbage.sock');
    const server = createServer((connection) => connection.on('error', () => undefined).end('\x1b[2J220 mail.example ESMTP\r\n'));
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    onTestFinished(() => void server.close());
    const result = await banctl(['status'], { socket });
    expect(result).toMatchObject({ code: 4, stdout: '' });
    expect(result.stderr).toContain("does not speak banban's protocol");
    expect(result.stderr).not.toMatch(anythingATerminalObeys);
  });

  test.each([
    ['HTML', '<html>', 200],
    ['another JSON', '{"ok":true}', 200],
    ['null', 'null', 200],
    ['an error of another server', '{"error":"no"}', 502],
  ])('%s: 4', async (_what, body, status) => {
    const result = await ask({ status, body }, ['status']);
    expect(result).toMatchObject({ code: 4, stdout: '' });
    expect(result.stderr).toContain("does not speak banban's protocol");
  });
});

describe('a long answer', () => {
  test('of 100,000 bans with long reasons is listed', async () => {
    const bans = Array.from({ length: 100_000 }, (_, id) => aBan(now, { id, reason: `${id} ${'x'.repeat(400)}` }));
    const result = await ask({ body: { bans } }, ['list']);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout.trimEnd().split('\n')).toHaveLength(100_002);
    expect(result.stdout).toMatch(/\n100,000 active bans\n$/);
  });

  test('that never ends is no banband\'s: 4', async () => {
    const piece = Buffer.alloc(1024 * 1024, ' ');
    let sent = 0;
    const endless: FakeAnswer = (_asked, response) => {
      const send = (): void => void response.write(piece, () => (sent++, response.destroyed || send()));
      send();
    };
    const result = await ask(endless, ['status', '--timeout', '60']);
    expect(result).toMatchObject({ code: 4, stdout: '' });
    expect(result.stderr).toContain('the answer is over 256 MiB');
    expect(sent).toBeLessThan(300);
  });
});

describe('a wrong command line ends with 2, asks nobody, and says what is right', () => {
  test.each([
    ['stauts', 'did you mean "status"?'],
    ['list --traget X', 'did you mean "--target"?'],
    ['list --for 1d', '--for is an option of ban and allow and import, not of list.'],
    ['ban', 'ban needs at least one address.'],
    ['ban 203.0.113.7 --for 1x', 'write 90s, 10m, 1h30m, 7d, 2w, forever'],
    ['ban 203.0.113.7 --for', '--for needs a value.'],
    ['ban 203.0.113.7 --target A --target B', '--target was given twice.'],
    ['firewall', 'firewall takes exactly one action.'],
    ['firewall check install', 'firewall takes exactly one action.'],
    ['firewall instal', 'firewall takes print, check, install or remove, and not "instal"; did you mean "install"?'],
    ['doctor --target BLOCKER', '--target says where the canary is banned: give --canary, too.'],
    ['doctor BLOCKER', 'doctor takes no arguments'],
    ['status --canary', '--canary is an option of doctor, not of status.'],
    ['unban', 'Name at least one, or say --all.'],
    ['unban 203.0.113.7 --all', 'not both'],
    ['why', 'why takes exactly one address.'],
    ['why 1.1.1.1 2.2.2.2', 'why takes exactly one address.'],
    ['status now', 'status takes no arguments'],
    ['status --timeout never', '--timeout "never"'],
    ['--quiet', 'no verb was given.'],
    [`ban ${'9'.repeat(65)}`, 'is not an address.'],
  ])('%s', async (args, sentence) => {
    const result = await ask({ body: {} }, args.split(' '));
    expect(result).toMatchObject({ code: 2, stdout: '', asked: [] });
    expect(result.stderr).toContain(sentence);
  });

  test('as JSON with --json', async () => {
    const result = await banctl(['stauts', '--json']);
    expect(JSON.parse(result.stderr)).toEqual({ error: { code: 'usage', message: 'there is no verb "stauts"; did you mean "status"?', details: [] } });
  });

  test('banctl alone and --help print the help', async () => {
    const alone = await banctl([]);
    expect(alone).toMatchObject({ code: 0, stderr: '' });
    expect(alone.stdout).toMatch(/^Usage: banctl <verb>/);
    expect((await banctl(['--help'])).stdout).toBe(alone.stdout);
    expect((await banctl(['ban', '--help'])).stdout).toMatch(/^Usage: banctl ban <address\.\.\.>/);
  });
});

describe('addresses from standard input', () => {
  const echo: FakeAnswer = (asked, response) => {
    const { addresses } = asked.body as { addresses: string[] };
    response.end(JSON.stringify({ results: addresses.map((address) => aBanResult(now, { address })) }));
  };

  test('one a line, with comments and blanks, in the place of the -', async () => {
    const result = await ask(echo, ['ban', '192.0.2.1', '-', '192.0.2.9'], '# list\r\n192.0.2.2 # first\r\n\n  2001:db8::1\n192.0.2.3');
    expect(result.code).toBe(0);
    expect(result.asked[0]?.body).toMatchObject({ addresses: ['192.0.2.1', '192.0.2.2', '2001:db8::1', '192.0.2.3', '192.0.2.9'] });
  });

  test('in requests of at most 10,000, joined to one answer', async () => {
    const many = Array.from({ length: 20_001 }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
    const result = await ask(echo, ['ban', '-', '--json'], many.join('\n'));
    expect(result.code).toBe(0);
    expect(result.asked.map((one) => (one.body as { addresses: string[] }).addresses.length)).toEqual([10_000, 10_000, 1]);
    expect((JSON.parse(result.stdout) as { results: { address: string }[] }).results.map((one) => one.address)).toEqual(many);
  });

  test('when a later request fails, what was done before is still shown', async () => {
    let requests = 0;
    const failing: FakeAnswer = (asked, response) => {
      if (++requests === 1) return echo(asked, response);
      response.writeHead(503).end(JSON.stringify(error('store_unavailable', 'the disk is full')));
    };
    const result = await ask(failing, ['ban', '-'], '192.0.2.1\n'.repeat(10_001));
    expect(result).toMatchObject({ code: 1, stderr: 'banctl: the disk is full\n' });
    expect(result.stdout.trimEnd().split('\n')).toHaveLength(10_000);
  });

  test('a directory is not an empty list', async () => {
    const child = Child.start(['sh', '-c', 'exec "$0" "$@" < /', process.execPath, program, 'ban', '-']);
    expect(await child.finished()).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('standard input is a directory') });
  });

  test('Ctrl-C ends the wait, for the list or for the answer', async () => {
    const typing = startBanctl(['ban', '-', '--socket', '/nonexistent/control.sock']);
    const waiting = await new Promise<Child>((resolve) => {
      void fakeDaemon(() => resolve(child)).then(({ socket }) => (child = startBanctl(['status'], { socket })));
      let child: Child;
    });
    for (const child of [waiting, typing]) expect(await child.stop('SIGINT')).toMatchObject({ code: null, signal: 'SIGINT', stdout: '', stderr: '' });
  });

  test('none is nothing to do; a line that is no address is named', async () => {
    expect(await ask(echo, ['ban', '-'], '# nothing\n')).toMatchObject({ code: 0, asked: [], stdout: 'No addresses on standard input: nothing to do.\n' });
    expect(await ask(echo, ['ban', '-', '--json'], '')).toMatchObject({ code: 0, asked: [], stdout: '{"results":[]}\n' });
    const wrong = await ask(echo, ['ban', '-'], '192.0.2.1\n192.0.2.2 192.0.2.3\n');
    expect(wrong).toMatchObject({ code: 2, asked: [] });
    expect(wrong.stderr).toContain('line 2 of standard input, "192.0.2.2 192.0.2.3", is not one address');
  });
});

describe('what reaches the terminal', () => {
  test.each([
    ['list', { bans: [aBan(now, { reason: HOSTILE, origin: { kind: 'manual', name: HOSTILE } })] }],
    ['why 203.0.113.7', aWhy(now, { address: HOSTILE, allowedBy: HOSTILE, offences: [{ ...aWhy(now).offences[0]!, reason: HOSTILE, rule: HOSTILE, lines: [HOSTILE] }] })],
    ['status', aStatus(now, { version: HOSTILE, problems: [HOSTILE], targets: [aTarget({ name: HOSTILE, state: 'failed', message: HOSTILE, notHeld: [HOSTILE], foreign: 1, foreignNamed: [HOSTILE], backends: [{ ...aTarget().backends[0]!, backend: HOSTILE, message: HOSTILE }, { ...aTarget().backends[0]!, state: 'unread', backend: HOSTILE, message: HOSTILE }] })] })],
    ['ban 203.0.113.7', { results: [aBanResult(now, { address: HOSTILE, target: HOSTILE, message: HOSTILE, enforcement: 'failed' }), aBanResult(now, { message: HOSTILE })] }],
    ['unban 203.0.113.7', { results: [anUnbanResult({ address: HOSTILE, targets: [HOSTILE], released: false, message: HOSTILE }), anUnbanResult({ address: HOSTILE, heldBy: [{ address: HOSTILE, target: HOSTILE }] })] }],
    ['firewall print', { managed: false, text: HOSTILE }],
    ['firewall check', { findings: [aFinding({ code: HOSTILE, target: HOSTILE, backend: HOSTILE, message: HOSTILE, remedy: HOSTILE })] }],
    ['firewall install', { changes: [HOSTILE], problems: [HOSTILE] }],
    ['doctor', aDoctor({ findings: [aFinding({ message: HOSTILE })], targets: [{ target: HOSTILE, backend: HOSTILE, missing: [HOSTILE], missingCount: 1, foreign: [HOSTILE], foreignCount: 1 }] })],
    ['notify test', { results: [{ receiver: HOSTILE, ok: true, milliseconds: 1, message: null }, { receiver: HOSTILE, ok: false, milliseconds: 1, message: HOSTILE }] }],
    ['reload', { changes: [HOSTILE], warnings: [HOSTILE] }],
    ['reconcile', { targets: [{ name: HOSTILE, added: 0, removed: 0, held: 0, notHeld: 1 }] }],
  ])('%s shows hostile text harmlessly', async (args, body) => {
    const result = await ask({ body }, args.split(' '));
    expect(result.stdout + result.stderr).toContain('\\x1b[2J');
    expect(result.stdout + result.stderr).not.toMatch(anythingATerminalObeys);
  });

  test('a canary\'s way too', async () => {
    const canary = aCanary({ ok: false, target: HOSTILE, address: HOSTILE, steps: [{ step: 'sent', milliseconds: 1, detail: HOSTILE }], problem: HOSTILE });
    const result = await ask((asked, response) => void response.end(JSON.stringify(asked.path === '/v1/canary' ? canary : aDoctor())), ['doctor', '--canary']);
    expect(result.stdout.split('\\x1b[2J')).toHaveLength(5);
    expect(result.stdout).not.toMatch(anythingATerminalObeys);
  });

  test('an error message and a mistyped verb too', async () => {
    const refused = await ask({ status: 404, body: error('unknown_target', HOSTILE, [HOSTILE]) }, ['list']);
    expect(refused.stderr).toContain('\\x1b[2J');
    expect(refused.stderr).not.toMatch(anythingATerminalObeys);
    expect((await banctl([HOSTILE])).stderr).not.toMatch(anythingATerminalObeys);
    expect((await banctl(['status', `--${HOSTILE}`])).stderr).not.toMatch(anythingATerminalObeys);
  });

  test('a reader that goes away early is no failure', async () => {
    const bans = Array.from({ length: 50_000 }, (_, id) => aBan(now, { id }));
    const daemon = await fakeDaemon({ body: { bans } });
    const child = startBanctl(['list'], { socket: daemon.socket });
    child.process.stdout?.once('data', () => child.process.stdout?.destroy());
    expect(await child.finished()).toMatchObject({ code: 0, stderr: '' });
  });

  /** Runs it on a pseudo-terminal; \r\n is how a terminal ends lines. */
  async function onTerminal(answer: FakeAnswer, args: string, env: NodeJS.ProcessEnv = {}, columns = 80): Promise<string> {
    const daemon = await fakeDaemon(answer);
    const child = Child.start(['script', '-qec', `stty cols ${columns} && exec "$NODE" "$BANCTL" ${args}`, '/dev/null'], {
      env: { PATH: process.env['PATH'], TERM: 'xterm', NODE: process.execPath, BANCTL: program, BANBAN_SOCKET: daemon.socket, ...env },
    });
    const { stdout } = await child.finished();
    return stdout.replaceAll('\r\n', '\n');
  }

  test('colour on a terminal, none with --no-color or NO_COLOR', async () => {
    expect(await onTerminal({ body: aStatus(now) }, 'status')).toContain('banband 0.1.0 \x1b[32mis enforcing\x1b[39m, up');
    expect(await onTerminal({ body: aStatus(now) }, 'status --no-color')).not.toContain('\x1b');
    expect(await onTerminal({ body: aStatus(now) }, 'status', { NO_COLOR: '1' })).not.toContain('\x1b');
  });

  test('a list is as wide as the terminal, and in a pipe as wide as it is', async () => {
    const body = { bans: [aBan(now, { reason: 'she tried every password that she could think of' })] };
    expect((await onTerminal({ body }, 'list --no-color', {}, 100)).split('\n')[1]).toMatch(/she tried every password tha…$/);
    expect((await onTerminal({ body }, 'list --no-color')).split('\n')[1]).toMatch(/held {4}she tried every…$/);
    expect((await ask({ body }, ['list'])).stdout).toContain('that she could think of\n');
  });

  test('--json on a terminal is the same value, with nothing that the terminal obeys', async () => {
    const body = { bans: [aBan(now, { reason: HOSTILE })] };
    const shown = await onTerminal({ body }, 'list --json');
    expect(shown).not.toMatch(anythingATerminalObeys);
    expect(JSON.parse(shown)).toEqual(body);
  });

  test('a full disk is a failure', async () => {
    const daemon = await fakeDaemon({ body: aStatus(now) });
    const child = Child.start(['sh', '-c', 'exec "$0" "$@" > /dev/full', process.execPath, program, 'status', '--socket', daemon.socket]);
    expect(await child.finished()).toMatchObject({ code: 1, stderr: expect.stringContaining('banctl: the output could not be written: ENOSPC') });
  });

  test('--quiet leaves out confirmations, not answers and errors', async () => {
    expect(await ask({ body: { results: [aBanResult(now)] } }, ['ban', '203.0.113.7', '--quiet'])).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect((await ask({ body: { bans: [] } }, ['list', '--quiet'])).stdout).toBe('No active bans.\n');
  });
});
