/**
 * Exact sliding windows of matches, one for each rule and address (or IPv6 network, where the target bans those), in bounded memory
 * (ADR 0017). It is longer than most files: the order of the windows, their matches and their lines are one table, and each step changes all three.
 */
import { FOREVER, instant, type Instant, type Ms, type Subject } from 'banban-shared';
import { Buckets, OWN_WORDS } from './buckets.ts';
import { LineStore } from './line-store.ts';
import { NONE, Records } from './records.ts';
import { createScatter } from './scatter.ts';
import { SHAPE_BITS, SUBJECT_WORDS, subjectWords } from './subject-words.ts';

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
  /** The lines that filled it, oldest first; fewer than matches where there was no room for all. */
  readonly lines: readonly string[];
}

/** A window that is filling, as people are shown it. */
export interface WindowView {
  readonly rule: string;
  readonly matches: number;
  readonly lastAt: Instant;
}

/**
 * All windows. Bounded in their number, and the one hit least recently goes first; bounded in their lines, and there, too, those of the
 * one hit least recently go first, while it goes on counting.
 */
export interface Windows {
  /**
   * Counts one match. When it is the one that fills the window, the window is emptied and its lines are returned, as far as there was
   * room for them; the next match begins a new one. A match of before the last one, read late (`now` is later than that), counts with it where
   * both are within `interval`, and is otherwise nobody's: what has come since must not become as old as it.
   */
  hit(threshold: Threshold, address: Subject, at: Instant, line: string, now?: Instant): FullWindow | undefined;
  /** Drops the windows of an address in every rule given; with `until` those with a match after it stay. */
  forget(rules: readonly string[], address: Subject, until?: Instant): void;
  /** Keeps only the windows of these rules. */
  keepRules(rules: ReadonlySet<string>): void;
  /** The windows of an address that have matches left at `now`. */
  of(thresholds: readonly Threshold[], address: Subject, now: Instant): WindowView[];
  /**
   * Drops windows whose last match is over `longest` old, and in turn looks for those that are too old for their own rule; at most `limit`
   * of them are looked at. Gives some memory back that is not in use.
   */
  sweep(now: Instant, longest: Ms, limit: number): void;
  readonly size: number;
  readonly capacity: number;
  /** Windows dropped for want of room, the least recently hit first. */
  readonly evicted: number;
}

/** A botnet of a million addresses. With the evidence below some 150 MB, of which an idle daemon has none. */
const CAPACITY = 1_000_000;
/** Bytes of evidence kept in all windows together: a third of a million lines. */
const EVIDENCE = 40 * 1024 * 1024;
/** Matches for each window that there may be, on average; a rule that wants hundreds is hit so often by few. */
const MATCHES = 4;
/** So many matches there may be at least. */
const LEAST_MATCHES = 65_536;
/** Windows that a hit looks at while there are some of rules that went: they go faster than new ones come. */
const CLEAN_AT_ONCE = 8;

// The words of a window behind those of its bucket: its neighbours by the time of the last hit, its matches, and how many they are.
const OLDER = OWN_WORDS;
const NEWER = OWN_WORDS + 1;
const FIRST = OWN_WORDS + 2;
const LAST = OWN_WORDS + 3;
const COUNT = OWN_WORDS + 4;
const WINDOW_WORDS = OWN_WORDS + 5;

// The words of a match: two of its instant, the next one of its window, its line.
const NEXT = 2;
const LINE = 3;
const MATCH_WORDS = 4;

/**
 * Makes an empty set of windows. `capacity` is how many (rule, address) pairs may be open at once, `evidence` how many bytes their lines may
 * take; `seed` is chance, so that strangers can't choose addresses that are slow to find.
 */
