/**
 * Bans that were made while the database could not be written (a full disk, which an attacker's log lines can bring
 * about): enforced all the same, said loudly, and written as soon as it can be. Store first remains the rule; this is
 * what protects the machine while the rule can't be kept (docs/adr/0005).
 */
import type { Subject } from 'banban-shared';
import type { BanRecord, BanWrite } from '../store/store.ts';

/** What waits to be written. */
export interface Unsaved {
  readonly size: number;
  /** Remembers writes that failed; the records to go on with meanwhile, with ids below zero. `current` gives the ban that stands. */
  keep(writes: readonly BanWrite[], current: (target: string, address: Subject) => BanRecord | undefined): BanRecord[];
  /** Forgets what is waiting for an address in a target: the ban ended before it was ever saved. */
  forget(target: string, address: Subject): void;
  /** All that waits, oldest first; empties it. */
  take(): BanWrite[];
}

/** Beyond this many the bans alone are remembered while the disk is full, one for each address, without the offences behind them. */
const MOST = 20_000;

/** Nothing waits at first. `most` bounds the writes kept whole. */
export function createUnsaved(most = MOST): Unsaved {
  let writes: BanWrite[] = [];
  /** What came when there were too many; as many as there are bans at most. */
  let bare = new Map<string, BanWrite>();
  let nextId = -1;

  function remember(write: BanWrite): void {
    if (writes.length < most) {
      writes.push(write);
      return;
    }
    const key = `${write.target} ${write.address}`;
    const before = bare.get(key);
    const until = before !== undefined && before.until > write.until ? before.until : write.until;
    bare.set(key, { ...write, at: before?.at ?? write.at, until, offence: undefined });
  }

  return {
    get size() {
      return writes.length + bare.size;
    },
    keep(failed, current) {
      const records: BanRecord[] = [];
      for (const write of failed) {
        remember(write);
        const { address, target, origin, level, reason, at, until } = write;
        const standing = current(target, address);
        records.push({ id: standing?.id ?? nextId--, address, target, origin, level: level ?? standing?.level, reason: reason ?? standing?.reason, since: standing?.since ?? at, until: standing !== undefined && standing.until > until ? standing.until : until, connections: standing?.connections ?? 0 });
      }
      return records;
    },
    forget(target, address) {
      if (writes.length > 0) writes = writes.filter((w) => w.target !== target || w.address !== address);
      bare.delete(`${target} ${address}`);
    },
    take() {
      const all = [...writes, ...bare.values()];
      writes = [];
      bare = new Map();
      return all;
    },
  };
}
