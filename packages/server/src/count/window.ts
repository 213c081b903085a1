/** Exact sliding windows of matches, one for each rule and address (or IPv6 network, where the target bans those), in bounded memory. */
import type { Instant, Ms, Subject } from 'banban-shared';

/** What the counter has to know of a rule. */
export interface Threshold {
  readonly rule: string;
  readonly occurrences: number;
  readonly interval: Ms;
}

/** A full window: `occurrences` matches, the first and the last at most `interval` apart. */
export interface FullWindow {
  readonly rule: string;
  readonly address: Subject;
  readonly at: Instant;
  /** The lines that filled it, oldest first. */
  readonly lines: readonly string[];
}

/** A window that is filling, as people are shown it. */
export interface WindowView {
  readonly rule: string;
  readonly matches: number;
  readonly lastAt: Instant;
}

/** All windows. Bounded in their number and in their lines together: the one hit least recently goes first. */
export interface Windows {
  /**
   * Counts one match. When it is the one that fills the window, the window is emptied and its lines are returned; the
   * next match begins a new one.
   */
  hit(threshold: Threshold, address: Subject, at: Instant, line: string): FullWindow | undefined;
  /** Drops the windows of an address in every rule given. */
  forget(rules: readonly string[], address: Subject): void;
  /** Keeps only the windows of these rules. */
  keepRules(rules: ReadonlySet<string>): void;
  /** The windows of an address that have matches left at `now`. */
  of(thresholds: readonly Threshold[], address: Subject, now: Instant): WindowView[];
  /** Drops windows whose last match is over `longest` old, at most `limit` of them. */
  sweep(now: Instant, longest: Ms, limit: number): void;
  readonly size: number;
  readonly capacity: number;
  /** Windows dropped for want of room, the least recently hit first. */
  readonly evicted: number;
}

interface Window {
  readonly rule: string;
  readonly times: Instant[];
  readonly lines: string[];
  bytes: number;
}

/** About 100 MB at worst with the evidence below; a machine under a botnet of 50,000 addresses is well inside. */
const CAPACITY = 100_000;
/** Characters of evidence kept in all windows together. */
const EVIDENCE = 32 * 1024 * 1024;

const keyOf = (rule: string, address: Subject): string => `${address} ${rule}`;

/** Makes an empty set of windows. `capacity` is how many (rule, address) pairs may be open at once. */
export function createWindows(capacity = CAPACITY, evidence = EVIDENCE): Windows {
  // A Map keeps the order of insertion; a window that is hit goes to the end, so the first is the least recently hit.
  const windows = new Map<string, Window>();
  let held = 0;
  let evicted = 0;

  function drop(key: string, window: Window): void {
    windows.delete(key);
    held -= window.bytes;
  }

  function evict(): void {
    for (const [key, window] of windows) {
      if (windows.size <= capacity && held <= evidence) return;
      drop(key, window);
      evicted++;
    }
  }

  /**
   * Takes out the matches that are over `interval` before `at`. A match exactly `interval` ago still counts. Where the
   * clock was put back, matches that seem to lie ahead count as of now: else the window would not slide until the clock
   * is there again, and what comes meanwhile would pile up behind them.
   */
  function slide(window: Window, interval: Ms, at: Instant): void {
    for (let i = window.times.length - 1; i >= 0 && (window.times[i] ?? at) > at; i--) window.times[i] = at;
    let gone = 0;
    while (gone < window.times.length && at - (window.times[gone] ?? at) > interval) gone++;
    if (gone === 0) return;
    window.times.splice(0, gone);
    for (const line of window.lines.splice(0, gone)) {
      window.bytes -= line.length;
      held -= line.length;
    }
  }

  return {
    hit({ rule, occurrences, interval }, address, at, line) {
      if (occurrences === 1) return { rule, address, at, lines: [line] };
      const key = keyOf(rule, address);
      let window = windows.get(key);
      if (window === undefined) {
        // Made with what is in it: an empty array that is pushed to takes room for 17 at once, and most windows have one.
        window = { rule, times: [at], lines: [line], bytes: line.length };
      } else {
        slide(window, interval, at);
        if (window.times.length + 1 >= occurrences) {
          drop(key, window);
          return { rule, address, at, lines: [...window.lines, line] };
        }
        windows.delete(key);
        window.times.push(at);
        window.lines.push(line);
        window.bytes += line.length;
      }
      held += line.length;
      windows.set(key, window);
      if (windows.size > capacity || held > evidence) evict();
      return undefined;
    },
    forget(rules, address) {
      for (const rule of rules) {
        const key = keyOf(rule, address);
        const window = windows.get(key);
        if (window !== undefined) drop(key, window);
      }
    },
    keepRules(rules) {
      for (const [key, window] of windows) if (!rules.has(window.rule)) drop(key, window);
    },
    of(thresholds, address, now) {
      const views: WindowView[] = [];
      for (const { rule, interval } of thresholds) {
        const times = windows.get(keyOf(rule, address))?.times.filter((t) => now - t <= interval) ?? [];
        const lastAt = times.at(-1);
        if (lastAt !== undefined) views.push({ rule, matches: times.length, lastAt });
      }
      return views;
    },
    sweep(now, longest, limit) {
      for (const [key, window] of windows) {
        if (limit-- <= 0 || now - (window.times.at(-1) ?? now) <= longest) return;
        drop(key, window);
      }
    },
    get size() {
      return windows.size;
    },
    capacity,
    get evicted() {
      return evicted;
    },
  };
}
