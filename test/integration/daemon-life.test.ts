/** The life of the built daemon: what it finds in its way at the start, what it leaves behind at the end, and what outlives it. */
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { banctl } from '../support/banctl.ts';
import { Child } from '../support/child.ts';
import { BANBAND, banband, failed, LocalBanban, places, POLICY, receiveOn, spawnBanband, writeConfig } from '../support/local-banban.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait-for.ts';

const mode = (path: string): string => (lstatSync(path).mode & 0o777).toString(8);
const inode = (path: string): number => lstatSync(path).ino;

/** It refused to start: exit 1 and one sentence. */
async function refusal(banban: LocalBanban): Promise<string> {
  const result = await banban.child.finished();
  expect(result.code).toBe(1);
  expect(result.stderr).toMatch(/^banband: [^\n]+\n$/);
  expect(result.stderr).not.toMatch(/\.js:\d|E[A-Z]{4,}:/);
  return result.stderr.slice('banband: '.length).trimEnd();
}

describe('a second one', () => {
  test('on the same database is refused by name, and the first one never notices', async () => {
    const first = await LocalBanban.start();
    await first.attack('203.0.113.1');
    const before = [first.logSocket, first.controlSocket, first.database].map(inode);
    expect(await refusal(LocalBanban.begin({ dir: first.dir }))).toBe(`${first.database} is in use by another banband (pid ${first.pid}): stop that one first, or name another file as database`);
    expect([first.logSocket, first.controlSocket, first.database].map(inode)).toEqual(before);
    await first.attack('203.0.113.2');
    expect(await first.banned()).toEqual(['203.0.113.1', '203.0.113.2']);
    expect(first.child.stderr).toBe('');
  });

  test('of five that start at the same moment one runs, and the others say who', async () => {
    const dir = tempDir();
    const five = Array.from({ length: 5 }, () => LocalBanban.begin({ dir }));
    await waitFor('four to have ended', () => five.filter((one) => !one.child.running).length === 4);
    const [running] = five.filter((one) => one.child.running);
    await running?.child.says(/"event":"started"/);
    for (const one of five) if (one !== running) expect(await refusal(one)).toMatch(/is in use by another banband/);
    expect(await running?.banctl('status')).toMatchObject({ code: 0 });
  });

  test('with a database of its own, but on a socket of the first, is refused and takes nothing away', async () => {
    const first = await LocalBanban.start();
    const before = [first.logSocket, first.controlSocket].map(inode);
    const other = join(tempDir(), 'banban.db');
    expect(await refusal(LocalBanban.begin({ dir: first.dir, database: other }))).toBe(`${first.logSocket} is in use: another program, probably a running banband, receives on it; stop that one first`);
    expect([first.logSocket, first.controlSocket].map(inode)).toEqual(before);
    await first.attack('203.0.113.1');
    expect(await first.banned()).toEqual(['203.0.113.1']);
  });
});

