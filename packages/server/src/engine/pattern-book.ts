/** What the patterns did: how often they matched, whom they banned, and how many of those were pardoned later. */
import type { Instant, Subject } from 'banban-shared';

/** What one pattern did since the start; a reload keeps the numbers of a pattern that is still there. */
export interface PatternCounters {
  matches: number;
  /** Bans that its line completed. */
  bans: number;
  /** Of those bans, the ones that a good pattern ended: many of them, and the pattern hits honest people. */
  pardoned: number;
  lastAt: Instant | undefined;
}

/** A ban, as far as it is known by which pattern it began. */
interface Banned {
  readonly target: string;
  readonly address: Subject;
}

/** The book; patterns are known by their names. */
export interface PatternBook {
  of(name: string): Readonly<PatternCounters>;
  matched(name: string, times: number, at: Instant): void;
  banned(name: string, ban: Banned): void;
  ended(ban: Banned, wasPardoned: boolean): void;
  /** Forgets patterns of which `isThere` says no. */
  keep(isThere: (name: string) => boolean): void;
}

/** An empty book. */
export function createPatternBook(): PatternBook {
  const counters = new Map<string, PatternCounters>();
  /** By which pattern the bans began that stand now. */
  const bannedBy = new Map<string, string>();
  const keyOf = ({ target, address }: Banned): string => `${target} ${address}`;
  return {
    of: (name) => counters.get(name) ?? { matches: 0, bans: 0, pardoned: 0, lastAt: undefined },
    matched(name, times, at) {
      let own = counters.get(name);
      if (own === undefined) counters.set(name, (own = { matches: 0, bans: 0, pardoned: 0, lastAt: undefined }));
      own.matches += times;
      own.lastAt = at;
    },
    banned(name, ban) {
      const own = counters.get(name);
      if (own === undefined) return;
      own.bans++;
      bannedBy.set(keyOf(ban), name);
    },
    ended(ban, wasPardoned) {
      const key = keyOf(ban);
      const own = counters.get(bannedBy.get(key) ?? '');
      if (own !== undefined && wasPardoned) own.pardoned++;
      bannedBy.delete(key);
    },
    keep(isThere) {
      for (const name of counters.keys()) if (!isThere(name)) counters.delete(name);
    },
  };
}
