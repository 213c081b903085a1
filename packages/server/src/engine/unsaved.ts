/**
 * Bans that were made while the database could not be written (a full disk, which an attacker's log lines can bring
 * about): enforced all the same, said loudly, and written as soon as it can be. Store first remains the rule; this is
 * what protects the machine while the rule can't be kept (docs/adr/0005).
 */
import type { Address } from 'banban-shared';
import type { BanRecord, BanWrite } from '../store/store.ts';

export interface Unsaved {
  readonly size: number;
  /** Remembers writes that failed; the records to go on with meanwhile, with ids below zero. `current` gives the ban that stands. */
  keep(writes: readonly BanWrite[], current: (target: string, address: Address) => BanRecord | undefined): BanRecord[];
  /** Forgets what is waiting for an address in a target: the ban ended before it was ever saved. */
  forget(target: string, address: Address): void;
  /** All that waits, oldest first; empties it. */
  take(): BanWrite[];
}

/** More offences than this are not remembered while the disk is full; the bans that they made stand. */
const MOST = 20_000;

export function createUnsaved(): Unsaved {
  let writes: BanWrite[] = [];
  let nextId = -1;
  return {
    get size() {
      return writes.length;
    },
    keep(failed, current) {
      const records: BanRecord[] = [];
      for (const write of failed) {
        if (writes.length < MOST) writes.push(write);
        const { address, target, origin, level, reason, at, until } = write;
        const standing = current(target, address);
        records.push({ id: standing?.id ?? nextId--, address, target, origin, level, reason, since: standing?.since ?? at, until: standing !== undefined && standing.until > until ? standing.until : until });
      }
      return records;
    },
    forget(target, address) {
      if (writes.length > 0) writes = writes.filter((w) => w.target !== target || w.address !== address);
    },
    take() {
      const all = writes;
      writes = [];
      return all;
    },
  };
}
