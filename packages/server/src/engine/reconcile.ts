/** What has to be written so that a kernel list holds the active bans, and nothing of banban's besides: pure. */
import type { Instant, Subject } from 'banban-shared';
import type { Row } from '../enforce/firewall.ts';

/** All that a plan for one list goes by. */
export interface ListFacts {
  /** The active bans, by what they are of. */
  readonly active: ReadonlyMap<Subject, { readonly until: Instant }>;
  /** Whether the list can have such a row at all; left out for any. */
  readonly takes?: (subject: Subject) => boolean;
  /** Of these, those that are to have no row though their bans stand: a wider network has it for them. */
  readonly covered?: ReadonlySet<Subject>;
  /** Subjects whose ban has ended and whose row banban wrote and has not seen removed. */
  readonly ended: { has(subject: Subject): boolean };
  /** What the kernel's list holds. */
  readonly listed: ReadonlySet<Subject>;
  /** How many rows it can have; undefined for no bound that is known. */
  readonly capacity: number | undefined;
}

/** What to write, removals first, and what can't be. */
export interface ListPlan {
  readonly add: readonly Row[];
  readonly remove: readonly Subject[];
  /** Active, but longer-lasting bans have all the places; in no order. */
  readonly waiting: readonly Subject[];
  /** Rows that banban did not write. */
  readonly foreign: number;
}

/**
 * add = active − listed, remove = listed ∧ ours ∧ ended; rows that banban never wrote stay and keep their places. Where
 * the places don't suffice the longest-lasting bans have them: a write beyond the capacity would make the kernel drop
 * the row stamped longest ago, without a word.
 */
export function planList({ active, takes = () => true, covered, ended, listed, capacity }: ListFacts): ListPlan {
  const isWanted = (subject: Subject): boolean => takes(subject) && covered?.has(subject) !== true;
  const remove: Subject[] = [];
  let foreign = 0;
  for (const subject of listed) {
    const isActive = active.has(subject);
    if (isActive && isWanted(subject)) continue;
    if (isActive ? covered?.has(subject) === true : ended.has(subject)) remove.push(subject);
    else foreign++;
  }
  const places = capacity === undefined ? Infinity : Math.max(0, capacity - foreign);
  const add: Row[] = [];
  let size = 0;
  // 100,000 of them are usual, and hardly one of them is to be added: nothing is made of the others.
  for (const [subject, { until }] of active) {
    if (!isWanted(subject)) continue;
    size++;
    if (!listed.has(subject)) add.push({ subject, until });
  }
  if (size <= places) return { add, remove, waiting: [], foreign };
  const wanted: Row[] = [];
  for (const [subject, { until }] of active) if (isWanted(subject)) wanted.push({ subject, until });
  // Only the instants are sorted whole: they tell where the places end, at a tenth of the price of sorting the bans.
  const untils = Float64Array.from(wanted, (row) => row.until).sort();
  const last = untils[untils.length - places] ?? Infinity;
  const chosen: Row[] = [];
  const onTheEdge: Row[] = [];
  const waiting: Subject[] = [];
  for (const row of wanted) {
    if (places > 0 && row.until > last) chosen.push(row);
    else if (places > 0 && row.until === last) onTheEdge.push(row);
    else waiting.push(row.subject);
  }
  // Among equals the one that is listed stays: swapping them would only cost writes.
  onTheEdge.sort((a, b) => Number(listed.has(b.subject)) - Number(listed.has(a.subject)));
  const room = places - chosen.length;
  chosen.push(...onTheEdge.splice(0, room));
  waiting.unshift(...onTheEdge.map((row) => row.subject));
  remove.push(...waiting.filter((subject) => listed.has(subject)));
  return { add: chosen.filter((row) => !listed.has(row.subject)), remove, waiting, foreign };
}
