/** What a reload changed. */
import type { ReloadResponse } from 'banban-shared';
import { printable } from './printable.ts';

/** The confirmation and the warnings, a sentence each. */
export function reloadOutcome(answer: ReloadResponse): { readonly done: readonly string[]; readonly warnings: readonly string[] } {
  const changes = answer.changes.map((change) => `  ${printable(change, 500)}`);
  return {
    done: changes.length === 0 ? ['The configuration is loaded; nothing has changed.'] : ['The configuration is loaded:', ...changes],
    warnings: answer.warnings.map((warning) => `warning: ${printable(warning, 500)}`),
  };
}
