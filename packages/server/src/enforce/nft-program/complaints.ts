/** What nft has against a script, which it says as `/dev/stdin:3:36-45: Error: interval overlaps with an existing one`. */

/** One error. */
export interface Complaint {
  /** Counted from 1, and 0 where nft names none. */
  readonly line: number;
  /** Where on the line it begins, counted from 1. */
  readonly column: number;
  readonly message: string;
}

/** Control characters out, and no longer than fits in a sentence. */
const tidy = (text: string): string => text.replace(/[\p{Cc}\s]+/gu, ' ').trim().slice(0, 300);

/** Reads what nft printed on its standard error; under each error it repeats the line, of which nothing is read. */
export function complaintsIn(stderr: string): readonly Complaint[] {
  const found: Complaint[] = [];
  for (const match of stderr.matchAll(/^[\w/<>-]*:(\d{1,9}):(\d{1,9})(?:-\d{1,9})?: Error: (.*)$/gm)) {
    found.push({ line: Number(match[1]), column: Number(match[2]), message: tidy(match[3] ?? '') });
  }
  return found;
}

/** The first line that says something, for a sentence. */
export function firstComplaint(stderr: string): string {
  const lines = stderr.split('\n').map((line) => tidy(line.replace(/^.*Error: /, '')));
  return lines.find((line) => line !== '') ?? '';
}

/** Whether a message is the C library's for ENOENT: there is no such table or set. */
export const saysMissing = (message: string): boolean => message.includes('No such file or directory');

/** Whether a message says that a network shares addresses with another. */
export const saysOverlap = (message: string): boolean => /interval overlaps|conflicting intervals|File exists/.test(message);

/** Whether a message says that this process may not do it. */
export const saysForbidden = (message: string): boolean => message.includes('Operation not permitted');
