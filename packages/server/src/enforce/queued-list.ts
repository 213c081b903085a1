/**
 * A list that is kept by a program: what is to be written waits in a queue, goes out as few large changes, one program at a time, and
 * what is known of the list is what the program last said and what it has been told since.
 */
import { ms, type Subject } from 'banban-shared';
import type { BackendName } from '../config/config.ts';
import type { Clock, Timer } from '../clock.ts';
import { backoff, type Backoff } from './backoff.ts';
import type { Hits, KernelList, ListChange, ListFailures, ListState, Row } from './firewall.ts';

/** What a program says of its list; as in `ListState`, less what only the queue knows. */
export type Found =
  | { readonly state: 'present'; readonly subjects: ReadonlySet<Subject>; readonly capacity: number | undefined }
  | { readonly state: 'missing'; readonly message?: string }
  | { readonly state: 'failed'; readonly message: string };

/** How one kind of list is read and written by programs. Never called a second time before the first call has ended. */
export interface ListDriver {
  readonly backend: BackendName;
  /**
   * False for a list that can only be told: its `read` makes it empty, where there is a way to do that, and is called once, before
   * the first write; again only while it has failed.
   */
  readonly canRead: boolean;
  /** As in `KernelList`. */
  refuses(subject: Subject): string | undefined;
  /** Reads the list whole. Never rejects, and ends soon after `signal`; the answer is then ignored. */
  read(signal: AbortSignal): Promise<Found>;
  /** Applies a change and gives the failures. Never rejects, and ends soon after `signal`. The same change twice does no harm. */
  write(change: ListChange, signal: AbortSignal): Promise<ListFailures>;
  /** What met the rows, as of the last `read`; left out where nobody counts. */
  hits?(): ReadonlyMap<Subject, Hits>;
}

/** What the queue works with. */
export interface QueueOptions {
  readonly clock: Clock;
  /** As in `Firewall.open`. */
  readonly changed: () => void;
}

/** Rows in one change: a fifth of a second, so that neither the loop nor a ban that comes meanwhile has to wait for long. */
const MOST_ROWS = 10_000;
/** A look at the list is good for so long. */
const FRESH = ms(700);
/** And for so many times what it cost, up to a minute: 5 % of a core for looking. */
const REST_FACTOR = 20;
const LONGEST_REST = 60_000;
/** So often a look gives way to a write, then it is the write that waits. */
const MOST_PUT_OFF = 3;
/** Removals that may fail and be kept; beyond that the oldest is forgotten, and comes again from whoever sees the row in the list. */
const MOST_FAILED_REMOVALS = 100_000;

const NO_HITS: ReadonlyMap<Subject, Hits> = new Map();

/** The last word about a subject: its row, or undefined for gone. */
type Word = Row | undefined;

const isSameWord = (a: Word, b: Word): boolean => a === b || (a !== undefined && b !== undefined && a.until === b.until);

/** The first words of a queue, removals before additions: the places have to be free, and a network gives way to a larger one. */
function firstOf(queue: ReadonlyMap<Subject, Word>): Map<Subject, Word> {
  if (queue.size <= MOST_ROWS) return new Map(queue);
  const first = new Map<Subject, Word>();
  for (const [subject, word] of queue) if (word === undefined && first.size < MOST_ROWS) first.set(subject, word);
  for (const [subject, word] of queue) if (word !== undefined && first.size < MOST_ROWS) first.set(subject, word);
  return first;
}

const same = (a: ReadonlySet<Subject>, b: ReadonlySet<Subject>): boolean => {
  if (a.size !== b.size) return false;
  for (const subject of a) if (!b.has(subject)) return false;
  return true;
};

