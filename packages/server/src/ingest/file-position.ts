/** How far a file was read, as the store remembers it. */
import { createHash } from 'node:crypto';

/**
 * A file is known again by device, inode and how it begins: an inode alone is given to the next file when its own is gone, and a
 * truncated file keeps it.
 */
export interface FilePosition {
  /** Under which name of the source it was found last; a rotation may have given it another since. */
  readonly path: string;
  readonly id: string;
  /** The next byte to be read. */
  readonly offset: number;
  /** The rest of a line that was cut is still to be passed over. */
  readonly skipping: boolean;
  /** The digest of its first `headLength` bytes. */
  readonly head: string;
  readonly headLength: number;
  /** When its name led to it for certain, in milliseconds: what had the name after it is younger. */
  readonly seen: number;
  /** Read to its end, and left. */
  readonly finished: boolean;
}

/** So many of a file's first bytes are looked at: a few lines with their times, which no two logs have alike. */
export const HEAD = 256;

/** The digest of how a file begins. */
export const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex').slice(0, 32);

/** Whether a file that begins with `head` may be the one that was read. */
export const isHeadOf = (head: Uint8Array, { head: known, headLength }: FilePosition): boolean => head.length >= headLength && digest(head.subarray(0, headLength)) === known;

/** The name under which the store has the position of a file; by the source, so that two sources may read one file. */
export const positionKey = (pattern: string, id: string): string => `${keyPrefix(pattern)}${id}`;

/** What the keys of a source begin with. */
export const keyPrefix = (pattern: string): string => `file ${pattern} `;

/** As text for the store. */
export const positionText = (position: FilePosition): string => JSON.stringify(position);

/** Undefined for a text that is none. */
export function parsePosition(text: string | undefined): FilePosition | undefined {
  let read: unknown;
  try {
    read = JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
  if (typeof read !== 'object' || read === null) return undefined;
  const { path, id, offset, skipping, head, headLength, seen, finished }: Record<string, unknown> = { ...read };
  const isCount = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
  if (typeof path !== 'string' || typeof id !== 'string' || typeof head !== 'string' || typeof skipping !== 'boolean' || typeof finished !== 'boolean') return undefined;
  if (!isCount(offset) || !isCount(headLength) || headLength > HEAD || typeof seen !== 'number') return undefined;
  return { path, id, offset, skipping, head, headLength, seen, finished };
}
