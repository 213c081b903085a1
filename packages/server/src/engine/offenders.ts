/**
 * Who has an offence on record at all. In a storm nearly everybody is there for the first time, and knowing that saves a look into
 * the database for each ban, which is a tenth of what a ban costs.
 */
import type { Subject } from 'banban-shared';

/** The addresses with offences that led to bans. */
export interface Offenders {
  /** False where there surely is none. */
  mayHave(subject: Subject): boolean;
  add(subject: Subject): void;
}

/** Some 5 MB at most; with more than that on record the database is asked. */
const MOST = 50_000;

/** @param known at most `MOST + 1` addresses that the database has */
export function createOffenders(known: (limit: number) => Iterable<Subject>): Offenders {
  const subjects = new Set<Subject>(known(MOST + 1));
  let isWhole = subjects.size <= MOST;
  if (!isWhole) subjects.clear();
  return {
    mayHave: (subject) => !isWhole || subjects.has(subject),
    add(subject) {
      if (!isWhole) return;
      subjects.add(subject);
      if (subjects.size <= MOST) return;
      isWhole = false;
      subjects.clear();
    },
  };
}
