/**
 * What each backend costs, measured in a network namespace of its own:  unshare --net node backends.mjs  prints JSON.
 * The kernel is watched by netlink, as banband itself would: an element counts from the moment at which the kernel tells of it.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync, closeSync } from 'node:fs';
import { request } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cpuSeconds, get, here, root, rssBytes, until } from './daemon.mjs';

const require = createRequire(join(root, 'packages/server/package.json'));
const unixDgram = require('unix-dgram');
const native = require(join(root, 'packages/server/native/build/Release/netlink.node'));

const STORM = 10_000;
const MANY = 100_000;
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const quantile = (values, q) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))];
const nth = (i, first = 10) => `${first}.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`;
const range = (n) => Array.from({ length: n }, (_, i) => i);

function timed(program, args, input) {
  const at = performance.now();
  const { status, stderr } = spawnSync(program, args, { input, encoding: 'utf8', maxBuffer: 2 ** 28 });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr.slice(0, 500)}`);
  return performance.now() - at;
}

/** What the kernel takes for 10,000 addresses when one program says them all. */
function floors() {
  timed('nft', ['-f', '-'], 'add table inet floor\nadd set inet floor s { type ipv4_addr; flags timeout; counter; }\n');
  const nft = timed('nft', ['-f', '-'], `add element inet floor s { ${range(STORM).map((i) => `${nth(i)} timeout 1h`).join(', ')} }\n`);
  timed('nft', ['delete', 'table', 'inet', 'floor']);
  timed('ipset', ['create', 'floor', 'hash:ip', 'timeout', '0', 'counters']);
  const ipset = timed('ipset', ['restore'], range(STORM).map((i) => `add floor ${nth(i)} timeout 3600\n`).join(''));
  timed('ipset', ['destroy', 'floor']);
  timed('iptables', ['-A', 'INPUT', '-m', 'recent', '--name', 'FLOOR', '--rcheck', '-j', 'DROP']);
  const at = performance.now();
  for (let i = 0; i < STORM; i++) {
    const fd = openSync('/proc/net/xt_recent/FLOOR', 'w');
    writeSync(fd, `+${nth(i)}`);
    closeSync(fd);
  }
  const xtRecent = performance.now() - at;
  timed('iptables', ['-F']);
  return { nft, ipset, xtRecent };
}

const config = (dir, target) => `
control: { socket: ${dir}/control.sock }
allowlist: [127.0.0.0/8]
firewall: { manage: true, hosts_deny: ${dir}/hosts.deny }
targets:
  BLOCKER: { ban: 48h, ${target} }
rules:
  sshd:
    target: BLOCKER
    badpatterns:
      - '^sshd(?:-session)?\\[\\d+\\]: Failed password for (?:invalid user .*|\\S+) from <ip> port \\d+ ssh2$'
`;

/** banband with one target, whose state stays in `dir`. */
async function start(dir, target, env = {}) {
  writeFileSync(join(dir, 'banban.yml'), config(dir, target));
  const at = performance.now();
  const child = spawn(join(root, 'packages/server/bin/banband.js'), ['--config', join(dir, 'banban.yml'), '--state', dir], { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...env } });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (said += text));
  const control = join(dir, 'control.sock');
  const daemon = {
    pid: child.pid, control, socket: join(dir, 'log.sock'), at,
    target: async () => (await get(control, '/v1/status')).targets[0],
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
    },
  };
  await until('banband to answer', async () => {
    if (child.exitCode !== null) throw new Error(`banband ended: ${said}`);
    return daemon.target().catch(() => undefined);
  });
  return daemon;
}

const holding = (daemon, count) => until(`${count} rows`, async () => {
  const target = await daemon.target();
  const places = Math.min(count, target.capacity ?? Infinity);
  return target.bans >= count && target.held >= places ? target : undefined;
}, 300, 50);

