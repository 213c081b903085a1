/** What is not as it should be, the gravest first, each with what heals it. */
import type { FindingView } from 'banban-shared';
import type { Paint } from './paint.ts';
import { printable } from './printable.ts';
import { counted } from './size.ts';

/** Whether bans are not enforced as they should be. */
export const hasError = (findings: readonly FindingView[]): boolean => findings.some((one) => one.severity === 'error');

/** `BLOCKER, nftables`; undefined for what is about no list. */
export function listName(target: string | null, backend: string | null): string | undefined {
  const words = [target, backend].filter((word) => word !== null).map((word) => printable(word, 80));
  return words.length === 0 ? undefined : words.join(', ');
}

function finding({ severity, code, target, backend, message, remedy }: FindingView, paint: Paint): string {
  const word = severity === 'error' ? paint.bad('ERROR  ') : paint.warn('warning');
  const where = listName(target, backend);
  const what = `${where === undefined ? '' : `${where}: `}${printable(message, 1000)} ${paint.dim(`[${printable(code, 80)}]`)}`;
  return `${word}  ${what}\n         ${paint.dim('heal it:')} ${printable(remedy, 1000)}`;
}

/** The page, without a newline at the end; undefined where there is nothing to say. */
export function findingsPage(findings: readonly FindingView[], paint: Paint): string | undefined {
  if (findings.length === 0) return undefined;
  const errors = findings.filter((one) => one.severity === 'error');
  const warnings = findings.filter((one) => one.severity === 'warning');
  const counts = [...(errors.length > 0 ? [counted(errors.length, 'error')] : []), ...(warnings.length > 0 ? [counted(warnings.length, 'warning')] : [])];
  return [counts.join(', '), ...[...errors, ...warnings].map((one) => finding(one, paint))].join('\n\n');
}