export function createWindows(capacity = CAPACITY, evidence = EVIDENCE, seed = 0): Windows {
  const windows = new Records(WINDOW_WORDS);
  const matches = new Records(MATCH_WORDS);
  const lines = new LineStore(evidence);
  const buckets = new Buckets(windows);
  const scatter = createScatter(seed);
  const mostMatches = Math.max(capacity * MATCHES, LEAST_MATCHES);
  /** Rules by the numbers that stand for them in keys. */
  const numbers = new Map<string, number>();
  /** How many windows each number has. */
  const open: number[] = [];
  /** Numbers of rules that went. Nobody finds their windows any more; they are dropped little by little, since a million at once takes half a second. */
  const retired = new Set<number>();
  /** How many windows those have. */
  let left = 0;
  /** The interval of each number. */
  const intervals: Ms[] = [];
  /** The window at which `clean` goes on. */
  let cleaning = NONE;
  /** The key that is looked for. */
  const key = new Int32Array(SUBJECT_WORDS);
  let hash = 0;
  let oldest = NONE;
  let newest = NONE;
  /** The least recently hit window that may have lines: those before it have lost theirs. */
  let lit = NONE;
  let evicted = 0;

  /** The window of a rule and an address, NONE where there is none; the key stays for `make`. */
  function find(number: number, address: Subject): number {
    subjectWords(address, key);
    key[SUBJECT_WORDS - 1] = (key[SUBJECT_WORDS - 1] ?? 0) | (number << SHAPE_BITS);
    hash = scatter(key);
    return buckets.find(key, hash);
  }

  function numberOf(rule: string): number {
    let number = numbers.get(rule);
    if (number === undefined) {
      const taken = new Set([...numbers.values(), ...retired]);
      for (number = 0; taken.has(number); ) number++;
      numbers.set(rule, number);
      open[number] = 0;
    }
    return number;
  }

  const numberIn = (window: number): number => windows.get(window, SUBJECT_WORDS - 1) >>> SHAPE_BITS;

  /** Makes the window that was looked for. */
  function make(number: number): number {
    const window = windows.take();
    buckets.add(window, key, hash);
    open[number] = (open[number] ?? 0) + 1;
    windows.set(window, FIRST, NONE);
    windows.set(window, LAST, NONE);
    windows.set(window, COUNT, 0);
    return window;
  }

  // ── the order of the last hits ────────────────────────────────────────────────────────────────────────────────

  function link(window: number): void {
    windows.set(window, OLDER, newest);
    windows.set(window, NEWER, NONE);
    if (newest === NONE) oldest = window;
    else windows.set(newest, NEWER, window);
    newest = window;
  }

  function unlink(window: number): void {
    const older = windows.get(window, OLDER);
    const newer = windows.get(window, NEWER);
    if (older === NONE) oldest = newer;
    else windows.set(older, NEWER, newer);
    if (newer === NONE) newest = older;
    else windows.set(newer, OLDER, older);
    if (lit === window) lit = newer;
    if (cleaning === window) cleaning = newer;
  }

  // ── matches ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** Takes the first match out of a window that has one. */
  function dropFirst(window: number): void {
    const match = windows.get(window, FIRST);
    const line = matches.get(match, LINE);
    if (line !== NONE) lines.drop(line);
    windows.set(window, FIRST, matches.get(match, NEXT));
    windows.set(window, COUNT, windows.get(window, COUNT) - 1);
    matches.give(match);
  }

  function append(window: number, at: Instant, line: string): void {
    const match = matches.take();
    matches.setDouble(match, at);
    matches.set(match, NEXT, NONE);
    matches.set(match, LINE, NONE);
    const count = windows.get(window, COUNT);
    if (count === 0) windows.set(window, FIRST, match);
    else matches.set(windows.get(window, LAST), NEXT, match);
    windows.set(window, LAST, match);
    windows.set(window, COUNT, count + 1);
    let kept = lines.keep(line);
    while (kept === NONE && fade()) kept = lines.keep(line);
    if (kept === NONE) return;
    matches.set(match, LINE, kept);
    if (lit === NONE) lit = window;
  }

  /** Gives the lines of the window up whose turn it is; false where none has any. */
  function fade(): boolean {
    if (lit === NONE) return false;
    for (let match = windows.get(lit, FIRST); match !== NONE; match = matches.get(match, NEXT)) {
      const line = matches.get(match, LINE);
      if (line !== NONE) lines.drop(line);
      matches.set(match, LINE, NONE);
    }
    lit = windows.get(lit, NEWER);
    return true;
  }

  function linesOf(window: number): string[] {
    const texts: string[] = [];
    for (let match = windows.get(window, FIRST); match !== NONE; match = matches.get(match, NEXT)) {
      const line = matches.get(match, LINE);
      if (line !== NONE) texts.push(lines.read(line));
    }
    return texts;
  }

  const lastAt = (window: number): number => matches.getDouble(windows.get(window, LAST));

  /**
   * Takes out the matches that are over `interval` before `at`. A match exactly `interval` ago still counts. Where the
   * clock was put back, matches that seem to lie ahead count as of now: else the window would not slide until the clock
   * is there again, and what comes meanwhile would pile up behind them.
   */
  function slide(window: number, interval: Ms, at: Instant): void {
    if (lastAt(window) > at) {
      for (let match = windows.get(window, FIRST); match !== NONE; match = matches.get(match, NEXT)) if (matches.getDouble(match) > at) matches.setDouble(match, at);
    }
    while (windows.get(window, COUNT) > 0 && at - matches.getDouble(windows.get(window, FIRST)) > interval) dropFirst(window);
  }

  function drop(window: number): void {
    while (windows.get(window, COUNT) > 0) dropFirst(window);
    unlink(window);
    buckets.remove(window);
    const number = numberIn(window);
    open[number] = (open[number] ?? 0) - 1;
    if (retired.has(number)) left--;
    windows.give(window);
  }

  /** Looks at so many windows for those of rules that went, and those whose rule has a shorter interval than others. */
  function clean(limit: number, now: Instant): void {
    while (cleaning !== NONE && limit-- > 0) {
      const window = cleaning;
      cleaning = windows.get(window, NEWER);
      const number = numberIn(window);
      if (retired.has(number) || now - lastAt(window) > (intervals[number] ?? FOREVER)) drop(window);
    }
    if (cleaning === NONE) retired.clear();
  }

  return {
    hit({ rule, occurrences, interval }, address, ownTime, line, now = ownTime) {
      let at = ownTime;
      if (occurrences === 1) return { rule, address, at, lines: [line] };
      const number = numberOf(rule);
      intervals[number] = interval;
      let window = find(number, address);
      if (window === NONE) window = make(number);
      else {
        const last = lastAt(window);
        if (last > at && last <= now) {
          if (last - at > interval) return undefined;
          at = instant(last);
        }
        slide(window, interval, at);
        if (windows.get(window, COUNT) + 1 >= occurrences) {
          const texts = linesOf(window);
          texts.push(line);
          drop(window);
          return { rule, address, at, lines: texts };
        }
        const wasLit = lit === window;
        unlink(window);
        // All others may have lost their lines.
        if (wasLit && lit === NONE) lit = window;
      }
      link(window);
      append(window, at, line);
      if (retired.size > 0) clean(CLEAN_AT_ONCE, at);
      while (windows.inUse - left > capacity || matches.inUse > mostMatches) {
        if (!retired.has(numberIn(oldest))) evicted++;
        drop(oldest);
      }
      return undefined;
    },
    forget(rules, address, until) {
      for (const rule of rules) {
        const number = numbers.get(rule);
        const window = number === undefined ? NONE : find(number, address);
        if (window !== NONE && (until === undefined || lastAt(window) <= until)) drop(window);
      }
    },
    keepRules(rules) {
      for (const [rule, number] of numbers) {
        if (rules.has(rule)) continue;
        numbers.delete(rule);
        retired.add(number);
        left += open[number] ?? 0;
        cleaning = oldest;
      }
    },
    of(thresholds, address, now) {
      const views: WindowView[] = [];
      for (const { rule, interval } of thresholds) {
        const number = numbers.get(rule);
        const window = number === undefined ? NONE : find(number, address);
        if (window === NONE) continue;
        let count = 0;
        let last = 0;
        for (let match = windows.get(window, FIRST); match !== NONE; match = matches.get(match, NEXT)) {
          const at = matches.getDouble(match);
          if (now - at > interval) continue;
          count++;
          last = at;
        }
        if (count > 0) views.push({ rule, matches: count, lastAt: instant(last) });
      }
      return views;
    },
    sweep(now, longest, limit) {
      while (oldest !== NONE && limit-- > 0 && now - lastAt(oldest) > longest) drop(oldest);
      if (cleaning === NONE) cleaning = oldest;
      clean(limit, now);
      windows.trim();
      matches.trim();
      lines.trim();
    },
    get size() {
      return windows.inUse - left;
    },
    capacity,
    get evicted() {
      return evicted;
    },
  };
}
