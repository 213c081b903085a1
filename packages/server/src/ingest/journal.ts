/**
 * The systemd journal as a source, read by `journalctl -o json -f`: there is no other stable interface to its files but a library. The
 * cursor of the last entry worked off is kept with the bans that came of it, so that a restart neither loses nor repeats an entry.
 */
import { ms, type Instant } from 'banban-shared';
import type { Clock } from '../clock.ts';
import { followProgram, type Followed } from './follow-program.ts';
import { lineFramer } from './framing.ts';
import { createInHand } from './in-hand.ts';
import { FIELDS, readJournalEntry } from './journal-entry.ts';
import { beginAt, printPosition, readPosition, type JournalPosition } from './journal-position.ts';
import type { Deliver, Positions, Source } from './source.ts';
import { createTrouble } from './trouble.ts';

/** What is read of the journal: all of it where there are neither units nor matches. */
export interface JournalOptions {
  /** By which its position is known; one for each source. */
  readonly name: string;
  /** As `journalctl -u` takes them. */
  readonly units: readonly string[];
  /** `FIELD=value` each, as journalctl takes them: of one field any, of several fields all. */
  readonly matches: readonly string[];
  /** What is run; default `journalctl`, from PATH. */
  readonly program?: string;
  readonly positions: Pick<Positions, 'get'>;
  /** Takes a sentence on entries that may be missing. */
  readonly warn: (message: string) => void;
}

/** Longer lines of journalctl's are none that banban could use: a message of 64 KiB as a list of numbers has 330 KB. */
const LONGEST_JSON = 1024 * 1024;
/** Between starts of a journalctl that ends: doubled from the first to the last, until an entry comes. */
const FIRST_DELAY = 1000;
const LAST_DELAY = 60_000;
/** A journalctl that has run for so long works, though nobody has logged anything. */
const SETTLED = ms(5000);

const NEWLINE = Buffer.from('\n');

const isoOf = (microseconds: number): string => new Date(microseconds / 1000).toISOString();

/** The entries of one delivery: for each the end of its line in the bytes, and how far one is after it. */
interface Batch {
  readonly lines: Buffer[];
  readonly ends: number[];
  readonly positions: JournalPosition[];
  bytes: number;
}

/** The position after the bytes up to `offset`; `before` where that is within the first line. */
function positionAt({ ends, positions }: Batch, offset: number, before: JournalPosition): JournalPosition {
  let low = 0;
  let high = ends.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ends[middle] ?? 0) <= offset) low = middle + 1;
    else high = middle;
  }
  return positions[low - 1] ?? before;
}

