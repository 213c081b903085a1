/** Names of users and groups to their numbers, by getent, which asks whatever the machine has (files, LDAP, systemd). */
import { execFileSync } from 'node:child_process';
import { isAbsolute } from 'node:path';

/** Where getent is looked for: never below the directory that banband happens to be started in, which may be anybody's. */
const absolutePath = (): string => (process.env['PATH'] ?? '/usr/bin:/bin').split(':').filter(isAbsolute).join(':');

/** @throws a sentence when there is no such user or group */
export function idOf(database: 'passwd' | 'group', name: string | undefined): number | undefined {
  if (name === undefined) return undefined;
  if (/^\d{1,10}$/.test(name)) return Number(name);
  const what = database === 'passwd' ? 'user' : 'group';
  let line: string;
  try {
    line = execFileSync('getent', [database, '--', name], { encoding: 'utf8', timeout: 10_000, env: { PATH: absolutePath() }, stdio: ['ignore', 'pipe', 'ignore'] });
  } catch (cause) {
    const add = database === 'group' ? `; make it (groupadd --system ${name}) or name another` : '; name another';
    throw new Error(`there is no ${what} ${name}${add}`, { cause });
  }
  return Number(line.split(':')[2]);
}
