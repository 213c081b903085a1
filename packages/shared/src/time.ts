/** Durations and instants. Code counts in milliseconds; people write `90s 10m 1h30m 7d 2w forever`; JSON has seconds. */

declare const msBrand: unique symbol;
declare const instantBrand: unique symbol;

/** A length of time in milliseconds; `FOREVER` is infinite. */
export type Ms = number & { readonly [msBrand]: true };

/** Milliseconds since 1970-01-01T00:00:00Z; `NEVER` is after every other. */
export type Instant = number & { readonly [instantBrand]: true };

/** The length of what does not end; null in JSON. */
export const FOREVER = Infinity as Ms;
/** The instant after every other, at which what lasts for ever ends; null in JSON. */
export const NEVER = Infinity as Instant;

/** Ten years: longer than any list that an admin would keep by a number; beyond it one means `forever`. */
export const LONGEST_DURATION = (3650 * 86_400_000) as Ms;

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** A number of milliseconds as a length of time; the caller vouches that it is one. */
export const ms = (value: number): Ms => value as Ms;
/** A number of milliseconds since 1970 as an instant; the caller vouches that it is one. */
export const instant = (value: number): Instant => value as Instant;
/** The instant that is `length` later; `NEVER` where the length is `FOREVER`. */
export const after = (start: Instant, length: Ms): Instant => (start + length) as Instant;

/**
 * Reads a duration: `forever`, a bare number of seconds, or parts from the largest unit to the smallest (`1h30m`).
 *
 * @returns undefined when it is not a duration, is zero, or is over ten years
 */
export function parseDuration(value: string | number): Ms | undefined {
  if (value === 'forever') return FOREVER;
  let total = 0;
  if (typeof value === 'number') total = Math.round(value * 1000);
  else if (/^\d{1,12}$/.test(value)) total = Number(value) * 1000;
  else {
    const whole = /^(?:(\d{1,9})w)?(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?$/.exec(value);
    if (whole === null) return undefined;
    ['w', 'd', 'h', 'm', 's'].forEach((unit, i) => (total += Number(whole[i + 1] ?? 0) * (UNIT_MS[unit] ?? 0)));
  }
  return total > 0 && total <= LONGEST_DURATION ? (total as Ms) : undefined;
}

/** The shortest way to write a duration that `parseDuration` reads back, to the second: `1h30m`, `30d`, `forever`; `0s` for less than half a second, which it does not read. */
export function formatDuration(length: Ms): string {
  if (length === FOREVER) return 'forever';
  let rest = Math.max(0, Math.round(length / 1000));
  if (rest === 0) return '0s';
  let text = '';
  for (const [unit, seconds] of [['w', 604_800], ['d', 86_400], ['h', 3600], ['m', 60], ['s', 1]] as const) {
    // Weeks only when they are the whole of it: 30d reads better than 4w2d.
    if (unit === 'w' && rest % seconds !== 0) continue;
    const count = Math.floor(rest / seconds);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * seconds;
  }
  return text;
}

/** ISO 8601 in UTC, to the millisecond; null for never, as JSON has it. */
export const toIso = (at: Instant): string | null => (at === NEVER ? null : new Date(at).toISOString());

/** Whole seconds, rounded up so that what remains is never shown as nothing; null for ever. */
export const toSeconds = (length: Ms): number | null => (length === FOREVER ? null : Math.ceil(length / 1000));
