/**
 * Reads lists of addresses as they come from outside, piece by piece, so that a long one neither fills the memory nor holds the loop. What it
 * is, is seen by its beginning: lines (list-line.ts), the answers of `fail2ban-client banned` and `status JAIL`, or banban's own CSV.
 */
import { parsePrefix } from '../address.ts';
import { CSV_HEAD, readExportedCsv } from './exported-ban.ts';
import { readListLine, type ListEntry } from './list-line.ts';

/** A line that is longer than any that names an address: an object of JSON with a reason, every character of it escaped. */
const LONGEST_LINE = 8192;
/** All addresses of a jail stand in one line of its status, behind this. */
const STATUS_HEAD = 'Banned IP list:';
const LONGEST_STATUS_LINE = 4 * 1024 * 1024;
/** A server that sends byte by byte must not have all of them looked at again for each. */
const PIECE = 16_384;
/** So many lines that can't be read are shown, and so much of each. */
const MOST_SHOWN = 5;
const LONGEST_SHOWN = 60;
/** What is looked at to tell whether it is text. */
const ENOUGH_TO_TELL = 512;
/** More than so many lines that can't be read, and more than one in ten, is another kind of file. */
const MOST_BAD = 20;
const BAD_SHARE = 0.1;
/** So many lines, words or networks are some 50 µs. */
const STEP = 32;

/** A line that can't be read. */
export interface BadLine {
  /** From 1. */
  readonly line: number;
  /** Its beginning. */
  readonly text: string;
}

/** What was read of a list. */
export interface ListText {
  readonly entries: readonly ListEntry[];
  /** The first of the lines that can't be read; `badLines` is how many there are. */
  readonly bad: readonly BadLine[];
  readonly badLines: number;
}

/** Work in small steps, between which others may have their turn; the last one has the result. */
export type ListSteps<T> = Generator<undefined, T>;

/** A list that is being read. */
export interface ListParser {
  /** Takes the next piece. @returns why it can't be a list; then nothing more is taken */
  push(bytes: Uint8Array): string | undefined;
  /** All of it, or why it is no list, fit to follow the list's name. */
  end(): ListText | { readonly problem: string };
  /** `push` in steps: who wrote the list chose what a piece costs. One must have ended before the next begins. */
  pushing(bytes: Uint8Array): ListSteps<string | undefined>;
  /** `end` in steps. */
  ending(): ListSteps<ListText | { readonly problem: string }>;
}

