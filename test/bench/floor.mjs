/** The floor: the same socket with nothing behind it but a counter.  node floor.mjs SOCKET COUNT  prints seconds of CPU used for COUNT datagrams. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { root } from './daemon.mjs';

const unixDgram = createRequire(join(root, 'packages/server/package.json'))('unix-dgram');
const [, , path, count] = process.argv;
let received = 0;
let bytes = 0;
let from;
const socket = unixDgram.createSocket('unix_dgram', (datagram) => {
  from ??= process.cpuUsage();
  bytes += datagram.length;
  if (++received < Number(count)) return;
  const { user, system } = process.cpuUsage(from);
  process.stdout.write(`${((user + system) / 1e6).toFixed(4)} ${bytes}\n`);
  process.exit(0);
});
socket.bind(path);
process.stdout.write('ready\n');
