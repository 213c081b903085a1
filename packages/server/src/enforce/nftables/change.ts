/**
 * Writes a change to the kernel in as few transactions as there can be. What the kernel refuses is found out row by row, left out,
 * and said; the rest is done.
 */
import type { Subject } from 'banban-shared';
import type { Answer, NetlinkSocket } from '../../netlink/socket.ts';
import type { ListFailures } from '../firewall.ts';
import { findRows, intervalsOf, overlapOf, type Found } from './find.ts';
import { lookAt, type SetFault } from './look.ts';
import { EEXIST, ENOENT, isFull, unusable, unwritable } from './refusal.ts';
import { UNREADABLE, type Rows } from './rows.ts';
import { isOfNetworks, type ElementSet } from './sets.ts';
import { isLookedFor, stepsOf } from './steps.ts';
import { FIRST_PART, transactionOf, type Part } from './transaction.ts';

/** With what a change is written. */
export interface ChangeOptions {
  readonly socket: NetlinkSocket;
  readonly sets: readonly ElementSet[];
  /** Whether the kernel gives a new time to an element that is added again (`canStamp`). */
  readonly stamps: boolean;
  /** Sets that can't be used, by their numbers. */
  readonly faults: ReadonlyMap<number, SetFault>;
  /** Called after each transaction. */
  readonly written: () => void;
}

/** Rows in a transaction: a megabyte, and as much that the kernel tells the monitor. */
const MOST_ROWS = 16_384;
/** Refused transactions of one portion, 15 ms each; and of those the ones from which nothing was to be learnt. */
const MOST_REFUSED = 16;
const MOST_STUCK = 4;
const TRIED_IN_VAIN = 'the set kept changing, or the kernel has not let go yet of networks in it whose time is over';

const NOTHING: Found = { there: new Map(), overlaps: new Map(), leaving: new Set() };

/** What a refusal means for the rows of its message. */
type Verdict =
  | { readonly kind: 'failed'; readonly rows: readonly number[]; readonly reason: string }
  /** Of their set, and what was to go is gone with one that is missing. */
  | { readonly kind: 'unusable'; readonly rows: readonly number[]; readonly fault: SetFault }
  /** It is one or more of these, and who sends them one by one learns which. */
  | { readonly kind: 'split'; readonly rows: readonly number[] }
  /** The next try may go better. */
  | { readonly kind: 'stuck'; readonly rows: readonly number[] };

/** What is left to do of one portion of the change. */
interface Portion {
  todo: readonly number[];
  /** Rows that are sent in messages of their own. */
  readonly alone: Set<number>;
  refused: number;
  stuck: number;
}

/** Asks once, should anybody want to know. */
function once<T>(ask: () => T): () => T {
  let answer: { readonly value: T } | undefined;
  return () => (answer ??= { value: ask() }).value;
}

/** Makes the judge of the refusals of one transaction. */
function judge(rows: Rows, todo: readonly number[], parts: readonly Part[], leaving: ReadonlySet<string>, { socket, sets }: ChangeOptions): (answer: Answer) => Verdict {
  const looks = sets.map((set) => once(() => lookAt(socket, [set])));
  const networks = sets.map((set) => once(() => intervalsOf(socket, set)));
  const full = new Map<number, string>();
  return ({ sequence, errno, message }) => {
    const part = parts[sequence - FIRST_PART];
    const set = part && sets[part.step.set];
    // Of the transaction as such: it may not be, or there is no memory.
    if (part === undefined || set === undefined) return { kind: 'failed', rows: todo, reason: unwritable(sets[0]?.name ?? '', errno, message) };
    const { verb, set: number } = part.step;
    const those = part.step.rows.slice(part.from, part.to);
    const look = looks[number]?.();
    // Then every message to this set was refused.
    if (look !== undefined && look.state !== 'present') return { kind: 'unusable', rows: those, fault: look };
    const isNetwork = isOfNetworks(number);
    // It came or went since it was looked for: the next look says so.
    if ((verb === 'remove' && errno === ENOENT) || (verb === 'add' && errno === EEXIST && !isNetwork)) return { kind: 'stuck', rows: those };
    const [row] = those;
    if (row === undefined || those.length > 1) return { kind: 'split', rows: those };
    // A network that found room for its start and none for its end is in the way of those behind it.
    if (isFull(errno)) full.set(number, unwritable(set.name, errno, message));
    const noRoom = full.get(number);
    if (noRoom !== undefined) return { kind: 'failed', rows: those, reason: noRoom };
    if (!isNetwork || errno !== EEXIST) return { kind: 'failed', rows: those, reason: unwritable(set.name, errno, message) };
    // Of a network whose time is over the kernel shows the start no longer, and still minds the end; it lets go of one with each try.
    const reason = overlapOf(rows, row, set, networks[number]?.() ?? [], leaving);
    return reason === undefined ? { kind: 'stuck', rows: those } : { kind: 'failed', rows: those, reason };
  };
}