/** A `KernelList` on top of programs. Its memory is that of the rows asked for, and no call of it waits. */
export function queuedList(driver: ListDriver, { clock, changed }: QueueOptions): KernelList {
  const stop = new AbortController();
  /** Said and not tried yet; being tried; tried in vain, with the reason. A subject's word is in the queue or in the failed, never in both. */
  const queue = new Map<Subject, Word>();
  let underWay: ReadonlyMap<Subject, Word> = new Map();
  const failed = new Map<Subject, { readonly word: Word; readonly reason: string }>();
  let failedRemovals = 0;

  let known: Found | { readonly state: 'unknown' } = { state: 'unknown' };
  /** The rows while `known` is present; copied before it is changed when somebody outside has it. */
  let subjects = new Set<Subject>();
  let isShared = false;
  let generation = 0;

  let isWorking = false;
  let reading: AbortController | undefined;
  let isReadWanted = false;
  let putOff = 0;
  /** While it waits, the last look is fresh enough. */
  let rest: Timer | undefined;
  const fresh: Backoff = backoff(clock, wake);
  const again: Backoff = backoff(clock, wake);

  function forget(subject: Subject): void {
    const one = failed.get(subject);
    if (one === undefined) return;
    failed.delete(subject);
    if (one.word === undefined) failedRemovals--;
  }

  function fail(subject: Subject, word: Word, reason: string): void {
    // To the end, so that each gets its turn where there are more than one round of them.
    forget(subject);
    failed.set(subject, { word, reason });
    if (word !== undefined || ++failedRemovals <= MOST_FAILED_REMOVALS) return;
    for (const [oldest, { word: kept }] of failed) {
      if (kept !== undefined) continue;
      forget(oldest);
      return;
    }
  }

  function own(): Set<Subject> {
    if (isShared) subjects = new Set(subjects);
    isShared = false;
    return subjects;
  }

  /** Whether a look is wanted and may be had. */
  const isReadDue = (): boolean => isReadWanted && rest === undefined;
  /** A list that can only be told is made empty first: later would take away what was told. */
  const isReadFirst = (): boolean => !driver.canRead && known.state === 'unknown';

  async function writeRound(kind: 'fresh' | 'again'): Promise<void> {
    const isFresh = kind === 'fresh';
    const round = firstOf(isFresh ? queue : new Map([...failed].map(([subject, { word }]) => [subject, word])));
    underWay = round;
    if (isFresh) for (const subject of round.keys()) queue.delete(subject);
    const remove: Subject[] = [];
    const add: Row[] = [];
    for (const [subject, word] of round) {
      if (word === undefined) remove.push(subject);
      else add.push(word);
    }
    const failures = await driver.write({ remove, add }, stop.signal);
    if (stop.signal.aborted) return;
    underWay = new Map();
    for (const [subject, word] of round) {
      const reason = failures.get(subject);
      // What was said meanwhile is the last word, and it is still to be tried.
      if (reason !== undefined) {
        if (!queue.has(subject)) fail(subject, word, reason);
        continue;
      }
      if (!isFresh && failed.get(subject)?.word === word) forget(subject);
      if (known.state !== 'present') continue;
      if (word === undefined) {
        if (subjects.has(subject)) own().delete(subject);
      } else if (!subjects.has(subject)) own().add(subject);
    }
    const tries = isFresh ? fresh : again;
    if (failures.size < round.size) {
      // It works again: what failed before has not to wait any longer.
      if (isFresh && fresh.isFailing()) again.reset();
      tries.reset();
    }
    if (failures.size === round.size) tries.failed();
    if (isFresh && failures.size > 0 && !again.waits()) again.failed();
    // The list may be gone; whoever asks is to learn it.
    if (failures.size > 0 && driver.canRead) isReadWanted = true;
    changed();
  }

  function settle(found: Found): void {
    const before = known;
    const message = (state: Found | { readonly state: 'unknown' }): string | undefined => ('message' in state ? state.message : undefined);
    const isSame =
      before.state === found.state &&
      (found.state === 'present' ? before.state === 'present' && before.capacity === found.capacity && same(subjects, found.subjects) : message(before) === message(found));
    known = found;
    if (found.state === 'present') {
      if (!isSame) [subjects, isShared] = [new Set(found.subjects), false];
      // A row that is not there needs no removing.
      for (const [subject, { word }] of failed) if (word === undefined && !found.subjects.has(subject)) forget(subject);
      if (before.state === 'missing' || before.state === 'failed') {
        fresh.reset();
        again.reset();
      }
    } else [subjects, isShared] = [new Set(), false];
    if (isSame) return;
    generation++;
    changed();
  }

  async function look(): Promise<void> {
    const abort = new AbortController();
    reading = abort;
    const start = clock.now();
    const found = await driver.read(AbortSignal.any([abort.signal, stop.signal]));
    reading = undefined;
    if (stop.signal.aborted || abort.signal.aborted) return;
    isReadWanted = false;
    putOff = 0;
    const length = Math.min(LONGEST_REST, Math.max(FRESH, (clock.now() - start) * REST_FACTOR));
    rest = clock.after(ms(length), () => {
      rest = undefined;
      wake();
    });
    settle(found);
  }

  /** One program after the other, until there is nothing that may be done now. */
  async function work(): Promise<void> {
    while (!stop.signal.aborted) {
      const isWriteDue = queue.size > 0 && !fresh.waits();
      if (isReadFirst() || (isReadDue() && (!isWriteDue || putOff >= MOST_PUT_OFF))) await look();
      else if (isWriteDue) {
        if (isReadDue()) putOff++;
        await writeRound('fresh');
      } else if (failed.size > 0 && !again.waits()) await writeRound('again');
      else break;
    }
    isWorking = false;
  }

  function wake(): void {
    if (isWorking || stop.signal.aborted) return;
    isWorking = true;
    // In the next turn, so that what is said in this one goes out together.
    clock.soon(() => void work());
  }

  return {
    backend: driver.backend,
    defers: true,
    refuses: (subject) => driver.refuses(subject),

    read(): ListState {
      if (driver.canRead || known.state !== 'present') {
        // At the end of the rest, where it is not over: whoever asks seldom must not wait for another of his turns.
        isReadWanted = true;
        if (rest === undefined) wake();
      }
      if (known.state !== 'present') return known;
      const pending = new Set<Subject>();
      // An addition under way may yet come into the list, even where it has been taken back meanwhile.
      for (const words of [underWay, queue]) for (const [subject, word] of words) if (word !== undefined && !failed.has(subject)) pending.add(subject);
      isShared = true;
      return { state: 'present', subjects, pending, failures: new Map([...failed].map(([subject, { reason }]) => [subject, reason])), capacity: known.capacity };
    },

    identity: () => (known.state === 'missing' ? undefined : `list ${generation}`),

    write({ remove, add }) {
      if (stop.signal.aborted) return new Map([...remove, ...add.map((row) => row.subject)].map((subject) => [subject, 'the list has been closed']));
      const say = (subject: Subject, word: Word): void => {
        const before = failed.get(subject);
        // The same again is being tried already; it must not get round the waiting, nor go out twice.
        if (before !== undefined && isSameWord(before.word, word)) return;
        if (underWay.has(subject) && !queue.has(subject) && isSameWord(underWay.get(subject), word)) return;
        forget(subject);
        // To the end: the order of writing is that of the last words.
        queue.delete(subject);
        queue.set(subject, word);
      };
      for (const subject of remove) say(subject, undefined);
      for (const row of add) say(row.subject, row);
      if (queue.size === 0) return new Map();
      // A look at a long list takes a second, and a ban must not wait for it.
      if (driver.canRead && putOff < MOST_PUT_OFF && !fresh.waits()) reading?.abort();
      wake();
      return new Map();
    },

    reread() {
      if (!driver.canRead || stop.signal.aborted) return;
      rest?.cancel();
      rest = undefined;
      isReadWanted = true;
      // What a look under way saw may be of before.
      reading?.abort();
      wake();
    },

    hits: () => driver.hits?.() ?? NO_HITS,

    close() {
      stop.abort();
      for (const tries of [fresh, again]) tries.reset();
      rest?.cancel();
      queue.clear();
      failed.clear();
    },
  };
}
