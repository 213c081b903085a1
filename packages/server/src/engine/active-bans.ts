/** The active bans in memory: by target and subject, and in the order in which they end. */
import { familyOf, holds, isNetwork, networkOf, NEVER, prefixOf, type Instant, type Prefix, type Subject } from 'banban-shared';
import type { BanRecord } from '../store/store.ts';

/** The bans that stand, at most one for each subject and target. Knows no clock: a ban is in here until it is deleted. */
export interface ActiveBans {
  readonly size: number;
  get(target: string, subject: Subject): BanRecord | undefined;
  /** The bans of one target; empty for a target that has none. */
  of(target: string): ReadonlyMap<Subject, BanRecord>;
  /** Bans of networks in one target that hold `subject` and are wider than it, the widest first. */
  around(target: string, subject: Subject): BanRecord[];
  /** Bans of networks in one target that lie in `network` and are narrower; costs a microsecond for each narrower one that there is. */
  inside(target: string, network: Prefix): BanRecord[];
  /** The same for many networks at once: each narrower one is looked at once, however many there are. */
  insideAny(target: string, networks: readonly Prefix[]): BanRecord[];
  /** Bans of networks in one target that lie in another of them. */
  nested(target: string): BanRecord[];
  /** The targets that have a ban. */
  targets(): string[];
  /** Every ban of just this subject. */
  everywhere(subject: Subject): BanRecord[];
  all(): BanRecord[];
  /** Adds a ban, or puts it in the place of the one with the same address and target (I2). */
  set(ban: BanRecord): void;
  delete(ban: BanRecord): void;
  /** When the next one ends; undefined when none will. */
  nextEnd(): Instant | undefined;
  /** Up to `limit` bans whose time is over; they stay until they are deleted. */
  expired(now: Instant, limit: number): BanRecord[];
}

interface End {
  readonly until: Instant;
  readonly target: string;
  readonly address: Subject;
}

/** The networks of one family and length that are banned in a target. */
interface Length {
  readonly family: number;
  readonly bits: number;
  readonly networks: Set<Prefix>;
}

const NONE: ReadonlyMap<Subject, BanRecord> = new Map();
const NO_LENGTHS: readonly Length[] = [];

