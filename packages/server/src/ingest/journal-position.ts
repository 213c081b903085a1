/** How far the journal was read, as text for the store, and what asks journalctl to go on from there. */

/** The last entry that was worked off, and what was asked for; without a cursor none was yet. `at` is in microseconds since 1970. */
export interface JournalPosition {
  readonly cursor: string | undefined;
  readonly at: number;
  /** Units and matches: the entry of the cursor is only found again by the same. */
  readonly of: string;
}

/** As text for the store. */
export const printPosition = ({ cursor, at, of }: JournalPosition): string => JSON.stringify({ cursor, at, of });

/** From the store's text; undefined where it is none that this banband wrote. */
export function readPosition(text: string | undefined): JournalPosition | undefined {
  try {
    const parsed: unknown = JSON.parse(text ?? '');
    if (typeof parsed !== 'object' || parsed === null || !('at' in parsed) || !('of' in parsed)) return undefined;
    const { at, of } = parsed;
    const cursor = 'cursor' in parsed && typeof parsed.cursor === 'string' ? parsed.cursor : undefined;
    return typeof at === 'number' && Number.isSafeInteger(at) && at >= 0 && typeof of === 'string' ? { cursor, at, of } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The argument that begins at the position. By cursor the entry of the cursor comes first, which shows that it is still
 * there; by time there is nothing to be known of that.
 */
export function beginAt({ cursor, at }: JournalPosition, byCursor: boolean): string {
  if (byCursor && cursor !== undefined) return `--cursor=${cursor}`;
  return `--since=@${Math.floor(at / 1_000_000)}.${String(at % 1_000_000).padStart(6, '0')}`;
}
