/** What is to be done about an offence: pure, so that every case can be tested, and the reason is always there to be shown. */
import { after, ms, type Instant, type Ms, type Prefix } from 'banban-shared';

/** All that a decision goes by. */
export interface OffenceFacts {
  readonly at: Instant;
  /** What time it is; later than `at` where a log is read long after it was written. */
  readonly now?: Instant;
  /** The allow-list entry that holds the address. */
  readonly allowedBy: Prefix | undefined;
  /** Why nobody but a person may ban it; undefined where anybody may. */
  readonly guard?: string | undefined;
  /** Why the rule's bans are stopped; undefined where they are not. */
  readonly stopped?: string | undefined;
  /** Offences of the address in the same target within the rule's memory, this one not among them. */
  readonly earlier: number;
  /** The rule's lengths by level; the last holds for every later one. */
  readonly lengths: readonly Ms[];
  /** How much of its length the ban is to be shorter, 0 to 0.5: the rule's jitter times chance. */
  readonly shorter?: number;
  /** The active ban of the address in the target. */
  readonly active: { readonly since: Instant; readonly until: Instant; readonly level: number | undefined } | undefined;
}

/**
 * What is done: a new ban, a longer one, or nothing and why. `level` is which offence it is, from 1; `until` is when the
 * ban ends.
 */
export type Decision =
  | { readonly kind: 'ban' | 'extend'; readonly level: number; readonly until: Instant }
  | { readonly kind: 'none'; readonly level: number; readonly reason: string; readonly because: 'allowed' | 'guarded' | 'stopped' | 'covered' | 'late'; /** Of one that is covered: when the ban would have ended. */ readonly until?: Instant };

/**
 * Lines that were under way when the ban began are the same offence, not the next: sshd alone writes up to six failures
 * for one connection, and the sender's queue holds some more.
 */
export const SETTLING = 10_000;

/** An extension by less than this part of its length is not worth a write to disk for each line of a flood. */
const WORTHWHILE = 1 / 20;

/**
 * Whether no offence at `at` can change the ban that stands, whatever its level: what a banned address that goes on
 * knocking costs is then no look into the past.
 */
export function isLongEnough({ at, lengths, active }: Pick<OffenceFacts, 'at' | 'lengths' | 'active'>): boolean {
  return active !== undefined && lengths.every((length) => whyCovered(after(at, length), length, active.until) !== undefined);
}

/** Why a ban until `until` adds too little to one that stands; undefined when it adds enough. */
function whyCovered(until: Instant, length: Ms, standing: Instant): string | undefined {
  if (until <= standing) return 'already banned for longer';
  return Number.isFinite(until) && until - standing < length * WORTHWHILE ? 'already banned for as long' : undefined;
}

/** Judges one offence. The allow list comes before everything; a ban is never made shorter (I1, I3). */
export function decide({ at, now = at, allowedBy, guard, stopped, earlier, lengths, shorter = 0, active }: OffenceFacts): Decision {
  const settling = active?.level !== undefined && at - active.since < SETTLING;
  const level = settling ? (active?.level ?? 1) : earlier + 1;
  if (allowedBy !== undefined) return { kind: 'none', level, reason: `allowed by ${allowedBy}`, because: 'allowed' };
  if (guard !== undefined) return { kind: 'none', level, reason: guard, because: 'guarded' };
  if (stopped !== undefined) return { kind: 'none', level, reason: stopped, because: 'stopped' };
  const length = lengths[Math.min(level, lengths.length) - 1] ?? lengths[0];
  if (length === undefined) return { kind: 'none', level, reason: 'the rule has no length of ban', because: 'covered' };
  const until = after(at, shorter === 0 || !Number.isFinite(length) ? length : ms(Math.max(1000, Math.round(length * (1 - shorter)))));
  if (until <= now) return { kind: 'none', level, reason: 'it was so long ago that the ban would be over', because: 'late' };
  if (active === undefined) return { kind: 'ban', level, until };
  const reason = whyCovered(until, length, active.until);
  return reason === undefined ? { kind: 'extend', level, until } : { kind: 'none', level, reason, because: 'covered', until };
}
