/** Bans: the list, and what became of a request to ban. */
import type { Ban, BanResult, Enforcement, Instant, Origin } from 'banban-shared';
import type { Paint } from './paint.ts';
import { printable } from './printable.ts';
import { counted } from './size.ts';
import { table, type Cell } from './table.ts';
import { ago, lasting, until } from './when.ts';

/** What the kernel does about a ban, in a word or two. */
export const enforcementWords: Readonly<Record<Enforcement, string>> = {
  held: 'held',
  simulated: 'simulated',
  missing: 'NOT HELD: no list',
  waiting: 'NOT HELD: list full',
  failed: 'NOT HELD: failed',
};

function enforcementCell(value: Enforcement, paint: Paint): Cell {
  return { text: enforcementWords[value], brush: value === 'held' ? paint.good : value === 'simulated' ? paint.warn : paint.bad };
}

/** `rule fullblock`, or the person. */
export const originWords = (origin: Origin): string => (origin.kind === 'rule' ? `rule ${origin.name}` : origin.name);

/**
 * Active bans as a table with their count; a sentence when there are none.
 *
 * @param columns of the terminal: reasons are cut to fit (`banctl why` has them in full); undefined cuts nothing
 */
export function banList(bans: readonly Ban[], now: Instant, paint: Paint, columns?: number): string {
  if (bans.length === 0) return 'No active bans.';
  const titles = ['ADDRESS', 'TARGET', 'SINCE', 'ENDS', 'LEVEL', 'BY', 'KERNEL', 'REASON'].map((title) => ({ title, right: title === 'LEVEL', yields: title === 'REASON' }));
  const rows = bans.map((ban) => [
    ban.address,
    ban.target,
    ago(ban.since, now),
    until(ban.until, now),
    ban.level === null ? '-' : String(ban.level),
    originWords(ban.origin),
    enforcementCell(ban.enforcement, paint),
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
  if (state === 'simulated') return { kind: 'note', text: `${done} (simulated: ${message ?? NOT_HELD.simulated})` };
  return { kind: 'failed', text: `${address} is stored as banned in ${target} ${length}, but IS NOT ENFORCED: ${message ?? NOT_HELD[state]}` };
}
