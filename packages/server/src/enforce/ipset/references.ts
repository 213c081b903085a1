import { ms } from 'banban-shared';
import type { Clock } from '../../clock.ts';
import { exec, type ExecOptions } from '../exec.ts';

/**
 * How many rules (and sets) refer to each set of ipset, by its name: a set that nothing refers to bans nobody. One `ipset list -t`, which
 * leaves the rows out; sets without rows and those of others are in it, too.
 *
 * @returns undefined when ipset is missing, fails or hangs
 */
export async function ipsetReferences(clock: Clock, path?: ExecOptions['path']): Promise<ReadonlyMap<string, number> | undefined> {
  const result = await exec('ipset', ['list', '-t'], { clock, timeout: ms(10_000), ...(path !== undefined && { path }) });
  if (result.kind !== 'ended' || result.code !== 0) return undefined;
  const references = new Map<string, number>();
  for (const block of result.stdout.split('\n\n')) {
    const name = /^Name: (\S+)$/m.exec(block)?.[1];
    const count = /^References: (\d{1,9})$/m.exec(block)?.[1];
    if (name !== undefined && count !== undefined) references.set(name, Number(count));
  }
  return references;
}
