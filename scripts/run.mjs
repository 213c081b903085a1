/**
 * `npm start`, `npm test`, `npm run bench`, each as the very first command in a clean clone: installs with a pnpm of the
 * checkout's own (none has to be on the machine), builds, and runs. Uses nothing but Node and npm. package.json calls it
 * by exec, so that the signals that npm passes on reach it and not a shell in between, which would leave it an orphan.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PNPM = '10.34.9';
const OLDEST_NODE = [20, 19];

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tools = join(root, '.tools');
const inRoot = (...parts) => join(root, ...parts);

function fail(sentence) {
  process.stderr.write(`banban: ${sentence}\n`);
  process.exit(1);
}

/** Runs a program to its end and leaves with its code when that is not 0. */
function run(program, args, options = {}) {
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: 'inherit', ...options });
  if (error !== undefined) fail(`${program} can't be run: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}

/** What stands in these files, as one hash: the work is done again when it changes. */
function fingerprint(files) {
  const hash = createHash('sha256').update(process.version);
  for (const file of files) hash.update(file).update(existsSync(inRoot(file)) ? readFileSync(inRoot(file)) : '');
  return hash.digest('hex');
}

function isDone(stamp, value) {
  return existsSync(join(tools, stamp)) && readFileSync(join(tools, stamp), 'utf8') === value;
}

function setDone(stamp, value) {
  mkdirSync(tools, { recursive: true });
  writeFileSync(join(tools, stamp), value);
}

function install() {
  const manifests = ['package.json', 'pnpm-workspace.yaml', 'pnpm-lock.yaml', ...['server', 'client', 'shared'].map((p) => `packages/${p}/package.json`)];
  // The native part is built as an install step of its package.
  manifests.push(...['binding.gyp', 'build.mjs', 'netlink.cc'].map((name) => `packages/server/native/${name}`));
  const value = fingerprint(manifests);
  if (existsSync(inRoot('node_modules/.modules.yaml')) && isDone('installed', value)) return;
  const pnpm = join(tools, 'node_modules/pnpm/bin/pnpm.cjs');
  if (!existsSync(pnpm)) {
    mkdirSync(tools, { recursive: true });
    writeFileSync(join(tools, 'package.json'), '{"private":true}\n');
    process.stdout.write('banban: fetching pnpm\n');
    run('npm', ['install', '--prefix', tools, '--no-audit', '--no-fund', '--no-save', '--loglevel=error', `pnpm@${PNPM}`]);
  }
  process.stdout.write('banban: installing, and building the native modules (two minutes the first time)\n');
  run(process.execPath, [pnpm, 'install', '--frozen-lockfile', '--reporter=append-only'], { env: { ...process.env, CI: 'true' }, stdio: ['ignore', 'inherit', 'inherit'] });
  setDone('installed', fingerprint(manifests));
}

function sources(folder) {
  return readdirSync(inRoot(folder), { recursive: true }).map((name) => join(folder, name)).filter((name) => /\.(?:[cm]?[jt]s|json)$/.test(name) && statSync(inRoot(name)).isFile()).sort();
}

function build() {
  const value = fingerprint(['pnpm-lock.yaml', 'tsconfig.json', 'scripts/build.mjs', 'scripts/ascii-width.mjs', ...['server', 'client', 'shared'].flatMap((p) => sources(`packages/${p}/src`))]);
  const built = ['server', 'client'].every((p) => existsSync(inRoot(`packages/${p}/dist/main.js`)));
  if (built && isDone('built', value)) return;
  process.stdout.write('banban: building\n');
  // Tests are checked by their own run; a start needs only the programs.
  run(process.execPath, ['scripts/build.mjs', ...(process.argv[2] === 'start' ? ['--quick'] : [])]);
  if (process.argv[2] !== 'start') setDone('built', value);
}

function start() {
  const state = inRoot('run');
  mkdirSync(state, { recursive: true });
  const child = spawn(process.execPath, ['--max-semi-space-size=4', 'packages/server/bin/banband.js', '--config', 'config/banban.yml', '--state', state, ...process.argv.slice(3)], { cwd: root, stdio: 'inherit' });
  process.stdout.write(`banban: from another terminal:  export BANBAN_SOCKET=${join(state, 'control.sock')}; npx banctl status\n`);
  if (process.getuid() === 0) process.stdout.write('banban: as root it really bans, by firewall rules that it puts in itself (a table of its own; npx banctl firewall remove)\n');
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 1 : 128)));
}

function test() {
  const vitest = inRoot('node_modules/vitest/vitest.mjs');
  const only = process.argv.slice(3);
  if (only.length === 0 && process.getuid() === 0) {
    // Without them the end-to-end tests say loudly that they were skipped; where a skip is a failure, so is this.
    const { status } = spawnSync('sh', ['scripts/e2e-packages.sh'], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
    if (status !== 0 && process.env.BANBAN_REQUIRE_E2E === '1') fail('the packages for the end-to-end tests could not be fetched');
  }
  run(process.execPath, [vitest, 'run', ...only]);
}

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) fail(`Node ${OLDEST_NODE.join('.')} or newer is needed; this is ${process.version}`);

const verbs = { start, test, bench: () => run(process.execPath, ['--expose-gc', 'test/bench/main.mjs', ...process.argv.slice(3)]) };
const verb = verbs[process.argv[2]];
if (verb === undefined) fail(`usage: node scripts/run.mjs ${Object.keys(verbs).join('|')}`);
install();
build();
verb();
