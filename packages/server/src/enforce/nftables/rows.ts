/** A change in the kernel's form: addresses as bytes, instants as milliseconds from now, and the set that each row belongs to. */
import type { Instant, Subject } from 'banban-shared';
import type { ListChange } from '../firewall.ts';
import { putIpv4, putIpv6 } from './address-text.ts';
import { setNumber } from './sets.ts';

/** The rows of a change by their numbers: those to remove first, then those to add. */
export interface Rows {
  readonly subjects: readonly Subject[];
  /** How many of the first rows are to be removed. */
  readonly removed: number;
  /** The first address of row n, from byte 16 n on. */
  readonly keys: Buffer;
  /** How many bits of it count. */
  readonly bits: Uint8Array;
  /** The number of the row's set; `UNREADABLE` for what is no address. */
  readonly set: Uint8Array;
  /** How long the row is to last; `FOR_EVER`. Only of those to add. */
  readonly timeouts: Float64Array;
}

/** Bytes of `Rows.keys` for each row. */
export const KEY_ROOM = 16;
/** In place of a set's number. */
export const UNREADABLE = 255;
/** In place of a number of milliseconds, and in the kernel's message, too. */
export const FOR_EVER = 0;

/** banband's clock ends a ban, and the kernel only where banband is not there: so much later. */
const SLACK_MS = 2000;
/** A hundred years: kernels count in ticks and refuse what overflows. */
const LONGEST_MS = 100 * 365 * 86_400_000;

/** How long a row lasts in the kernel that is to be there until `until`. */
export const timeoutOf = (until: Instant, now: Instant): number =>
  until === Infinity ? FOR_EVER : Math.min(LONGEST_MS, Math.max(0, Math.round(until - now)) + SLACK_MS);

/** Reads a change. */
export function rowsOf({ remove, add }: ListChange, ipv6Prefix: number, now: Instant): Rows {
  const subjects = [...remove, ...add.map((row) => row.subject)];
  const count = subjects.length;
  const keys = Buffer.alloc(count * KEY_ROOM);
  const bits = new Uint8Array(count);
  const set = new Uint8Array(count);
  const timeouts = new Float64Array(count);
  subjects.forEach((subject, row) => {
    const family = subject.includes(':') ? 6 : 4;
    const length = family === 4 ? putIpv4(subject, keys, row * KEY_ROOM) : putIpv6(subject, keys, row * KEY_ROOM);
    bits[row] = Math.max(0, length);
    set[row] = length < 0 ? UNREADABLE : setNumber(family, length, ipv6Prefix);
  });
  add.forEach((row, i) => (timeouts[remove.length + i] = timeoutOf(row.until, now)));
  return { subjects, removed: remove.length, keys, bits, set, timeouts };
}
