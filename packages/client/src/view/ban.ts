/** Bans: the list, and what became of a request to ban. */
import type { Ban, BanResult, Enforcement, Instant, Origin } from 'banban-shared';
import { hitsCell } from './hits.ts';
import type { Paint } from './paint.ts';
import { printable } from './printable.ts';
import { count, counted } from './size.ts';
import { LEAST_TEXT, table, type Column } from './table.ts';
import { ago, lasting, until } from './when.ts';

/** What the kernel does about a ban, in a word or two. */
export const enforcementWords: Readonly<Record<Enforcement, string>> = {
  held: 'held',
  simulated: 'simulated',
  pending: 'being written',
  unread: 'NOT HELD: no rule reads the list',
  missing: 'NOT HELD: no list',
  waiting: 'NOT HELD: list full',
  failed: 'NOT HELD: failed',
};

/** `being written` whole, and of the longer ones `NOT HELD: no…`. */
const LEAST_KERNEL = 13;

/** What paints `enforcementWords`. */
export const enforcementBrush = (value: Enforcement, paint: Paint): ((text: string) => string) =>
  value === 'held' ? paint.good : value === 'simulated' || value === 'pending' ? paint.warn : paint.bad;

/** `rule fullblock`, or the person. */
export const originWords = (origin: Origin): string => (origin.kind === 'manual' ? origin.name : `${origin.kind} ${origin.name}`);

/**
 * Active bans as a table with their count; a sentence when there are none. Hits and cut connections have their columns
 * where some ban has them.
 *
 * @param columns of the terminal: reasons are cut to fit, and what is least needed is left out (`banctl why` has it in full); undefined cuts nothing
 */
export function banList(bans: readonly Ban[], now: Instant, paint: Paint, columns?: number): string {
  if (bans.length === 0) return 'No active bans.';
  const hasHits = bans.some((ban) => ban.hits !== null);
  const hasCut = bans.some((ban) => ban.connections > 0);
  const titles: Column[] = [
    { title: 'ADDRESS' },
    { title: 'TARGET' },
    { title: 'SINCE' },
    { title: 'ENDS' },
    { title: 'LEVEL', right: true, spare: 2 },
    { title: 'BY' },
    { title: 'KERNEL', least: LEAST_KERNEL },
    ...(hasHits ? [{ title: 'HITS', right: true, spare: 4 }] : []),
    ...(hasCut ? [{ title: 'CUT', right: true, spare: 1 }] : []),
    { title: 'REASON', least: LEAST_TEXT, spare: 3 },
  ];
  const rows = bans.map((ban) => [
    ban.address,
    ban.target,
    ago(ban.since, now),
    until(ban.until, now),
    ban.level === null ? '-' : String(ban.level),
    originWords(ban.origin),
    { text: enforcementWords[ban.enforcement], brush: enforcementBrush(ban.enforcement, paint) },
    ...(hasHits ? [hitsCell(ban, now)] : []),
    ...(hasCut ? [ban.connections > 0 ? count(ban.connections) : '-'] : []),
    ban.reason ?? '',
  ]);
  return `${table(titles, rows, paint, { columns })}\n${paint.dim(counted(bans.length, 'active ban'))}`;
}

/** One result in a sentence, and where it belongs: `done` and `note` are said, `failed` is complained about. */
export interface Told {
  readonly kind: 'done' | 'note' | 'failed';
  readonly text: string;
}

const NOT_HELD: Readonly<Record<Enforcement, string>> = {
  held: '',
  simulated: 'banband simulates, so the kernel does not drop it',
  pending: 'it is being written',
  unread: 'no firewall rule reads the list',
  missing: 'the kernel has no such list, because no firewall rule names it',
  waiting: 'the kernel list is full and longer bans have the places',
  failed: 'the kernel refused it or could not be read',
};

/** What became of one address. A ban that is stored but that the kernel does not hold is a failure, and is called one. */
export function banOutcome(result: BanResult, now: Instant): Told {
  const address = printable(result.address, 80);
  const target = printable(result.target, 80);
  const message = result.message === null ? undefined : printable(result.message, 500);
  if (result.outcome === 'refused') return { kind: 'failed', text: `${address} was refused: ${message ?? 'banband gave no reason'}` };
  const length = lasting(result.until, now);
  const done = {
    banned: `${address} is banned in ${target} ${length}`,
    extended: `${address} was banned in ${target} already, and now is ${length}`,
    unchanged: `${address} is banned in ${target} already, ${length}`,
  }[result.outcome];
  const state = result.enforcement ?? 'failed';
  if (state === 'held') return { kind: 'done', text: message === undefined ? done : `${done}: ${message}` };
  if (state === 'pending') return { kind: 'done', text: `${done} (${message ?? NOT_HELD.pending})` };
  if (state === 'simulated') return { kind: 'note', text: `${done} (simulated: ${message ?? NOT_HELD.simulated})` };
  if (result.heldIn.length > 0) {
    const holding = result.heldIn.map((backend) => printable(backend, 80)).join(' and ');
    return { kind: 'failed', text: `${done}, but IS NOT ENFORCED EVERYWHERE, only by ${holding}: ${message ?? NOT_HELD[state]}` };
  }
  return { kind: 'failed', text: `${address} is stored as banned in ${target} ${length}, but IS NOT ENFORCED: ${message ?? NOT_HELD[state]}` };
}
