/**
 * Writes a change to the kernel in as few transactions as there can be. What the kernel refuses is found out row by row, left out,
 * and said; the rest is done.
 */
import type { Subject } from 'banban-shared';
import type { ListFailures } from '../firewall.ts';
import type { Answer, NetlinkSocket } from '../../netlink/socket.ts';
import { findRows, type Found } from './find.ts';
import { lookAt, type Look } from './look.ts';
import { EEXIST, ENOENT, unusable, unwritable } from './refusal.ts';
import { UNREADABLE, type Rows } from './rows.ts';
import { isOfNetworks, type ElementSet } from './sets.ts';
import { FIRST_PART, transactionOf, type Part, type Step, type Verb } from './transaction.ts';

/** With what a change is written. */
export interface ChangeOptions {
  readonly socket: NetlinkSocket;
  readonly sets: readonly ElementSet[];
  /** Whether the kernel gives a new time to an element that is added again (`canStamp`). */
  readonly stamps: boolean;
  /** Called after each transaction. */
  readonly written: () => void;
}

/** Rows in a transaction: a megabyte, and as much that the kernel tells the monitor. */
const MOST_ROWS = 16_384;
/** Tries of a portion that taught nothing new about what the kernel does not take. */
const MOST_VAIN = 4;

const NOTHING: Found = { there: new Map(), overlaps: new Map() };

/**
 * Since Linux 6.12 ("netfilter: nf_tables: set element timeout update support") an element that is there takes the time with which it
 * is added again; before, that succeeds and changes nothing. What a distribution has taken over into an older one is not seen:
 * the way round is right there, too, and costs an extended ban a second transaction.
 *
 * @param release of the kernel, as uname(2) has it: `6.12.5-amd64`
 */
export function canStamp(release: string): boolean {
  const [, major = '0', minor = '0'] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  return Number(major) > 6 || (Number(major) === 6 && Number(minor) >= 12);
}

/** In the order of doing: places are freed first. */
const VERBS: readonly Verb[] = ['destroy', 'remove', 'stamp', 'add'];

/** What is left to do of one portion, and which of it is sent in messages of its own. */
interface Portion {
  todo: readonly number[];
  readonly alone: Set<number>;
}

/** Whether a row is looked for before it is written. A refused transaction costs 15 ms (the kernel waits for all processors), a look 1 µs. */
const isLookedFor = (rows: Rows, row: number, stamps: boolean): boolean => !stamps || isOfNetworks(rows.set[row] ?? 0);

/** What to do with each row. An element that must go to get a new time goes in the same transaction, and its counter goes on. */
function stepsOf(rows: Rows, todo: readonly number[], { there }: Found, { sets, stamps }: ChangeOptions): Step[] {
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

/** Writes `rows` and gives the failures. Never throws. */
export function applyChange(rows: Rows, options: ChangeOptions): ListFailures {
  const { socket, sets, stamps, written } = options;
  const failures = new Map<Subject, string>();
  const failed = new Set<number>();

  function fail(row: number, reason: string): void {
    const subject = rows.subjects[row];
    if (subject !== undefined) failures.set(subject, reason);
    failed.add(row);
  }
  const failAll = (list: readonly number[], reason: string): void => list.forEach((row) => fail(row, reason));

  /** Learns from the kernel's refusals what to leave out and what to do otherwise; false when there was nothing new in them. */
  function learn(portion: Portion, parts: readonly Part[], refusals: readonly Answer[]): boolean {
    let isNew = false;
    const looks = new Map<number, Look>();
    for (const { sequence, errno, message } of refusals) {
      const part = parts[sequence - FIRST_PART];
      const set = part && sets[part.step.set];
      if (part === undefined || set === undefined) {
        // It is of the transaction as such: it may not be, or there is no memory.
        failAll(portion.todo, unwritable(sets[0]?.name ?? '', errno, message));
        return true;
      }
      const { verb, set: number } = part.step;
      const look = looks.get(number) ?? lookAt(socket, [set]);
      const isFirst = !looks.has(number);
      looks.set(number, look);
      const those = part.step.rows.slice(part.from, part.to);
      if (look.state !== 'present') {
        if (isFirst) failAll(portion.todo.filter((row) => rows.set[row] === number), look.message);
        isNew = true;
      } else if ((verb === 'remove' && errno === ENOENT) || (verb === 'add' && errno === EEXIST && !isOfNetworks(number))) {
        // It came or went since it was looked for: the next look says so.
        continue;
      } else {
        isNew = true;
        if (those.length > 1) those.forEach((row) => portion.alone.add(row));
        else failAll(those, unwritable(set.name, errno, message));
      }
    }
    return isNew;
  }

  /** One transaction. */
  function attempt(portion: Portion): 'done' | 'again' | 'in vain' {
    const { todo, alone } = portion;
    const asked = todo.filter((row) => isLookedFor(rows, row, stamps));
    const found = asked.length > 0 ? findRows(socket, rows, sets, asked) : NOTHING;
    for (const [row, reason] of found.overlaps) fail(row, reason);
    const steps = stepsOf(rows, todo.filter((row) => !failed.has(row)), found, options);
    if (steps.length === 0) return 'done';
    const { bytes, parts } = transactionOf(rows, sets, steps, { alone, counters: stamps ? NOTHING.there : found.there });
    const answers = socket.ask(bytes, Infinity);
    const refusals = answers.filter((answer) => answer.errno !== 0);
    if (refusals.length > 0) return learn(portion, parts, refusals) ? 'again' : 'in vain';
    if (answers.length === 0) failAll(todo, 'the kernel did not say whether it was written');
    written();
    return 'done';
  }

  function apply(portion: Portion): void {
    for (let vain = 0; portion.todo.length > 0; ) {
      const outcome = attempt(portion);
      if (outcome === 'done') return;
      portion.todo = portion.todo.filter((row) => !failed.has(row));
      if (outcome === 'in vain' && ++vain === MOST_VAIN) return failAll(portion.todo, 'the set kept changing while it was written');
    }
  }

  const readable: number[] = [];
  rows.subjects.forEach((subject, row) => {
    if (rows.set[row] !== UNREADABLE) readable.push(row);
    else failures.set(subject, 'it is not an address in canonical form; this is a fault in banban');
  });
  let broken: string | undefined;
  for (let at = 0; at < readable.length; at += MOST_ROWS) {
    const todo = readable.slice(at, at + MOST_ROWS);
    try {
      if (broken === undefined) apply({ todo, alone: new Set() });
    } catch (error) {
      broken = unusable(error);
    }
    if (broken !== undefined) failAll(todo, broken);
  }
  return failures;
}