/** All of the steps at once. */
function atOnce<T>(steps: ListSteps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

const WEB_PAGE = /^(?:<!doctype|<\?xml|<!--|<\/?[a-z][a-z0-9]*[\s>/])/i;

/** One quoted text, and whether it is the name of what follows. */
const QUOTED = /(["'])((?:(?!\1)[^\\\n]){0,64})\1(\s*:)?/g;

type Form = 'lines' | 'csv' | 'status' | 'quoted';

/** @param most entries; a list with more is refused */
export function listParser(most: number): ListParser {
  const decoder = new TextDecoder('utf-8');
  const entries: ListEntry[] = [];
  const bad: BadLine[] = [];
  let badLines = 0;
  let goodLines = 0;
  let line = 0;
  /** Decoded and not looked at yet. */
  let fresh = '';
  let rest = '';
  let form: Form | undefined;
  /** The rest of a line that is too long is not kept. */
  let skipping = false;
  let problem: string | undefined;

  function refuse(text: string): void {
    badLines++;
    if (bad.length < MOST_SHOWN) bad.push({ line, text: text.slice(0, LONGEST_SHOWN) });
    // There can't be as many good ones any more, whatever comes.
    if (badLines > Math.max(MOST_BAD, most)) problem = noList();
  }

  function add(found: readonly ListEntry[] | undefined, text: string): void {
    if (found === undefined) return refuse(text);
    if (found.length > 0) goodLines++;
    for (const entry of found) entries.push(entry);
    if (entries.length > most) problem = `it has more than ${most} entries; raise max_entries if it really is that long`;
  }

  const noList = (): string => `${badLines} of its ${goodLines + badLines} lines are not addresses (${badLinesText({ bad, badLines })}); is it the right file, and in a form that banban knows?`;

  /** Form `status`: of all the lines one has addresses. */
  function* statusLine(text: string): ListSteps<void> {
    const at = text.indexOf(STATUS_HEAD);
    if (at < 0) return;
    let words = 0;
    for (const [word] of text.slice(at + STATUS_HEAD.length).matchAll(/\S+/g)) {
      if (++words % STEP === 0) yield;
      if (problem !== undefined) return;
      if (word.length > LONGEST_LINE) refuse(word);
      else add(readListLine(word), word);
    }
  }

  function csvLine(text: string): void {
    const { address, ban } = readExportedCsv(text);
    const prefix = parsePrefix(address);
    add(prefix === undefined ? undefined : [{ prefix, ban }], text);
  }

  function readLine(raw: string): void {
    line++;
    const text = raw.trim();
    if (raw.length > LONGEST_LINE) return refuse(text);
    if (form === 'csv') return line === 1 || text === '' ? undefined : csvLine(text);
    if (text.startsWith('{')) return add(readListLine(text), text);
    const end = text.search(/[#;]/);
    add(readListLine((end < 0 ? text : text.slice(0, end)).trim()), text);
  }

  function* oneLine(raw: string): ListSteps<void> {
    if (form !== 'status') return readLine(raw);
    line++;
    yield* statusLine(raw);
  }

  function* readLines(isLast: boolean): ListSteps<void> {
    const longest = form === 'status' ? LONGEST_STATUS_LINE : LONGEST_LINE;
    let from = 0;
    let looked = 0;
    for (let to = rest.indexOf('\n'); to >= 0 && problem === undefined; to = rest.indexOf('\n', from)) {
      const before = entries.length;
      if (skipping) line++;
      else yield* oneLine(rest.slice(from, to));
      skipping = false;
      from = to + 1;
      // A long line, or one that is many networks, costs as much as many.
      looked += 1 + entries.length - before;
      if (looked < STEP && to - from < LONGEST_LINE / STEP) continue;
      looked = 0;
      yield;
    }
    rest = rest.slice(from);
    if (isLast && rest !== '' && !skipping && problem === undefined) yield* oneLine(rest);
    if (rest.length <= longest) return;
    if (!skipping) {
      line++;
      refuse(rest.trim());
      line--;
    }
    skipping = true;
    rest = '';
  }

  /** Form `quoted`: what stands in quotes and names nothing that follows is an address, as in a list of Python or JSON. */
  function* readQuoted(isLast: boolean): ListSteps<void> {
    // Up to where no quotes can be open and no name can go on; a text without a comma in so many characters is none of these.
    const end = isLast ? rest.length : rest.lastIndexOf(',') + 1;
    const part = rest.slice(0, end);
    rest = rest.slice(end);
    if (rest.length > LONGEST_LINE) problem = 'it is no list of addresses, though it begins like one of fail2ban-client';
    let at = 0;
    let texts = 0;
    for (const found of part.matchAll(QUOTED)) {
      if (++texts % STEP === 0) yield;
      if (problem !== undefined) return;
      line += part.slice(at, found.index).split('\n').length - 1;
      at = found.index;
      const [, , text = '', colon] = found;
      if (colon === undefined && text !== '') add(readListLine(text), text);
    }
    line += part.slice(at).split('\n').length - 1;
  }

  /** What it is, by its first piece. */
  function tell(): void {
    const start = rest.trimStart();
    if (WEB_PAGE.test(start)) problem = 'it is a web page (HTML or XML), not a list of addresses; open it in a browser to see whether the list has moved or wants a login';
    else if (start.slice(0, ENOUGH_TO_TELL).includes('\0')) problem = 'it is not text; give the list itself, not an archive of it';
    else if (start.startsWith('[') && !/^\[[0-9A-Fa-f]*:/.test(start)) [form, line] = ['quoted', 1];
    else if (start.startsWith('Status for the jail')) form = 'status';
    else form = start.startsWith(CSV_HEAD) ? 'csv' : 'lines';
  }

  function* read(isLast: boolean): ListSteps<void> {
    if (form === undefined) tell();
    if (form === undefined || problem !== undefined) return;
    if (form === 'quoted') yield* readQuoted(isLast);
    else yield* readLines(isLast);
  }

  function* pushing(bytes: Uint8Array): ListSteps<string | undefined> {
    if (problem !== undefined) return problem;
    fresh += decoder.decode(bytes, { stream: true });
    if (fresh.length < PIECE) return undefined;
    rest += fresh;
    fresh = '';
    yield* read(false);
    return problem;
  }

  function* ending(): ListSteps<ListText | { readonly problem: string }> {
    if (problem === undefined) {
      rest += fresh + decoder.decode();
      fresh = '';
      yield* read(true);
    }
    if (problem !== undefined) return { problem };
    if (badLines > goodLines || (badLines > MOST_BAD && badLines > (goodLines + badLines) * BAD_SHARE)) return { problem: noList() };
    return { entries, bad, badLines };
  }

  return { push: (bytes) => atOnce(pushing(bytes)), end: () => atOnce(ending()), pushing, ending };
}

/** `line 3 "10.0.0.300", line 9 "x" and 4 more`. */
export function badLinesText({ bad, badLines }: Pick<ListText, 'bad' | 'badLines'>): string {
  const shown = bad.map(({ line, text }) => `line ${line} ${JSON.stringify(text)}`).join(', ');
  return badLines > bad.length ? `${shown} and ${badLines - bad.length} more` : shown;
}
