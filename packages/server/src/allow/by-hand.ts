/** What people have allowed with banctl: kept in the database, and over when its time is. */
import { ApiError, ms, type Instant, type Prefix } from 'banban-shared';
import type { Clock, Timer } from '../clock.ts';
import { StoreError, type AllowedRecord, type AllowStore } from '../store/store.ts';

/** What a person asks for. */
export interface AllowRequest {
  readonly prefixes: readonly Prefix[];
  /** `NEVER` for without an end. */
  readonly until: Instant;
  readonly reason: string | undefined;
  readonly by: string;
}

/** What became of one entry of a request. */
export interface AllowOutcome {
  readonly outcome: 'allowed' | 'extended' | 'unchanged';
  readonly record: AllowedRecord;
}

/** The entries. */
export interface ByHand {
  list(): readonly AllowedRecord[];
  /**
   * Allows what is not allowed by hand yet, and makes the time of what is the later of the two.
   * @throws StoreError when nothing was done; ApiError `bad_request` when there would be too many
   */
  allow(request: AllowRequest): AllowOutcome[];
  /** Ends entries; false for each that there was none of. @throws StoreError when nothing was done */
  remove(prefixes: readonly Prefix[], by: string): boolean[];
  stop(): void;
}

/** Who has more has a file. */
const MOST = 20_000;
/** The clock may be put forward: it is asked this often at least. */
const LOOK_EVERY = ms(60_000);

/** The entries that the database has, without those whose time is over. `changed` is called with all that is allowed, at once and after every change. @throws StoreError */
export function byHand(clock: Clock, store: Pick<AllowStore, 'byHand' | 'change'>, changed: (prefixes: readonly Prefix[]) => void): ByHand {
  const entries = new Map<Prefix, AllowedRecord>(store.byHand().map((record) => [record.prefix, record]));
  let timer: Timer | undefined;

  function end(): void {
    const now = clock.now();
    const over = [...entries.values()].filter(({ until }) => until <= now);
    for (const { prefix } of over) entries.delete(prefix);
    if (over.length > 0) {
      changed([...entries.keys()]);
      try {
        store.change({ put: [], remove: over.map(({ prefix }) => ({ prefix, at: now, by: undefined })) });
      } catch (error) {
        // They stay in the database, and are over at the next start, too.
        if (!(error instanceof StoreError)) throw error;
      }
    }
    aim();
  }

  function aim(): void {
    timer?.cancel();
    let next = Infinity;
    for (const { until } of entries.values()) next = Math.min(next, until);
    timer = next === Infinity ? undefined : clock.after(ms(Math.max(0, Math.min(LOOK_EVERY, next - clock.now()))), end);
  }

  end();
  changed([...entries.keys()]);
  return {
    list: () => [...entries.values()],
    allow({ prefixes, until, reason, by }) {
      const now = clock.now();
      const outcomes = [...new Set(prefixes)].map((prefix): AllowOutcome => {
        const old = entries.get(prefix);
        if (old !== undefined && old.until >= until) return { outcome: 'unchanged', record: old };
        return { outcome: old === undefined ? 'allowed' : 'extended', record: { prefix, since: old?.since ?? now, until, reason: reason ?? old?.reason, by } };
      });
      const put = outcomes.filter(({ outcome }) => outcome !== 'unchanged').map(({ record }) => record);
      const count = entries.size + outcomes.filter(({ outcome }) => outcome === 'allowed').length;
      if (count > MOST) throw new ApiError('bad_request', `${count} entries would be allowed by hand, and at most ${MOST} can be: write them into a file of the allowlist; nothing was done`);
      if (put.length > 0) store.change({ put, remove: [] });
      for (const record of put) entries.set(record.prefix, record);
      if (put.length > 0) changed([...entries.keys()]);
      aim();
      return outcomes;
    },
    remove(prefixes, by) {
      const now = clock.now();
      const there = new Set(prefixes.filter((prefix) => entries.has(prefix)));
      if (there.size > 0) {
        store.change({ put: [], remove: [...there].map((prefix) => ({ prefix, at: now, by })) });
        for (const prefix of there) entries.delete(prefix);
        changed([...entries.keys()]);
        aim();
      }
      return prefixes.map((prefix) => there.has(prefix));
    },
    stop: () => timer?.cancel(),
  };
}
