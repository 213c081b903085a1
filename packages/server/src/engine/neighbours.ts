/** How many addresses of one network are banned, for targets that then ban the whole of it. */
import { familyOf, isNetwork, prefixOf, subjectOf, type Prefix, type Subject } from 'banban-shared';

/** What one customer usually has: an IPv4 /24 is the smallest block that is routed, an IPv6 /64 one link (RFC 4291, section 2.5.4). */
const LENGTH = { 4: 24, 6: 64 } as const;

/** The counts. */
export interface Neighbours {
  /** The network that an address counts in; undefined for a network, which counts in none. */
  networkOf(subject: Subject): Prefix | undefined;
  add(ban: Banned): void;
  remove(ban: Banned): void;
  count(target: string, network: Prefix): number;
  clear(): void;
}

/** A ban as far as it counts here. */
export interface Banned {
  readonly target: string;
  readonly address: Subject;
}

/** No counts. */
export function createNeighbours(): Neighbours {
  const members = new Map<string, Set<Subject>>();
  const networkOf = (subject: Subject): Prefix | undefined => {
    if (isNetwork(subject)) return undefined;
    const network = subjectOf(prefixOf(subject, LENGTH[familyOf(subject)]));
    return isNetwork(network) ? network : undefined;
  };
  const keyOf = (target: string, network: Prefix): string => `${target} ${network}`;
  return {
    networkOf,
    add({ target, address }) {
      const network = networkOf(address);
      if (network === undefined) return;
      const key = keyOf(target, network);
      const own = members.get(key);
      if (own === undefined) members.set(key, new Set([address]));
      else own.add(address);
    },
    remove({ target, address }) {
      const network = members.size === 0 ? undefined : networkOf(address);
      if (network === undefined) return;
      const key = keyOf(target, network);
      const own = members.get(key);
      own?.delete(address);
      if (own?.size === 0) members.delete(key);
    },
    count: (target, network) => members.get(keyOf(target, network))?.size ?? 0,
    clear: () => members.clear(),
  };
}
