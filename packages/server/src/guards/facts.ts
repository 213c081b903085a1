/** Each kind of guard by itself: where it is read, and what it says. */
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { familyOf, prefixOf, type Address } from 'banban-shared';
import type { Clock } from '../clock.ts';
import { inSlices } from '../slices.ts';
import { loginWords, type Guard, type Login } from './guard.ts';
import { logindLogin } from './logind.ts';
import { startOf } from './processes.ts';
import { isGone, readFileStart } from './read-file.ts';
import { resolversIn, STUBS } from './resolvers.ts';
import { ipv4Gateways, ipv6Gateways } from './routes.ts';
import { MOST_UTMP, utmpLogins } from './utmp.ts';

/** Where the machine keeps what is read here; tests have folders of their own. */
export interface GuardPlaces {
  readonly proc: string;
  readonly utmp: string;
  readonly logind: string;
  readonly resolvConf: string;
  /** What systemd-resolved asks, when resolv.conf names only its stub on this machine. */
  readonly resolvedConf: string;
}

/** Those of every Linux. */
export const PLACES: GuardPlaces = {
  proc: '/proc',
  utmp: '/run/utmp',
  logind: '/run/systemd/sessions',
  resolvConf: '/etc/resolv.conf',
  resolvedConf: '/run/systemd/resolve/resolv.conf',
};

/** The default route comes first: a router's tables go on for megabytes. */
const MOST_ROUTES = 256 * 1024;
const MOST_RESOLV_CONF = 64 * 1024;
const MOST_SESSIONS = 1024;
const MOST_SESSION = 8192;

/** No address at all, as in a record that was not filled in. */
const NOBODY: readonly string[] = ['0.0.0.0', '::'];

const guard = (address: Address, why: string): Guard[] => (NOBODY.includes(address) ? [] : [{ prefix: prefixOf(address, familyOf(address) === 4 ? 32 : 128), why }]);

const textOf = async (path: string, most: number): Promise<string> => (await readFileStart(path, most))?.toString('latin1') ?? '';

/** The default gateways. @throws Error where the kernel's tables can't be read */
export async function gatewayGuards({ proc }: GuardPlaces): Promise<Guard[]> {
  const ipv4 = ipv4Gateways(await textOf(join(proc, 'net/route'), MOST_ROUTES));
  const ipv6 = ipv6Gateways(await textOf(join(proc, 'net/ipv6_route'), MOST_ROUTES));
  return [...ipv4, ...ipv6].flatMap((address) => guard(address, 'it is the default gateway'));
}

/** The name servers that this machine asks. @throws Error where the file can't be read */
export async function resolverGuards({ resolvConf, resolvedConf }: GuardPlaces): Promise<Guard[]> {
  const named = resolversIn(await textOf(resolvConf, MOST_RESOLV_CONF));
  const guards = named.flatMap((address) => guard(address, `it is a resolver of ${resolvConf}`));
  if (!named.some((address) => STUBS.includes(address))) return guards;
  const behind = resolversIn(await textOf(resolvedConf, MOST_RESOLV_CONF));
  return [...guards, ...behind.flatMap((address) => guard(address, `it is a resolver of ${resolvedConf}`))];
}

/** Who is logged in by /run/utmp, which keeps records of those that were killed. @throws Error where it can't be read */
export async function utmpSessions(clock: Clock, { utmp, proc }: GuardPlaces): Promise<Login[]> {
  const bytes = await readFileStart(utmp, MOST_UTMP);
  const live: Login[] = [];
  // Others than root may fill it with processes that are there.
  await inSlices(clock, bytes === undefined ? [] : utmpLogins(bytes, process.arch), (login) => {
    if (startOf(proc, login.pid) !== undefined) live.push(login);
  });
  return live;
}

/** Who is logged in by systemd-logind's files. @throws Error where they can't be read */
export async function logindSessions({ logind }: GuardPlaces): Promise<Login[]> {
  let names: string[];
  try {
    names = await readdir(logind);
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
  const logins: Login[] = [];
  // Beside each there is a FIFO, 12.ref.
  for (const name of names.filter((one) => /^[A-Za-z0-9]+$/.test(one)).slice(0, MOST_SESSIONS)) {
    const path = join(logind, name);
    if ((await lstat(path).catch(() => undefined))?.isFile() !== true) continue;
    const login = logindLogin(await textOf(path, MOST_SESSION));
    if (login !== undefined) logins.push(login);
  }
  return logins;
}

/** So many are named of one address. */
const MOST_NAMED = 3;

/** The guards of all who are logged in, one for each address. */
export function sessionGuards(logins: readonly Login[]): Guard[] {
  const byAddress = new Map<Address, Login[]>();
  for (const login of logins) {
    const own = byAddress.get(login.address);
    if (own === undefined) byAddress.set(login.address, [login]);
    else own.push(login);
  }
  return [...byAddress].flatMap(([address, own]) => {
    // Several places tell of the same session, and not all of its terminal.
    const hasTerminal = new Set(own.filter(({ terminal }) => terminal !== undefined).map(({ user }) => user));
    const words = [...new Set(own.filter(({ user, terminal }) => terminal !== undefined || !hasTerminal.has(user)).map(loginWords))].sort();
    const more = words.length > MOST_NAMED ? [`${words.length - MOST_NAMED} more`] : [];
    return guard(address, [...words.slice(0, MOST_NAMED), ...more].join(', '));
  });
}
