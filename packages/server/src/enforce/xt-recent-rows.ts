/**
 * The rows of a list in /proc/net/xt_recent, `src=<addr> ttl: T last_seen: J oldest_pkt: N j1, j2, …` (recent_seq_show in
 * net/netfilter/xt_recent.c): reading them whole, and whom they are of.
 */
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { familyOf, networkOf, parseAddress, prefixOf, subjectOf, type Subject } from 'banban-shared';

/** A row that packets have stamped. */
export interface StampedRow {
  readonly subject: Subject;
  /** Where the next stamp goes in the ring, from 1: the number of stamps as long as the ring has not come round. */
  readonly index: number;
  /** In the order of the ring, in jiffies. */
  readonly stamps: readonly number[];
}

/** Whom a row is of, by its address as the kernel writes it; undefined for none that a packet can have. */
export type RowReader = (text: string) => Subject | undefined;

/** Readings of a list that keeps changing. Against 50,000 changes a second a row is still missed in 1 of 1,000 looks. */
const MOST_READINGS = 7;
/** Rows that are remembered; a list has the same ones look after look. */
const MOST_REMEMBERED = 131_072;

/** One buffer for all readings: rows come in pages of 4 KiB and are decoded at once. */
const page = Buffer.allocUnsafe(65_536);

/** The file as it is, and in how many pieces the kernel gave it. @throws what the kernel says */
export function readPieces(path: string): { readonly text: string; readonly pieces: number } {
  const fd = openSync(path, constants.O_RDONLY);
  try {
    let text = '';
    let pieces = 0;
    for (;;) {
      const length = readSync(fd, page, 0, page.length, null);
      if (length === 0) return { text, pieces };
      text += page.toString('latin1', 0, length);
      pieces++;
    }
  } finally {
    closeSync(fd);
  }
}

/**
 * Reads rows of a target whose IPv6 bans are of networks of `ipv6Prefix` bits: an IPv6 row whose other bits are zero stands for
 * its network, one with other bits set is an address that somebody else wrote. The kernel writes IPv6 in full; here it is canonical.
 */
export function rowReader(ipv6Prefix: number): RowReader {
  const known = new Map<string, Subject | undefined>();
  const read = (text: string): Subject | undefined => {
    const address = parseAddress(text);
    if (address === undefined) return undefined;
    if (familyOf(address) === 4) return text.includes(':') ? undefined : address;
    const network = prefixOf(address, ipv6Prefix);
    return networkOf(network).address === address ? subjectOf(network) : address;
  };
  return (text) => {
    const found = known.get(text);
    if (found !== undefined) return found;
    if (known.size >= MOST_REMEMBERED) known.clear();
    // A copy: a part of a text keeps the whole of it in memory, and this one is megabytes.
    const own = ` ${text}`.slice(1);
    const subject = read(own);
    known.set(own, subject);
    return subject;
  };
}

/** Calls back for each row with its subject and where it begins and ends in the text. */
function eachRow(text: string, readRow: RowReader, action: (subject: Subject, start: number, end: number) => void): void {
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    const space = text.indexOf(' ', start);
    if (text.startsWith('src=', start) && space > 0 && space < end) {
      const subject = readRow(text.slice(start + 4, space));
      if (subject !== undefined) action(subject, start, end);
    }
    start = end + 1;
  }
}

function subjectsIn(text: string, readRow: RowReader): Set<Subject> {
  const subjects = new Set<Subject>();
  eachRow(text, readRow, (subject) => void subjects.add(subject));
  return subjects;
}

const same = (a: ReadonlySet<Subject>, b: ReadonlySet<Subject>): boolean => {
  if (a.size !== b.size) return false;
  for (const subject of a) if (!b.has(subject)) return false;
  return true;
};

/**
 * Everything that the list has. The kernel finds its place between two pieces by counting rows, so a row that goes
 * meanwhile hides another. Two equal readings say that most likely none went; while the list keeps changing, what any of the
 * readings saw is taken together, and may then hold a row that went within that millisecond.
 *
 * @throws what the kernel says
 */
export function readSubjects(path: string, readRow: RowReader): ReadonlySet<Subject> {
  let { text, pieces } = readPieces(path);
  let last: ReadonlySet<Subject> = subjectsIn(text, readRow);
  let all = last;
  for (let reading = 2; pieces > 1 && reading <= MOST_READINGS; reading++) {
    const before = text;
    ({ text, pieces } = readPieces(path));
    // Mostly it is: nobody writes, and no packet stamps.
    if (text === before) break;
    const now = subjectsIn(text, readRow);
    if (same(last, now)) break;
    all = new Set([...all, ...now]);
    last = now;
  }
  return all;
}

/**
 * Calls back for each row that a packet has stamped, by `--update` or `--set`: only then has it the packet's TTL, a row that was written
 * has 0 (recent_mt, recent_mt_proc_write). What the callback is given is good until it returns.
 */
export function eachStampedRow(text: string, readRow: RowReader, action: (row: StampedRow) => void): void {
  const form = /ttl: (\d+) last_seen: \d+ oldest_pkt: (\d+) /y;
  const stamps: number[] = [];
  eachRow(text, readRow, (subject, start, end) => {
    form.lastIndex = text.indexOf(' ', start) + 1;
    const [, ttl, index] = form.exec(text) ?? [];
    if (ttl === undefined || ttl === '0') return;
    // By hand: a list that is under attack has millions of them.
    stamps.length = 0;
    let stamp = 0;
    for (let i = form.lastIndex; i < end; i++) {
      const digit = text.charCodeAt(i) - 0x30;
      if (digit >= 0 && digit <= 9) stamp = stamp * 10 + digit;
      else if (text.startsWith(', ', i)) {
        stamps.push(stamp);
        stamp = 0;
        i++;
      } else return;
    }
    stamps.push(stamp);
    action({ subject, index: Number(index), stamps });
  });
}
