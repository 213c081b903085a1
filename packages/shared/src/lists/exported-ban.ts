/** A ban as `banctl export` writes it and `banctl import` reads it: one line of JSON, or one of CSV. */

/** What is kept of a ban besides its address. */
export interface ExportedBan {
  readonly target: string | undefined;
  /** What was left of it when it was written; null is for ever, undefined where it is not said. */
  readonly remainingSeconds: number | null | undefined;
  readonly reason: string | undefined;
}

/** One ban to be written. */
export interface BanToExport {
  readonly address: string;
  readonly target: string;
  /** Who or what set it. */
  readonly by: string;
  /** ISO 8601; `until` is null for ever. */
  readonly since: string;
  readonly until: string | null;
  readonly remainingSeconds: number | null;
  readonly reason: string | null;
}

/** What the API takes. */
const LONGEST_TARGET = 64;
const LONGEST_REASON = 500;
const LONGEST_SECONDS = 315_360_000;

/** The first line of the CSV form. */
export const CSV_HEAD = 'address,target,by,since,until,remaining_seconds,reason';

const textOf = (value: unknown, longest: number): string | undefined => (typeof value === 'string' && value !== '' && value.length <= longest ? value : undefined);

const secondsOf = (value: unknown): number | null | undefined =>
  value === null ? null : typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= LONGEST_SECONDS ? value : undefined;

/** One line of JSON: an object that is a ban of the API's, with what is needed to make it again. */
export const exportedJson = ({ address, target, by, since, until, remainingSeconds, reason }: BanToExport): string =>
  JSON.stringify({ address, target, by, since, until, remainingSeconds, reason });

/** What an object of JSON says of a ban; what it does not say, or not in the right form, is undefined. */
export function readExportedJson(value: object): ExportedBan | undefined {
  const of = (key: string): unknown => (Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined);
  const target = textOf(of('target'), LONGEST_TARGET);
  if (target === undefined) return undefined;
  return { target, remainingSeconds: secondsOf(of('remainingSeconds')), reason: textOf(of('reason'), LONGEST_REASON) };
}

/**
 * One cell, by RFC 4180, and harmless in a spreadsheet: what would begin a formula gets an apostrophe before it, and control characters,
 * line breaks among them, become spaces.
 */
function cell(text: string): string {
  const flat = text.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' ');
  const safe = /^[\s']*[=+\-@|%]/.test(flat) ? `'${flat}` : flat;
  return /[",;']|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** One line of CSV, its cells as `CSV_HEAD` names them. For ever is `forever`. */
export const exportedCsv = ({ address, target, by, since, until, remainingSeconds, reason }: BanToExport): string =>
  [address, target, by, since, until ?? 'forever', remainingSeconds === null ? 'forever' : String(remainingSeconds), reason ?? ''].map(cell).join(',');

/** The cells of a line of CSV, at most `most` of them. */
function cells(line: string, most: number): string[] {
  const found: string[] = [];
  for (const [, quoted, plain] of line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)) {
    found.push((quoted?.replaceAll('""', '"') ?? plain ?? '').replace(/^'(?=[\s']*[=+\-@|%])/, ''));
    if (found.length >= most) break;
  }
  return found;
}

/** Reads a line below `CSV_HEAD`: its address, still as text, and the rest. */
export function readExportedCsv(line: string): { readonly address: string; readonly ban: ExportedBan } {
  const [address = '', target, , , , remaining, reason] = cells(line, 7);
  const remainingSeconds = remaining === 'forever' ? null : remaining !== undefined && /^\d{1,9}$/.test(remaining) ? secondsOf(Number(remaining)) : undefined;
  return { address, ban: { target: textOf(target, LONGEST_TARGET), remainingSeconds, reason: textOf(reason, LONGEST_REASON) } };
}
