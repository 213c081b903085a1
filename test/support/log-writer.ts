/** A service that logs to a file, in a process of its own: so many lines a second, every tenth with an address of its own, and rotation as it goes. */
import { Child } from './child.ts';

export type Rotation = 'none' | 'rename' | 'late' | 'copytruncate' | 'remove' | 'symlink';

const PROGRAM = `
const fs = require('node:fs');
const [path, from, total, rate, rotation, every] = process.argv.slice(1);
const own = () => (rotation === 'symlink' ? path + '.' + turn : path);
let turn = 0, said = Number(from), sinceRotation = 0;
const end = said + Number(total);
const begin = () => {
  if (rotation === 'symlink') { try { fs.unlinkSync(path + '.new'); } catch {} fs.symlinkSync(own(), path + '.new'); fs.closeSync(fs.openSync(own(), 'a')); fs.renameSync(path + '.new', path); }
  return fs.openSync(own(), 'a');
};
let fd = begin();
const address = (n) => '10.' + ((n >> 16) & 255) + '.' + ((n >> 8) & 255) + '.' + (n & 255);
const rotate = () => {
  turn++;
  if (rotation === 'rename') { fs.closeSync(fd); fs.renameSync(path, path + '.' + turn); fd = begin(); }
  if (rotation === 'late') { fs.renameSync(path, path + '.' + turn); fs.closeSync(fs.openSync(path, 'a')); const old = fd; setTimeout(() => { fd = begin(); fs.closeSync(old); }, 200); }
  if (rotation === 'copytruncate') { fs.copyFileSync(path, path + '.' + turn); fs.ftruncateSync(fd); }
  if (rotation === 'remove') { fs.closeSync(fd); fs.unlinkSync(path); fd = begin(); }
  if (rotation === 'symlink') { fs.closeSync(fd); fd = begin(); }
};
const began = performance.now();
const write = () => {
  const due = Math.min(end, Number(from) + Math.ceil((performance.now() - began) / 1000 * Number(rate)));
  let text = '';
  for (; said < due; said++) text += new Date().toISOString() + ' host sshd[811]: ' + (said % 10 === 0 ? 'Failed password for root from ' + address(said) + ' port 4242 ssh2' : 'Connection number ' + said + ' is as it should be') + '\\n';
  // A line may be torn at any byte.
  const cut = Math.floor(text.length * 0.9);
  const bytes = Buffer.from(text);
  if (bytes.length > 0) { fs.writeSync(fd, bytes.subarray(0, cut)); fs.writeSync(fd, bytes.subarray(cut)); }
  sinceRotation += 1;
  if (rotation !== 'none' && (performance.now() - began) / Number(every) > turn + 1 && said < end) rotate();
  if (said < end) setTimeout(write, 5);
  else setTimeout(() => process.stdout.write('done\\n'), 300);
};
write();
`;

/** Starts to write lines number `from` and on; every tenth has an address of 10.0.0.0/8. It says `done` when it has written them all. */
export function startLogWriter({ path, from = 0, total, rate, rotation, everyMs = 1000 }: { readonly path: string; readonly from?: number; readonly total: number; readonly rate: number; readonly rotation: Rotation; readonly everyMs?: number }): Child {
  return Child.start([process.execPath, '-e', PROGRAM, path, String(from), String(total), String(rate), rotation, String(everyMs)]);
}
