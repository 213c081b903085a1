/**
 * A process of its own around the store, for tests that kill it, starve it or watch its system calls. Takes a command and
 * the database's path; prints one JSON value a line, and a line for each StoreError with its message.
 */
import { accessSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { instant } from 'banban-shared';
import { holdInstanceLock } from '../../packages/server/src/store/instance-lock.ts';
import { openStore } from '../../packages/server/src/store/sqlite.ts';
import { StoreError } from '../../packages/server/src/store/store.ts';
import { banWrite, nth, offence } from './records.ts';

const [command = '', path = '', argument = ''] = process.argv.slice(2);
const say = (value: unknown): void => writeFileSync(1, `${JSON.stringify(value)}\n`);
const write = (n: number) => banWrite({ address: nth(n), offence: offence({ address: nth(n), lines: ['x'.repeat(500)] }) });

/** A system call that can be found in a trace. */
function mark(n: number): void {
  try {
    accessSync(`/mark-${n}`);
  } catch {
    // There is no such file.
  }
}

const commands: Readonly<Record<string, () => void>> = {
  /** Holds the lock until it is killed or its input ends. */
  lock() {
    const lock = holdInstanceLock(path);
    say('held');
    // Named to the end: what nobody refers to is collected some day, and the lock with it.
    process.once('exit', () => lock.release());
    process.stdin.resume();
  },

  open() {
    const store = openStore(path);
    say({ bans: store.activeBans().length });
    store.close();
  },

  /** Writes ban after ban, and says the number of each when the call has returned. */
  endless() {
    const store = openStore(path);
    for (let n = 0; ; n++) {
      store.writeBans([write(n)], 'process');
      writeFileSync(1, `${n}\n`);
    }
  },

  /** Two bans of the durability `argument`, with a mark in the system calls before, between and after. */
  durable() {
    const store = openStore(path);
    store.writeBans([write(0)], 'power');
    for (const n of [1, 2]) {
      mark(n);
      store.writeBans([write(n)], argument === 'power' ? 'power' : 'process');
    }
    mark(3);
    process.kill(process.pid, 'SIGKILL');
  },

  /** Fills the disk, is refused, makes room, goes on. Batches of 20 show whether one was written by half. */
  full() {
    const ballast = join(dirname(path), 'ballast');
    writeFileSync(ballast, Buffer.alloc(200_000));
    const store = openStore(path);
    let n = 0;
    const batch = (): void => {
      store.writeBans(Array.from({ length: 20 }, (_, i) => write(n + i)), 'power');
      n += 20;
    };
    try {
      for (;;) batch();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      say(error.message);
    }
    say({ acknowledged: n, bans: store.activeBans().length, offences: store.countOffences([nth(n)], { target: 'BLOCKER' }, instant(0)) });
    let refused = 0;
    for (let i = 0; i < 50; i++) {
      try {
        batch();
      } catch {
        refused++;
      }
    }
    say({ refused, more: store.activeBans().length - n });
    rmSync(ballast);
    batch();
    say({ acknowledged: n, bans: store.activeBans().length });
    store.close();
    const again = openStore(path);
    say({ bans: again.activeBans().length });
  },
};

try {
  commands[command]?.();
} catch (error) {
  if (!(error instanceof StoreError)) throw error;
  say(error.message);
}
