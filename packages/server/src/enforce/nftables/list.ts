/** One target's rows in its four sets. */
import type { Subject } from 'banban-shared';
import type { Clock } from '../../clock.ts';
import type { TargetConfig } from '../../config/config.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import type { Hits, KernelList, ListFailures, ListState } from '../firewall.ts';
import { applyChange } from './change.ts';
import { counterAt } from './elements.ts';
import { lookAt, type Look, type SetFault } from './look.ts';
import type { Monitor } from './monitor.ts';
import { readSet } from './read.ts';
import { ENOENT, unreadable, unusable } from './refusal.ts';
import { rowsOf } from './rows.ts';
import { setsOf } from './sets.ts';

/** What a list works with. */
export interface ListOptions {
  readonly socket: NetlinkSocket;
  readonly monitor: Monitor;
  readonly clock: Clock;
  /** As in `ChangeOptions`. */
  readonly stamps: boolean;
  readonly closed: () => void;
}

/** Readings of sets that keep changing; then what any of them saw is taken together. */
const MOST_READINGS = 3;
const NO_SUBJECTS: ReadonlySet<Subject> = new Set();
const NO_FAILURES: ListFailures = new Map();
const NO_FAULTS: ReadonlyMap<number, SetFault> = new Map();
const UNCOUNTED: Hits = { packets: undefined, bytes: undefined, lastAt: undefined };


/** What a reading puts its rows into, and how another's are added to it. */
interface Collection<C, T> {
  make(): C;
  put(into: C, subject: Subject, value: T): void;
  add(into: C, more: C): void;
}

const subjectsOnly: Collection<Set<Subject>, undefined> = {
  make: () => new Set(),
  put: (into, subject) => void into.add(subject),
  add: (into, more) => more.forEach((subject) => into.add(subject)),
};

const withHits: Collection<Map<Subject, Hits>, Hits> = {
  make: () => new Map(),
  put: (into, subject, hits) => void into.set(subject, hits),
  add: (into, more) => more.forEach((hits, subject) => into.set(subject, hits)),
};

const hitsAt = (bytes: Buffer, expression: number): Hits => {
  const counter = counterAt(bytes, expression);
  return counter === undefined ? UNCOUNTED : { ...counter, lastAt: undefined };
};

/** Opens the list of a target. */
export function nftablesList(target: Pick<TargetConfig, 'name' | 'ipv6Prefix'>, { socket, monitor, clock, stamps, closed }: ListOptions): KernelList {
  const sets = setsOf(target);
  let known: { readonly look: Look; readonly changes: number } | undefined;

  /** As the sets are, or were when somebody else last touched the table. @throws what the socket throws */
  function look(): Look {
    const changes = monitor.changes();
    if (known?.changes === changes && known.look.state !== 'failed') return known.look;
    known = { look: lookAt(socket, sets), changes };
    return known.look;
  }

  /**
   * Reads all four sets. A reading during which somebody changed our table may lack a row or have a row that went; so may one, in a
   * hash that the kernel just made larger, and then it has others twice. Changes of other tables don't count.
   *
   * @throws what the socket throws
   */
  function collect<C extends { readonly size: number }, T>(value: (bytes: Buffer, expression: number) => T, { make, put, add }: Collection<C, T>): C | SetFault {
    let found: C | undefined;
    for (let reading = 1; ; reading++) {
      const now = make();
      const changes = monitor.changes();
      let told = 0;
      let isInterrupted = false;
      for (const set of sets) {
        const { errno, message, interrupted } = readSet(socket, set, target.ipv6Prefix, value, (subject, of) => {
          told++;
          put(now, subject, of);
        });
        if (errno === ENOENT) {
          const seen = lookAt(socket, sets);
          if (seen.state !== 'present') return seen;
        } else if (errno !== 0) return { state: 'failed', message: unreadable(errno, message) };
        // Gone, and there again: somebody loads the rules anew.
        if (interrupted || errno === ENOENT) isInterrupted = true;
      }
      const isWhole = (!isInterrupted || monitor.changes() === changes) && told === now.size;
      if (isWhole) return now;
      if (found !== undefined) add(now, found);
      if (reading === MOST_READINGS) return now;
      found = now;
    }
  }

  return {
    backend: 'nftables',
    isExact: true,
    refuses: () => undefined,

    read(): ListState {
      try {
        const seen = look();
        if (seen.state !== 'present') return { state: seen.state, message: seen.message };
        const subjects = collect(() => undefined, subjectsOnly);
        if (!(subjects instanceof Set)) return { state: subjects.state, message: subjects.message };
        return { state: 'present', subjects, pending: NO_SUBJECTS, failures: NO_FAILURES, capacity: seen.capacity };
      } catch (error) {
        return { state: 'failed', message: unusable(error) };
      }
    },

    identity() {
      try {
        return look().state === 'missing' ? undefined : `change ${known?.changes}`;
      } catch {
        return undefined;
      }
    },

    write(change): ListFailures {
      try {
        const seen = look();
        const faults = seen.state === 'present' ? NO_FAULTS : seen.faults;
        return applyChange(rowsOf(change, target.ipv6Prefix, clock.now()), { socket, sets, stamps, faults, written: () => void monitor.changes() });
      } catch (error) {
        return new Map([...change.remove, ...change.add.map((row) => row.subject)].map((subject) => [subject, unusable(error)]));
      }
    },

    hits() {
      try {
        const hits = look().state === 'present' ? collect(hitsAt, withHits) : undefined;
        return hits instanceof Map ? hits : withHits.make();
      } catch {
        return withHits.make();
      }
    },

    close: closed,
  };
}