describe('in the way of a socket', () => {
  test('what a kill -9 left behind is replaced', async () => {
    const first = await LocalBanban.start();
    await first.stop('SIGKILL');
    expect(readdirSync(first.dir)).toEqual(expect.arrayContaining(['log.sock', 'control.sock']));
    expect(await first.banctl('status')).toMatchObject({ code: 4, stderr: expect.stringContaining('nobody listens') });
    const second = await first.startAgain();
    await second.attack('203.0.113.1');
    expect(await second.banned()).toEqual(['203.0.113.1']);
  });

  test('another program that receives on it keeps it', async () => {
    const dir = tempDir();
    const { logSocket, controlSocket } = places(dir);
    const heard = receiveOn(logSocket);
    expect(await refusal(LocalBanban.begin({ dir }))).toBe(`${logSocket} is in use: another program, probably a running banband, receives on it; stop that one first`);
    await heard.stillHears();
    heard.stop();

    const server = createServer((one) => one.on('error', () => undefined).end('mine')).listen(controlSocket);
    onTestFinished(() => void server.close());
    expect(await refusal(LocalBanban.begin({ dir }))).toMatch(/control\.sock is in use: .*; stop that one first, or choose another path for control\.socket$/);
    expect(await new Promise((resolve) => connect(controlSocket).on('data', (text) => resolve(String(text))))).toBe('mine');
    // Its own log socket, which it had already, is gone again.
    expect(readdirSync(dir).filter((name) => name.endsWith('.sock'))).toEqual(['control.sock']);
  });

  test.each(['log.sock', 'control.sock'])('a file, a directory or a link at %s is left as it is', async (name) => {
    const dir = tempDir();
    const path = join(dir, name);
    const reason = `${path} exists and is not a socket; remove it or choose another path for ${name === 'log.sock' ? 'socket:' : 'control.socket'}`;
    writeFileSync(path, 'precious');
    expect(await refusal(LocalBanban.begin({ dir }))).toBe(reason);
    expect(readFileSync(path, 'utf8')).toBe('precious');

    const withDirectory = tempDir();
    mkdirSync(join(withDirectory, name));
    expect(await refusal(LocalBanban.begin({ dir: withDirectory }))).toBe(reason.replace(dir, withDirectory));
    const withLink = tempDir();
    symlinkSync(path, join(withLink, name));
    expect(await refusal(LocalBanban.begin({ dir: withLink }))).toBe(reason.replace(dir, withLink));
    expect(lstatSync(join(withLink, name)).isSymbolicLink()).toBe(true);
  });

  test('that is removed or replaced while it runs is a problem that status names: no line arrives any more', async () => {
    const banban = await LocalBanban.start();
    expect((await banban.status()).sources[0]?.error).toBeNull();
    rmSync(banban.logSocket);
    expect((await banban.status()).problems).toEqual(expect.arrayContaining([expect.stringMatching(/log\.sock: the socket was removed or replaced, so no line arrives any more: restart banband/)]));
    writeFileSync(banban.logSocket, 'not ours');
    expect((await banban.status()).sources[0]?.error).toMatch(/removed or replaced/);
    await banban.stop();
    expect(readFileSync(banban.logSocket, 'utf8'), 'what is not ours stays').toBe('not ours');
  });

  test('a directory for it that is missing is made, and one that can’t be made is named', async () => {
    const dir = tempDir();
    const config = (socket: string): string => {
      const path = join(dir, 'banban.yml');
      writeFileSync(path, `socket: ${socket}\ndatabase: ${dir}/state/banban.db\ncontrol: { socket: ${dir}/run/deep/control.sock }\n${POLICY}`);
      return path;
    };
    // The umask of the unit, and of careful people's shells.
    const child = spawnBanband(['--simulate', '--config', config(`${dir}/run/log.sock`)], ['sh', '-c', 'umask 077; exec "$@"', 'sh']);
    await child.says(/"event":"started"/);
    expect(await banctl(['status'], { socket: `${dir}/run/deep/control.sock` })).toMatchObject({ code: 0 });
    expect([mode(`${dir}/run`), mode(`${dir}/run/deep`), mode(`${dir}/state`)]).toEqual(['755', '755', '700']);

    writeFileSync(`${dir}/file`, '');
    writeFileSync(`${dir}/other.yml`, `socket: ${dir}/file/log.sock\ndatabase: ${dir}/other/banban.db\ncontrol: { socket: ${dir}/other/control.sock }\n${POLICY}`);
    const refused = await banband(['--simulate', '--config', `${dir}/other.yml`]);
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.stderr).toMatch(new RegExp(`^banband: can't listen on ${dir}/file/log\\.sock: a part of its path is a file; name another path\\n$`));
  });
});

