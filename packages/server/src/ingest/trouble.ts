/** What went wrong and is over, but has to be seen by who looks at the status: it is shown for a while. */
import { ms, type Instant } from 'banban-shared';
import type { Clock } from '../clock.ts';

/** Long enough to be seen by a check every quarter of an hour. */
const SHOWN = ms(3_600_000);

/** The last thing that went wrong. */
export interface Trouble {
  /** @param sentence shown for an hour */
  note(sentence: string): void;
  current(): string | undefined;
}

/** Nothing went wrong yet. */
export function createTrouble(clock: Clock): Trouble {
  let last: { readonly sentence: string; readonly at: Instant } | undefined;
  return {
    note: (sentence) => void (last = { sentence, at: clock.now() }),
    current: () => (last !== undefined && Math.abs(clock.now() - last.at) < SHOWN ? last.sentence : undefined),
  };
}
