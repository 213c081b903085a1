/**
 * Who is logged in by OpenSSH: the far sides of connections whose sshd has let somebody in.
 *
 * Whoever connects is served by a process of root's, the monitor, and until they have logged in by a child of it under the user sshd. Its
 * title shows at every stage a name that the far side gave, and is no proof. What sshd does only for somebody whom it has let in:
 * it becomes that user, as a child of the monitor with all four of its user ids (the monitor takes on the effective one alone, to read keys), and
 * its title has no bracket any more: `[accepted]`, `[net]`, `[priv]` and `[pam]` all come before (sshd.c, sshd-session.c, monitor.c,
 * do_authenticated in session.c). For root, OpenSSH before 10 has no such child: the monitor itself goes on, without one under sshd.
 *
 * The connection is the one that child and monitor share: what the child alone has open was forwarded for its user, from anywhere.
 */
import { readdir } from 'node:fs/promises';
import type { Address } from 'banban-shared';
import type { Clock } from '../clock.ts';
import { inSlices } from '../slices.ts';
import { shown, type Login } from './guard.ts';
import { nameOf, socketsOf, startOf, statusOf, titleOf } from './processes.ts';
import { readFileStart } from './read-file.ts';
import { farSides } from './tcp-table.ts';

/** What can be asked again and again. */
export interface SshdSessions {
  /** Everybody who is logged in now. @throws Error where /proc can't be read */
  look(): Promise<Login[]>;
}

/** `sshd-auth` serves who is not yet logged in, from OpenSSH 10 on. */
const NAMES: readonly string[] = ['sshd', 'sshd-session', 'sshd-auth'];
/** The accounts that distributions make for it. */
const UNPRIVILEGED = /^(?:_?sshd|ssh):[^:]*:(\d+):/gm;
const MOST_PASSWD = 1024 * 1024;
/** Processes that may be new at one look; sshd itself lets 100 connections wait for their login (MaxStartups). */
const MOST_NEW = 4096;
/** A process that is none of sshd's is looked at again after so many looks: it may have become another program. */
const LOOK_AGAIN = 16;
/** A connection that is in no table so often is none of TCP. */
const MOST_TRIES = 3;

interface SshdProcess {
  readonly pid: number;
  readonly name: string;
  readonly start: string;
  readonly parent: number;
  /** Undefined where it has several user ids. */
  readonly user: number | undefined;
}

/** A process that serves somebody who is logged in. What was found once stays true until it ends. */
interface Session {
  readonly start: string;
  readonly logins: readonly Login[];
}

/** The user, and the terminals, in `sshd: anna@pts/0,pts/1`, `sshd-session: anna@notty`, `sshd: anna`; undefined for any other title. */
export function readTitle(title: string): { readonly user: string; readonly terminals: readonly string[] } | undefined {
  const name = /^sshd(?:-session)?: ([^[\]]+)$/.exec(title)?.[1];
  if (name === undefined) return undefined;
  const [, user = name, list = 'notty'] = /^(.+)@(notty|internal-sftp|(?:(?:pts\/|tty)\w+,?)+)$/.exec(name) ?? [];
  return { user: shown(user), terminals: list.split(',').filter((one) => /^(?:pts\/|tty)/.test(one)).map(shown) };
}

