/**
 * A UNIX datagram socket as a source: what rsyslog's omuxsock and syslog-ng's unix-dgram() write to. Node has none of its
 * own, so this is the one door to the npm package unix-dgram (one recvmsg of up to 64 KiB for each turn of the loop).
 */
import { lstatSync, rmSync, unlinkSync } from 'node:fs';
import type { Instant } from 'banban-shared';
import unixDgram, { type Socket } from 'unix-dgram';
import type { Clock } from '../clock.ts';
import { bindWithMode, giveSocket, makeSocketDirectory, socketError } from '../socket-file.ts';
import { withoutHalfAddress } from './one-line.ts';
import type { Source } from './source.ts';

/** The package's receive buffer; Linux gives a longer datagram cut to it, and the package does not say so. */
const RECEIVE_BUFFER = 65_536;

/** Twice what systemd lets the kernel queue (net.unix.max_dgram_qlen = 512): who goes on sending can't hold the stop up. */
const LAST_TURNS = 1024;

/** Where the socket is and who may write to it; `mode` is that of chmod(2). */
export interface UnixDatagramOptions {
  readonly path: string;
  /** Numeric ids, or undefined to leave what the process has. */
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly mode: number;
}

/** Whether somebody receives on the datagram socket at `path`. A socket file that a crash left behind has nobody. */
function isLive(path: string): boolean {
  const probe = unixDgram.createSocket('unix_dgram');
  let live = false;
  probe.on('error', () => undefined);
  probe.once('connect', () => (live = true));
  try {
    probe.connect(path);
  } finally {
    probe.close();
  }
  return live;
}

/** Frees `path` for a new socket. Throws a sentence when something is there that must not be taken away. */
function clear(path: string): void {
  let isSocket: boolean;
  try {
    isSocket = lstatSync(path).isSocket();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
    throw error;
  }
  if (!isSocket) throw new Error(`${path} exists and is not a socket; remove it or choose another path for socket:`);
  if (isLive(path)) throw new Error(`${path} is in use: another program, probably a running banband, receives on it; stop that one first`);
  unlinkSync(path);
}

/** The socket at `path`, made at `start` with its folder, and removed at `stop` if it is still this one. */
export function unixDatagramSource(options: UnixDatagramOptions, clock: Clock): Source {
  const { path } = options;
  let socket: Socket | undefined;
  let inode: bigint | undefined;
  let datagrams = 0;
  let bytes = 0;
  let cut = 0;
  let lastAt: Instant | undefined;
  let error: string | undefined;

  /** Whether the file is still the socket that is listened on: without it every line is lost, and nobody else would say so. */
  const isThere = (): boolean => {
    try {
      return lstatSync(path, { bigint: true }).ino === inode;
    } catch {
      return false;
    }
  };

  return {
    type: 'unix',
    path,
    start(deliver) {
      makeSocketDirectory(path);
      clear(path);
      const receiver = unixDgram.createSocket('unix_dgram', (datagram: Buffer | null) => {
        // recvmsg failed; the package gives no reason here and tries again at the next datagram.
        if (datagram === null) {
          error = 'a datagram could not be received';
          return;
        }
        datagrams++;
        bytes += datagram.length;
        const isCut = datagram.length >= RECEIVE_BUFFER;
        if (isCut) cut++;
        lastAt = clock.now();
        // One of just this length is whole.
        deliver(isCut ? withoutHalfAddress(datagram) : datagram, lastAt);
      });
      return new Promise((resolve, reject) => {
        const fail = (cause: unknown): void => {
          receiver.close();
          reject(socketError(path, cause));
        };
        receiver.once('error', fail);
        receiver.once('listening', () => {
          try {
            giveSocket(path, options.uid, options.gid);
            inode = lstatSync(path, { bigint: true }).ino;
            socket = receiver;
            resolve();
          } catch (cause) {
            unlinkSync(path);
            fail(cause);
          }
        });
        bindWithMode(options.mode, () => receiver.bind(path));
      });
    },
    async stop() {
      // Another banband may have taken the path over; its socket is not ours to remove.
      if (isThere()) rmSync(path, { force: true });
      // Nobody finds the socket any more; what the kernel has taken for it would be lost with it. A turn of the loop brings one
      // datagram, and the first may end before the loop has looked: two without any are the end.
      for (let turns = 0, quiet = 0, before = datagrams; socket !== undefined && quiet < 2 && turns < LAST_TURNS; turns++) {
        await new Promise<void>((resolve) => clock.soon(resolve));
        quiet = datagrams === before ? quiet + 1 : 0;
        before = datagrams;
      }
      socket?.close();
      socket = undefined;
    },
    stats() {
      const lost = socket !== undefined && !isThere() ? 'the socket was removed or replaced, so no line arrives any more: restart banband' : undefined;
      return { datagrams, bytes, cut, lastAt, error: lost ?? error };
    },
  };
}
