/**
 * banban's lines in the file of TCP wrappers, hosts_access(5): one block for each target, between two comments. Text here is
 * latin1, one character for a byte, so that whatever stands in the rest of the file comes out as it went in.
 */
import { familyOf, isNetwork, networkOf, parseAddress, parseSubject, type Subject } from 'banban-shared';

/** A target's block; `start` to `end` is the whole of it, `from` to `to` the lines between the comments. */
export interface Block {
  readonly start: number;
  readonly from: number;
  readonly to: number;
  readonly end: number;
}

/** A block that can't be told from the rest: where, and what to do about it. */
export interface BrokenBlock {
  /** From 1. */
  readonly line: number;
  readonly message: string;
}

const MARK = '# banban ';

/** Without a colon: behind a line that somebody ends with a backslash this is no comment, and what follows a colon would be a command. */
const beginOf = (target: string): string => `${MARK}${target} begin (do not edit; banban rewrites these lines)\n`;
const endOf = (target: string): string => `${MARK}${target} end\n`;

/** The mask of a network of IPv4, by its number of bits. */
const MASKS = Array.from({ length: 32 }, (_, bits) => [0, 8, 16, 24].map((before) => 256 - 2 ** (8 - Math.min(8, Math.max(0, bits - before)))).join('.'));

/**
 * The line that keeps a subject away from every service. A single IPv6 address is written with its length: without one libwrap takes it
 * for a possible host name and looks up that of every client, whoever it is. A network of IPv4 has its mask, which all versions read.
 */
export function entryOf(subject: Subject): string {
  const { address, bits } = networkOf(subject);
  if (familyOf(subject) === 6) return `ALL: [${address}]/${bits}`;
  return isNetwork(subject) ? `ALL: ${address}/${MASKS[bits] ?? ''}` : `ALL: ${address}`;
}

/** What libwrap does not take for what it looks like is none: a mask of 32 bits, a network of IPv4 with other bits set. */
function subjectIn(pattern: string): Subject | undefined {
  const [, ipv6, length = ''] = /^\[([0-9A-Fa-f:.]+)\](\/\d{1,3})?$/.exec(pattern) ?? [];
  if (ipv6 !== undefined) {
    const subject = parseSubject(ipv6 + length);
    return subject === undefined || familyOf(subject) === 4 ? undefined : subject;
  }
  if (pattern.includes(':')) return undefined;
  const [address = '', mask, more] = pattern.split('/');
  if (mask === undefined) return parseAddress(address);
  if (more !== undefined) return undefined;
  const subject = parseSubject(`${address}/${MASKS.includes(mask) ? MASKS.indexOf(mask) : mask}`);
  return subject !== undefined && isNetwork(subject) && networkOf(subject).address === address ? subject : undefined;
}

/** Lines that are remembered; the file has the same ones look after look. */
const MOST_REMEMBERED = 131_072;
const known = new Map<string, Subject>();

/** Whom a line keeps away, when it is one as `entryOf` writes it or the same in other words; undefined for any other. */
export function subjectOfLine(line: string): Subject | undefined {
  const found = known.get(line);
  if (found !== undefined) return found;
  // A copy: a part of a text keeps the whole of it in memory, and this one is megabytes.
  const own = ` ${line}`.slice(1);
  const pattern = /^ALL: *([^ \t\r]+)[ \t\r]*$/.exec(own)?.[1];
  const subject = pattern === undefined ? undefined : subjectIn(pattern);
  if (subject === undefined) return undefined;
  if (known.size >= MOST_REMEMBERED) known.clear();
  known.set(own, subject);
  return subject;
}

/** Calls back for each line from `from` to `to`, with the newline behind it where there is one. */
function eachLine(text: string, from: number, to: number, action: (line: string, start: number, end: number) => void): void {
  for (let start = from; start < to; ) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 || newline >= to ? to : newline;
    action(text.slice(start, end), start, Math.min(end + 1, to));
    start = end + 1;
  }
}

interface Mark {
  readonly target: string;
  readonly kind: 'begin' | 'end';
  readonly start: number;
  readonly end: number;
}

