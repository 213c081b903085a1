/** A machine's files as guards/ reads them, in a folder of the test's own: processes, sockets, sessions, routes, resolvers. */
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GuardPlaces } from '../../packages/server/src/guards/facts.ts';
import { tempDir } from './temp-dir.ts';

export interface FakeProcess {
  readonly name?: string;
  readonly title?: string;
  readonly parent?: number;
  /** One number for all four, or real, effective, saved, file system. */
  readonly user?: number | readonly [number, number, number, number];
  /** Inodes of its sockets, by descriptor; others are no sockets. */
  readonly sockets?: Readonly<Record<number, number>>;
  readonly start?: number;
  /** `Z` for one that has ended. */
  readonly state?: string;
}

export interface FakeMachine {
  readonly places: GuardPlaces;
  process(pid: number, given?: FakeProcess): void;
  end(pid: number): void;
  /** The whole table of TCP: inode to far side (IPv4), with the state as the kernel writes it. */
  connections(table: Readonly<Record<number, string>>, state?: string): void;
  write(place: 'utmp' | 'resolvConf' | 'resolvedConf', content: string | Buffer): void;
  session(name: string, content: string): void;
  routes(ipv4: string, ipv6?: string): void;
}

const hexOf = (address: string): string => address.split('.').reverse().map((octet) => Number(octet).toString(16).padStart(2, '0')).join('').toUpperCase();

export function fakeMachine(): FakeMachine {
  const dir = tempDir();
  const places: GuardPlaces = {
    proc: join(dir, 'proc'), utmp: join(dir, 'utmp'), logind: join(dir, 'sessions'), resolvConf: join(dir, 'resolv.conf'), resolvedConf: join(dir, 'resolved.conf'),
  };
  mkdirSync(join(places.proc, 'net'), { recursive: true });
  return {
    places,
    process(pid, { name = 'sshd', title = name, parent = 1, user = 0, sockets = {}, start = 100, state = 'S' } = {}) {
      const folder = join(places.proc, String(pid));
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(join(folder, 'fd'), { recursive: true });
      const users = typeof user === 'number' ? [user, user, user, user] : user;
      writeFileSync(join(folder, 'comm'), `${name}\n`);
      writeFileSync(join(folder, 'cmdline'), `${title}${' '.repeat(30)}\0`);
      // A name may hold what looks like the rest of the line.
      writeFileSync(join(folder, 'stat'), `${pid} (a) S 1 ${name}) ${state} ${parent} ${Array.from({ length: 17 }, () => 7).join(' ')} ${start} 5 6\n`);
      writeFileSync(join(folder, 'status'), `Name:\t${name}\nState:\tS (sleeping)\nPPid:\t${parent}\nUid:\t${users.join('\t')}\nGid:\t0\t0\t0\t0\n`);
      symlinkSync('/dev/null', join(folder, 'fd/0'));
      for (const [fd, inode] of Object.entries(sockets)) symlinkSync(`socket:[${inode}]`, join(folder, 'fd', fd));
    },
    end: (pid) => rmSync(join(places.proc, String(pid)), { recursive: true }),
    connections(table, state = '01') {
      const rows = Object.entries(table).map(([inode, far], i) => `${String(i).padStart(4)}: 016433C6:0016 ${hexOf(far)}:E8B1 ${state} 00000000:00000000 02:000AFC68 00000000     0        0 ${inode} 3 00000000a622936c 21 4 15 21 -1                  \n`);
      writeFileSync(join(places.proc, 'net/tcp'), `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n${rows.join('')}`);
    },
    write: (place, content) => writeFileSync(places[place], content),
    session(name, content) {
      mkdirSync(places.logind, { recursive: true });
      writeFileSync(join(places.logind, name), content);
    },
    routes(ipv4, ipv6 = '') {
      writeFileSync(join(places.proc, 'net/route'), ipv4);
      writeFileSync(join(places.proc, 'net/ipv6_route'), ipv6);
    },
  };
}
