/**
 * Builds netlink.node with node-gyp, as an install step of this package. Without a compiler banband runs all the same, and
 * drives the kernel by the programs nft and ipset: so a failure is one sentence and not the end of the installation.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const nodeGyp = process.env.npm_config_node_gyp;
const [program, args] = nodeGyp === undefined ? ['node-gyp', []] : [process.execPath, [nodeGyp]];
const { status, stderr, error } = spawnSync(program, [...args, 'rebuild', '--directory', here], { encoding: 'utf8' });
if (status !== 0 || !existsSync(join(here, 'build/Release/netlink.node'))) {
  process.stderr.write(`${stderr ?? String(error)}\nbanban: the native part could not be built (its words are above); banband works without it, by the programs nft, ipset and conntrack, and is slower in a storm\n`);
}
