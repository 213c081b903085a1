/** What became of a request to unban. */
import type { UnbanResult } from 'banban-shared';
import type { Told } from './ban.ts';
import { printable } from './printable.ts';

/** One address in a sentence. One that is still blocked is a failure, by a row that stays or by a network's ban; one that had no ban is not. */
export function unbanOutcome(result: UnbanResult): Told {
  const address = printable(result.address, 80);
  const targets = result.targets.map((target) => printable(target, 80)).join(', ');
  const message = result.message === null ? undefined : printable(result.message, 500);
  const ended = targets === '' ? `${address} had no ban of its own to end` : `the ban of ${address} in ${targets} is ended`;
  if (!result.released) return { kind: 'failed', text: `${ended}, but it IS STILL BLOCKED: ${message ?? 'a kernel list still has it'}` };
  if (result.heldBy.length > 0) {
    const held = message ?? `${address} is still held by ${result.heldBy.map((ban) => `the ban of ${printable(ban.address, 80)} in ${printable(ban.target, 80)}`).join(', ')}`;
    return { kind: 'failed', text: targets === '' ? held : `${ended}, but ${held}` };
  }
  const text = targets === '' ? `${address} was not banned: nothing to do` : `${address} is free again (was in ${targets})`;
  return { kind: targets === '' ? 'note' : 'done', text: message === undefined ? text : `${text}: ${message}` };
}
