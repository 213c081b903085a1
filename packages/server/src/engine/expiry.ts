/** One timer for the ban that ends next. */
import { ms, type Instant } from 'banban-shared';
import type { Clock, Timer } from '../clock.ts';

/** The timer. */
export interface Expiry {
  /** Sets the timer for `next`; undefined when no ban will ever end. */
  aim(next: Instant | undefined): void;
  stop(): void;
}

/**
 * A timer that is aimed at nothing. `onDue` is called once for each aim, at its instant, or after 24.8 days where that is
 * sooner (see clock.ts): whoever is called looks what is due.
 */
export function createExpiry(clock: Clock, onDue: () => void): Expiry {
  let timer: Timer | undefined;
  let aimedAt: Instant | undefined;
  const stop = (): void => {
    timer?.cancel();
    timer = undefined;
    aimedAt = undefined;
  };
  return {
    aim(next) {
      if (next === aimedAt) return;
      stop();
      if (next === undefined) return;
      aimedAt = next;
      timer = clock.after(ms(next - clock.now()), () => {
        timer = undefined;
        aimedAt = undefined;
        onDue();
      });
    },
    stop,
  };
}