/** A watch over the processes below `proc`, which is /proc but for tests. */
export function sshdSessions(clock: Clock, proc: string): SshdSessions {
  let sessions = new Map<number, Session>();
  /** By pid, at which look it is looked at again. */
  let others = new Map<number, number>();
  let tries = new Map<string, number>();
  let looks = 0;

  /** Those of sshd's processes that are not known as sessions; what is gone is forgotten. */
  async function sort(): Promise<SshdProcess[]> {
    looks++;
    const pids = (await readdir(proc)).filter((name) => /^\d{1,10}$/.test(name)).map(Number);
    const sshds: SshdProcess[] = [];
    const stillThere = new Map<number, Session>();
    const stillOthers = new Map<number, number>();
    await inSlices(clock, pids, (pid) => {
      const due = others.get(pid);
      if (due !== undefined && looks < due) {
        stillOthers.set(pid, due);
        return;
      }
      const name = nameOf(proc, pid);
      if (name === undefined) return;
      if (!NAMES.includes(name)) {
        // Not all of them at once.
        stillOthers.set(pid, looks + 1 + (pid % LOOK_AGAIN));
        return;
      }
      const start = startOf(proc, pid);
      const known = sessions.get(pid);
      if (known !== undefined && known.start === start) {
        stillThere.set(pid, known);
        return;
      }
      const status = sshds.length < MOST_NEW ? statusOf(proc, pid) : undefined;
      if (status !== undefined && start !== undefined) sshds.push({ pid, name, start, ...status });
    });
    sessions = stillThere;
    others = stillOthers;
    return sshds;
  }

  /** The accounts under which sshd serves who is not yet logged in. */
  async function unprivileged(): Promise<ReadonlySet<number>> {
    const passwd = (await readFileStart('/etc/passwd', MOST_PASSWD))?.toString('latin1') ?? '';
    return new Set([...passwd.matchAll(UNPRIVILEGED)].map(([, user]) => Number(user)));
  }

  /** The sockets of which one is the connection, the likeliest first; undefined when nobody is logged in by this process. */
  async function connectionOf(process: SshdProcess, sshds: ReadonlyMap<number, SshdProcess>, sshdUsers: ReadonlySet<number>): Promise<readonly string[] | undefined> {
    const { pid, user, parent } = process;
    if (user === undefined || sshdUsers.has(user) || process.name === 'sshd-auth') return undefined;
    const own = await socketsOf(proc, pid);
    const monitor = sshds.get(parent);
    const isOfRoot = monitor?.user === 0;
    const monitored = new Set(isOfRoot ? await socketsOf(proc, parent) : []);
    const shared = own.filter((inode) => monitored.has(inode));
    if (user !== 0) return isOfRoot ? shared : undefined;
    // Without an unprivileged child, which it has as long as nobody is logged in.
    const serves = [...sshds.values()].some((other) => other.parent === pid && other.user !== 0);
    return serves ? undefined : [...shared, ...own.filter((inode) => !monitored.has(inode))];
  }

  return {
    async look() {
      const fresh = await sort();
      const byPid = new Map(fresh.map((process) => [process.pid, process]));
      const found: { readonly process: SshdProcess; readonly user: string; readonly terminals: readonly string[]; readonly sockets: readonly string[] }[] = [];
      let sshdUsers: ReadonlySet<number> | undefined;
      for (const process of fresh) {
        const title = readTitle(await titleOf(proc, process.pid));
        if (title === undefined) continue;
        sshdUsers ??= await unprivileged();
        const sockets = await connectionOf(process, byPid, sshdUsers);
        if (sockets !== undefined && sockets.length > 0) found.push({ process, ...title, sockets });
      }
      const left = new Map<string, number>();
      if (found.length > 0) {
        // Only now: on a busy server it is long.
        const far = await farSides(`${proc}/net`, new Set(found.flatMap(({ sockets }) => sockets)));
        for (const { process: { pid, start }, user, terminals, sockets } of found) {
          const address: Address | undefined = sockets.flatMap((inode) => far.get(inode) ?? [])[0];
          const key = `${pid} ${start}`;
          const tried = (tries.get(key) ?? 0) + 1;
          if (address === undefined && tried < MOST_TRIES) left.set(key, tried);
          else sessions.set(pid, { start, logins: address === undefined ? [] : terminals.length === 0 ? [{ address, user, terminal: undefined }] : terminals.map((terminal) => ({ address, user, terminal })) });
        }
      }
      tries = left;
      return [...sessions.values()].flatMap(({ logins }) => logins);
    },
  };
}
