/** The port for time: the only way that code under packages/server may learn what time it is or wait. */
import { instant, type Instant, type Ms } from 'banban-shared';

/** An action that waits for its time; `cancel` after it has run does nothing. */
export interface Timer {
  cancel(): void;
}

/** What time it is, and waiting. Tests have one that they advance. */
export interface Clock {
  now(): Instant;
  /** Runs `action` once, `delay` from now or as soon after as the loop is free. Never keeps the process alive. */
  after(delay: Ms, action: () => void): Timer;
  /** Runs `action` when the loop has looked for input once. */
  soon(action: () => void): void;
}

/** setTimeout overflows above 2^31-1 ms (24.8 days) and would fire at once; whoever waits for longer looks again then. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;

/** Milliseconds with fractions, of a clock that only goes forward: for measuring. */
export const precise = (): number => performance.now();

/** The machine's own clock and the loop's timers. `now` may go back when somebody sets the clock. */
export const systemClock: Clock = {
  now: () => instant(Date.now()),
  after(delay, action) {
    const timer = setTimeout(action, Math.min(Math.max(0, delay), LONGEST_TIMEOUT));
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
  soon: (action) => void setImmediate(action),
};
