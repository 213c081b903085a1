/**
 * A log run through the real engine on the log's own clock: the same matching, counting and deciding, with lists and a
 * database that are thrown away. What the engine says it does is what is reported.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, instant, ms, type Instant, type Ms } from 'banban-shared';
import type { Clock } from '../clock.ts';
import { simulatedCutter, simulatedFirewall } from '../enforce/simulated.ts';
import { createEngine } from '../engine/engine.ts';
import type { Policy } from '../engine/policy.ts';
import type { Log, LogFields } from '../observe/log.ts';
import { openStore } from '../store/sqlite.ts';
import { stampOf } from '../syslog/stamp.ts';

/** A ban that would have been made. */
export interface ReplayedBan {
  readonly at: Instant;
  readonly address: string;
  readonly target: string;
  readonly rule: string;
  readonly level: number | null;
  /** ISO 8601, or `forever`; moved on when the ban was made longer. */
  until: string;
  /** How it ended within the log, and when; undefined while it stands at the log's end. */
  ended: { readonly at: Instant; readonly by: string } | undefined;
}

/** One configuration's run through the log. */
export interface Replay {
  /** Takes a line. The bytes are copied. */
  line(bytes: Buffer): void;
  /** Ends the run and gives its temporary files back. */
  end(): { readonly bans: readonly ReplayedBan[]; readonly lines: number; readonly good: number; readonly bad: number };
}

/** The engine looks at its lists twice a second; in a log of a month nobody waits for that. */
const SHORT = 1000;
const STRETCHED = ms(60_000);

/** A clock that stands where the log is. */
interface LogClock extends Clock {
  /** Goes on to `to`, with every timer on the way at its own time; never back. */
  goTo(to: Instant): void;
}

function logClock(): LogClock {
  let now = instant(0);
  let timers: { readonly at: Instant; readonly action: () => void }[] = [];
  let due: (() => void)[] = [];
  const settle = (): void => {
    while (due.length > 0) for (const action of due.splice(0)) action();
  };
  return {
    now: () => now,
    after(delay: Ms, action) {
      const timer = { at: after(now, delay < SHORT ? STRETCHED : delay), action };
      timers.push(timer);
      return { cancel: () => void (timers = timers.filter((t) => t !== timer)) };
    },
    soon: (action) => void due.push(action),
    goTo(to) {
      settle();
      if (now === 0) now = to;
      for (;;) {
        let next: (typeof timers)[number] | undefined;
        for (const timer of timers) if (timer.at <= to && (next === undefined || timer.at < next.at)) next = timer;
        if (next === undefined) break;
        timers.splice(timers.indexOf(next), 1);
        // Hours without a line need one look, not one for each minute.
        now = next.at < to - STRETCHED && timers.length === 0 ? instant(Math.max(now, to - STRETCHED)) : instant(Math.max(now, next.at));
        next.action();
        settle();
      }
      if (to > now) now = to;
    },
  };
}

/** @param newest when the log was last written, by which stamps without a year are dated */
export function startReplay(policy: Policy, newest: Instant): Replay {
  const dir = mkdtempSync(join(tmpdir(), 'banban-replay-'));
  const store = openStore(join(dir, 'replay.db'));
  const clock = logClock();
  const bans: ReplayedBan[] = [];
  const standing = new Map<string, ReplayedBan>();
  const say = (event: string, fields: LogFields = {}): void => {
    const text = (key: string): string => String(fields[key] ?? '');
    const key = `${text('target')} ${text('address')}`;
    const ban = standing.get(key);
    if (event === 'ban') {
      const made: ReplayedBan = { at: clock.now(), address: text('address'), target: text('target'), rule: text('rule'), level: typeof fields.offence === 'number' ? fields.offence : null, until: text('until'), ended: undefined };
      bans.push(made);
      standing.set(key, made);
    } else if (event === 'ban_extended' && ban !== undefined) ban.until = text('until');
    else if (event === 'ban_ended' && ban !== undefined) {
      ban.ended = { at: clock.now(), by: text('by') };
      standing.delete(key);
    }
  };
  const log: Log = { info: say, warn: () => undefined, error: () => undefined };
  const engine = createEngine({ clock, store, firewall: simulatedFirewall(), cutter: simulatedCutter(), log }, policy);
  let at: Instant | undefined;
  return {
    line(bytes) {
      const stamp = stampOf(bytes.toString('latin1', 0, 200), newest);
      // Lines that are late, or say nothing, came when the one before them did.
      if (stamp !== undefined && (at === undefined || stamp > at)) {
        const isFirst = at === undefined;
        at = stamp;
        clock.goTo(at);
        if (isFirst) engine.start();
      }
      if (at === undefined) {
        at = newest;
        clock.goTo(at);
        engine.start();
      }
      engine.deliver(Buffer.from(bytes), at);
      clock.goTo(at);
    },
    end() {
      engine.stop();
      const { lines, good, bad } = engine.counters();
      store.close();
      rmSync(dir, { recursive: true, force: true });
      return { bans, lines, good, bad };
    },
  };
}
