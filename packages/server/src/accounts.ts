/** Names of users and groups to their numbers, by getent, which asks whatever the machine has (files, LDAP, systemd). */
import { execFileSync } from 'node:child_process';

/** @throws a sentence when there is no such user or group */
export function idOf(database: 'passwd' | 'group', name: string | undefined): number | undefined {
  if (name === undefined) return undefined;
  if (/^\d{1,10}$/.test(name)) return Number(name);
  const what = database === 'passwd' ? 'user' : 'group';
  let line: string;
  try {
    line = execFileSync('getent', [database, '--', name], { encoding: 'utf8', timeout: 10_000, stdio: ['ignore', 'pipe', 'ignore'] });
  } catch (cause) {
    const add = database === 'group' ? `; make it (groupadd --system ${name}) or name another` : '; name another';
    throw new Error(`there is no ${what} ${name}${add}`, { cause });
  }
  return Number(line.split(':')[2]);
}
