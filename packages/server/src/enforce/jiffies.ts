/**
 * The kernel's count of timer ticks (jiffies), in which xt_recent stamps its rows, as a time. How many there are in a second is
 * nowhere to be read (CONFIG_HZ; what sysconf(3) calls CLK_TCK is another), so it is measured, between two looks at
 * /proc/timer_list (kernel/time/timer_list.c). What is not certain is not told.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { instant, type Instant } from 'banban-shared';
import { precise, type Clock } from '../clock.ts';

/** What a look found: how stamps are to be read now. */
export interface TickReading {
  /** When a stamp was made, in milliseconds of `precise`; right to a tick and the few milliseconds by which the kernel may count late. */
  moment(stamp: number): number;
  /** A moment as an instant; undefined before the clock was set or the machine slept, because neither count knows of it. */
  instant(moment: number): Instant | undefined;
}

/** Looks at the kernel's count. */
export interface TickClock {
  /** A reading, once two looks at least three seconds apart have told how long a tick is; undefined where the kernel does not tell. */
  look(): TickReading | undefined;
}

/** Where to look, and by which clocks; tests have their own. */
export interface TickOptions {
  readonly clock: Clock;
  /** Readable by root only, and empty in most containers. */
  readonly timerList?: string;
  /** Milliseconds that only go forward, as `precise`. */
  readonly now?: () => number;
}

/** Every CONFIG_HZ that any kernel has: kernel/Kconfig.hz, arch/{arm,mips,alpha}/Kconfig, and what distributions add. */
const RATES = [24, 32, 48, 64, 100, 128, 200, 250, 256, 300, 500, 512, 600, 625, 750, 800, 1000, 1024, 1200, 2000];
/** The closest rates (250 and 256, 1000 and 1024) are 2.4 % apart: in three seconds that is 72 ms, and a look is better than that. */
const SHORTEST_MEASURE = 3000;
/** Both the count and the look may be late by so much, together. */
const SLACK = 25;
/** A look that took longer may have been interrupted anywhere. */
const LONGEST_LOOK = 5;
/** The kernel walks all timers of a processor: where that is dear it is not asked again. */
const TOO_DEAR = 50;
/** Enough for the timers of one processor, behind which the count stands. */
const MOST_TEXT = 262_144;
/** A clock that is further from where it was has been set, or the machine slept. */
const SET = 1000;
/**
 * jiffies begin five minutes before 2^32 (INITIAL_JIFFIES). A number below that is of the first five minutes, or of 32 bits, where
 * the stamps of different weeks are the same number.
 */
const FIRST_SURE = 2 ** 32;

interface Look {
  readonly jiffies: number;
  readonly moment: number;
}

function readCount(path: string): number | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    const bytes = Buffer.allocUnsafe(MOST_TEXT);
    for (let length = 0; length < MOST_TEXT; ) {
      const more = readSync(fd, bytes, length, MOST_TEXT - length, null);
      if (more === 0) return undefined;
      length += more;
      const count = /^jiffies: (\d{1,15})$/m.exec(bytes.toString('latin1', 0, length))?.[1];
      if (count !== undefined) return Number(count);
    }
  } catch {
    // Not root, or no such file.
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
  return undefined;
}

/** The one rate that explains both looks; undefined when there is none, or they are too close together. */
function rateBetween(first: Look, second: Look): number | undefined {
  const span = second.moment - first.moment;
  if (span < SHORTEST_MEASURE) return undefined;
  const ticks = second.jiffies - first.jiffies;
  const [found, ...more] = RATES.filter((rate) => ((ticks - 1) / rate) * 1000 <= span + SLACK && ((ticks + 1) / rate) * 1000 >= span - SLACK);
  return more.length === 0 ? found : undefined;
}

/** Looks at once, so that the measure has begun when somebody asks. */
export function tickClock({ clock, timerList = '/proc/timer_list', now = precise }: TickOptions): TickClock {
  let first: Look | undefined;
  let rate: number | undefined;
  let isTooDear = false;
  /** How far the clock is ahead of `now`; where it was when it was last set, and since when it has not been. */
  let offset = 0;
  let steady: { readonly offset: number; readonly since: number } | undefined;

  function lookOnce(): Look | undefined {
    if (isTooDear) return undefined;
    const before = now();
    const jiffies = readCount(timerList);
    const after = now();
    isTooDear = after - before > TOO_DEAR;
    if (jiffies === undefined || jiffies < FIRST_SURE || after - before > LONGEST_LOOK) return undefined;
    const moment = (before + after) / 2;
    offset = clock.now() - after;
    if (steady === undefined || Math.abs(offset - steady.offset) > SET) steady = { offset, since: moment };
    return { jiffies, moment };
  }

  function look(): TickReading | undefined {
    const last = lookOnce();
    if (last === undefined) return undefined;
    first ??= last;
    rate ??= rateBetween(first, last);
    const measured = rate;
    if (measured === undefined) {
      // The two don't fit together: one of them was late. Begin anew.
      if (last.moment - first.moment >= SHORTEST_MEASURE) first = last;
      return undefined;
    }
    const [ahead, since] = [offset, steady?.since ?? Infinity];
    return {
      moment: (stamp) => last.moment - ((last.jiffies - stamp) * 1000) / measured,
      instant: (moment) => (moment < since - SLACK ? undefined : instant(Math.round(moment + ahead))),
    };
  }

  look();
  return { look };
}
