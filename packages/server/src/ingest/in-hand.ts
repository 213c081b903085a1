/** What was delivered and not yet worked off: for sources that read on only when it is. */
import { ms } from 'banban-shared';
import type { Clock } from '../clock.ts';

/** Counts what is under way. */
export interface InHand {
  /** One more; the result is to be called once it is worked off. */
  take(): () => void;
  /** Resolves when nothing is under way, or after a while: who should have worked it off may have stopped. */
  empty(): Promise<void>;
}

/** A full queue is worked off in a fraction of this. */
const PATIENCE = ms(5000);

/** Nothing under way. */
export function createInHand(clock: Clock): InHand {
  let count = 0;
  let waiting: (() => void)[] = [];
  return {
    take() {
      count++;
      let over = false;
      return () => {
        if (over) return;
        over = true;
        if (--count > 0) return;
        const all = waiting;
        waiting = [];
        for (const resolve of all) resolve();
      };
    },
    empty: () =>
      new Promise((resolve) => {
        if (count === 0) return void resolve();
        const timer = clock.after(PATIENCE, resolve);
        waiting.push(() => {
          timer.cancel();
          resolve();
        });
      }),
  };
}
