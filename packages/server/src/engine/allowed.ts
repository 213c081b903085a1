/**
 * Who is never banned: one list made of several groups, each of which somebody else keeps up (the configuration, a file, a host name's
 * answers, this machine's own addresses, people by hand).
 */
import { prefixSet, type Address, type Prefix, type PrefixSet, type Subject } from 'banban-shared';

/** All groups together. */
export interface Allowed {
  /** Puts `prefixes` in the place of what the group had; none ends it. True when something changed. */
  set(group: string, prefixes: readonly Prefix[]): boolean;
  /** Of each group what it has, in the order in which they came. */
  groups(): ReadonlyMap<string, readonly Prefix[]>;
  /** The groups that have exactly this entry. */
  groupsOf(prefix: Prefix): readonly string[];
  /** The entry that holds the address. */
  find(address: Address): Prefix | undefined;
  /** An entry that shares an address with `subject`. */
  overlap(subject: Subject): Prefix | undefined;
}

/** A group of more entries has an index of its own, so that a change of another one does not cost the making of it: 50,000 take 100 ms. */
const LARGE = 1000;

/** An empty list. */
export function createAllowed(): Allowed {
  const groups = new Map<string, readonly Prefix[]>();
  const large = new Map<string, PrefixSet>();
  let small: PrefixSet = prefixSet([]);

  function first(ask: (set: PrefixSet) => Prefix | undefined): Prefix | undefined {
    const found = ask(small);
    if (found !== undefined || large.size === 0) return found;
    for (const set of large.values()) {
      const other = ask(set);
      if (other !== undefined) return other;
    }
    return undefined;
  }

  return {
    set(group, prefixes) {
      const old = groups.get(group) ?? [];
      if (old.length === prefixes.length && old.every((prefix, i) => prefix === prefixes[i])) return false;
      if (prefixes.length === 0) groups.delete(group);
      else groups.set(group, [...prefixes]);
      const wasLarge = large.delete(group);
      if (prefixes.length > LARGE) large.set(group, prefixSet(prefixes));
      if (prefixes.length <= LARGE || !wasLarge) small = prefixSet([...groups].flatMap(([name, own]) => (large.has(name) ? [] : own)));
      return true;
    },
    groups: () => groups,
    groupsOf: (prefix) => [...groups].filter(([, own]) => own.includes(prefix)).map(([name]) => name),
    find: (address) => first((set) => set.find(address)),
    overlap: (subject) => first((set) => set.overlap(subject)),
  };
}
