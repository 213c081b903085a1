/**
 * The allow list: 50,000 networks of both families and of mixed lengths, asked about addresses that are in them and that are not. Bundles
 * it from its source; prints one JSON object.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { build } from 'esbuild';
import { root } from './daemon.mjs';

const NETWORKS = 50_000;
const ADDRESSES = 100_000;
const ROUNDS = 20;

const dir = mkdtempSync(join(tmpdir(), 'banban-bench-'));
process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
const outfile = join(dir, 'shared.mjs');
await build({ entryPoints: [join(root, 'packages/shared/src/index.ts')], bundle: true, platform: 'node', format: 'esm', outfile, logLevel: 'error', nodePaths: [join(root, 'packages/shared/node_modules')] });
const { parseAddress, prefixOf, prefixSet } = await import(outfile);

let seed = 7;
const random = (n) => Math.floor(((seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) / 2 ** 32) * n);
const ipv4 = () => parseAddress([1 + random(223), random(256), random(256), random(256)].join('.'));
const ipv6 = () => parseAddress(`2${random(4096).toString(16).padStart(3, '0')}:${Array.from({ length: 7 }, () => random(65_536).toString(16)).join(':')}`);
/** Half of each family, from a provider's network to a single address. */
const made = Array.from({ length: NETWORKS }, (_, i) => (i % 2 === 0 ? prefixOf(ipv4(), 12 + random(21)) : prefixOf(ipv6(), 28 + random(101))));
// As they are when they were read from a file, each a text of its own.
const networks = JSON.parse(JSON.stringify(made));

/** Milliseconds of CPU: others may be at work on the machine. */
const cpu = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');
/** What is held now, whose making has left nothing behind. */
const held = () => {
  gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};
const before = held();
const began = cpu();
const set = prefixSet(networks);
const makeMs = cpu() - began;
const bytes = held() - before;

/** Half of them in a network. */
const addresses = Array.from({ length: ADDRESSES }, (_, i) => {
  const any = () => (i % 4 < 2 ? ipv4() : ipv6());
  return i % 2 === 0 ? any() : parseAddress((networks[random(networks.length)] ?? '').split('/')[0]);
});
let found = 0;
const nanoseconds = [];
for (let round = 0; round < ROUNDS; round++) {
  const at = cpu();
  for (const address of addresses) if (set.find(address) !== undefined) found++;
  nanoseconds.push(((cpu() - at) * 1e6) / ADDRESSES);
}
const median = (all) => all.sort((a, b) => a - b)[all.length / 2];
// What a look-up of a text costs at the least.
const map = new Map(addresses.map((address) => [address, true]));
const floors = [];
for (let round = 0; round < ROUNDS; round++) {
  const at = cpu();
  for (const address of addresses) if (map.get(address) === true) found++;
  floors.push(((cpu() - at) * 1e6) / ADDRESSES);
}
const hits = (found / ROUNDS - ADDRESSES) / ADDRESSES;
process.stdout.write(JSON.stringify({ networks: set.size, makeMs, bytes, nanoseconds: median(nanoseconds), floor: median(floors), hits }));
