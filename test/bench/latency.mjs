/**
 * From `send` to the address in the kernel:  node latency.mjs SOCKET LIST COUNT  prints a JSON list of milliseconds.
 * The list is read in a tight loop, as a packet would meet it; it is on the other core, and reading costs about 10 µs.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { root } from './daemon.mjs';

const unixDgram = createRequire(join(root, 'packages/server/package.json'))('unix-dgram');
const [, , path, list, count] = process.argv;
const socket = unixDgram.createSocket('unix_dgram');
socket.on('error', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
socket.connect(path);

const times = [];
for (let i = 0; i < Number(count); i++) {
  const address = `10.9.${i >> 8}.${i & 255}`;
  const line = Buffer.from(`Nov 20 22:14:15 host sshd[22]: Failed password for invalid user admin from ${address} port 2222 ssh2`);
  const row = `src=${address} `;
  // The first two are counted; the third fills the window.
  for (let n = 0; n < 2; n++) socket.send(line);
  await new Promise((resolve) => setTimeout(resolve, 3));
  const at = performance.now();
  socket.send(line);
  while (!readFileSync(list, 'latin1').includes(row)) if (performance.now() - at > 5000) throw new Error(`${address} did not come`);
  times.push(performance.now() - at);
}
process.stdout.write(`${JSON.stringify(times)}\n`);
process.exit(0);