/** The journal from where the last run has read it to, or from now on; a journalctl that ends is started again. */
export function journalSource({ name, units, matches, program = 'journalctl', positions, warn }: JournalOptions, clock: Clock): Source {
  const key = `journal ${name}`;
  const of = [...units.map((unit) => `-u ${unit}`), ...matches].join(' ');
  const hand = createInHand(clock);
  const gap = createTrouble(clock);
  let deliver: Deliver | undefined;
  let child: Followed | undefined;
  let stopped = false;
  let delay = 0;
  let entries = 0;
  let bytes = 0;
  let cut = 0;
  let lastAt: Instant | undefined;
  let lagMs: number | undefined;
  let error: string | undefined;
  let words = '';
  /** After the last entry that was delivered. */
  let read: JournalPosition = { cursor: undefined, at: 0, of };
  let byCursor = true;

  /** Says what may be missing where the journal goes on with `at` instead of the entry that was read last. */
  function tellGap(at: number): void {
    const sentence = `the journal no longer has the entry that was read last, of ${isoOf(read.at)}: what was written between it and ${isoOf(at)} may be missing`;
    gap.note(sentence);
    warn(sentence);
  }

  function works(): void {
    error = undefined;
    delay = 0;
  }

  function run(): void {
    if (stopped) return;
    words = '';
    const framer = lineFramer(LONGEST_JSON);
    const asked = byCursor ? read.cursor : undefined;
    /** Until the first entry behind the position: what comes before it was read already. */
    let begins = true;

    /** Whether an entry is new; the first ones may be of the time before. */
    function isNew(cursor: string, at: number): boolean {
      if (!begins) return true;
      if (cursor === asked) {
        begins = false;
        return false;
      }
      if (at <= read.at) return false;
      begins = false;
      byCursor = true;
      if (asked !== undefined) tellGap(at);
      return true;
    }

    function take(batch: Batch, json: Buffer, isCut: boolean): void {
      const entry = isCut ? undefined : readJournalEntry(json);
      if (entry === undefined || entry.isCut) cut++;
      if (entry === undefined) return;
      works();
      if (!isNew(entry.cursor, entry.at)) return;
      entries++;
      lagMs = Math.max(0, clock.now() - entry.at / 1000);
      read = { cursor: entry.cursor, at: entry.at, of };
      if (entry.line !== undefined) batch.lines.push(entry.line, NEWLINE);
      batch.bytes += entry.line === undefined ? 0 : entry.line.length + 1;
      batch.ends.push(batch.bytes);
      batch.positions.push(read);
    }

    const onBytes = (chunk: Buffer): void => {
      const before = read;
      const batch: Batch = { lines: [], ends: [], positions: [], bytes: 0 };
      framer.push(chunk, (json, isCut) => take(batch, json, isCut));
      if (batch.ends.length === 0) return;
      lastAt = clock.now();
      bytes += batch.bytes;
      const following = child;
      following?.pause();
      const done = hand.take();
      deliver?.(Buffer.concat(batch.lines), lastAt, {
        key,
        after: (offset) => printPosition(positionAt(batch, offset, before)),
        done: () => {
          done();
          following?.resume();
        },
      });
    };

    const onEnd = (how: string): void => {
      child = undefined;
      error = `the journal is not read: ${how}${words === '' ? '' : ` (${words})`}; it is started again until it goes on`;
      // A cursor that it can't look for at all; the time stands for it.
      if (asked !== undefined && begins && /cursor/i.test(words)) {
        byCursor = false;
        warn(`journalctl can't look for the entry of the journal that was read last (${words}); it goes on with what was written after ${isoOf(read.at)}`);
      }
      delay = Math.min(LAST_DELAY, Math.max(FIRST_DELAY, delay * 2));
      clock.after(ms(delay), run);
    };

    const args = ['--output=json', '--follow', '--no-tail', '--all', '--no-pager', `--output-fields=${FIELDS.join(',')}`, beginAt(read, byCursor), ...units.map((unit) => `--unit=${unit}`), '--', ...matches];
    const started = followProgram(program, args, { clock, onBytes, onEnd, onWords: (said) => void (words = said) });
    child = started;
    clock.after(SETTLED, () => {
      if (child === started) works();
    });
  }

  return {
    type: 'journal',
    path: name,
    start(receive) {
      deliver = receive;
      const known = readPosition(positions.get(key));
      const now = clock.now();
      if (known === undefined) {
        // Kept at once: a run in which nothing is written has a place to go on from, too.
        const first = { cursor: undefined, at: now * 1000, of };
        read = first;
        receive(Buffer.alloc(0), now, { key, after: () => printPosition(first) });
      } else read = { cursor: known.of === of ? known.cursor : undefined, at: Math.min(known.at, now * 1000), of };
      run();
      return Promise.resolve();
    },
    async stop() {
      stopped = true;
      await child?.stop();
      await hand.empty();
    },
    stats: () => ({
      datagrams: entries,
      bytes,
      cut,
      lastAt,
      lagMs,
      error: error ?? (words === '' || entries > 0 ? gap.current() : `journalctl says: ${words}`),
    }),
    keys: () => [key],
  };
}
