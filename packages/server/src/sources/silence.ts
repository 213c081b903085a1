/** Whether a source that used to speak has fallen silent, or speaks and says nothing any more that anybody waits for. */
import { formatDuration, ms, type Instant, type Ms } from 'banban-shared';

/** What a source came to, as it is looked at. */
export interface Spoken {
  readonly lines: number;
  readonly matched: number;
  /** Of its last line. */
  readonly lastAt: Instant | undefined;
  readonly lastMatchAt: Instant | undefined;
}

/** Looks at one source, again and again. */
export interface SilenceWatch {
  /** What is wrong as of `now`, a sentence; undefined where nothing is. */
  look(now: Instant, spoken: Spoken): string | undefined;
}

/** A night and a day have to be known before a pause is too long, and enough lines to have had pauses. */
const LEARN_FOR = ms(86_400_000);
const LEARN_LINES = 1000;
/** A pause is too long when it is so many times the longest there was, and an hour at least. */
const TIMES = 3;
const LEAST_SILENCE = ms(3_600_000);
/** So many lines and so long a time without a match, of a source that had some matches. */
const IDLE_LINES = 10_000;
const IDLE_FOR = ms(86_400_000);
const SOME_MATCHES = 10;

/** Whole minutes, as nobody wants to know it better. */
const roughly = (length: number): string => formatDuration(ms(Math.max(1, Math.round(length / 60_000)) * 60_000));

/** @param silentAfter as the admin says; undefined to learn it */
export function watchSilence(silentAfter: Ms | undefined, begun: Instant): SilenceWatch {
  let lines = 0;
  let quiet = 0;
  let longest = 0;
  let matched = 0;
  let linesAtMatch = 0;

  function silence(now: Instant): string | undefined {
    if (silentAfter !== undefined) return quiet > silentAfter ? `no line has come for ${roughly(quiet)}, and silent_after is ${formatDuration(silentAfter)}: see that what writes to it still does` : undefined;
    const isKnown = now - begun >= LEARN_FOR && lines >= LEARN_LINES;
    if (!isKnown || quiet <= Math.max(LEAST_SILENCE, TIMES * longest)) return undefined;
    return `it has fallen silent: no line has come for ${roughly(quiet)}, and the longest pause before was ${roughly(longest)}; see that what writes to it still does`;
  }

  return {
    look(now, spoken) {
      if (spoken.lines !== lines) {
        // The pause that ended, as far as it was seen.
        longest = Math.max(longest, quiet);
        ({ lines } = spoken);
      }
      quiet = Math.max(0, now - (spoken.lastAt ?? begun));
      if (spoken.matched !== matched) {
        ({ matched } = spoken);
        linesAtMatch = lines;
      }
      const silent = silence(now);
      if (silent !== undefined) return silent;
      const { lastMatchAt } = spoken;
      if (matched < SOME_MATCHES || lastMatchAt === undefined || lines - linesAtMatch < IDLE_LINES || now - lastMatchAt < IDLE_FOR) return undefined;
      return `of its last ${lines - linesAtMatch} lines none was matched, since ${roughly(now - lastMatchAt)}: perhaps its lines look otherwise now; banband test FILE says what the patterns make of them`;
    },
  };
}
