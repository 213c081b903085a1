/** The port for input: where log lines come from. */
import type { Instant } from 'banban-shared';

/** How far a source that can be read again was worked off: kept with the bans that came of it, in one transaction. */
export interface Progress {
  /** By which the store knows it: one for each thing that is read. */
  readonly key: string;
  /** What to remember when the bytes of this delivery up to `offset` have been worked off: a text that means nothing to the store, empty for nothing. */
  after(offset: number): string;
  /** When nothing of it was there yet: a time before it, that a line says of itself, is of the far side's making. Left out where nobody knows. */
  readonly writtenAfter?: Instant;
  /** Called once all of the delivery has been worked off: the next one may come. */
  readonly done?: () => void;
}

/** One delivery: bytes that hold one line or several, and when they arrived. The receiver may change the bytes. */
export type Deliver = (bytes: Buffer, at: Instant, progress?: Progress) => void;

/**
 * What came since the start; `lastAt` is undefined before the first delivery, `error` is a sentence while it does not
 * work.
 */
export interface SourceStats {
  readonly datagrams: number;
  readonly bytes: number;
  /** Deliveries that filled the whole receive buffer, so that their end may be missing. */
  readonly cut: number;
  readonly lastAt: Instant | undefined;
  readonly error: string | undefined;
  /** Bytes that are there and not yet delivered; left out where nobody can tell. */
  readonly lagBytes?: number;
  /** How much later than it was written the last line was read, in milliseconds; left out where nobody can tell. */
  readonly lagMs?: number | undefined;
  /** Datagrams and connections of senders that may not send here, or of too many at once, and whose the last was; none of it was read. */
  readonly refused?: { readonly count: number; readonly last: string | undefined };
  /** What the kernel dropped before it could be received; left out where nobody can tell. */
  readonly lost?: number | undefined;
}

/** Where lines can come from. */
export type SourceType = 'unix' | 'file' | 'journal' | 'syslog' | 'stdin';

/** Where lines come from: starts once, delivers until it is stopped. */
export interface Source {
  readonly type: SourceType;
  /** What it is called beside its type, in status and messages: a path, `udp 192.0.2.1:514`, the units of a journal. */
  readonly path: string;
  /** Begins to deliver. Throws a sentence for the admin when it can't. */
  start(deliver: Deliver): Promise<void>;
  /** Ends once what it delivered with a `progress` has been worked off, or won't be. */
  stop(): Promise<void>;
  stats(): SourceStats;
  /** The keys of its `Progress` that it still needs; left out where it has none. The positions of all others are forgotten. */
  keys?(): Iterable<string>;
}

/** What is remembered of how far things were worked off, by the keys of `Progress`: of the last run, and of sources that were stopped in this one. */
export type Positions = Pick<Map<string, string>, 'get' | 'set' | 'keys'>;
