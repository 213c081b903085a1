/** The port for what must survive: bans, offences, events. One writer, synchronous, every method one transaction. */
import type { Instant, Subject } from 'banban-shared';

/** Who set a ban. */
export type BanOrigin =
  | { readonly kind: 'rule'; readonly name: string }
  /** A person, as their banctl named them. */
  | { readonly kind: 'manual'; readonly name: string };

/** An active ban. `until` is `NEVER` for a permanent one. */
export interface BanRecord {
  readonly id: number;
  /** An address or a network. */
  readonly address: Subject;
  readonly target: string;
  readonly origin: BanOrigin;
  /** Which offence it is, from 1; undefined for a ban by hand. */
  readonly level: number | undefined;
  readonly reason: string | undefined;
  readonly since: Instant;
  readonly until: Instant;
  /** Connections that it had open and that died of the ban. */
  readonly connections: number;
}

/** What ended a ban: its time, a good pattern, a person, the allow list, or that its target left the configuration. */
export type EndCause = 'expired' | 'pardoned' | 'unbanned' | 'allowlisted' | 'target_removed';

/** A ban that is over; `endedName` is the person, for `unbanned`. */
export interface EndedBanRecord extends BanRecord {
  readonly endedAt: Instant;
  readonly endedBy: EndCause;
  readonly endedName: string | undefined;
}

/** A full window, and what was decided about it; `reason` says why, where it led to nothing. */
export interface OffenceRecord {
  readonly id: number;
  readonly at: Instant;
  readonly address: Subject;
  readonly target: string;
  readonly rule: string;
  readonly level: number;
  readonly decision: 'banned' | 'extended' | 'none';
  readonly reason: string | undefined;
  /** The log lines that filled the window, oldest first. */
  readonly lines: readonly string[];
}

/** An offence that is not stored yet. */
export type NewOffence = Omit<OffenceRecord, 'id'>;

/**
 * What to do with the one active ban of (address, target):
 * `open` there is none, make it · `extend` there is one: `until` becomes the later of the two (never earlier), and the
 * origin, level and reason given here replace the old ones where they are given.
 */
export interface BanWrite {
  readonly address: Subject;
  readonly target: string;
  readonly origin: BanOrigin;
  readonly level: number | undefined;
  readonly reason: string | undefined;
  readonly at: Instant;
  readonly until: Instant;
  /** The offence that led to it, stored in the same transaction. */
  readonly offence: NewOffence | undefined;
}

/** The end of one ban; `name` is the person, for `unbanned`. */
export interface BanEnd {
  readonly id: number;
  readonly at: Instant;
  readonly by: EndCause;
  readonly name: string | undefined;
}

/** How long a write has to hold: `process` outlives kill -9; `power` is synced to the disk before the call returns. */
export type Durability = 'process' | 'power';

/** A kernel row that banban wrote for a ban that has ended, and whose removal has not been confirmed. */
export interface Unreleased {
  readonly id: number;
  readonly address: Subject;
  readonly target: string;
}

/** What outlives the daemon. A method that throws has changed nothing. */
export interface Store {
  readonly path: string;
  /** Every active ban, for the start. */
  activeBans(): BanRecord[];
  /** Ended bans whose kernel rows have not been confirmed removed. */
  unreleased(): Unreleased[];
  /**
   * One transaction: for each write its offence, then the ban as `BanWrite` says, then its event. At most one active ban
   * per (address, target) holds whatever comes.
   * @returns the active ban after each write, in order
   * @throws StoreError when nothing was written
   */
  writeBans(writes: readonly BanWrite[], durability: Durability): BanRecord[];
  /** Offences that led to nothing (allow-listed, already banned). Best effort: a failure is the caller's to report. */
  writeOffences(offences: readonly NewOffence[]): void;
  /** Ends bans and writes their events; ids that have ended already are left as they are. @throws StoreError */
  endBans(ends: readonly BanEnd[], durability: Durability): void;
  /** Adds to what is known of the connections that died of an active or ended ban. Best effort, as `writeOffences`. */
  addConnections(cuts: readonly { readonly id: number; readonly connections: number }[]): void;
  /** What the last run wrote by `saveShapes`. */
  shapes(): ReadonlyMap<string, string>;
  /** Remembers for the next run what the targets of this one are, by name: texts that mean nothing to the store. */
  saveShapes(shapes: ReadonlyMap<string, string>): void;
  /** Confirms that the kernel no longer has the rows of these ended bans. */
  markReleased(ids: readonly number[]): void;
  /** How many offences with decision `banned` or `extended` this address has in this target since `since`. */
  countOffences(address: Subject, target: string, since: Instant): number;
  /** The newest first. */
  offencesOf(address: Subject, limit: number): OffenceRecord[];
  endedBansOf(address: Subject, limit: number): EndedBanRecord[];
  /** An event that is not about one ban: start, stop, reload. */
  writeEvent(event: { readonly at: Instant; readonly type: string; readonly detail: string | undefined }): void;
  /** Deletes at most `limit` each of ended bans, offences and events older than `before`; how many went. */
  purge(before: Instant, limit: number): number;
  sizeBytes(): number;
  /**
   * Sees that the file is where it was opened. One that was removed under us is written anew from what the connection still
   * has. Every write does this first; to be called now and then by whoever writes seldom.
   * @throws StoreError when another file stands in its place, or when it can't be written anew
   */
  putBack(): void;
  close(): void;
}

/** The database could not be opened, read or written; the message is one sentence with the path and what to do. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
}
