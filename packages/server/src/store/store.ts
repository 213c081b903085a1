/** The port for what must survive: bans, offences, events. One writer, synchronous, every method one transaction. */
import type { Address, HostName, Instant, Prefix, Subject } from 'banban-shared';

/** Who set a ban. */
export type BanOrigin =
  | { readonly kind: 'rule'; readonly name: string }
  /** A person, as their banctl named them. */
  | { readonly kind: 'manual'; readonly name: string }
  /** A list of the configuration. */
  | { readonly kind: 'list'; readonly name: string };

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

/** What ended a ban: its time, a good pattern, a person, the allow list, that its target left the configuration, or that it left the list that set it. */
export type EndCause = 'expired' | 'pardoned' | 'unbanned' | 'allowlisted' | 'target_removed' | 'delisted';

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
  /** True to write no event: a list of 100,000 entries that is read every day would fill the database with nothing else. */
  readonly quiet?: boolean;
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

/** An entry of the allow list that a person made. `until` is `NEVER` for one without an end. */
export interface AllowedRecord {
  readonly prefix: Prefix;
  readonly since: Instant;
  readonly until: Instant;
  readonly reason: string | undefined;
  /** The person, as their banctl named them. */
  readonly by: string;
}

/** The last good answer for a host name of the allow list, and when it came. */
export interface HostRecord {
  readonly name: HostName;
  readonly at: Instant;
  readonly addresses: readonly Address[];
}

/** What the allow list keeps. Writes throw StoreError, and then nothing was written. */
export interface AllowStore {
  byHand(): AllowedRecord[];
  /** Puts entries in, each in the place of what its prefix had, and takes others out; `by` is undefined for one whose time is over. Synced to the disk. */
  change(change: { readonly put: readonly AllowedRecord[]; readonly remove: readonly { readonly prefix: Prefix; readonly at: Instant; readonly by: string | undefined }[] }): void;
  hosts(): HostRecord[];
  saveHost(record: HostRecord): void;
  forgetHosts(names: readonly HostName[]): void;
}

/** A ban that a rule set, of the past or active. */
export interface PastBan {
  readonly id: number;
  readonly target: string;
  readonly rule: string;
  readonly since: Instant;
}

/** What decisions look up of the past. Writes throw StoreError, and then nothing was written. */
export interface PastStore {
  /** Bans of an address that rules set after `since` and up to `now`, active and ended, the newest first. */
  bansOf(address: Subject, since: Instant, now: Instant, limit: number): PastBan[];
  /** Addresses with an offence that led to a ban or a longer one, at most `limit` of them. */
  offenders(limit: number): Subject[];
  /** When one of these last had an offence against a rule that led to a ban or a longer one; what is ahead of `now` is from before the clock was put back. */
  lastOffence(addresses: readonly Subject[], rule: string, now: Instant): Instant | undefined;
  /** Remembers when somebody last logged in from these. */
  noteLogins(logins: ReadonlyMap<Subject, Instant>): void;
  lastLogin(address: Subject): Instant | undefined;
  /** The newest logins, at most `limit`, the oldest of them first. */
  logins(limit: number): ReadonlyMap<Subject, Instant>;
  /** Deletes at most `limit` logins older than `before`; how many went. */
  forgetLogins(before: Instant, limit: number): number;
  /** The rules that the circuit breaker has stopped. */
  stoppedRules(): ReadonlyMap<string, { readonly since: Instant; readonly reason: string }>;
  stopRule(rule: string, at: Instant, reason: string): void;
  resumeRule(rule: string, at: Instant, by: string): void;
}

/** What a person or a rule asks for beneath the longer ban of a list. */
export type BeneathRecord = Pick<BanRecord, 'target' | 'address' | 'origin' | 'level' | 'reason' | 'until'>;

/** All of that, one for each address in a target. Writes throw StoreError, and then nothing was written. */
export interface BeneathStore {
  all(): BeneathRecord[];
  /** Takes some out, then puts others in, each in the place of what was there. */
  change(change: { readonly put: readonly BeneathRecord[]; readonly remove: readonly Pick<BeneathRecord, 'target' | 'address'>[] }, durability: Durability): void;
}

/** Which offences of an address are counted: those in a target, those against a rule, or all. */
export type OffenceScope = { readonly target: string } | { readonly rule: string } | 'all';

/** What outlives the daemon. A method that throws has changed nothing. */
export interface Store {
  readonly path: string;
  readonly allow: AllowStore;
  readonly past: PastStore;
  readonly beneath: BeneathStore;
  /** Every active ban, for the start. */
  activeBans(): BanRecord[];
  /** Ended bans whose kernel rows have not been confirmed removed. */
  unreleased(): Unreleased[];
  /**
   * One transaction: for each write its offence, then the ban as `BanWrite` says, then its event, and with them how far their
   * sources were worked off. At most one active ban per (address, target) holds whatever comes.
   * @returns the active ban after each write, in order
   * @throws StoreError when nothing was written
   */
  writeBans(writes: readonly BanWrite[], durability: Durability, positions?: ReadonlyMap<string, string>): BanRecord[];
  /** What `savePositions` and `writeBans` were last given, by name. */
  positions(): ReadonlyMap<string, string>;
  /** Remembers how far sources were worked off, by name; texts that mean nothing to the store. Names that are not among them stay. */
  savePositions(positions: ReadonlyMap<string, string>): void;
  /** Forgets the positions of all other names. */
  keepPositions(names: ReadonlySet<string>): void;
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
  /** How many offences with decision `banned` or `extended` these addresses have together since `since`. */
  countOffences(addresses: readonly Subject[], scope: OffenceScope, since: Instant): number;
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
