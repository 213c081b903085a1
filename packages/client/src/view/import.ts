import type { BanResult } from 'banban-shared';
import type { Told } from './ban.ts';
import { printable } from './printable.ts';
import { count, counted } from './size.ts';
import { some } from './some.ts';

/** So many refusals are told one by one. */
const MOST_TOLD = 10;

/** What was not even asked for. */
interface LeftOut {
  /** Networks that are wider than any that can be banned. */
  readonly wide: readonly string[];
  /** Lines that could not be read, as a sentence has them. */
  readonly unread: string | undefined;
  readonly unreadLines: number;
}

/** What became of a whole list, in a few sentences however long it is. */
export function importOutcome(results: readonly BanResult[], { wide, unread, unreadLines }: LeftOut): Told[] {
  const of = (outcome: BanResult['outcome']): number => results.filter((result) => result.outcome === outcome).length;
  const refused = results.filter((result) => result.outcome === 'refused');
  const parts = [`${counted(of('banned'), 'ban')} made`];
  if (of('extended') > 0) parts.push(`${count(of('extended'))} made longer`);
  if (of('unchanged') > 0) parts.push(`${count(of('unchanged'))} there already`);
  const told: Told[] = [{ kind: of('banned') + of('extended') > 0 ? 'done' : 'note', text: results.length === 0 && wide.length === 0 ? 'The list is empty: nothing to do.' : `${parts.join(', ')}.` }];
  const fail = (text: string): void => void told.push({ kind: 'failed', text });
  for (const { address, message } of refused.slice(0, MOST_TOLD)) fail(`${printable(address, 80)} was refused: ${printable(message ?? 'banband gave no reason', 500)}`);
  if (refused.length > MOST_TOLD) fail(`and ${count(refused.length - MOST_TOLD)} more were refused, ${count(refused.length)} in all.`);
  if (wide.length > 0) fail(`${some(wide, wide.length)} ${wide.length === 1 ? 'was' : 'were'} left out: too wide, the widest network that can be banned is a /8 of IPv4 or a /16 of IPv6.`);
  if (unread !== undefined) fail(`${counted(unreadLines, 'line')} could not be read and ${unreadLines === 1 ? 'was' : 'were'} left out: ${printable(unread, 1000)}`);
  const idle = results.filter(({ enforcement }) => enforcement !== null && enforcement !== 'held' && enforcement !== 'pending' && enforcement !== 'simulated').length;
  if (idle > 0) fail(`${counted(idle, 'ban')} ${idle === 1 ? 'is' : 'are'} stored but NOT ENFORCED; "banctl status" says why.`);
  if (results.some(({ enforcement }) => enforcement === 'simulated')) told.push({ kind: 'note', text: 'banband simulates, so the kernel does not drop them.' });
  return told;
}
