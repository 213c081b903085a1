/** A line parsed, as text that a test can compare. */
import { newEntry, type Entry } from '../../packages/server/src/syslog/entry.ts';
import { parseLine } from '../../packages/server/src/syslog/parse.ts';

/** Parses a line that is whole in its buffer, into an entry of its own. */
export function entryOf(line: string | Buffer): Entry {
  const bytes = typeof line === 'string' ? Buffer.from(line) : line;
  const entry = newEntry();
  parseLine(bytes, 0, bytes.length, entry);
  return entry;
}

/** What the entry says: the program's name (empty for none), and the text that patterns see. */
export function saysOf(entry: Entry): { readonly program: string; readonly text: string } {
  return { program: entry.text.toString('utf8', entry.textStart, entry.programEnd), text: entry.text.toString('utf8', entry.textStart, entry.textEnd) };
}

export const parsed = (line: string | Buffer): { readonly program: string; readonly text: string } => saysOf(entryOf(line));

/** Why the places in an entry can't be right; undefined when they can. */
export function misplaced({ line, lineStart, lineEnd, text, textStart, textEnd, programEnd }: Entry): string | undefined {
  if (!(lineStart >= 0 && lineStart <= lineEnd && lineEnd <= line.length)) return `the line is from ${lineStart} to ${lineEnd} of ${line.length}`;
  if (!(textStart >= 0 && textStart <= textEnd && textEnd <= text.length)) return `the text is from ${textStart} to ${textEnd} of ${text.length}`;
  if (!(programEnd >= textStart && programEnd <= textEnd)) return `the program's name is from ${textStart} to ${programEnd}, the text from ${textStart} to ${textEnd}`;
  // A text in the line's own bytes is the end of the line; otherwise it was put together in a buffer of the parser's.
  if (text === line && !(textStart >= lineStart && textEnd === lineEnd)) return `the text is from ${textStart} to ${textEnd}, the line from ${lineStart} to ${lineEnd}`;
  return undefined;
}
