/** Makes single calls into passes: what comes within a turn of the loop is one pass, and a storm costs a tenth of the time at most. */
import { ms } from 'banban-shared';
import { precise, type Clock, type Timer } from '../../clock.ts';

/** Work that is done again and again, in passes that never overlap. */
export interface Passes {
  /** There is something to do: at once when the last pass was long ago, and else when it has been rested from. */
  wake(): void;
  /** No further pass; resolves when the one that runs has ended. */
  stop(): Promise<void>;
}

/** A pass costs the kernel as much as it takes: so many times as long it rests then. */
const REST_FACTOR = 9;
/** A pass of programs may take many seconds, and what comes meanwhile is not to wait for minutes. */
const LONGEST_REST_MS = 5000;

/** `pass` may not reject. `time` gives milliseconds with fractions. */
export function passes(clock: Clock, pass: () => Promise<void>, time: () => number = precise): Passes {
  let state: 'idle' | 'coming' | 'running' | 'resting' | 'stopped' = 'idle';
  let isWanted = false;
  let running: Promise<void> = Promise.resolve();
  let rest: Timer | undefined;

  function begin(): void {
    if (state === 'stopped') return;
    state = 'running';
    isWanted = false;
    const start = time();
    running = pass().then(() => {
      if (state === 'stopped') return;
      state = 'resting';
      rest = clock.after(ms(Math.min(LONGEST_REST_MS, REST_FACTOR * (time() - start))), () => {
        state = 'idle';
        if (isWanted) come();
      });
    });
  }

  function come(): void {
    state = 'coming';
    // Addresses of one turn of the loop come one by one; by the next it is known whether they are a storm.
    clock.soon(begin);
  }

  return {
    wake() {
      isWanted = true;
      if (state === 'idle') come();
    },
    async stop() {
      state = 'stopped';
      rest?.cancel();
      await running;
    },
  };
}
