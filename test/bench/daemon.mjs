/** The built banband as the bench sees it: started, asked over its control socket, its CPU and memory read from /proc. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const here = (name) => join(root, 'test/bench', name);

const HZ = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** Seconds of CPU, user and system, that a process has used. */
export function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) / HZ;
}

/** Resident bytes of a process. */
export function rssBytes(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * 1024;
}

/** Asks again and again until `ask` answers something other than undefined. Where the daemon is asked while it is measured, seldom: an answer takes it a millisecond or more. */
export async function until(what, ask, seconds = 60, everyMs = 5) {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > end) throw new Error(`waited ${seconds} s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** Why lists of the real kernel can't be had here; undefined when they can. */
export function noKernel() {
  if (process.getuid() !== 0) return 'root is needed for the real kernel';
  const probe = spawnSync('unshare', ['--net', 'sh', '-c', 'PATH=$PATH:/usr/sbin:/sbin iptables -A INPUT -m recent --name P --rcheck -j DROP && test -w /proc/net/xt_recent/P']);
  return probe.status === 0 ? undefined : 'iptables with xt_recent does not work here';
}

export const CONFIG = `
targets:
  BLOCKER: { ban: 48h }
rules:
  sshd:
    target: BLOCKER
    occurrences: 3
    interval: 1h
    badpatterns:
      - '^sshd(?:-session)?\\[\\d+\\]: Failed password for (?:invalid user .*|\\S+) from <ip> port \\d+ ssh2$'
      - '^sshd(?:-session)?\\[\\d+\\]: Invalid user .* from <ip> port \\d+$'
  mail:
    target: BLOCKER
    occurrences: 5
    badpatterns:
      - '^postfix/(?:[a-z0-9-]+/)?smtpd\\[\\d+\\]: warning: [-._A-Za-z0-9]+\\[<ip>\\]: SASL [A-Za-z0-9_-]+ authentication failed'
      - '^dovecot(?:\\[\\d+\\])?: (?:imap|pop3)-login: .*auth failed, .*rip=<ip>, lip=[0-9A-Fa-f:.]+'
`;

/**
 * Starts banband with its state in a folder of its own; with `kernel` in a network namespace whose firewall names the list
 * BLOCKER, else with --simulate.
 */
export async function startDaemon({ kernel = false, config = CONFIG } = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'banban-bench-'));
  writeFileSync(join(dir, 'banban.yml'), config);
  const banband = [join(root, 'packages/server/bin/banband.js'), '--config', join(dir, 'banban.yml'), '--state', dir];
  const inside = 'PATH=$PATH:/usr/sbin:/sbin; iptables -A INPUT -m recent --name BLOCKER --rcheck -j DROP && exec "$@"';
  const argv = kernel ? ['unshare', '--net', 'sh', '-c', inside, 'sh', ...banband] : [...banband, '--simulate'];
  const startedAt = performance.now();
  const child = spawn(argv[0], argv.slice(1), { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (said += text));
  const daemon = {
    dir,
    pid: child.pid,
    socket: join(dir, 'log.sock'),
    control: join(dir, 'control.sock'),
    /** The kernel's list as the daemon sees it. */
    list: `/proc/${child.pid}/net/xt_recent/BLOCKER`,
    startedMs: 0,
    status: () => get(join(dir, 'control.sock'), '/v1/status'),
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
  await until('banband to answer', async () => {
    if (child.exitCode !== null) throw new Error(`banband ended: ${said}`);
    return daemon.status().catch(() => undefined);
  });
  daemon.startedMs = performance.now() - startedAt;
  return daemon;
}

/** One GET over a UNIX socket, its body as JSON. */
export function get(socketPath, path) {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text) => (body += text)).on('end', () => resolve(JSON.parse(body)));
    });
    asked.on('error', reject).end();
  });
}