describe('who may use what it makes', () => {
  test.each(['000', '077'])('is the same with any umask: %s', async (umask) => {
    const banban = await LocalBanban.start({ through: ['sh', '-c', `umask ${umask}; exec "$@"`, 'sh'] });
    await banban.attack('203.0.113.1');
    expect(readdirSync(banban.dir).sort().map((name) => [name, mode(join(banban.dir, name))]).filter(([name]) => name !== 'banban.yml')).toEqual([
      ['banban.db', '600'],
      ['banban.db-shm', '600'],
      ['banban.db-wal', '600'],
      ['banban.db.lock', '600'],
      ['banban.db.lock-journal', '600'],
      ['control.sock', '660'],
      ['log.sock', '660'],
    ]);
  });

  test.runIf(process.getuid?.() === 0)('a directory that its user may not write to is named, and so is a group that the user can’t give', async () => {
    const dir = tempDir();
    chmodSync(dir, 0o755);
    mkdirSync(join(dir, 'state'));
    chownSync(join(dir, 'state'), 65534, 65534);
    const through = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'];
    const refused = async (socket: string, control: string): Promise<string> => {
      writeFileSync(join(dir, 'banban.yml'), `socket: ${socket}\ndatabase: ${dir}/state/banban.db\ncontrol: ${control}\n${POLICY}`);
      const result = await banband(['--simulate', '--config', join(dir, 'banban.yml')], through);
      expect(result).toMatchObject({ code: 1, stdout: '' });
      return result.stderr;
    };
    const good = `${dir}/state/log.sock`;
    const closed = 'this user may not write to its directory; run banband as root, or give the directory to that user';
    expect(await refused(`${dir}/log.sock`, `{ socket: ${dir}/state/control.sock }`)).toBe(`banband: can't listen on ${dir}/log.sock: ${closed}\n`);
    expect(await refused(good, `{ socket: ${dir}/control.sock }`)).toBe(`banband: can't listen on ${dir}/control.sock: ${closed}\n`);
    expect(await refused(good, `{ socket: ${dir}/new/control.sock }`)).toBe(`banband: can't listen on ${dir}/new/control.sock: ${closed}\n`);
    expect(await refused(good, `{ socket: ${dir}/state/control.sock, group: 0 }`)).toMatch(/control\.sock: this user may not give it to the configured owner and group; /);
    expect(await refused(`{ path: ${good}, owner: 0 }`, `{ socket: ${dir}/state/control.sock }`)).toMatch(/log\.sock: this user may not give it to the configured owner and group; /);
    expect(readdirSync(join(dir, 'state')).filter((name) => name.endsWith('.sock'))).toEqual([]);
  });

  test.runIf(process.getuid?.() === 0)('another user’s banctl is told so', async () => {
    const banban = await LocalBanban.start();
    chmodSync(banban.dir, 0o755);
    expect(await banctl(['ban', '203.0.113.1'], { socket: banban.controlSocket, uid: 65534 })).toMatchObject({ code: 5, stdout: '', stderr: expect.stringContaining('you may not use') });
    expect(await banban.banned()).toEqual([]);
  });
});

describe('the end', () => {
  test.each<NodeJS.Signals>(['SIGTERM', 'SIGINT'])('by %s is clean: exit 0, said in the log, sockets gone, the database whole in one file', async (signal) => {
    const banban = await LocalBanban.start();
    await banban.attack('203.0.113.1');
    const end = await banban.stop(signal);
    expect(end).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(banban.logged('stopping')).toMatchObject([{ signal }]);
    expect(end.stdout.trimEnd().split('\n').at(-1)).toContain('"event":"stopped"');
    expect(readdirSync(banban.dir).sort()).toEqual(['banban.db', 'banban.db.lock', 'banban.yml']);
    expect(await banban.banctl('status')).toMatchObject({ code: 4, stderr: expect.stringContaining('there is no socket') });
  });

  test('is a clean one also when the signal comes in the middle of the start, and a SIGHUP then ends nothing', async () => {
    for (let round = 0; round < 6; round++) {
      const banban = LocalBanban.begin();
      await waitFor('the start to have begun', () => existsSync(`${banban.database}.lock`), { everyMs: 1 });
      banban.signal('SIGHUP');
      banban.signal('SIGTERM');
      expect(await banban.child.finished(), `round ${round}`).toMatchObject({ code: 0, stderr: '' });
      expect(readdirSync(banban.dir).filter((name) => name.endsWith('.sock'))).toEqual([]);
    }
  });

  test('does not wait for clients, and more signals do not break it', async () => {
    const banban = await LocalBanban.start();
    const unfinished = ['', 'GET /v1/st', 'POST /v1/bans HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{'];
    const hanging = Array.from({ length: 60 }, (_, i) => {
      const one = connect(banban.controlSocket).on('error', () => undefined).on('data', () => undefined);
      one.write(unfinished[i % 3] ?? '');
      return one;
    });
    onTestFinished(() => hanging.forEach((one) => one.destroy()));
    expect(await banban.banctl('status')).toMatchObject({ code: 0 });
    const begun = performance.now();
    banban.signal('SIGTERM');
    banban.signal('SIGTERM');
    banban.signal('SIGINT');
    banban.signal('SIGHUP');
    expect(await banban.child.finished()).toMatchObject({ code: 0, stderr: '' });
    expect(performance.now() - begun).toBeLessThan(3000);
    expect(banban.logged('stopping')).toHaveLength(1);
  });

  test('comes after what has been sent: no line that the socket took is lost', async () => {
    for (let round = 0; round < 8; round++) {
      const banban = await LocalBanban.start();
      await banban.isSent(failed('203.0.113.1'), failed('203.0.113.1'), failed('203.0.113.1'));
      expect(await banban.stop()).toMatchObject({ code: 0 });
      expect(banban.logged('ban'), `round ${round}`).toMatchObject([{ address: '203.0.113.1' }]);
    }
  });
});

