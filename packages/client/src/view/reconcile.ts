/** What a reconcile put right. */
import type { ReconcileResponse } from 'banban-shared';
import type { Paint } from './paint.ts';
import { count } from './size.ts';
import { table } from './table.ts';

/** A row for each target; what is banned but not held stands out. */
export function reconcileTable(answer: ReconcileResponse, paint: Paint): string {
  if (answer.targets.length === 0) return 'There are no targets.';
  const columns = [{ title: 'TARGET' }, ...['ADDED', 'REMOVED', 'HELD', 'NOT HELD'].map((title) => ({ title, right: true }))];
  const rows = answer.targets.map((target) => [
    target.name,
    count(target.added),
    count(target.removed),
    count(target.held),
    target.notHeld > 0 ? { text: count(target.notHeld), brush: paint.bad } : '0',
  ]);
  return table(columns, rows, paint);
}
