/**
 * Which user names an address has tried of late. Whoever tried many and then gets in has guessed one: a login that would pardon
 * anybody else is then what an admin has to hear of.
 */
import type { Address, Instant, Subject } from 'banban-shared';
import { householdOf } from './household.ts';
import { createRecent } from './recent.ts';

/** Tries count for so long. */
const WITHIN = 3_600_000;
/** Addresses that are remembered, the latest ones. */
const MOST_ADDRESSES = 20_000;
/** Characters of a name that are kept to tell it from others. */
const LONGEST_NAME = 64;

/** The names tried by each address; those of one IPv6 network of /64 are one. */
export interface NamesTried {
  /** Whether one more name of this address would change anything: finding it out costs a look into the line. */
  wants(address: Address, at: Instant): boolean;
  note(address: Address, name: string, at: Instant): void;
  /** How many names it tried within the last hour, `except` not counted. */
  count(address: Address, at: Instant, except: string | undefined): number;
}

/** Nothing tried yet. `enough` names are all that is kept of one address, and one more. */
export function createNamesTried(enough: () => number | undefined): NamesTried {
  const tried = createRecent<Subject, { readonly since: Instant; readonly names: Set<string> }>(MOST_ADDRESSES);
  const of = (address: Address, at: Instant) => {
    const known = tried.get(householdOf(address));
    // Ahead of now: the clock was put back.
    return known === undefined || at - known.since > WITHIN || known.since > at ? undefined : known;
  };
  const cut = (name: string): string => name.slice(0, LONGEST_NAME);
  return {
    wants(address, at) {
      const most = enough();
      return most !== undefined && (of(address, at)?.names.size ?? 0) <= most;
    },
    note(address, name, at) {
      const known = of(address, at);
      if (known === undefined) tried.set(householdOf(address), { since: at, names: new Set([cut(name)]) });
      else known.names.add(cut(name));
    },
    count(address, at, except) {
      const names = of(address, at)?.names;
      if (names === undefined) return 0;
      return names.size - (except !== undefined && names.has(cut(except)) ? 1 : 0);
    },
  };
}
