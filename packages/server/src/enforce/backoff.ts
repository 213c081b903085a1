/** Trying again what fails, less and less often. */
import { ms, type Ms } from 'banban-shared';
import type { Clock, Timer } from '../clock.ts';

/** Between tries: doubled from the first to the last. */
const FIRST_MS = 1000;
const LAST_MS = 60_000;

/** How long to leave alone what fails: 1 s, 2 s and so on up to a minute or what the caller says, until it succeeds. */
export interface Backoff {
  /** Whether the next try has to wait. */
  waits(): boolean;
  /** Whether the last try failed. */
  isFailing(): boolean;
  /** It failed (again). */
  failed(): void;
  /** It succeeded, or may: nothing waits. */
  reset(): void;
}

/**
 * @param over called when a wait is over
 * @param longest between two tries; default a minute
 */
export function backoff(clock: Clock, over: () => void, longest: Ms = ms(LAST_MS)): Backoff {
  let delay = 0;
  let timer: Timer | undefined;
  return {
    waits: () => timer !== undefined,
    isFailing: () => delay > 0,
    failed() {
      timer?.cancel();
      delay = Math.min(longest, Math.max(FIRST_MS, delay * 2));
      timer = clock.after(ms(delay), () => {
        timer = undefined;
        over();
      });
    },
    reset() {
      timer?.cancel();
      timer = undefined;
      delay = 0;
    },
  };
}
