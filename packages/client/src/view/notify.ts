/** What became of a test of the notifications, a sentence for each receiver. */
import type { NotifyTestResponse } from 'banban-shared';
import type { Paint } from './paint.ts';
import { printable } from './printable.ts';

/** In the order of the configuration; those that took it, and those that did not. */
export function notifyOutcome(answer: NotifyTestResponse, paint: Paint): { readonly done: readonly string[]; readonly failed: readonly string[] } {
  const sentence = ({ receiver, ok, milliseconds, message }: NotifyTestResponse['results'][number]): string => {
    const name = printable(receiver, 300);
    return ok ? `${paint.good('sent')}: ${name} took the test within ${Math.ceil(milliseconds)} ms; see whether it has arrived` : `${name} did not take the test: ${printable(message ?? 'it does not say why', 1000)}`;
  };
  return { done: answer.results.filter(({ ok }) => ok).map(sentence), failed: answer.results.filter(({ ok }) => !ok).map(sentence) };
}
