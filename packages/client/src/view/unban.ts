/** What became of a request to unban. */
import type { UnbanResult } from 'banban-shared';
import type { Told } from './ban.ts';
import { printable } from './printable.ts';

/** One address in a sentence. An address that the kernel still holds is a failure; one that had no ban is not. */
export function unbanOutcome(result: UnbanResult): Told {
  const address = printable(result.address, 80);
  const targets = result.targets.map((target) => printable(target, 80)).join(', ');
  const message = result.message === null ? undefined : printable(result.message, 500);
  if (!result.released) {
    const ended = targets === '' ? `${address} had no ban of its own to end` : `the ban of ${address} in ${targets} is ended`;
    return { kind: 'failed', text: `${ended}, but it IS STILL BLOCKED: ${message ?? 'a kernel list still has it'}` };
  }
  const text = targets === '' ? `${address} was not banned: nothing to do` : `${address} is free again (was in ${targets})`;
  return { kind: targets === '' ? 'note' : 'done', text: message === undefined ? text : `${text}: ${message}` };
}
