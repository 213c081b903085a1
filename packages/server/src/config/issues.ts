/** Collects what is wrong with a configuration, as much of it as a person can use. */
import type { Issue, Place } from './config.ts';

/** More than a person reads at once; a file with more is the wrong file. */
const MOST_REPORTED = 100;

/** A collection that grows while a file is looked at, so that every mistake is told at once. */
export interface Issues {
  /** The first error of a key is the one that is kept: what follows from it would only distract. */
  error(place: Place, message: string | (() => string)): void;
  /** The same for a map that lacks something, unless an error within it has told already why it seems to. */
  lacks(place: Place, message: string): void;
  warn(place: Place, message: string | (() => string)): void;
  readonly failed: boolean;
  /** By line; where there are more than 100 errors or warnings, one more says how many were left out. */
  all(file: string): Issue[];
}

/** Messages may be given as functions, so that what is not reported costs no search for a suggestion. */
export function issues(): Issues {
  const kept: Issue[] = [];
  const keys = new Set<string>();
  const counts = { error: 0, warning: 0 };
  const add = (severity: Issue['severity'], place: Place, message: string | (() => string)) => {
    if (severity === 'error') {
      if (keys.has(place.key)) return;
      if (counts.error < MOST_REPORTED) keys.add(place.key);
    }
    if (++counts[severity] > MOST_REPORTED) return;
    const { file, line, key } = place;
    kept.push({ file, line, key, severity, message: typeof message === 'string' ? message : message() });
  };
  return {
    error: (place, message) => add('error', place, message),
    lacks(place, message) {
      if (![...keys].some((key) => key.startsWith(`${place.key}.`))) add('error', place, message);
    },
    warn: (place, message) => add('warning', place, message),
    get failed() {
      return counts.error > 0;
    },
    all(file) {
      const sorted = kept.sort((a, b) => a.line - b.line);
      const more = (['error', 'warning'] as const).flatMap((severity): Issue[] => {
        const left = counts[severity] - MOST_REPORTED;
        return left > 0 ? [{ file, line: 0, key: '', severity, message: `and ${left} more ${severity}${left === 1 ? '' : 's'}` }] : [];
      });
      return [...sorted, ...more];
    },
  };
}
