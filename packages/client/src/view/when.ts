/** Times as people say them: relative, two units at most. */
import { formatDuration, FOREVER, instant, ms, NEVER, type Instant, type Ms } from 'banban-shared';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** A length to its two largest units, rounded down: `3d2h`, `1h30m`, `2m5s`; `for ever` has its own words. */
export function brief(length: Ms): string {
  if (length === FOREVER) return 'for ever';
  const grain = length >= DAY ? HOUR : length >= HOUR ? 60_000 : 1000;
  return formatDuration(ms(Math.floor(Math.max(0, length) / grain) * grain));
}

/** Reads an ISO stamp of the API; null is never, and so is what can't be read. */
function readStamp(stamp: string | null): Instant {
  const at = stamp === null ? Number.NaN : Date.parse(stamp);
  return Number.isNaN(at) ? NEVER : instant(at);
}

/** `2h5m ago`, `just now`; `-` for never. A clock that runs ahead of ours makes it now, not the future. */
export function ago(stamp: string | null, now: Instant): string {
  const at = readStamp(stamp);
  if (at === NEVER) return '-';
  return now - at < 1000 ? 'just now' : `${brief(ms(now - at))} ago`;
}

/** `in 2d`, `never` for a ban without an end, `now` for one that is about to be ended. */
export function until(stamp: string | null, now: Instant): string {
  const at = readStamp(stamp);
  if (at === NEVER) return 'never';
  return at - now < 1000 ? 'now' : `in ${brief(ms(at - now))}`;
}

/** `for 2d`, `for ever`. */
export function lasting(stamp: string | null, now: Instant): string {
  const at = readStamp(stamp);
  // Rounded to the nearest second: a ban of 48h that was made 3 ms ago lasts 2d, not 1d23h.
  return at === NEVER ? 'for ever' : `for ${brief(ms(Math.round((at - now) / 1000) * 1000))}`;
}

/** A number of seconds as a length, to its two largest units. */
export const seconds = (count: number): string => brief(ms(count * 1000));
