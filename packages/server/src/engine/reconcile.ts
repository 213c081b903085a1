/** What has to be written so that a kernel list holds the active bans, and nothing of banban's besides: pure. */
import type { Address, Instant } from 'banban-shared';

/** All that a plan for one list goes by. */
export interface ListFacts {
  /** The active bans of the list. */
  readonly active: Iterable<{ readonly address: Address; readonly until: Instant }>;
  /** Addresses whose ban has ended and whose row banban wrote and has not seen removed. */
  readonly ended: ReadonlySet<Address>;
  /** What the kernel's list holds. */
  readonly listed: ReadonlySet<Address>;
  /** How many rows it can have; undefined for no bound that is known. */
  readonly capacity: number | undefined;
}

/** What to write, removals first, and what can't be. */
export interface ListPlan {
  readonly add: readonly Address[];
  readonly remove: readonly Address[];
  /** Active, but longer-lasting bans have all the places; in no order. */
  readonly waiting: readonly Address[];
  /** Rows that banban did not write. */
  readonly foreign: number;
}

/**
 * add = active − listed, remove = listed ∧ ours ∧ ended; rows that banban never wrote stay and keep their places. Where
 * the places don't suffice the longest-lasting bans have them: a write beyond the capacity would make the kernel drop
 * the row stamped longest ago, without a word.
 */
export function planList({ active, ended, listed, capacity }: ListFacts): ListPlan {
  const wanted = new Map<Address, Instant>();
  for (const { address, until } of active) wanted.set(address, until);
  const remove: Address[] = [];
  let foreign = 0;
  for (const address of listed) {
    if (wanted.has(address)) continue;
    if (ended.has(address)) remove.push(address);
    else foreign++;
  }
  const places = capacity === undefined ? Infinity : Math.max(0, capacity - foreign);
  if (wanted.size <= places) {
    const add: Address[] = [];
    for (const address of wanted.keys()) if (!listed.has(address)) add.push(address);
    return { add, remove, waiting: [], foreign };
  }
  // Only the instants are sorted whole: they tell where the places end, at a tenth of the price of sorting the bans.
  const untils = Float64Array.from(wanted.values()).sort();
  const last = untils[untils.length - places] ?? Infinity;
  const chosen: Address[] = [];
  const onTheEdge: Address[] = [];
  const waiting: Address[] = [];
  for (const [address, until] of wanted) (places > 0 && until > last ? chosen : places > 0 && until === last ? onTheEdge : waiting).push(address);
  // Among equals the one that is listed stays: swapping them would only cost writes.
  onTheEdge.sort((a, b) => Number(listed.has(b)) - Number(listed.has(a)));
  const room = places - chosen.length;
  chosen.push(...onTheEdge.splice(0, room));
  waiting.unshift(...onTheEdge);
  remove.push(...waiting.filter((address) => listed.has(address)));
  return { add: chosen.filter((address) => !listed.has(address)), remove, waiting, foreign };
}
