/** What the engine tells of as it happens, for those who pass it on to people. It never waits for them. */
import type { Instant, Subject } from 'banban-shared';
import type { BanRecord, EndCause } from '../store/store.ts';

/** Something that happened; `at` is when. */
export type EngineEvent = { readonly at: Instant } & (
  /** A ban began, or got longer (`isNew` false). `lines` are the log lines that led to it, oldest first; none for a ban by hand. */
  | { readonly type: 'ban'; readonly ban: BanRecord; readonly isNew: boolean; readonly lines: readonly string[] }
  | { readonly type: 'unban'; readonly ban: BanRecord; readonly by: EndCause; readonly name: string | undefined }
  /** A ban that was due and must not be: the address is guarded. Of one address and reason at most once an hour. */
  | { readonly type: 'refused'; readonly address: Subject; readonly target: string; readonly rule: string; readonly reason: string; readonly lines: readonly string[] }
  /** An address that tried many names has logged in. */
  | { readonly type: 'breakin'; readonly address: Subject; readonly reason: string; readonly lines: readonly string[] }
  /** The circuit breaker has stopped a rule's bans; a person has to let it go on. */
  | { readonly type: 'breaker'; readonly rule: string; readonly reason: string }
  /** A list that could not be fetched, read or used, or that works again; a sentence. */
  | { readonly type: 'list'; readonly list: string; readonly message: string }
  /** A list of addresses could not be had or was refused, or not all of it could be used; a sentence. */
  | { readonly type: 'list'; readonly list: string; readonly message: string }
  /** Something that wants an admin's attention, a sentence. */
  | { readonly type: 'error'; readonly message: string }
);

/** Takes an event. Returns at once, and throws nothing. */
export type Tell = (event: EngineEvent) => void;
