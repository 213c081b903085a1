/** Errors as people read them: what, why, next. */
import type { ApiError } from 'banban-shared';
import { ConnectionError } from '../errors.ts';
import { printable } from './printable.ts';

/** A configuration with more errors than this is read with banband --check. */
const MOST_DETAILS = 100;

/** Lines without a newline at the end and without the program's name. */
export function errorText(error: ApiError | ConnectionError): string {
  if (error instanceof ConnectionError) return `${printable(error.message, 1000)}\n  ${printable(error.next, 1000)}`;
  // With one thing wrong the message often says it all.
  const details = error.details.filter((detail) => !error.message.includes(detail));
  const shown = details.slice(0, MOST_DETAILS).map((detail) => `  ${printable(detail, 1000)}`);
  const more = details.length - shown.length;
  return [printable(error.message, 1000), ...shown, ...(more > 0 ? [`  and ${more} more`] : [])].join('\n');
}