describe('what was acknowledged', () => {
  test('is there after kill -9, with the time that is left to it', async () => {
    const first = await LocalBanban.start();
    expect(await first.banctl('ban', '192.0.2.7', '2001:db8::7', '--for', '2h', '--reason', 'scans')).toMatchObject({ code: 0 });
    expect(await first.banctl('ban', '192.0.2.8', '--for', 'forever')).toMatchObject({ code: 0 });
    expect(await first.banctl('ban', '192.0.2.9', '--for', '1s')).toMatchObject({ code: 0 });
    expect(await first.banctl('ban', '192.0.2.10')).toMatchObject({ code: 0 });
    expect(await first.banctl('unban', '192.0.2.10')).toMatchObject({ code: 0 });
    await first.isSent(failed('203.0.113.1'), failed('203.0.113.1'), failed('203.0.113.1'));
    await first.logs('ban', 6);
    const before = (await first.list()).filter((ban) => ban.address !== '192.0.2.9');
    await first.stop('SIGKILL');

    await waitFor('the short one to be over', () => Date.now() > Date.parse(String(first.logged('ban').find((line) => line['address'] === '192.0.2.9')?.['until'])));
    const second = await first.startAgain();
    const after = await second.list();
    const lasting = (bans: typeof before): unknown[] => bans.map(({ remainingSeconds: _, ...rest }) => rest);
    expect(lasting(after)).toEqual(lasting(before));
    expect(after.map((ban) => ban.address)).toEqual(['192.0.2.7', '2001:db8::7', '192.0.2.8', '203.0.113.1']);
    for (const ban of after) {
      if (ban.until === null) expect(ban).toMatchObject({ address: '192.0.2.8', remainingSeconds: null });
      else expect(Math.abs((Date.parse(ban.until) - Date.now()) / 1000 - (ban.remainingSeconds ?? 0))).toBeLessThan(5);
    }
    expect((await second.why('203.0.113.1')).offences).toMatchObject([{ rule: 'ssh', level: 1, decision: 'banned', lines: { length: 3 } }]);
    expect((await second.why('192.0.2.10')).endedBans).toMatchObject([{ endedBy: 'unbanned' }]);
    expect((await second.why('192.0.2.9')).endedBans).toMatchObject([{ endedBy: 'expired' }]);
    // And its next offence is its second.
    expect(await second.banctl('unban', '203.0.113.1')).toMatchObject({ code: 0 });
    await second.attack('203.0.113.1');
    expect((await second.list()).find((ban) => ban.address === '203.0.113.1')).toMatchObject({ level: 2 });
  });
});

