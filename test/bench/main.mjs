/**
 * `npm run bench [part …]`: what banban does in a second, as ratios against a floor measured in the same run, so that the
 * figures of two machines can be compared. Nothing here is a test; docs/performance.md has the figures.
 */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { CONFIG, cpuSeconds, get, here, noKernel, root, rssBytes, startDaemon, until } from './daemon.mjs';

const MB = 1e6;
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const quantile = (values, q) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))];
const say = (name, value) => process.stdout.write(`  ${name.padEnd(62)} ${value}\n`);
const thousands = (n) => Math.round(n).toLocaleString('en').padStart(9);

/** A program of this folder; its whole output. */
function node(script, ...args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [here(script), ...args.map(String)], { stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (out += text));
    child.on('exit', (code) => (code === 0 ? resolve(out) : reject(new Error(`${script} ended with ${code}`))));
  });
}

/** CPU seconds that a bare receiver needs for each datagram of the same flood. */
async function floorOf(count, percent) {
  const path = join('/tmp', `banban-floor-${process.pid}.sock`);
  spawnSync('rm', ['-f', path]);
  const child = spawn(process.execPath, [here('floor.mjs'), path, String(count)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (out += text));
  const ended = new Promise((resolve) => child.once('exit', resolve));
  await until('the bare receiver', () => (out.includes('ready') ? true : undefined));
  await node('sender.mjs', path, count, percent, 1000);
  await ended;
  spawnSync('rm', ['-f', path]);
  return Number(out.split('\n')[1].split(' ')[0]) / count;
}

async function throughput() {
  process.stdout.write('\nDatagrams from the real socket to counted matches (built banband, --simulate)\n');
  const count = 600_000;
  const floors = [];
  for (const [percent, addresses] of [[5, 1_000], [60, 1_000]]) {
    const daemon = await startDaemon();
    // Once to warm up; then what is measured.
    await node('sender.mjs', daemon.socket, 100_000, percent, addresses);
    await quiet(daemon);
    const rounds = [];
    for (let round = 0; round < 3; round++) {
      const floor = await floorOf(count / 2, percent);
      const before = await daemon.status();
      const cpu = cpuSeconds(daemon.pid);
      const seconds = Number(await node('sender.mjs', daemon.socket, count, percent, addresses));
      const after = await quiet(daemon);
      const used = cpuSeconds(daemon.pid) - cpu;
      const lines = after.sources[0].lines - before.sources[0].lines;
      rounds.push({ perCpu: lines / used, perWall: count / seconds, floor: 1 / floor, dropped: after.sources[0].dropped - before.sources[0].dropped, bad: after.matching.bad - before.matching.bad });
    }
    const best = rounds.sort((a, b) => a.perCpu - b.perCpu)[1];
    floors.push(best.floor);
    say(`${percent} % hostile, ${addresses} addresses: lines a CPU second`, `${thousands(best.perCpu)}   ${(best.perCpu / best.floor).toFixed(2)} of the floor`);
    say('   datagrams taken a second (wall)', thousands(best.perWall));
    say('   dropped by a full queue, of ' + count, thousands(best.dropped));
    await daemon.stop();
  }
  say('floor: bare unix-dgram receiver, datagrams a CPU second', thousands(median(floors)));
}

/** Waits until the daemon has worked everything off; its status then. */
const quiet = (daemon) => {
  let last = -1;
  return until('the queue to be empty', async () => {
    const status = await daemon.status();
    const { lines, queued } = status.sources[0];
    const same = lines === last && queued === 0;
    last = lines;
    return same ? status : undefined;
  });
};

async function latency() {
  process.stdout.write('\nFrom send to the address in the kernel (real xt_recent)\n');
  const why = noKernel();
  if (why !== undefined) return say('not measured', why);
  const daemon = await startDaemon({ kernel: true });
  // The list has 100 places; what banban does when it is full is another question.
  const times = JSON.parse(await node('latency.mjs', daemon.socket, daemon.list, 90));
  say('p50', `${median(times).toFixed(2)} ms`);
  say('p99', `${quantile(times, 0.99).toFixed(2)} ms`);
  const { bans } = await daemon.status();
  say('bans in the database', thousands(bans.active));
  await daemon.stop();
}

async function storm() {
  process.stdout.write('\nA storm: 10,000 attackers at once, three lines each\n');
  const why = noKernel();
  for (const kernel of why === undefined ? [false, true] : [false]) {
    const daemon = await startDaemon({ kernel });
    const cpu = cpuSeconds(daemon.pid);
    const startedAt = performance.now();
    const sent = node('sender.mjs', daemon.socket, 30_000, 100, 10_000);
    const status = await until('10,000 bans', async () => {
      const answer = await daemon.status();
      return answer.bans.active >= 10_000 && answer.sources[0].queued === 0 ? answer : undefined;
    });
    await sent;
    const [target] = status.targets;
    say(kernel ? 'real xt_recent: until all are banned' : 'simulated kernel: until all are banned', `${Math.round(performance.now() - startedAt)} ms, ${(cpuSeconds(daemon.pid) - cpu).toFixed(2)} s of CPU`);
    say('   held by the kernel, of its capacity', `${target.held} of ${target.capacity ?? 'any'}`);
    await daemon.stop();
  }
}

async function policy() {
  process.stdout.write('\nPolicy: an allow list of networks of both families and all lengths (one process, in memory)\n');
  const { networks, makeMs, bytes, nanoseconds, floor, hits } = JSON.parse(await node('policy.mjs'));
  say('floor: the same addresses in a Map of addresses', `${floor.toFixed(0)} ns each`);
  say(`one address in ${thousands(networks)} networks, ${(hits * 100).toFixed(0)} % in one of them`, `${nanoseconds.toFixed(0)} ns, ${(nanoseconds / floor).toFixed(1)} of the floor`);
  say('   to make it, after a change', `${makeMs.toFixed(0)} ms`);
  say('   held by it', `${(bytes / MB).toFixed(1)} MB`);
}

async function memory() {
  process.stdout.write('\nResident memory\n');
  const daemon = await startDaemon();
  say('after start', `${(rssBytes(daemon.pid) / MB).toFixed(0)} MB`);
  await node('sender.mjs', daemon.socket, 100_000, 5, 1000);
  await quiet(daemon);
  say('after 100,000 lines, 5 % hostile', `${(rssBytes(daemon.pid) / MB).toFixed(0)} MB`);
  await node('sender.mjs', daemon.socket, 200_000, 100, 100_000);
  const { windows } = await quiet(daemon);
  say(`with ${windows.open} open windows`, `${(rssBytes(daemon.pid) / MB).toFixed(0)} MB`);
  await daemon.stop();
  await million();
  const bare = spawnSync(process.execPath, ['-e', 'console.log(process.memoryUsage.rss())'], { encoding: 'utf8' });
  say('floor: node -e 0', `${(Number(bare.stdout) / MB).toFixed(0)} MB`);
}

/** A million addresses, forgotten as time passes, and a million again. */
async function million() {
  const daemon = await startDaemon({ config: CONFIG.replace('interval: 1h', 'interval: 40s') });
  const resident = () => `${(rssBytes(daemon.pid) / MB).toFixed(0)} MB`;
  const open = async () => (await daemon.status()).windows.open.toLocaleString('en');
  const flood = async () => {
    await node('sender.mjs', daemon.socket, 1_000_000, 100, 1_000_000);
    await quiet(daemon);
  };
  await flood();
  say(`with ${await open()} open windows of one line`, resident());
  await flood();
  say(`with ${await open()} open windows of two lines`, resident());
  const began = performance.now();
  const waits = [];
  let dropsFrom;
  await until('the windows to be forgotten', async () => {
    const asked = performance.now();
    const { windows } = await daemon.status();
    waits.push(performance.now() - asked);
    if (windows.open < 1_000_000) dropsFrom ??= asked;
    return windows.open === 0 ? true : undefined;
  }, 200);
  const ended = performance.now();
  say('   forgotten, from the first to the last, and since the last line', `${seconds(ended - (dropsFrom ?? began))}, ${seconds(ended - began)}`);
  say('   GET /v1/status meanwhile: p50, p99, slowest', `${median(waits).toFixed(1)}, ${quantile(waits, 0.99).toFixed(1)}, ${Math.max(...waits).toFixed(1)} ms`);
  say('   resident then', resident());
  await flood();
  say(`   with ${await open()} again`, resident());
  await daemon.stop();
}

function wallMs(argv, env = process.env) {
  const times = [];
  for (let i = 0; i < 11; i++) {
    const at = performance.now();
    const { status, stderr } = spawnSync(argv[0], argv.slice(1), { env, encoding: 'utf8' });
    if (status !== 0) throw new Error(`${argv.join(' ')}: ${stderr}`);
    times.push(performance.now() - at);
  }
  return median(times);
}

async function start() {
  process.stdout.write('\nStart-up and banctl (medians of 11)\n');
  const node0 = wallMs([process.execPath, '-e', '0']);
  say('floor: node -e 0', `${node0.toFixed(0)} ms`);
  const starts = [];
  for (let i = 0; i < 5; i++) {
    const daemon = await startDaemon();
    starts.push(daemon.startedMs);
    await daemon.stop();
  }
  say('banband, from exec to its first answer', `${median(starts).toFixed(0)} ms`);
  const daemon = await startDaemon();
  const banctl = wallMs([process.execPath, join(root, 'packages/client/bin/banctl.js'), 'status'], { ...process.env, BANBAN_SOCKET: daemon.control });
  say('banctl status', `${banctl.toFixed(0)} ms   ${(banctl / node0).toFixed(1)} of the floor`);
  const at = performance.now();
  for (let i = 0; i < 200; i++) await get(daemon.control, '/v1/status');
  say('GET /v1/status', `${((performance.now() - at) / 200).toFixed(2)} ms`);
  await daemon.stop();
}

async function matching() {
  process.stdout.write('\nFrom bytes to the matched pattern with its address, every pack (one process, no socket)\n');
  const { packs, patterns, loadMs, perCpu, slowestMs, slowestOfQuarterMs, lineSet, bareAsk, capture } = JSON.parse(await node('matching.mjs'));
  say(`loading ${packs} packs, ${patterns} expressions, with their samples`, `${loadMs.toFixed(0)} ms`);
  say('floor: one RE2.Set over a line, lines a CPU second', thousands(lineSet));
  for (const [name, title] of [['5', '5 % hostile'], ['60', '60 % hostile'], ['60 even', '60 % hostile, every pattern of every pack alike']]) say(`${title}: lines a CPU second`, `${thousands(perCpu[name])}   ${(perCpu[name] / lineSet).toFixed(2)} of the floor`);
  say('one address: asked for / captured by RE2', `${bareAsk.toFixed(0)} ns / ${capture.toFixed(0)} ns`);
  say('the worst of 40 hostile lines of 65,000 bytes, and of a quarter', `${slowestMs.toFixed(2)} ms, ${slowestOfQuarterMs.toFixed(2)} ms`);

  const dir = mkdtempSync(join(tmpdir(), 'banban-bench-'));
  try {
    const log = join(dir, 'log');
    await node('matching.mjs', 'log', log);
    const lines = readFileSync(log).reduce((n, byte) => (byte === 10 ? n + 1 : n), 0);
    // Once and three times the log: what is more is lines, what is the same is loading and compiling.
    const seconds = [1, 3].map((times) => {
      const out = openSync(join(dir, 'out'), 'w');
      const at = performance.now();
      const { status } = spawnSync(process.execPath, [join(root, 'packages/server/bin/banband.js'), 'test', '--packs', 'all', '--json', ...Array(times).fill(log)], { stdio: ['ignore', out, 'inherit'] });
      closeSync(out);
      if (status !== 0) throw new Error(`banband test ended with ${status}`);
      return (performance.now() - at) / 1000;
    });
    const steady = (2 * lines) / (seconds[1] - seconds[0]);
    say(`banband test --packs all --json, a log of all services, 5 % hostile`, `${thousands(steady)} lines a second`);
    say('   before the first line, and to compile what the log needs', `${(seconds[0] - lines / steady).toFixed(1)} s`);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** A part that runs in a network namespace of its own; its JSON. */
function inNamespace(script, ...args) {
  return new Promise((resolve, reject) => {
    const child = spawn('unshare', ['--net', 'sh', '-c', 'PATH=$PATH:/usr/sbin:/sbin; ip link set lo up; exec "$@"', 'sh', process.execPath, here(script), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (out += text));
    child.on('exit', (code) => (code === 0 ? resolve(JSON.parse(out)) : reject(new Error(`${script} ended with ${code}`))));
  });
}

const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`;

async function backends() {
  process.stdout.write('\nBackends: 10,000 attackers at once, until all are held, and 100,000 bans on nftables (real kernel)\n');
  const why = noKernel();
  if (why !== undefined) return say('not measured', why);
  const { floors, storms, many } = await inNamespace('backends.mjs');
  say('floor: one nft -f - of 10,000 elements', seconds(floors.nft));
  say('floor: one ipset restore of 10,000', seconds(floors.ipset));
  say('floor: 10,000 writes to xt_recent', seconds(floors.xtRecent));
  const floorOf = { nftables: floors.nft, 'nftables by the program nft': floors.nft, ipset: floors.ipset, xt_recent: floors.xtRecent };
  for (const [name, { ms, cpu, held, capacity }] of Object.entries(storms)) {
    const ratio = floorOf[name] === undefined ? '' : `, ${(ms / floorOf[name]).toFixed(1)} of the floor`;
    say(`${name}: 10,000 bans in database and kernel`, `${seconds(ms)}, ${cpu.toFixed(2)} s of CPU${ratio}${capacity === null ? '' : ` (${held} of ${capacity} places)`}`);
  }
  say('100,000 bans by hand, ten requests', seconds(many.ban));
  say('   from exec to all of them in the kernel after a restart', seconds(many.restore));
  say('   held again after nft flush ruleset', seconds(many.heal));
  say('   GET /v1/bans of them, GET /v1/status', `${seconds(many.list)} (${many.listed}), ${many.status.toFixed(0)} ms`);
  say('   resident after the restart, and before it', `${(many.rss / MB).toFixed(0)} MB, ${(many.rssBefore / MB).toFixed(0)} MB`);
  say('one ban, datagram to kernel, nothing there: p50, p99', `${many.empty.p50.toFixed(2)} ms, ${many.empty.p99.toFixed(2)} ms`);
  say('one ban, datagram to kernel, 100,000 there: p50, p99', `${many.full.p50.toFixed(2)} ms, ${many.full.p99.toFixed(2)} ms`);
}

async function fail2ban() {
  process.stdout.write('\nfail2ban beside it: 10,000 bans on nftables (some minutes)\n');
  const why = noKernel();
  if (why !== undefined) return say('not measured', why);
  if (spawnSync('fail2ban-server', ['--version']).status !== 0) return say('not measured', 'fail2ban is not installed');
  const { ban, restore, rss } = await inNamespace('backends.mjs', 'fail2ban');
  say('from the log to the kernel', seconds(ban));
  say('in the kernel again after a restart', seconds(restore));
  say('resident', `${(rss / MB).toFixed(0)} MB`);
}

const parts = { throughput, matching, policy, latency, storm, backends, fail2ban, memory, start };
const wanted = process.argv.slice(2);
const unknown = wanted.find((name) => parts[name] === undefined);
if (unknown !== undefined) {
  process.stderr.write(`bench: there is no part ${unknown}; there are ${Object.keys(parts).join(', ')}\n`);
  process.exit(2);
}
process.stdout.write(`banban bench: node ${process.version}, ${cpus().length} × ${cpus()[0].model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB\n`);
for (const name of wanted.length > 0 ? wanted : Object.keys(parts)) await parts[name]();
process.exit(0);
