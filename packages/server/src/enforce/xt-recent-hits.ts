/**
 * What met the rows of xt_recent, from their stamps. A rule with `--update` stamps the row of each packet that it matches, and so does
 * every write, banban's or anybody's; a rule with `--rcheck` leaves no trace.
 */
import type { Instant, Subject } from 'banban-shared';
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
  /** What met the rows; those of which nothing is known for certain are left out. */
  hits(eachRow: (action: (row: StampedRow) => void) => void, reading: TickReading): Map<Subject, Hits>;
}

/** More of banban's own stamps of one row than most rings have room for; when the ring has come round, packets are not counted anyway. */
const MOST_OWN = 32;
/** A write and its stamp may be so far apart on a machine that is out of breath. */
const SLACK = 1000;

/** Knows of no stamps yet. `now` is milliseconds that only go forward, those of the readings. */
export function ownStamps(now: () => number = precise): OwnStamps {
  /** When each row was written, oldest first. */
  const own = new Map<Subject, number[]>();
  /** A ring has a power of two of places; this list's has at least so many. */
  let ring = 1;
  const nothing: readonly number[] = [];

  /** `packets` holds only where the ring has more places than there are stamps; undefined where nothing is certain. */
  function met({ subject, index, stamps }: StampedRow, reading: TickReading): { readonly packets: number; readonly lastAt: Instant | undefined; readonly stamps: number } | undefined {
    const isRound = index !== stamps.length;
    const oldest = isRound ? index : 0;
    const momentOf = (i: number): number => reading.moment(stamps[(oldest + i) % stamps.length] ?? NaN);
    const writes = own.get(subject) ?? nothing;
    const ours = new Set<number>();
    for (const write of writes) {
      let nearest = -1;
      let distance = SLACK;
      for (let i = 0; i < stamps.length; i++) {
        const apart = Math.abs(momentOf(i) - write);
        if (apart < distance && !ours.has(i)) [nearest, distance] = [i, apart];
      }
      if (nearest >= 0) ours.add(nearest);
      // A stamp of ours that should be there and is not recognised would be taken for a packet's.
      else if (write > momentOf(0) - SLACK) return undefined;
    }
    let newest = stamps.length - 1;
    while (ours.has(newest)) newest--;
    const lastAt = newest < 0 ? undefined : reading.instant(momentOf(newest));
    const isWhole = !isRound && ours.has(0) && ours.size === writes.length;
    return { packets: isWhole ? stamps.length - ours.size : 0, lastAt, stamps: stamps.length };
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
    hits(eachRow, reading) {
      const rows = new Map<Subject, NonNullable<ReturnType<typeof met>>>();
      eachRow((row) => {
        while (ring < row.stamps.length) ring *= 2;
        const found = met(row, reading);
        if (found !== undefined) rows.set(row.subject, found);
      });
      const hits = new Map<Subject, Hits>();
      for (const [subject, { packets, lastAt, stamps }] of rows) {
        // A ring that is full may have come round to where it looks as if it had not.
        const counted = stamps < ring && packets > 0 ? packets : undefined;
        if (counted !== undefined || lastAt !== undefined) hits.set(subject, { packets: counted, bytes: undefined, lastAt });
      }
      return hits;
    },
  };
}
