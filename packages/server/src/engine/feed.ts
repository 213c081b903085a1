/** What the engine knows of where lines come from: what they may do, how they are counted, and how far they were worked off. */
import type { Instant } from 'banban-shared';

/** What one source's lines came to since the start. */
export interface FeedCounters {
  lines: number;
  /** Lines in which no program could be found; they are still matched as bare text. */
  unparsed: number;
  /** banban's own lines, dropped so that its log cannot feed it. */
  own: number;
  /** Lines that matched a good pattern or a rule. */
  matched: number;
  lastMatchAt: Instant | undefined;
  /** Deliveries that found the queue full. What can be read again is never dropped. */
  dropped: number;
}

/** One source of lines as the engine sees it, made by `createFeed`. */
export interface Feed {
  readonly name: string;
  /** The rules in which its lines count; undefined for all. */
  readonly rules: ReadonlySet<string> | undefined;
  /** Whether its lines may pardon. */
  readonly pardons: boolean;
  /** Each delivery is one record and what it holds besides its first line has to look like one; otherwise each line is a record. */
  readonly isDatagram: boolean;
  /** Windows run on the time that a record says of itself, never later than its arrival: it may be read long after it was written. */
  readonly ownTime: boolean;
  readonly counters: FeedCounters;
}

/** A source's feed; what is left out is as for the datagrams of a syslog daemon. */
export function createFeed(options: { readonly name: string } & Partial<Pick<Feed, 'rules' | 'pardons' | 'isDatagram' | 'ownTime'>>): Feed {
  const { name, rules, pardons = true, isDatagram = true, ownTime = false } = options;
  return { name, rules, pardons, isDatagram, ownTime, counters: { lines: 0, unparsed: 0, own: 0, matched: 0, lastMatchAt: undefined, dropped: 0 } };
}
