/** Puts the control API on its UNIX socket, with the owner and mode that decide who may use it. */
import { chmodSync, chownSync, lstatSync, mkdirSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import type { FastifyInstance } from 'fastify';

export interface ListenOptions {
  readonly path: string;
  readonly gid: number | undefined;
  readonly mode: number;
}

/** Whether somebody answers on the socket; the file that a crash left behind has nobody. */
function isLive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}

/** @throws a sentence when the path can't be had */
export async function listen(app: FastifyInstance, { path, gid, mode }: ListenOptions): Promise<void> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there !== undefined) {
    if (!there.isSocket()) throw new Error(`${path} exists and is not a socket; remove it or choose another path for control.socket`);
    if (await isLive(path)) throw new Error(`${path} is in use: another banband answers on it; stop that one first`);
    unlinkSync(path);
  }
  await app.ready();
  await new Promise<void>((resolve, reject) => {
    app.server.once('error', (cause) => reject(new Error(`can't listen on ${path}: ${cause.message}`, { cause })));
    // Nobody may connect before group and mode are as configured.
    const before = process.umask(0o777);
    try {
      app.server.listen(path, resolve);
    } finally {
      process.umask(before);
    }
  });
  if (gid !== undefined) chownSync(path, -1, gid);
  chmodSync(path, mode);
}
