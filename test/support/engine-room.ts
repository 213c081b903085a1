/** An engine at work for a test: the real one over a real database, with a clock, a kernel and a cutter that the test sees through. */
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Instant, Subject } from 'banban-shared';
import type { Config } from '../../packages/server/src/config/config.ts';
import type { ConnectionCutter, CutReport } from '../../packages/server/src/enforce/firewall.ts';
import type { Engine } from '../../packages/server/src/engine/contract.ts';
import { createEngine } from '../../packages/server/src/engine/engine.ts';
import type { EngineEvent } from '../../packages/server/src/engine/events.ts';
import type { LookUp } from '../../packages/server/src/engine/named-hosts.ts';
import type { Policy } from '../../packages/server/src/engine/policy.ts';
import type { BanRecord, Store } from '../../packages/server/src/store/store.ts';
import { openStore } from '../../packages/server/src/store/sqlite.ts';
import { fakeClock, type FakeClock } from './fake-clock.ts';
import { policy } from './policies.ts';
import { quietLog, type QuietLog } from './quiet-log.ts';
import { withRaw, type RawDatabase } from './raw-sqlite.ts';
import { tempDir } from './temp-dir.ts';
import { unrulyFirewall, type UnrulyFirewall } from './unruly-firewall.ts';

export interface EngineRoom {
  readonly clock: FakeClock;
  readonly kernel: UnrulyFirewall;
  readonly log: QuietLog;
  readonly path: string;
  /** What the engine told, in order. */
  readonly told: readonly EngineEvent[];
  /** What was asked of the cutter, call by call; `rows` are those of list BLOCKER at that moment. */
  readonly cuts: readonly { readonly subjects: readonly Subject[]; readonly rows: ReadonlySet<Subject>; readonly report: CutReport }[];
  engine: Engine;
  store: Store;
  /** Delivers lines of sshd, each in a datagram of its own, and lets the loop turn. */
  hear(...messages: readonly string[]): void;
  /** The same, at an instant of arrival and without a turn of the loop. */
  arrive(at: Instant, ...messages: readonly string[]): void;
  /** As kill -9 and a start with the same policy or another; below zero, the clock is put back meanwhile. */
  restart(next?: Policy, downFor?: number): void;
  /** Active bans as `TARGET address`. */
  banned(): string[];
  ban(target: string, subject: Subject): BanRecord;
  /** Runs `action` while another program holds the database's write lock: every write fails, every look works. */
  whileUnwritable(action: (db: RawDatabase) => void): void;
}

export const failed = (address: string, user = 'root'): string => `Failed password for ${user} from ${address} port 4242 ssh2`;
export const accepted = (address: string): string => `Accepted publickey for anna from ${address} port 4242 ssh2`;
export const datagram = (message: string): Buffer => Buffer.from(`<38>Jan  2 03:04:05 host sshd[1]: ${message}\n`);

export function engineRoom(given: Partial<Config> = {}, capacity?: number, clock = fakeClock(), kernel = unrulyFirewall(capacity), chance = (): number => 0, lookUp?: LookUp): EngineRoom {
  const log = quietLog();
  const path = join(tempDir(), 'banban.db');
  const told: EngineEvent[] = [];
  const cuts: { subjects: readonly Subject[]; rows: ReadonlySet<Subject>; report: CutReport }[] = [];
  const cutter: ConnectionCutter = {
    cut: (subjects, report) => void cuts.push({ subjects: [...subjects], rows: new Set(kernel.rows('BLOCKER') ?? []), report }),
    stats: () => ({ available: true, queued: 0, cut: 0, failed: 0, lastError: undefined, dropped: 0 }),
    stop: () => Promise.resolve(),
  };
  let current = policy(given);
  const open = (): Store => openStore(path, { busyTimeoutMs: 0 });
  const begin = (store: Store): Engine => {
    const engine = createEngine({ clock, store, firewall: kernel, cutter, log, chance, tell: (event) => void told.push(event), ...(lookUp === undefined ? {} : { lookUp }) }, current);
    engine.start();
    return engine;
  };
  const store = open();
  const room: EngineRoom = {
    clock,
    kernel,
    log,
    path,
    told,
    cuts,
    store,
    engine: begin(store),
    hear(...messages) {
      room.arrive(clock.now(), ...messages);
      clock.turn();
    },
    arrive(at, ...messages) {
      for (const message of messages) room.engine.deliver(datagram(message), at);
    },
    restart(next = current, downFor = 0) {
      current = next;
      clock.crash(downFor);
      kernel.crash();
      room.store.close();
      room.store = open();
      room.engine = begin(room.store);
    },
    banned: () => room.engine.bans().map((b) => `${b.target} ${b.address}`),
    ban(target, subject) {
      const ban = room.engine.bans().find((b) => b.target === target && b.address === subject);
      if (ban === undefined) throw new Error(`${subject} is not banned in ${target}`);
      return ban;
    },
    whileUnwritable(action) {
      withRaw(path, (db) => {
        db.exec('BEGIN IMMEDIATE');
        action(db);
      });
    },
  };
  onTestFinished(() => room.store.close());
  return room;
}
