/** The control API on a real UNIX socket, before a real engine, and a client that can send anything. */
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { ApiError, ReloadResponse } from 'banban-shared';
import type { Config } from '../../packages/server/src/config/config.ts';
import { createApp } from '../../packages/server/src/control/app.ts';
import type { DaemonView } from '../../packages/server/src/control/daemon-view.ts';
import { listen } from '../../packages/server/src/control/listen.ts';
import type { SourceStats } from '../../packages/server/src/ingest/source.ts';
import { engineRoom, type EngineRoom } from './engine-room.ts';
import { tempDir } from './temp-dir.ts';

export interface Answer {
  readonly status: number;
  readonly type: string | undefined;
  readonly text: string;
  /** The body read as JSON. */
  readonly body: unknown;
}

export interface Asking {
  /** Sent as JSON, with its type. */
  readonly json?: unknown;
  /** Sent as it is. */
  readonly raw?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ControlRoom extends EngineRoom {
  readonly socket: string;
  /** What the view says; a test changes it. */
  readonly view: { -readonly [K in keyof DaemonView]: DaemonView[K] };
  ask(method: string, path: string, asking?: Asking): Promise<Answer>;
  /** Sends bytes and answers with all that came back until the other side closed. */
  send(bytes: string | Buffer): Promise<string>;
}

const NO_STATS: SourceStats = { datagrams: 0, bytes: 0, cut: 0, lastAt: undefined, error: undefined };

export async function controlRoom(given: Partial<Config> = {}, capacity?: number): Promise<ControlRoom> {
  const room = engineRoom(given, capacity);
  const socket = join(tempDir(), 'control.sock');
  const view: ControlRoom['view'] = {
    clock: room.clock,
    version: '0.0.1',
    startedAt: room.clock.now(),
    engine: room.engine,
    sources: [{ type: 'unix', path: '/nowhere/log.sock', start: () => Promise.resolve(), stop: () => Promise.resolve(), stats: () => NO_STATS }],
    cutter: () => ({ available: true, queued: 0, cut: 0, failed: 0, lastError: undefined, dropped: 0 }),
    notEnforcing: () => undefined,
    config: () => ({ path: '/nowhere/banban.yml', loadedAt: room.clock.now(), error: undefined, warnings: [] }),
    store: () => ({ path: room.store.path, sizeBytes: room.store.sizeBytes() }),
    reload: (): ReloadResponse => ({ changes: ['rule ssh changed'], warnings: [] }),
  };
  const app = createApp(view, room.log);
  onTestFinished(() => app.close());
  await listen(app, { path: socket, gid: undefined, mode: 0o600 });

  return Object.assign(room, {
    socket,
    view,
    ask: (method: string, path: string, { json, raw, headers }: Asking = {}) =>
      new Promise<Answer>((resolve, reject) => {
        const body = json === undefined ? raw : JSON.stringify(json);
        const type = json === undefined ? {} : { 'content-type': 'application/json' };
        const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
        // A connection of its own: one that is kept has nobody who hears of its end.
        const asked = request({ socketPath: socket, agent: false, method, path, headers: { ...type, ...length, ...headers } }, (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString();
            resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'], text, body: text === '' ? undefined : (JSON.parse(text) as unknown) });
          });
        });
        asked.on('error', reject);
        asked.end(body);
      }),
    send: (bytes: string | Buffer) =>
      new Promise<string>((resolve) => {
        const chunks: Buffer[] = [];
        const connection = connect(socket, () => connection.write(bytes));
        connection.on('data', (chunk: Buffer) => chunks.push(chunk));
        // Let go in the middle of what we still had to say: what came before it counts.
        connection.on('error', () => undefined);
        connection.on('close', () => resolve(Buffer.concat(chunks).toString()));
      }),
  });
}

/** For views that refuse. */
export const throwing = (error: ApiError | Error) => (): never => {
  throw error;
};
