/** The allow list, and what became of a request to change it. */
import type { AllowlistResponse, AllowResult, DisallowResult, Instant } from 'banban-shared';
import type { Told } from './ban.ts';
import type { Paint } from './paint.ts';
import { printable } from './printable.ts';
import { counted } from './size.ts';
import { LEAST_TEXT, table, type Cell } from './table.ts';
import { ago, lasting, until } from './when.ts';

/** So many entries of a file are lines of a screen; --json has them all. */
const MOST_OF_A_GROUP = 50;
/** So many targets are named. */
const MOST_NAMED = 5;

/** All entries, each with the group that has it, and what is wrong with files and host names. */
export function allowList({ groups, byHand, problems }: AllowlistResponse, now: Instant, paint: Paint, columns?: number): string {
  const people = new Map(byHand.map((entry) => [entry.address, entry]));
  const rows = groups.flatMap(({ name, addresses, checkedAt }): Cell[][] => {
    const shown = addresses.slice(0, MOST_OF_A_GROUP).map((address): Cell[] => {
      const entry = name === 'by hand' ? people.get(address) : undefined;
      if (entry === undefined) return [address, name, checkedAt === null ? '-' : ago(checkedAt, now), '-', '-', ''];
      return [address, name, ago(entry.since, now), until(entry.until, now), entry.by, entry.reason ?? ''];
    });
    const more = addresses.length - shown.length;
    return more > 0 ? [...shown, [{ text: `and ${counted(more, 'more', 'more')}`, brush: paint.dim }, name, '', '', '', '']] : shown;
  });
  const titles = [{ title: 'ADDRESS' }, { title: 'GROUP', least: LEAST_TEXT }, { title: 'SINCE' }, { title: 'ENDS' }, { title: 'BY', spare: 1 }, { title: 'REASON', least: LEAST_TEXT, spare: 2 }];
  const list = rows.length === 0 ? 'Nothing is allowed.' : table(titles, rows, paint, { columns });
  return [list, ...problems.map((problem) => `${paint.bad('!')} ${printable(problem, 1000)}`)].join('\n');
}

function bansEnded(unbanned: AllowResult['unbanned']): string {
  if (unbanned.length === 0) return '';
  const named = unbanned.slice(0, MOST_NAMED).map(({ address, target }) => `${printable(address, 80)} in ${printable(target, 80)}`).join(', ');
  return `; unbanned: ${named}${unbanned.length > MOST_NAMED ? ` and ${counted(unbanned.length - MOST_NAMED, 'more', 'more')}` : ''}`;
}

/** What became of one address; one whose ban could not be ended is a failure. */
export function allowOutcome(result: AllowResult, now: Instant): Told {
  const address = printable(result.address, 80);
  const length = lasting(result.until, now);
  const done = {
    allowed: `${address} is allowed ${length}`,
    extended: `${address} was allowed already, and now is ${length}`,
    unchanged: `${address} is allowed already, ${length}`,
  }[result.outcome];
  const text = `${done}${bansEnded(result.unbanned)}`;
  return result.message === null ? { kind: 'done', text } : { kind: 'failed', text: `${text}, but ${printable(result.message, 500)}` };
}

/** What became of one address that is not to be allowed any longer; where another group still has it, that is said. */
export function disallowOutcome(result: DisallowResult): Told {
  const address = printable(result.address, 80);
  const groups = result.groups.map((group) => printable(group, 160)).join(', ');
  const still = result.allowedBy === null ? '' : `${result.allowedBy === result.address ? 'it is' : `${printable(result.allowedBy, 80)} is`} still on the allow list (${groups})`;
  if (!result.removed) return { kind: 'note', text: `${address} was not allowed by hand: nothing to do${still === '' ? '' : `; ${still}`}` };
  return { kind: 'done', text: `${address} is no longer allowed by hand${still === '' ? '' : `, but ${still}`}` };
}
