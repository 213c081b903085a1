/** Lists of addresses that others keep, and what became of a request to fetch them. */
import type { AddressList, Instant } from 'banban-shared';
import type { Told } from './ban.ts';
import type { Paint } from './paint.ts';
import { printable } from './printable.ts';
import { count, counted } from './size.ts';
import { table, type Cell } from './table.ts';
import { ago, until } from './when.ts';

function stateCell({ error, warnings, checkedAt }: AddressList, paint: Paint): Cell {
  if (error !== null) return { text: 'FAILED', brush: paint.bad };
  if (warnings.length > 0) return { text: 'in part', brush: paint.warn };
  return checkedAt === null ? { text: 'fetching', brush: paint.warn } : { text: 'ok', brush: paint.good };
}

/** A table, and below it what is wrong with which list; a sentence when there are none. `columns` as for `banList`. */
export function listsTable(lists: readonly AddressList[], now: Instant, paint: Paint, columns?: number): string {
  if (lists.length === 0) return 'No lists are configured.';
  const hasSkipped = lists.some(({ skipped }) => skipped > 0);
  const titles = [
    { title: 'LIST' },
    { title: 'FROM', least: 20 },
    { title: 'TARGET', spare: 2 },
    { title: 'ENTRIES', right: true },
    ...(hasSkipped ? [{ title: 'SKIPPED', right: true, spare: 1 }] : []),
    { title: 'AGE' },
    { title: 'NEXT' },
    { title: 'STATE' },
  ];
  const rows = lists.map((list) => [
    list.name,
    list.from,
    list.target,
    count(list.entries),
    ...(hasSkipped ? [count(list.skipped)] : []),
    ago(list.checkedAt, now).replace(/ ago$/, ''),
    list.nextAt === null ? '-' : until(list.nextAt, now),
    stateCell(list, paint),
  ]);
  const notes = lists.flatMap(({ name, error, warnings }) => [
    ...(error === null ? [] : [`${paint.bad('!')} ${printable(name, 80)}: ${printable(error, 1000)}`]),
    ...warnings.map((warning) => `${paint.warn('!')} ${printable(name, 80)}: ${printable(warning, 1000)}`),
  ]);
  return [table(titles, rows, paint, { columns }), ...notes].join('\n');
}

/** What became of one list. */
export function refreshOutcome({ name, error, warnings, entries, skipped, target }: AddressList): Told {
  const shown = printable(name, 80);
  const inForce = `${counted(entries, 'entry', 'entries')} of it ${entries === 1 ? 'is' : 'are'} banned in ${printable(target, 80)}`;
  if (error !== null) return { kind: 'failed', text: `${shown}: ${printable(error, 1000)} (${inForce})` };
  const left = skipped === 0 ? '' : `, ${count(skipped)} left out`;
  if (warnings.length > 0) return { kind: 'failed', text: `${shown}: ${inForce}${left}, but ${warnings.map((warning) => printable(warning, 1000)).join('; ')}` };
  return { kind: 'done', text: `${shown}: ${inForce}${left}` };
}
