/** Whom only a person may ban: addresses that the machine itself can't do without at this moment. */
import { prefixSet, type Prefix, type PrefixSet, type Subject } from 'banban-shared';

/** One of them, with a sentence why. */
export interface Guard {
  readonly prefix: Prefix;
  readonly why: string;
}

/** All of them. */
export interface Guarded {
  set(guards: readonly Guard[]): void;
  all(): readonly Guard[];
  /** One that shares an address with `subject`. */
  of(subject: Subject): Guard | undefined;
}

/** Nobody, at first. */
export function createGuarded(): Guarded {
  let guards: readonly Guard[] = [];
  let prefixes: PrefixSet = prefixSet([]);
  return {
    set(now) {
      guards = [...now];
      prefixes = prefixSet(guards.map(({ prefix }) => prefix));
    },
    all: () => guards,
    of(subject) {
      if (guards.length === 0) return undefined;
      const prefix = prefixes.overlap(subject);
      return prefix === undefined ? undefined : guards.find((guard) => guard.prefix === prefix);
    },
  };
}
