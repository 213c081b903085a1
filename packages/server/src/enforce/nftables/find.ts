/**
 * Asks the kernel for single elements: which rows of a change are in their sets, and which networks are in the way of others. For
 * networks that has to be known on every kernel: where an interval has its first or its last address in common with another, the
 * kernel adds or destroys the half that fits and leaves the set in disorder (tried on Linux 6.18); `nft` looks before it writes.
 */
import { MessageWriter, NLM_F_ACK, NLM_F_REQUEST } from '../../netlink/message.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import { NFT_TABLE } from '../names.ts';
import { ipv4Subject, ipv6Subject } from './address-text.ts';
import { attributeEnd, eachElement } from './elements.ts';
import { overlapping, putEnd, putLast, type Interval } from './intervals.ts';
import { FAMILY, GETSETELEM, NEWSETELEM, NFTA_DATA_VALUE, NFTA_ELEM, NFTA_LIST, NFTA_LIST_ELEM, NFTA_TABLE } from './protocol.ts';
import { readIntervals } from './read.ts';
import { KEY_ROOM, type Rows } from './rows.ts';
import { isOfNetworks, type ElementSet } from './sets.ts';

/** What the kernel has of the rows that were asked for. */
export interface Found {
  /** Rows that are there just so, and are not removed by the same change; with the attribute of the counter, empty where there is none. */
  readonly there: ReadonlyMap<number, Uint8Array>;
  /** Rows that can't be added, with the reason. */
  readonly overlaps: ReadonlyMap<number, string>;
  /** What the change itself takes out of the way, for `overlapOf`. */
  readonly leaving: ReadonlySet<string>;
}

/** An element that the kernel found: its key as latin1 text, and the attribute of its counter. */
interface Element {
  readonly key: string;
  readonly counter: Uint8Array;
}

/** Which address of a row is asked for. */
type Place = 'first' | 'last' | 'next';
interface Question {
  readonly row: number;
  readonly place: Place;
}

/** The kernel takes some 4 KiB of the socket's room for each answer. */
const MOST_QUESTIONS = 1000;
/** A counter alone has 44 bytes; whoever gives the set a dozen expressions loses what they counted where a ban is extended. */
const LONGEST_COUNTER = 256;
const NO_COUNTER = new Uint8Array(0);
const key = Buffer.alloc(KEY_ROOM);

/** The bytes of an address of a row into `key`; false where there is none. */
function putPlace(rows: Rows, row: number, width: number, place: Place): boolean {
  const at = row * KEY_ROOM;
  const bits = rows.bits[row] ?? 0;
  if (place === 'next') return putEnd(rows.keys, at, width, bits, key, 0);
  if (place === 'last') putLast(rows.keys, at, width, bits, key, 0);
  else rows.keys.copy(key, 0, at, at + width);
  return true;
}

/** Sends questions of which each has an address, and calls back for those that are in an element; false when the answers did not all fit. */
function askOnce(socket: NetlinkSocket, rows: Rows, sets: readonly ElementSet[], questions: readonly Question[], found: (question: Question, element: Element) => void): boolean {
  const writer = new MessageWriter(questions.length * 128);
  let last = 0;
  questions.forEach(({ row, place }, i) => {
    const set = sets[rows.set[row] ?? 0];
    const width = set?.width ?? 4;
    putPlace(rows, row, width, place);
    // The answer to the last says that all have been answered.
    last = writer.begin(GETSETELEM, NLM_F_REQUEST | (i === questions.length - 1 ? NLM_F_ACK : 0), FAMILY);
    writer.text(NFTA_TABLE, NFT_TABLE);
    writer.text(NFTA_LIST.SET, set?.name ?? '');
    writer.nest(NFTA_LIST.ELEMENTS, () => writer.nest(NFTA_LIST_ELEM, () => writer.nest(NFTA_ELEM.KEY, () => writer.bytes(NFTA_DATA_VALUE, key.subarray(0, width)))));
    writer.end();
  });
  const answers = socket.ask(writer.finish(), Infinity, (message, bytes) => {
    const question = questions[message.sequence - 1];
    if (message.type !== NEWSETELEM || question === undefined) return;
    eachElement(bytes, message.start, message.end, (at, width, _isEnd, expression) => {
      const attribute = expression === 0 ? NO_COUNTER : bytes.subarray(expression, (attributeEnd(bytes, expression) + 3) & ~3);
      const counter = attribute.length > LONGEST_COUNTER ? NO_COUNTER : Buffer.from(attribute);
      found(question, { key: bytes.toString('latin1', at, at + width), counter });
    });
  });
  return answers.some((answer) => answer.sequence === last);
}

