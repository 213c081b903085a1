/**
 * What met the rows of xt_recent, from their stamps. A rule with `--update` stamps the row of each packet that it matches, and so does
 * every write, banban's or anybody's; a rule with `--rcheck` leaves no trace.
 */
import type { Subject } from 'banban-shared';
import { precise } from '../clock.ts';
import type { Hits } from './firewall.ts';
import type { TickReading } from './jiffies.ts';
import type { StampedRow } from './xt-recent-rows.ts';

/** Remembers the stamps of banban's own, to tell those of packets from them. */
export interface OwnStamps {
  /** Has been written, in this moment. */
  wrote(subject: Subject): void;
  removed(subject: Subject): void;
  /** The list is gone, with all of its rows. */
  clear(): void;
  /** What met these rows; those of which nothing is known for certain are left out. */
  hits(rows: readonly StampedRow[], reading: TickReading): Map<Subject, Hits>;
}

/** More of banban's own stamps of one row than most rings have room for; when the ring has come round, packets are not counted anyway. */
const MOST_OWN = 32;
/** A write and its stamp may be so far apart on a machine that is out of breath. */
const SLACK = 1000;

/** Which of the stamps, oldest first, are those of the writes; undefined in place of a write that has none. */
function claim(moments: readonly number[], writes: readonly number[]): (number | undefined)[] {
  const taken = new Set<number>();
  return writes.map((write) => {
    let nearest: number | undefined;
    let distance = SLACK;
    moments.forEach((moment, i) => {
      if (Math.abs(moment - write) >= distance || taken.has(i)) return;
      nearest = i;
      distance = Math.abs(moment - write);
    });
    if (nearest !== undefined) taken.add(nearest);
    return nearest;
  });
}

/** Knows of no stamps yet. `now` is milliseconds that only go forward, those of the readings. */
export function ownStamps(now: () => number = precise): OwnStamps {
  /** When each row was written, oldest first. */
  const own = new Map<Subject, number[]>();
  /** A ring has a power of two of places; this list's has at least so many. */
  let ring = 1;

  function met({ subject, index, stamps }: StampedRow, reading: TickReading): Hits | undefined {
    const isRound = index !== stamps.length;
    const moments = (isRound ? [...stamps.slice(index), ...stamps.slice(0, index)] : stamps).map((stamp) => reading.moment(stamp));
    const writes = own.get(subject) ?? [];
    const claims = claim(moments, writes);
    // A stamp of ours that should be there and is not recognised would be taken for a packet's.
    if (claims.some((claimed, i) => claimed === undefined && (writes[i] ?? 0) > (moments[0] ?? 0) - SLACK)) return undefined;
    const ours = new Set(claims);
    const newest = moments.findLastIndex((_, i) => !ours.has(i));
    const lastAt = newest < 0 ? undefined : reading.instant(moments[newest] ?? 0);
    // A ring that is full may have come round to where it looks as if it had not.
    const isWhole = !isRound && stamps.length < ring && ours.has(0) && !ours.has(undefined);
    const packets = isWhole ? stamps.length - ours.size : 0;
    return packets > 0 || lastAt !== undefined ? { packets: packets > 0 ? packets : undefined, bytes: undefined, lastAt } : undefined;
  }

  return {
    wrote(subject) {
      const writes = own.get(subject);
      if (writes === undefined) own.set(subject, [now()]);
      else if (writes.push(now()) > MOST_OWN) writes.shift();
    },
    removed: (subject) => void own.delete(subject),
    clear() {
      own.clear();
      ring = 1;
    },
    hits(rows, reading) {
      for (const { stamps } of rows) while (ring < stamps.length) ring *= 2;
      const found = new Map<Subject, Hits>();
      for (const row of rows) {
        const hits = met(row, reading);
        if (hits !== undefined) found.set(row.subject, hits);
      }
      return found;
    },
  };
}
