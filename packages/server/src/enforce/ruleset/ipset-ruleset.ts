/** The sets that rules of iptables look into, made before these and destroyed after. What is in them is not this file's. */
import { ms } from 'banban-shared';
import type { Clock } from '../../clock.ts';
import type { TargetConfig } from '../../config/config.ts';
import type { RulesOutcome } from '../firewall.ts';
import { enumerate } from './enumerate.ts';
import { isOurIpset, parseIpsets, shapeDiffers, wantedIpsets, type SetShape } from './ipset-sets.ts';
import { NOTHING, problem, unlessIdle } from './outcome.ts';
import type { Programs } from './programs.ts';

/** What `ipset list` has said. */
export type IpsetLook =
  | { readonly isDone: true; readonly sets: ReadonlyMap<string, SetShape> }
  | { readonly isDone: false; readonly isMissing: boolean; readonly message: string };

/** Whether a target's bans are in sets of ipset. */
export const needsIpset = ({ backends }: TargetConfig): boolean => backends.includes('ipset');

/** Looks at all sets, elements left out. */
export async function lookAtIpsets(programs: Programs): Promise<IpsetLook> {
  const ran = await programs.run('ipset', ['list', '-t']);
  return ran.isDone ? { isDone: true, sets: parseIpsets(ran.stdout) } : ran;
}

/** What is told of an ipset that does not do what it was asked. */
export const ipsetTrouble = (message: string): string => `the sets of ipset can't be looked at or changed: ${message}`;

/** What heals a set that is another than it has to be. */
export const IPSET_REMEDY = 'take it away with "banctl firewall remove" and make it anew with "banctl firewall install"; the bans are written into it anew';

/** Puts a set of the right form in the place of one that rules may look at; it is empty, and the bans come with the next look. */
async function swapIn(name: string, line: string, programs: Programs): Promise<boolean> {
  const other = 'banban-swap';
  const made = `${line.replace(` ${name} `, ` ${other} `)}\nswap ${other} ${name}\ndestroy ${other}\n`;
  return (await programs.run('ipset', ['restore', '-exist'], made)).isDone;
}

/** Makes the sets that are missing. */
export async function makeIpsets(targets: readonly TargetConfig[], programs: Programs): Promise<RulesOutcome> {
  const wanted = wantedIpsets(targets);
  if (wanted.length === 0) return NOTHING;
  const look = await lookAtIpsets(programs);
  if (!look.isDone) return problem(ipsetTrouble(look.message));
  const problems: string[] = [];
  const remade: string[] = [];
  for (const { name, shape, line } of wanted) {
    const found = look.sets.get(name);
    const difference = found === undefined ? undefined : shapeDiffers(shape, found);
    if (found === undefined || difference === undefined) continue;
    if (found.type === shape.type && found.family === shape.family && (await swapIn(name, line, programs))) remade.push(name);
    else problems.push(`the set ${name} of ipset ${difference}: ${IPSET_REMEDY}`);
  }
  const changes = remade.length === 0 ? [] : [`made ${enumerate(remade)} of ipset anew`];
  const missing = wanted.filter(({ name }) => !look.sets.has(name));
  if (missing.length === 0) return { changes, problems };
  const ran = await programs.run('ipset', ['restore', '-exist'], missing.map(({ line }) => `${line}\n`).join(''));
  if (!ran.isDone) return { changes, problems: [...problems, ipsetTrouble(ran.message)] };
  return { changes: [...changes, `made ${enumerate(missing.map(({ name }) => name))} of ipset`], problems };
}

/** Right after the rule that named it a set is still in use, until the kernel has let go of the rule. */
const TRIES = 10;
const BETWEEN_TRIES = ms(100);

/** Destroys banban's sets of which no target knows any more; all of them for no targets. */
export async function destroyIpsets(targets: readonly TargetConfig[], programs: Programs, clock: Clock, isNeeded: boolean): Promise<RulesOutcome> {
  if (!isNeeded && !programs.has('ipset')) return NOTHING;
  const look = await lookAtIpsets(programs);
  if (!look.isDone) return unlessIdle(isNeeded, problem(ipsetTrouble(look.message)));
  const wanted = new Set(wantedIpsets(targets).map(({ name }) => name));
  const stale = [...look.sets.keys()].filter((name) => isOurIpset(name) && !wanted.has(name));
  const changes: string[] = [];
  const problems: string[] = [];
  for (const name of stale) {
    let ran = await programs.run('ipset', ['destroy', name]);
    for (let tries = 1; !ran.isDone && !ran.isMissing && tries < TRIES; tries++) {
      await new Promise<void>((resolve) => void clock.after(BETWEEN_TRIES, resolve));
      ran = await programs.run('ipset', ['destroy', name]);
    }
    if (ran.isDone) changes.push(`destroyed the set ${name} of ipset`);
    else problems.push(`the set ${name} of ipset is no longer needed and can't be destroyed: ${ran.message}`);
  }
  return { changes, problems };
}
