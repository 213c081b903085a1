/** The port for time: the only way that code under packages/server may learn what time it is or wait. */
import { instant, type Instant, type Ms } from 'banban-shared';

export interface Timer {
  cancel(): void;
}

export interface Clock {
  now(): Instant;
  /** Runs `action` once, `delay` from now or as soon after as the loop is free. Never keeps the process alive. */
  after(delay: Ms, action: () => void): Timer;
  /** Runs `action` when the loop has looked for input once. */
  soon(action: () => void): void;
}

/** setTimeout overflows above 2^31-1 ms (24.8 days) and would fire at once; whoever waits for longer looks again then. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => instant(Date.now()),
  after(delay, action) {
    const timer = setTimeout(action, Math.min(Math.max(0, delay), LONGEST_TIMEOUT));
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
  soon: (action) => void setImmediate(action),
};