/** As `askOnce`, for any number of questions. @throws Error when the kernel does not answer, and what the socket throws */
function ask(socket: NetlinkSocket, rows: Rows, sets: readonly ElementSet[], questions: readonly Question[], found: (question: Question, element: Element) => void, most = MOST_QUESTIONS): void {
  for (let at = 0; at < questions.length; at += most) {
    const portion = questions.slice(at, at + most);
    if (askOnce(socket, rows, sets, portion, found)) continue;
    // Asking twice does no harm. Only a socket without the large buffer that root may have needs this.
    if (portion.length === 1) throw new Error('the kernel did not say whether an element is there');
    ask(socket, rows, sets, portion, found, Math.ceil(portion.length / 8));
  }
}

/** What is known of a network: the intervals that its first and last address and the one behind it are in, by their first address. */
type Around = { -readonly [place in Place]?: string } & { counter?: Uint8Array };

const firstKey = (rows: Rows, row: number, width: number): string => rows.keys.toString('latin1', row * KEY_ROOM, row * KEY_ROOM + width);

const overlap = (start: string, { family, name }: ElementSet): string => {
  const bytes = Buffer.from(start, 'latin1');
  return `it overlaps the network that begins with ${family === 4 ? ipv4Subject(bytes, 0) : ipv6Subject(bytes, 0)} and is in the set ${name} already`;
};

/** The key of the address behind a network; undefined where there is none. */
const behind = (rows: Rows, row: number, width: number): string | undefined => (putPlace(rows, row, width, 'next') ? key.toString('latin1', 0, width) : undefined);

/** The networks of a set as the kernel shows them: not those whose time is over. @throws what the socket throws */
export const intervalsOf = (socket: NetlinkSocket, set: ElementSet): readonly Interval<undefined>[] => readIntervals(socket, set, () => undefined).intervals;

/** Says which of a set's networks is in the way of a row; undefined when none is. What is in `leaving` is not in the way. */
export function overlapOf(rows: Rows, row: number, set: ElementSet, intervals: readonly Interval<undefined>[], leaving: ReadonlySet<string>): string | undefined {
  const from = firstKey(rows, row, set.width);
  const to = behind(rows, row, set.width);
  const other = overlapping(intervals, from, to, ({ start, end }) => (start === from && end === to) || leaving.has(`${rows.set[row]}${start}`));
  return other && overlap(other.start, set);
}

/**
 * Looks for rows in their sets.
 *
 * @throws Error when the kernel does not answer, and what the socket throws
 */
export function findRows(socket: NetlinkSocket, rows: Rows, sets: readonly ElementSet[], wanted: readonly number[]): Found {
  const hosts = new Map<number, Uint8Array>();
  const around = new Map<number, Around>();
  const note = ({ row, place }: Question, element: Element): void => {
    const known = around.get(row);
    if (known === undefined) {
      hosts.set(row, element.counter);
      return;
    }
    known[place] = element.key;
    if (place === 'first') known.counter = element.counter;
  };
  const questions: Question[] = [];
  for (const row of wanted) {
    questions.push({ row, place: 'first' });
    if (!isOfNetworks(rows.set[row] ?? 0)) continue;
    around.set(row, {});
    questions.push({ row, place: 'last' });
  }
  ask(socket, rows, sets, questions, note);

  const widthOf = (row: number): number => sets[rows.set[row] ?? 0]?.width ?? 4;
  const begins = (row: number): string => firstKey(rows, row, widthOf(row));
  // One that begins and goes on as the network does may go on behind it.
  const alike = [...around].filter(([row, { first, last }]) => first === begins(row) && last === first).map(([row]) => row);
  ask(socket, rows, sets, alike.filter((row) => putPlace(rows, row, widthOf(row), 'next')).map((row) => ({ row, place: 'next' })), note);
  const same = new Set(alike.filter((row) => around.get(row)?.next !== begins(row)));

  const keyOf = (row: number): string => `${rows.set[row]}${begins(row)}`;
  const isThere = (row: number): boolean => hosts.has(row) || same.has(row);
  const leaving = new Set(wanted.filter((row) => row < rows.removed && isThere(row)).map(keyOf));
  const there = new Map<number, Uint8Array>();
  const overlaps = new Map<number, string>();
  for (const row of wanted) {
    const number = rows.set[row] ?? 0;
    const set = sets[number];
    const isAdded = row >= rows.removed;
    if (isThere(row)) {
      if (!isAdded || !leaving.has(keyOf(row))) there.set(row, hosts.get(row) ?? around.get(row)?.counter ?? NO_COUNTER);
      continue;
    }
    const { first, last } = around.get(row) ?? {};
    if (!isAdded || set === undefined || !isOfNetworks(number)) continue;
    const other = [first, last].find((start) => start !== undefined && !leaving.has(`${number}${start}`));
    // One that is inside altogether is found by the kernel itself, but for a network without an end.
    const reason = other !== undefined ? overlap(other, set) : behind(rows, row, set.width) === undefined ? overlapOf(rows, row, set, intervalsOf(socket, set), leaving) : undefined;
    if (reason !== undefined) overlaps.set(row, reason);
  }
  return { there, overlaps, leaving };
}
