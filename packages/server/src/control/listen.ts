/** Puts the control API on its UNIX socket, with the owner and mode that decide who may use it. */
import { lstatSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { LONGEST_SOCKET_PATH } from 'banban-shared';
import type { FastifyInstance } from 'fastify';
import { bindWithMode, giveSocket, makeSocketDirectory, socketError } from '../socket-file.ts';

/** Where the socket is and who may connect: `gid` undefined leaves the process's own group, `mode` is that of chmod(2). */
export interface ListenOptions {
  readonly path: string;
  readonly gid: number | undefined;
  readonly mode: number;
}

/** Whether the socket is somebody's, also one who is too busy to answer; the file that a crash left behind has nobody. */
function isLive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'));
  });
}

/** @throws a sentence when the path can't be had */
export async function listen(app: FastifyInstance, { path, gid, mode }: ListenOptions): Promise<void> {
  // Beyond it the path would be cut without a word, and somebody else's file be made or hit.
  const length = Buffer.byteLength(path);
  if (length > LONGEST_SOCKET_PATH) throw new Error(`can't listen on ${path}: the path of a socket may have ${LONGEST_SOCKET_PATH} bytes, and this one has ${length}; choose a shorter one for control.socket`);
  makeSocketDirectory(path);
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there !== undefined) {
    if (!there.isSocket()) throw new Error(`${path} exists and is not a socket; remove it or choose another path for control.socket`);
    if (await isLive(path)) throw new Error(`${path} is in use: another program, probably a running banband, has it open; stop that one first, or choose another path for control.socket`);
    rmSync(path, { force: true });
  }
  await app.ready();
  await new Promise<void>((resolve, reject) => {
    app.server.once('error', (cause) => reject(socketError(path, cause)));
    bindWithMode(mode, () => void app.server.listen(path, resolve));
  });
  try {
    giveSocket(path, undefined, gid);
  } catch (cause) {
    throw socketError(path, cause);
  }
}