function marksIn(text: string): Mark[] {
  const marks: Mark[] = [];
  for (let at = text.indexOf(MARK); at >= 0; at = text.indexOf(MARK, at + 1)) {
    if (at > 0 && text[at - 1] !== '\n') continue;
    const newline = text.indexOf('\n', at);
    const line = text.slice(at, newline < 0 ? text.length : newline);
    const [, target, kind] = /^# banban (\S+) (begin|end)(?:[ \t\r][^]*)?$/.exec(line) ?? [];
    if (target !== undefined && (kind === 'begin' || kind === 'end')) marks.push({ target, kind, start: at, end: newline < 0 ? text.length : newline + 1 });
  }
  return marks;
}

function lineOf(text: string, at: number): number {
  let line = 1;
  for (let newline = text.indexOf('\n'); newline >= 0 && newline < at; newline = text.indexOf('\n', newline + 1)) line++;
  return line;
}

/** The target's block; undefined when it has none. */
export function findBlock(text: string, target: string): Block | BrokenBlock | undefined {
  const broken = (at: number, message: string): BrokenBlock => ({ line: lineOf(text, at), message });
  const marks = marksIn(text);
  const first = marks.findIndex((mark) => mark.target === target);
  const [begin, end] = [marks[first], marks[first + 1]];
  if (begin === undefined) return undefined;
  if (begin.kind === 'end') return broken(begin.start, `here end banban's lines of ${target}, and nothing says where they begin; delete them and this line, banban writes what is missing`);
  const mend = `put "${endOf(target).trim()}" behind the last of them, or delete them and this line, banban writes what is missing`;
  if (end === undefined) return broken(begin.start, `here begin banban's lines of ${target}, and nothing says where they end; ${mend}`);
  if (end.target !== target || end.kind !== 'end') return broken(begin.start, `here begin banban's lines of ${target}, and other lines of banban's before they end; ${mend}`);
  const again = marks.slice(first + 2).find((mark) => mark.target === target);
  if (again !== undefined) return broken(again.start, `banban's lines of ${target} are in the file a second time; delete these, or the others`);
  // From the last line before the block to the last line of it.
  const swallowing = text.indexOf('\\\n', Math.max(0, begin.start - 2));
  if (swallowing >= 0 && swallowing < end.start) return broken(swallowing, 'this line ends with a backslash, so that TCP wrappers take what banban has behind it for a part of it; take the backslash away');
  return { start: begin.start, from: begin.end, to: end.start, end: end.end };
}

/** Everybody whom the lines of a block keep away. */
export function subjectsIn(text: string, { from, to }: Block): Set<Subject> {
  const subjects = new Set<Subject>();
  eachLine(text, from, to, (line) => {
    const subject = subjectOfLine(line);
    if (subject !== undefined) subjects.add(subject);
  });
  return subjects;
}

/**
 * The text with a target's block changed. Lines of it that say something else stay as they are, and so does everything around it; a
 * block without lines goes as a whole. A new block stands before all the rest, where no backslash can swallow it and no earlier line lets
 * somebody pass.
 */
export function withChange(text: string, target: string, block: Block | undefined, remove: ReadonlySet<Subject>, add: readonly Subject[]): string {
  const there = new Set<Subject>();
  const parts: string[] = [];
  let kept = block?.from ?? 0;
  if (block !== undefined) {
    eachLine(text, block.from, block.to, (line, start, end) => {
      const subject = subjectOfLine(line);
      if (subject === undefined) return;
      if (!remove.has(subject)) return void there.add(subject);
      if (start > kept) parts.push(text.slice(kept, start));
      kept = end;
    });
    if (block.to > kept) parts.push(text.slice(kept, block.to));
  }
  for (const subject of add) {
    if (!there.has(subject)) parts.push(`${entryOf(subject)}\n`);
    there.add(subject);
  }
  const lines = parts.join('');
  const [start, end] = [block?.start ?? 0, block?.end ?? 0];
  if (lines === '') return text.slice(0, start) + text.slice(end);
  return text.slice(0, start) + beginOf(target) + lines + endOf(target) + text.slice(end);
}
