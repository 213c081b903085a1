/** What is done with each row of a change: by which messages, in which order, and what has to be known of it first. */
import type { Found } from './find.ts';
import type { Rows } from './rows.ts';
import { isOfNetworks, type ElementSet } from './sets.ts';
import type { Step, Verb } from './transaction.ts';

/**
 * Since Linux 6.12 ("netfilter: nf_tables: set element timeout update support") an element that is there takes the time with which it
 * is added again; before, that succeeds and changes nothing. What a distribution has taken over into an older kernel is not seen:
 * the way round is right there, too, and only costs a look at each row.
 *
 * @param release of the kernel, as uname(2) has it: `6.12.5-amd64`
 */
export function canStamp(release: string): boolean {
  const [, major = '0', minor = '0'] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  return Number(major) > 6 || (Number(major) === 6 && Number(minor) >= 12);
}

/** Whether a row is looked for before it is written. A refused transaction costs 15 ms (the kernel waits for all processors), a look 1 µs. */
export const isLookedFor = (rows: Rows, row: number, stamps: boolean): boolean => !stamps || isOfNetworks(rows.set[row] ?? 0);

/** In the order of doing: places are freed first. */
const VERBS: readonly Verb[] = ['destroy', 'remove', 'stamp', 'add'];

/**
 * The steps for these rows. Where an element must go to get a new time it goes in the same transaction, and its counter comes back with it.
 *
 * @param stamps as `canStamp`
 */
export function stepsOf(rows: Rows, todo: readonly number[], { there }: Found, sets: readonly ElementSet[], stamps: boolean): Step[] {
  const lists = VERBS.map(() => sets.map((): number[] => []));
  const put = (verb: Verb, row: number): void => void lists[VERBS.indexOf(verb)]?.[rows.set[row] ?? 0]?.push(row);
  for (const row of todo) {
    if (row >= rows.removed) {
      if (!stamps && there.has(row)) put('remove', row);
      put(stamps ? 'stamp' : 'add', row);
    } else if (!isLookedFor(rows, row, stamps)) put('destroy', row);
    else if (there.has(row)) put('remove', row);
  }
  return VERBS.flatMap((verb, i) => sets.map((_, set) => ({ verb, set, rows: lists[i]?.[set] ?? [] }))).filter((step) => step.rows.length > 0);
}