/** Writes `rows` and gives the failures. Never throws. */
export function applyChange(rows: Rows, options: ChangeOptions): ListFailures {
  const { socket, sets, stamps, faults, written } = options;
  const failures = new Map<Subject, string>();
  /** Rows that failed, or need nothing more. */
  const settled = new Set<number>();

  function fail(list: readonly number[], reason: string): void {
    for (const row of list) {
      const subject = rows.subjects[row];
      if (subject !== undefined) failures.set(subject, reason);
      settled.add(row);
    }
  }

  function failUnusable(list: readonly number[], { state, message }: SetFault): void {
    fail(list.filter((row) => state === 'failed' || row >= rows.removed), message);
    for (const row of list) settled.add(row);
  }

  /** One transaction; true when nothing is left to do. */
  function attempt(portion: Portion): boolean {
    const asked = portion.todo.filter((row) => isLookedFor(rows, row, stamps));
    const found = asked.length > 0 ? findRows(socket, rows, sets, asked) : NOTHING;
    for (const [row, reason] of found.overlaps) fail([row], reason);
    portion.todo = portion.todo.filter((row) => !settled.has(row));
    const steps = stepsOf(rows, portion.todo, found, sets, stamps);
    if (steps.length === 0) return true;
    const { bytes, parts } = transactionOf(rows, sets, steps, { alone: portion.alone, counters: stamps ? NOTHING.there : found.there });
    const answers = socket.ask(bytes, Infinity);
    const refusals = answers.filter((answer) => answer.errno !== 0);
    if (refusals.length === 0) {
      if (answers.length === 0) fail(portion.todo, 'the kernel did not say whether it was written');
      written();
      return true;
    }
    const verdicts = refusals.map(judge(rows, portion.todo, parts, found.leaving, options));
    for (const verdict of verdicts) {
      if (verdict.kind === 'failed') fail(verdict.rows, verdict.reason);
      else if (verdict.kind === 'unusable') failUnusable(verdict.rows, verdict.fault);
      else if (verdict.kind === 'split') for (const row of verdict.rows) portion.alone.add(row);
    }
    if (verdicts.every(({ kind }) => kind === 'stuck') && ++portion.stuck === MOST_STUCK) {
      portion.stuck = 0;
      for (const verdict of verdicts) if (verdict.kind === 'stuck') fail(verdict.rows, TRIED_IN_VAIN);
    }
    if (++portion.refused === MOST_REFUSED) fail(portion.todo.filter((row) => !settled.has(row)), TRIED_IN_VAIN);
    portion.todo = portion.todo.filter((row) => !settled.has(row));
    return portion.todo.length === 0;
  }

  const readable: number[] = [];
  rows.subjects.forEach((_, row) => {
    const set = rows.set[row] ?? UNREADABLE;
    const fault = faults.get(set);
    if (set === UNREADABLE) fail([row], 'it is not an address in canonical form; this is a fault in banban');
    else if (fault === undefined) readable.push(row);
    // A row for a hash that came into a set of intervals would go on to the next one there.
    else failUnusable([row], fault);
  });
  let broken: string | undefined;
  for (let at = 0; at < readable.length; at += MOST_ROWS) {
    const portion: Portion = { todo: readable.slice(at, at + MOST_ROWS), alone: new Set(), refused: 0, stuck: 0 };
    try {
      while (broken === undefined && !attempt(portion));
    } catch (error) {
      broken = unusable(error);
    }
    if (broken !== undefined) fail(portion.todo, broken);
  }
  return failures;
}
