/** The port for input: where log lines come from. */
import type { Instant } from 'banban-shared';

/** One delivery: bytes that hold one line or several, and when they arrived. The receiver may change the bytes. */
export type Deliver = (bytes: Buffer, at: Instant) => void;

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
}

/** Where lines come from: starts once, delivers until it is stopped. */
export interface Source {
  readonly type: 'unix';
  readonly path: string;
  /** Begins to deliver. Throws a sentence for the admin when it can't. */
  start(deliver: Deliver): Promise<void>;
  stop(): Promise<void>;
  stats(): SourceStats;
}