describe('the log', () => {
  test('is a JSON object a line where nobody looks, and what a stranger wrote cannot break out of it', async () => {
    const banban = await LocalBanban.start();
    await banban.attack('203.0.113.1');
    await banban.hears(...Array.from({ length: 3 }, () => failed('203.0.113.2', 'x","event":"started\u001b[2J\u2028')));
    await banban.stop();
    const lines = banban.child.stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
    for (const line of lines) expect(line).toMatchObject({ time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/), level: expect.stringMatching(/^(?:info|warn|error)$/), event: expect.stringMatching(/^[a-z_]+$/) });
    expect(lines.map((line) => line['event'])).toEqual(['simulating', 'started', 'ban', 'ban', 'stopping', 'stopped']);
  });

  test('is text on a terminal, without a control byte of anybody’s', async () => {
    const dir = tempDir();
    const config = writeConfig(dir, POLICY);
    const child = Child.start(['timeout', '60', 'script', '-qec', `exec timeout --foreground 50 ${process.execPath} ${BANBAND} --config ${config} --simulate`, '/dev/null']);
    onTestFinished(async () => {
      const pid = /pid=(\d+)/.exec(child.stdout)?.[1];
      if (child.running && pid !== undefined) process.kill(Number(pid), 'SIGKILL');
      child.signal('SIGKILL');
      await child.finished();
    });
    await child.says(/\d\d:\d\d:\d\d started version=/);
    const banban = LocalBanban.at(dir, child);
    await banban.hears(...Array.from({ length: 3 }, () => failed('203.0.113.2', 'x\u001b[2J\u009b31m\u202e')));
    await child.says(/ ban address=203\.0\.113\.2/);
    const pid = Number(/pid=(\d+)/.exec(child.stdout)?.[1]);
    process.kill(pid, 'SIGTERM');
    await child.says(/ stopped\r?\n/);
    const { stdout } = await child.finished();
    expect(stdout).not.toContain('{');
    expect(stdout.replaceAll('\r\n', '\n')).not.toMatch(/[^\n\P{Cc}]|[\p{Cf}]/u);
    expect(stdout).toContain(String.raw`x\x1b[2J\x9b31m\u202e`);
  });

  test('may lose its reader: the daemon goes on', async () => {
    const banban = await LocalBanban.start();
    banban.child.process.stdout?.destroy();
    await banban.attack('203.0.113.1');
    await banban.attack('203.0.113.2');
    expect(await banban.banned()).toEqual(['203.0.113.1', '203.0.113.2']);
    expect(await banban.stop()).toMatchObject({ code: 0 });
  });

  test('may have a reader that hangs: bans go on, memory does not grow with what is unread, and what was dropped is counted', async () => {
    const banban = await LocalBanban.start({ policy: POLICY.replace('occurrences: 3', 'occurrences: 1') });
    banban.child.process.stdout?.pause();
    const attackers = Array.from({ length: 12_000 }, (_, i) => `10.1.${i >> 8}.${i & 255}`);
    // Their user names make the lines of the log long.
    for (let i = 0; i < attackers.length; i += 100) await banban.isSent(attackers.slice(i, i + 100).map((address) => failed(address, 'x'.repeat(500))).join('\n'));
    await waitFor('all to be banned', async () => (await banban.status()).bans.active === attackers.length);
    banban.child.process.stdout?.resume();
    await waitFor('the log to be read', () => banban.logged('ban').length > 1000);
    await banban.attack('203.0.113.1');
    const { count } = await banban.logs('log_lines_dropped');
    await waitFor('the last ban in the log', () => banban.logged('ban').some((line) => line['address'] === '203.0.113.1'));
    expect(Number(count) + banban.logged('ban').length).toBe(attackers.length + 1);
    expect(Number(count)).toBeGreaterThan(1000);
    expect(existsSync(banban.database) && statSync(banban.database).size > 0).toBe(true);
  });
});

test('SIGUSR1 opens no debugger: through it every user of the machine would be root', async () => {
  const banban = await LocalBanban.start();
  banban.signal('SIGUSR1');
  expect(await banban.logs('signal_ignored')).toMatchObject({ level: 'warn', signal: 'SIGUSR1' });
  expect(await banban.stop()).toMatchObject({ code: 0, stderr: '' });
});

test('a reload that takes a target away, or renames it, says how many bans that ended', async () => {
  const banban = await LocalBanban.start();
  expect(await banban.banctl('ban', '192.0.2.77', '192.0.2.78')).toMatchObject({ code: 0 });
  banban.configure(POLICY.replaceAll('BLOCKER', 'BLOCKED'));
  expect((await banban.banctl('reload')).stdout).toContain('target BLOCKER removed, and its 2 bans ended\n');
  expect(await banban.banned()).toEqual([]);
});

test('--state puts sockets and database into one directory, whatever the configuration says', async () => {
  const dir = tempDir();
  const config = join(dir, 'banban.yml');
  writeFileSync(config, `socket: /nowhere/log.sock\ndatabase: /nowhere/banban.db\ncontrol: { socket: /nowhere/control.sock }\n${POLICY}`);
  const state = join(dir, 'state');
  const child = spawnBanband(['--config', config, '--simulate', '--state', state]);
  await child.says(/"event":"started"/);
  expect(readdirSync(state).sort()).toEqual(['banban.db', 'banban.db-shm', 'banban.db-wal', 'banban.db.lock', 'banban.db.lock-journal', 'control.sock', 'log.sock']);
  const banban = LocalBanban.at(state, child);
  await banban.attack('203.0.113.1');
  expect(await banban.banned()).toEqual(['203.0.113.1']);
  expect(existsSync('/nowhere')).toBe(false);
});