async function storm(target, env) {
  const dir = mkdtempSync(join(tmpdir(), 'banban-bench-'));
  const daemon = await start(dir, target, env);
  const cpu = cpuSeconds(daemon.pid);
  const at = performance.now();
  const sender = spawn(process.execPath, [here('sender.mjs'), daemon.socket, String(3 * STORM), '100', String(STORM)], { stdio: 'ignore' });
  const { held, capacity } = await holding(daemon, STORM);
  const ms = performance.now() - at;
  const used = cpuSeconds(daemon.pid) - cpu;
  sender.kill();
  await daemon.stop();
  rmSync(dir, { recursive: true });
  return { ms, cpu: used, held, capacity };
}

function post(socketPath, body) {
  return new Promise((resolve, reject) => {
    const text = JSON.stringify(body);
    const asked = request({ socketPath, path: '/v1/bans', method: 'POST', headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) } }, (response) => {
      let answer = '';
      response.setEncoding('utf8').on('data', (part) => (answer += part)).on('end', () => (response.statusCode === 200 ? resolve(answer) : reject(new Error(answer.slice(0, 300)))));
    });
    asked.on('error', reject).end(text);
  });
}

/** When the kernel told of elements of banban's sets, by address. */
function watchKernel() {
  const fd = native.open(12);
  native.join(fd, 7);
  const room = Buffer.alloc(1 << 20);
  const seen = new Map();
  return {
    seen,
    /** Looks until `address` was seen; the instant of it. */
    wait(address) {
      const bytes = Buffer.from(address.split('.').map(Number));
      const end = performance.now() + 5000;
      for (;;) {
        const length = native.receive(fd, room, 1000);
        const at = performance.now();
        if (length > 0 && room.subarray(0, length).includes(bytes)) return at;
        if (at > end) throw new Error(`${address} did not come`);
      }
    },
    drain: () => { for (;;) { try { if (native.receive(fd, room, 0) === 0) return; } catch { /* Lost some: nobody waits for them. */ } } },
    close: () => native.close(fd),
  };
}

async function latency(daemon, count, first) {
  const socket = unixDgram.createSocket('unix_dgram');
  socket.on('error', (error) => { throw error; });
  socket.connect(daemon.socket);
  const kernel = watchKernel();
  const times = [];
  for (let i = 0; i < count; i++) {
    const address = nth(i, first);
    const line = Buffer.from(`Nov 20 22:14:15 host sshd[22]: Failed password for invalid user admin from ${address} port 2222 ssh2`);
    for (let n = 0; n < 2; n++) socket.send(line);
    await new Promise((resolve) => setTimeout(resolve, 2));
    kernel.drain();
    const at = performance.now();
    socket.send(line);
    times.push(kernel.wait(address) - at);
  }
  kernel.close();
  socket.close();
  return { p50: median(times), p99: quantile(times, 0.99) };
}

async function many() {
  const dir = mkdtempSync(join(tmpdir(), 'banban-bench-'));
  let daemon = await start(dir, 'backend: nftables');
  const empty = await latency(daemon, 500, 13);
  const banAt = performance.now();
  for (let from = 0; from < MANY; from += 10_000) await post(daemon.control, { addresses: range(10_000).map((i) => nth(from + i, 12)), by: 'bench', durationSeconds: 172_800 });
  const ban = performance.now() - banAt;
  await holding(daemon, MANY);
  const full = await latency(daemon, 1000, 14);
  const listAt = performance.now();
  const { bans } = await get(daemon.control, '/v1/bans');
  const list = performance.now() - listAt;
  const statusAt = performance.now();
  await daemon.target();
  const status = performance.now() - statusAt;
  const rssBefore = rssBytes(daemon.pid);
  // Somebody flushes everything: until every row is in the kernel again.
  const healAt = performance.now();
  timed('nft', ['flush', 'ruleset']);
  await holding(daemon, MANY);
  const heal = performance.now() - healAt;
  await daemon.stop();
  timed('nft', ['flush', 'ruleset']);
  daemon = await start(dir, 'backend: nftables');
  await holding(daemon, MANY);
  const restore = performance.now() - daemon.at;
  await new Promise((resolve) => setTimeout(resolve, 3000));
  const rss = rssBytes(daemon.pid);
  await daemon.stop();
  rmSync(dir, { recursive: true });
  return { ban, list, listed: bans.length, status, heal, restore, rss, rssBefore, empty, full };
}