/** An empty table, in memory alone. */
export function createActiveBans(): ActiveBans {
  const byTarget = new Map<string, Map<Subject, BanRecord>>();
  /** The networks of each target, the wide first. */
  const lengths = new Map<string, readonly Length[]>();
  let size = 0;
  /** A binary heap by `until`. An extended or ended ban leaves its old entry behind, which is skipped when it comes up. */
  let heap: End[] = [];

  function up(i: number): void {
    const entry = heap[i];
    while (entry !== undefined && i > 0) {
      const parent = (i - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || above.until <= entry.until) break;
      heap[i] = above;
      heap[parent] = entry;
      i = parent;
    }
  }

  function pop(): void {
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    let i = 0;
    for (;;) {
      const left = heap[2 * i + 1];
      const right = heap[2 * i + 2];
      const child = right !== undefined && left !== undefined && right.until < left.until ? 2 * i + 2 : 2 * i + 1;
      const below = heap[child];
      if (below === undefined || below.until >= last.until) return;
      heap[i] = below;
      heap[child] = last;
      i = child;
    }
  }

  function addNetwork(target: string, network: Prefix): void {
    const family = familyOf(network);
    const { bits } = networkOf(network);
    const own = lengths.get(target) ?? NO_LENGTHS;
    const same = own.find((one) => one.family === family && one.bits === bits);
    if (same === undefined) lengths.set(target, [...own, { family, bits, networks: new Set([network]) }].sort((x, y) => x.bits - y.bits));
    else same.networks.add(network);
  }

  function deleteNetwork(target: string, network: Prefix): void {
    const own = lengths.get(target) ?? NO_LENGTHS;
    for (const { networks } of own) if (networks.delete(network) && networks.size === 0) lengths.set(target, own.filter((one) => one.networks.size > 0));
    if (lengths.get(target)?.length === 0) lengths.delete(target);
  }

  function around(target: string, subject: Subject): BanRecord[] {
    const found: BanRecord[] = [];
    const own = lengths.get(target);
    if (own === undefined) return found;
    const family = familyOf(subject);
    const { address, bits } = networkOf(subject);
    for (const length of own) {
      if (length.bits >= bits) break;
      const ban = length.family === family ? byTarget.get(target)?.get(prefixOf(address, length.bits)) : undefined;
      if (ban !== undefined) found.push(ban);
    }
    return found;
  }

  /** The bans of a target's networks that are narrower than `bits` and for which `isMeant` holds. */
  function narrower(target: string, bits: number, isMeant: (network: Prefix) => boolean): BanRecord[] {
    return (lengths.get(target) ?? NO_LENGTHS).flatMap((length) => {
      if (length.bits <= bits) return [];
      return [...length.networks].filter(isMeant).flatMap((network) => byTarget.get(target)?.get(network) ?? []);
    });
  }

  const all = (): BanRecord[] => [...byTarget.values()].flatMap((bans) => [...bans.values()]);
  const endOf = ({ until, target, address }: BanRecord): End => ({ until, target, address });
  const isCurrent = (end: End): boolean => byTarget.get(end.target)?.get(end.address)?.until === end.until;

  function push(ban: BanRecord): void {
    if (ban.until === NEVER) return;
    heap.push(endOf(ban));
    up(heap.length - 1);
    // Who sets the same bans again and again, to the same end or another, must not grow the heap without bound. Made anew
    // from the bans it is no longer than they are many, so that the next time is as far away.
    if (heap.length > 2 * size + 1024) {
      heap = all().filter((b) => b.until !== NEVER).map(endOf).sort((a, b) => a.until - b.until);
    }
  }

  return {
    get size() {
      return size;
    },
    get: (target, address) => byTarget.get(target)?.get(address),
    of: (target) => byTarget.get(target) ?? NONE,
    around,
    inside: (target, network) => narrower(target, networkOf(network).bits, (one) => holds(network, one)),
    insideAny(target, networks) {
      const wide = new Set<Subject>(networks);
      const kinds = new Map(networks.map((network) => {
        const { bits } = networkOf(network);
        return [`${familyOf(network)} ${bits}`, { family: familyOf(network), bits }];
      }));
      const widest = Math.min(...[...kinds.values()].map(({ bits }) => bits));
      return narrower(target, widest, (one) => {
        const { address, bits } = networkOf(one);
        const family = familyOf(one);
        for (const kind of kinds.values()) if (kind.family === family && kind.bits < bits && wide.has(prefixOf(address, kind.bits))) return true;
        return false;
      });
    },
    nested(target) {
      const [widest] = lengths.get(target) ?? NO_LENGTHS;
      return widest === undefined ? [] : narrower(target, widest.bits, (one) => around(target, one).length > 0);
    },
    targets: () => [...byTarget.keys()],
    everywhere(subject) {
      const found: BanRecord[] = [];
      for (const bans of byTarget.values()) {
        const ban = bans.get(subject);
        if (ban !== undefined) found.push(ban);
      }
      return found;
    },
    all,
    set(ban) {
      let bans = byTarget.get(ban.target);
      if (bans === undefined) byTarget.set(ban.target, (bans = new Map()));
      if (!bans.has(ban.address)) {
        size++;
        if (isNetwork(ban.address)) addNetwork(ban.target, ban.address);
      }
      bans.set(ban.address, ban);
      push(ban);
    },
    delete(ban) {
      const bans = byTarget.get(ban.target);
      if (bans?.delete(ban.address) !== true) return;
      size--;
      if (isNetwork(ban.address)) deleteNetwork(ban.target, ban.address);
      if (bans.size === 0) byTarget.delete(ban.target);
    },
    nextEnd() {
      for (let first = heap[0]; first !== undefined; first = heap[0]) {
        if (isCurrent(first)) return first.until;
        pop();
      }
      return undefined;
    },
    expired(now, limit) {
      const found: BanRecord[] = [];
      const kept: End[] = [];
      for (let first = heap[0]; first !== undefined && first.until <= now && found.length < limit; first = heap[0]) {
        pop();
        const ban = byTarget.get(first.target)?.get(first.address);
        if (ban === undefined || ban.until !== first.until) continue;
        // The same ban can stand in the heap twice, when it was made, extended and made anew with one and the same end.
        if (!found.includes(ban)) found.push(ban);
        kept.push(first);
      }
      for (const end of kept) {
        heap.push(end);
        up(heap.length - 1);
      }
      return found;
    },
  };
}
