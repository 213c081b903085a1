/**
 * From deliveries to matches: the lines of each, parsed and matched, good before bad, with what their feed may do and how far it was
 * worked off. What is told of a line holds until the next one.
 */
import { instant, type Instant } from 'banban-shared';
import type { Progress } from '../ingest/source.ts';
import type { NameHit } from '../match/host-names.ts';
import type { Hit, Pardon } from '../match/matcher.ts';
import type { Pattern } from '../match/pattern.ts';
import { evidence, isOwn, newEntry } from '../syslog/entry.ts';
import { splitLines, unescapeTabs } from '../syslog/lines.ts';
import { parseLine } from '../syslog/parse.ts';
import { stampOf } from '../syslog/stamp.ts';
import type { EngineCounters } from './contract.ts';
import type { Feed } from './feed.ts';
import type { Policy } from './policy.ts';
import type { Delivery } from './pump.ts';

/** The line that is being worked off. */
export interface CurrentLine {
  readonly arrivedAt: Instant;
  /** How often the syslog daemon says that it came. */
  readonly times: number;
  /** What is kept of it for people. */
  text(): string;
  /** When it came; of a log file, when it was written. `text` is what `text()` gave. */
  timeOf(text: string): Instant;
  /** Which user it is about, as one of its patterns says. */
  userOf(pattern: Pattern): string | undefined;
}

/** Who is told, and what it goes by. */
export interface ReaderParts {
  policy(): Policy;
  readonly counters: EngineCounters;
  /** Of deliveries that come from nobody in particular. */
  readonly anybody: Feed;
  onGood(good: Pardon): void;
  onHits(hits: readonly Hit[], times: number): void;
  /** Host names stand where an address should. */
  onNames(names: readonly NameHit[]): void;
}

/** Reads lines. */
export interface Reader {
  work(delivery: Delivery): void;
  readonly line: CurrentLine;
  /** What is worked off and not written, by its key; `written` forgets it. The line that is being worked off is not among it. */
  moved(): ReadonlyMap<string, string>;
  written(): void;
  /** The rules are others from now on. */
  reset(): void;
  /** Calls back once when a line with `token` in it arrives; the result ends the wait. */
  expect(token: string, arrived: () => void): () => void;
}

/** The matcher uses its empty list again. */
const NO_HITS: readonly Hit[] = [];

/** A reader with nothing read. */
export function createReader({ policy, counters, anybody, onGood, onHits, onNames }: ReaderParts): Reader {
  const entry = newEntry();
  let arrivedAt = instant(0);
  let feed: Feed = anybody;
  /** Of the delivery that is being worked off, and how far it is: the end of the last line whose offences are all decided. */
  let progress: Progress | undefined;
  let lineAt = 0;
  const moved = new Map<string, string>();
  /** What the line before counted in, for `last message repeated N times`: of this feed, and of the others. */
  let lastHits = NO_HITS;
  let lastHitsOf = new WeakMap<Feed, readonly Hit[]>();
  /** Whether the first line of the delivery had a PRI and a time stamp: what follows must have them too. */
  let first = true;
  let firstHadPri = false;
  let firstHadStamp = false;
  /** Lines that somebody waits for, by what is in them. */
  const expected = new Map<string, () => void>();

  function tellExpected(bytes: Buffer, from: number, to: number): void {
    const text = bytes.toString('latin1', from, to);
    for (const [token, arrived] of expected) {
      if (!text.includes(token)) continue;
      expected.delete(token);
      arrived();
    }
  }

  function noteMatch(): void {
    feed.counters.matched++;
    feed.counters.lastMatchAt = arrivedAt;
  }

  function noteProgress(offset: number): void {
    const state = progress?.after(offset);
    // What can't be read again only waits for `done`.
    if (progress !== undefined && state !== undefined && state !== '') moved.set(progress.key, state);
  }

  function hitsOf(hits: readonly Hit[], times: number): void {
    if (hits.length === 0) return;
    counters.bad++;
    noteMatch();
    onHits(hits, times);
  }

  /** Those of the rules that this feed may feed. */
  function allowedTo<T extends { readonly rule: number }>(all: readonly T[]): readonly T[] {
    const { rules } = feed;
    return rules === undefined || all.length === 0 ? all : all.filter(({ rule }) => rules.has(policy().rules[rule]?.config.name ?? ''));
  }

  /** False for the rest of a message with a line break in it: no record of its own, so nobody's word but the far side's. */
  function isRecord(): boolean {
    if (!first) return !feed.isDatagram || ((!firstHadPri || entry.hasPri) && (!firstHadStamp || entry.hasStamp));
    first = false;
    firstHadPri = entry.hasPri;
    firstHadStamp = entry.hasStamp;
    return true;
  }

  function read(bytes: Buffer, from: number, to: number): void {
    lineAt = from;
    counters.lines++;
    feed.counters.lines++;
    if (expected.size > 0) tellExpected(bytes, from, to);
    parseLine(bytes, from, unescapeTabs(bytes, from, to), entry);
    const isWhole = isRecord();
    if (isWhole && entry.repeatsLast) {
      hitsOf(lastHits, entry.times);
      return;
    }
    if (!isWhole || entry.programEnd === entry.textStart) {
      counters.unparsed++;
      feed.counters.unparsed++;
      if (!isWhole) return;
    } else if (isOwn(entry)) {
      counters.own++;
      feed.counters.own++;
      if (!policy().watchesOwn) return;
    }
    const { matcher, hostNames } = policy();
    const { good, hits: all, notAnAddress } = matcher.match(entry);
    const hits = allowedTo(all);
    lastHits = hits.length === 0 ? NO_HITS : hits;
    if (notAnAddress) counters.notAnAddress++;
    if (good !== undefined) {
      if (!feed.pardons) return;
      counters.good++;
      noteMatch();
      onGood(good);
      return;
    }
    if (hits.length > 0) hitsOf(hits, entry.times);
    else if (all.length === 0 && hostNames !== undefined) {
      const names = allowedTo(hostNames.match(entry));
      if (names.length === 0) return;
      noteMatch();
      onNames(names);
    }
  }

  return {
    work(delivery) {
      if (delivery.feed !== feed) {
        lastHitsOf.set(feed, lastHits);
        lastHits = lastHitsOf.get(delivery.feed) ?? NO_HITS;
      }
      ({ at: arrivedAt, feed, progress } = delivery);
      first = true;
      lineAt = 0;
      try {
        splitLines(delivery.bytes, read);
      } finally {
        noteProgress(delivery.bytes.length);
        progress?.done?.();
        progress = undefined;
      }
    },
    line: {
      get arrivedAt() {
        return arrivedAt;
      },
      get times() {
        return entry.times;
      },
      text: () => evidence(entry),
      // What stands before the stamp may be the far side's, and look like one: an access log has a user's name there.
      timeOf: (text) => (feed.ownTime ? instant(Math.min(arrivedAt, Math.max(stampOf(text, arrivedAt) ?? arrivedAt, progress?.writtenAfter ?? -Infinity))) : arrivedAt),
      userOf: (pattern) => pattern.userOf(entry.text.subarray(entry.textStart, entry.textEnd)),
    },
    moved() {
      noteProgress(lineAt);
      return moved;
    },
    written: () => moved.clear(),
    reset() {
      lastHits = NO_HITS;
      lastHitsOf = new WeakMap();
    },
    expect(token, arrived) {
      expected.set(token, arrived);
      return () => void expected.delete(token);
    },
  };
}