/** 10,000 bans by fail2ban on nftables, from its log to the kernel, and after a restart. */
async function fail2ban() {
  const dir = mkdtempSync(join(tmpdir(), 'banban-f2b-'));
  spawnSync('cp', ['-a', '/etc/fail2ban', join(dir, 'etc')]);
  const log = join(dir, 'auth.log');
  writeFileSync(log, '');
  writeFileSync(join(dir, 'etc/fail2ban.local'), `[Definition]\nloglevel = ERROR\nlogtarget = ${dir}/f2b.log\nsocket = ${dir}/f2b.sock\npidfile = ${dir}/f2b.pid\ndbfile = ${dir}/f2b.sqlite3\n`);
  rmSync(join(dir, 'etc/jail.d'), { recursive: true, force: true });
  writeFileSync(join(dir, 'etc/jail.local'), `[DEFAULT]\nbackend = polling\nbanaction = nftables-allports\nbantime = 2d\nmaxretry = 1\n[sshd]\nenabled = true\nfilter = sshd\nlogpath = ${log}\n`);
  const begin = async () => {
    const child = spawn('fail2ban-server', ['-f', '-x', '-c', join(dir, 'etc'), '-s', join(dir, 'f2b.sock'), '-p', join(dir, 'f2b.pid'), 'start'], { stdio: 'ignore' });
    await until('fail2ban', () => (spawnSync('fail2ban-client', ['-c', join(dir, 'etc'), '-s', join(dir, 'f2b.sock'), 'status', 'sshd']).status === 0 ? true : undefined));
    return child;
  };
  const inKernel = () => (spawnSync('sh', ['-c', "nft list ruleset | tr ',' '\\n' | grep -c '12\\.0\\.'"], { encoding: 'utf8' }).stdout ?? '0').trim();
  let child = await begin();
  const stamp = new Date(Date.now()).toString().slice(4, 24).replace(/ \d{4} /, ' ');
  const at = performance.now();
  writeFileSync(log, range(STORM).map((i) => `${stamp} host sshd[22]: Failed password for root from ${nth(i, 12)} port 2222 ssh2\n`).join(''));
  await until('fail2ban’s bans', () => (Number(inKernel()) >= STORM ? true : undefined), 600);
  const ban = performance.now() - at;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await ended;
  timed('nft', ['flush', 'ruleset']);
  const restoreAt = performance.now();
  child = await begin();
  await until('fail2ban’s bans', () => (Number(inKernel()) >= STORM ? true : undefined), 600);
  const restore = performance.now() - restoreAt;
  const rss = rssBytes(child.pid);
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await gone;
  rmSync(dir, { recursive: true, force: true });
  return { ban, restore, rss };
}

const part = process.argv[2] ?? 'backends';
if (part === 'fail2ban') process.stdout.write(JSON.stringify(await fail2ban()));
else {
  const storms = {};
  for (const [name, target, env] of [
    ['nftables', 'backend: nftables', {}],
    ['nftables by the program nft', 'backend: nftables', { BANBAN_NATIVE: 'off' }],
    ['ipset', 'backend: ipset', {}],
    ['xt_recent', 'backend: xt_recent', {}],
    ['hosts_deny', 'backend: hosts_deny', {}],
  ]) storms[name] = await storm(target, env);
  process.stdout.write(JSON.stringify({ floors: floors(), storms, many: await many() }));
}
process.exit(0);
