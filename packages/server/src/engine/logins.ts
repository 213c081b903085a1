/**
 * From where people have logged in: for a grace of minutes in memory, for 30 days in the database. A busy mail server has
 * a login a millisecond, so one of an address is written once an hour, and all of them together.
 */
import type { Instant, Ms, Subject } from 'banban-shared';
import type { PastStore } from '../store/store.ts';
import { createRecent } from './recent.ts';

/** What `lastWithin30Days` goes by. */
export const REMEMBERED = 30 * 86_400_000;
const WRITTEN_AGAIN = 3_600_000;
const MOST_IN_MEMORY = 50_000;
/** Not written yet; more than that in half a second come from nobody who is a person. */
const MOST_WAITING = 10_000;

/** Who logged in when. */
export interface Logins {
  note(subject: Subject, at: Instant): void;
  /** Whether somebody logged in from there at most `length` ago. */
  isWithin(subject: Subject, length: Ms, at: Instant): boolean;
  lastWithin30Days(subject: Subject, at: Instant): Instant | undefined;
  /** Writes what is not written yet. @throws StoreError, and it is kept for the next time */
  save(): void;
  /** How many are not written yet. */
  readonly waiting: number;
}

/** Begins with what the store has. @throws StoreError */
export function createLogins(store: Pick<PastStore, 'noteLogins' | 'lastLogin' | 'logins'>): Logins {
  const recent = createRecent<Subject, { at: Instant; written: Instant | undefined }>(MOST_IN_MEMORY);
  const waiting = new Map<Subject, Instant>();
  for (const [subject, at] of store.logins(MOST_IN_MEMORY)) recent.set(subject, { at, written: at });
  /** While all of them are in memory nobody else has logged in, and no ban costs a look into the database. */
  let isWhole = recent.size < MOST_IN_MEMORY;
  return {
    note(subject, at) {
      const written = recent.get(subject)?.written;
      const isDue = (written === undefined || Math.abs(at - written) >= WRITTEN_AGAIN) && (waiting.size < MOST_WAITING || waiting.has(subject));
      if (isDue) waiting.set(subject, at);
      recent.set(subject, { at, written: isDue ? at : written });
      if (recent.size >= MOST_IN_MEMORY) isWhole = false;
    },
    isWithin(subject, length, at) {
      const last = recent.get(subject)?.at;
      // Ahead of now by more: the clock was put back.
      return last !== undefined && Math.abs(at - last) <= length;
    },
    lastWithin30Days(subject, at) {
      const last = recent.get(subject)?.at ?? (isWhole ? undefined : store.lastLogin(subject));
      return last !== undefined && at - last <= REMEMBERED ? last : undefined;
    },
    save() {
      if (waiting.size === 0) return;
      store.noteLogins(waiting);
      waiting.clear();
    },
    get waiting() {
      return waiting.size;
    },
  };
}
