import type { ListConfig } from '../config/config.ts';

/** Of fewer entries the percents say nothing: a list of five that gains ten has hardly been tampered with. */
const FEWEST = 100;

/** Why a list that had `before` entries and now has `now` is not to be believed; undefined when it is. */
export function whySudden(before: number, now: number, { shrink, grow }: Pick<ListConfig, 'shrink' | 'grow'>): string | undefined {
  if (before > 0 && now === 0) return `is empty, though it had ${before} entries before`;
  if (Math.max(before, now) < FEWEST || before === 0) return undefined;
  const percent = Math.round((Math.abs(now - before) / before) * 100);
  if (now < before && (before - now) * 100 > before * shrink) return `has ${now} entries and had ${before} before: it lost ${percent} percent at once, and ${shrink} are allowed (shrink)`;
  if (now > before && (now - before) * 100 > before * grow) return `has ${now} entries and had ${before} before: it gained ${percent} percent at once, and ${grow} are allowed (grow)`;
  return undefined;
}
