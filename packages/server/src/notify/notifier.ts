/** The port for telling people: takes what happens and returns at once, whatever becomes of it. */
import type { Ms } from 'banban-shared';
import type { NotifyConfig, NotifyWord } from '../config/notify.ts';
import type { Notice } from './notice.ts';

/** What one receiver has done since the start, or since it was configured anew. */
export interface ReceiverStats {
  readonly name: string;
  readonly kind: NotifyConfig['way']['kind'];
  readonly on: readonly NotifyWord[];
  /** Messages. */
  readonly sent: number;
  /** Tries that did not succeed. */
  readonly failed: number;
  /** Notices of which nobody was told, because their message could not be delivered. */
  readonly dropped: number;
  /** Notices that are gathered, or in a message that could not be delivered yet. */
  readonly waiting: number;
  readonly lastAt: number | undefined;
  /** Why the last try did not succeed; undefined when it did. */
  readonly error: string | undefined;
}

/** What became of a test. */
export interface TestOutcome {
  readonly name: string;
  readonly ok: boolean;
  readonly milliseconds: number;
  /** Why not; undefined when it was delivered. */
  readonly message: string | undefined;
}

/** Tells people. */
export interface Notifier {
  /** Takes a notice for those who asked for it. Returns at once, and throws nothing. */
  tell(notice: Notice): void;
  /** Puts other receivers in the place of these; those that are the same go on with what they have. */
  configure(receivers: readonly NotifyConfig[]): void;
  /** Sends a test to one receiver (by its name, or its number from 1), or to all, past every limit. Undefined: there is none of that name. */
  test(which: string | undefined, by: string): Promise<readonly TestOutcome[] | undefined>;
  stats(): readonly ReceiverStats[];
  /** Sends what waits, for so long at most; what could not be sent is counted, said in the log, and gone. */
  stop(atMost: Ms): Promise<void>;
}
