/**
 * What `ipset restore -exist` is given for a change. It stops at the first line that is refused, which it names; what came before
 * may be done or not (a line that it can't parse takes those with it that it had not sent yet), so all is sent again without that line.
 */
import type { Subject } from 'banban-shared';

/** One row of a change. */
export interface Item {
  readonly subject: Subject;
  /** The number of its set, as in `setsOf`. */
  readonly set: number;
  readonly text: string;
  /** How long it is to be there, 0 for ever; undefined when it is to go. */
  readonly seconds: number | undefined;
}

/** One line for each row, in their order; `-exist` makes an addition renew what is there, and a removal succeed where nothing is. */
export const restoreText = (items: readonly Item[], names: readonly string[]): string =>
  items.map(({ set, text, seconds }) => (seconds === undefined ? `del ${names[set] ?? ''} ${text} -exist\n` : `add ${names[set] ?? ''} ${text} timeout ${seconds} -exist\n`)).join('');

/** At which line, counted from 1, it stopped, and why; undefined when it does not say. */
export function stoppedAt(stderr: string): { readonly line: number; readonly message: string } | undefined {
  const match = /^ipset v[\w.-]+: Error in line (\d{1,9}): (.*)$/m.exec(stderr);
  return match === null ? undefined : { line: Number(match[1]), message: tidy(match[2] ?? '') };
}

/** The first line of an error, without the program's name. */
export const firstComplaint = (stderr: string): string => tidy(/^(?:ipset v[\w.-]+: )?(.+)$/m.exec(stderr)?.[1] ?? '');

/** Control characters out, and no longer than fits in a sentence. */
const tidy = (text: string): string => text.replace(/[\p{Cc}\s]+/gu, ' ').trim().slice(0, 300);

/** Whether a message says that there is no such set. */
export const saysMissing = (message: string): boolean => message.includes('The set with the given name does not exist');

/** Whether a message says that no further row has room in the set. */
export const saysFull = (message: string): boolean => /(?:Hash|Set) is full/.test(message);

/** Whether a message is true of any row that is to be added to the set: it was made without timeouts, or for other things. */
export const saysUnfit = (message: string): boolean => /Timeout cannot be used|does not exist\.|Syntax error/.test(message);

/** Whether a message says that this process may not do it. */
export const saysForbidden = (message: string): boolean => message.includes('Operation not permitted');
