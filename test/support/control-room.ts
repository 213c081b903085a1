/** The control API on a real UNIX socket, before a real engine, and a client that can send anything. */
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { ApiError, ReloadResponse } from 'banban-shared';
import { BY_HAND } from '../../packages/server/src/allow/allow.ts';
import { byHand } from '../../packages/server/src/allow/by-hand.ts';
import type { Config } from '../../packages/server/src/config/config.ts';
import { createApp } from '../../packages/server/src/control/app.ts';
import type { DaemonView } from '../../packages/server/src/control/daemon-view.ts';
import { listen } from '../../packages/server/src/control/listen.ts';
import type { SourceStats } from '../../packages/server/src/ingest/source.ts';
import { aCanary, aDoctor, aFinding, aListState } from './answers.ts';
import { engineRoom, type EngineRoom } from './engine-room.ts';
import { tempDir } from './temp-dir.ts';
import { askSocket, sendSocket, type Answer, type Asking } from './unix-http.ts';

export type { Answer, Asking } from './unix-http.ts';

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
    sources: () => [{ source: { type: 'unix', path: '/nowhere/log.sock', start: () => Promise.resolve(), stop: () => Promise.resolve(), stats: () => NO_STATS }, feed: { counters: { lines: 0, unparsed: 0, own: 0, matched: 0, lastMatchAt: undefined, dropped: 0 } }, error: undefined, alarm: undefined }],
    cutter: () => ({ available: true, queued: 0, cut: 0, failed: 0, lastError: undefined, dropped: 0 }),
    notEnforcing: () => undefined,
    config: () => ({ path: '/nowhere/banban.yml', loadedAt: room.clock.now(), error: undefined, warnings: [] }),
    store: () => ({ path: room.store.path, sizeBytes: room.store.sizeBytes() }),
    firewall: {
      print: () => '# rules for BLOCKER\n',
      check: () => Promise.resolve([aFinding()]),
      install: () => Promise.resolve({ changes: ['table inet banban put in for BLOCKER'], problems: [] }),
      remove: () => Promise.resolve({ changes: ['table inet banban taken out, with BLOCKER'], problems: [] }),
    },
    firewallProblems: () => [],
    notify: {
      stats: () => [{ name: 'mail root', kind: 'mail', on: ['ban'], sent: 1, failed: 0, dropped: 0, waiting: 0, lastAt: room.clock.now(), error: undefined }],
      test: () => Promise.resolve([{ name: 'mail root', ok: false, milliseconds: 1.5, message: 'nobody takes mails about BLOCKER' }]),
    },
    allow: { byHand: byHand(room.clock, room.store.allow, (prefixes) => room.engine.setAllowed(BY_HAND, prefixes)), checkedAt: () => undefined, problems: () => [] },
    guards: { list: () => [], look: () => Promise.resolve() },
    lists: { state: () => [aListState()], refresh: () => Promise.resolve([aListState()]) },
    doctor: () => Promise.resolve(aDoctor()),
    canary: (target) => Promise.resolve(aCanary({ target })),
    reload: (): ReloadResponse => ({ changes: ['rule ssh changed'], warnings: [] }),
  };
  const app = createApp(view, room.log);
  onTestFinished(() => app.close());
  await listen(app, { path: socket, gid: undefined, mode: 0o600 });

  return Object.assign(room, {
    socket,
    view,
    ask: (method: string, path: string, asking?: Asking) => askSocket(socket, method, path, asking),
    send: (bytes: string | Buffer) => sendSocket(socket, bytes),
  });
}

/** For views that refuse. */
export const throwing = (error: ApiError | Error) => (): never => {
  throw error;
};
