/** A clock that stands still until the test moves it. */
import { instant, type Instant } from 'banban-shared';
import type { Clock } from '../../packages/server/src/clock.ts';
import { T0 } from './records.ts';

export interface FakeClock extends Clock {
  /** Turns of the loop until nothing wants another. */
  turn(): void;
  /** Goes on by so many milliseconds, with every timer on the way at its own instant and the loop turning in between. */
  advance(milliseconds: number): void;
  /** As on a machine that was asleep for so long: what was due meanwhile runs when it wakes, once, and the loop comes to rest. */
  sleep(milliseconds: number): void;
  /** Somebody sets it to an earlier time; timers wait as long as they did. */
  putBack(milliseconds: number): void;
  /** Time goes by and nothing runs, as over a crash: what was waiting is forgotten. */
  crash(downFor: number): void;
}

/** More turns than any real work takes: somebody goes round in circles. */
const MOST_TURNS = 1_000_000;

export function fakeClock(start: Instant = T0): FakeClock {
  let now: number = start;
  let soon: (() => void)[] = [];
  let timers: { at: number; readonly action: () => void }[] = [];

  function turn(): void {
    for (let turns = 0; soon.length > 0; turns++) {
      if (turns > MOST_TURNS) throw new Error('the loop never comes to rest');
      const due = soon;
      soon = [];
      for (const action of due) action();
    }
  }

  return {
    now: () => instant(now),
    after(delay, action) {
      const timer = { at: now + Math.max(0, delay), action };
      timers.push(timer);
      return { cancel: () => void (timers = timers.filter((t) => t !== timer)) };
    },
    soon: (action) => void soon.push(action),
    turn,
    advance(milliseconds) {
      const end = now + milliseconds;
      for (;;) {
        turn();
        let next: (typeof timers)[number] | undefined;
        for (const timer of timers) if (timer.at <= end && (next === undefined || timer.at < next.at)) next = timer;
        if (next === undefined) break;
        timers.splice(timers.indexOf(next), 1);
        now = Math.max(now, next.at);
        next.action();
      }
      now = end;
    },
    putBack(milliseconds) {
      now -= milliseconds;
      timers = timers.map((timer) => Object.assign(timer, { at: timer.at - milliseconds }));
    },
    sleep(milliseconds) {
      const waking = Math.min(milliseconds, 1000);
      now += milliseconds - waking;
      this.advance(waking);
    },
    crash(downFor) {
      soon = [];
      timers = [];
      now += downFor;
    },
  };
}
