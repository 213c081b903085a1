/** The host under attack: a private /dev (so that /dev/log is ours), /run and user accounts, and the firewall of the README. */
import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Host } from './netns.ts';

export const checkout = join(import.meta.dirname, '../..');

/** What systemd sets on an installed machine (the kernel's own default is 10); it is per network namespace. */
const DATAGRAM_QUEUE = 512;

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** A person who can log in with `PASSWORD`. */
export const alice: Account = { name: 'alice', uid: 61_001, gid: 61_001 };
/** Ubuntu's user for rsyslog. */
export const syslogUser: Account = { name: 'syslog', uid: 61_002, gid: 61_002 };
/** A member of the group banban, and the group. */
export const operator: Account = { name: 'operator', uid: 61_003, gid: 61_003 };
export const banbanGroup = { name: 'banban', gid: 61_004 };

export const PASSWORD = 'a right and long password';

/** `PASSWORD` by crypt(3), SHA-512. */
const PASSWORD_HASH = '$6$8CHOTSsp5D9bb3Cv$SGyjG7IMqBgdWJnX0ZNfzuA3en3trMXfgNg3VWzG/1Mze4eFVIwaG708uDKJiFU3d46s5SdAgDqhfBrwtH9c50';

const SETUP = `
  # A /dev of its own: /dev/log is where every program's syslog(3) goes, and the machine's must not be touched.
  mkdir "$DIR/dev" && mount -t tmpfs -o mode=755 tmpfs "$DIR/dev"
  for node in null zero full random urandom tty; do : >"$DIR/dev/$node"; mount --bind "/dev/$node" "$DIR/dev/$node"; done
  mkdir "$DIR/dev/pts" "$DIR/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$DIR/dev/pts"
  ln -s pts/ptmx "$DIR/dev/ptmx"; ln -s /proc/self/fd "$DIR/dev/fd"
  mount --move "$DIR/dev" /dev
  mount -t tmpfs -o mode=755 tmpfs /run
  mkdir -m 755 /run/sshd /run/banban
  for file in passwd shadow group; do mount --bind "$DIR/$file" "/etc/$file"; done
  mkdir -p "$DIR/log" "$DIR/spool"
  chmod 755 "$DIR"
  sysctl -q -w net.unix.max_dgram_qlen=${DATAGRAM_QUEUE}
`;

/** Copies of the machine's account files with the accounts of the tests added. */
async function writeAccounts(dir: string): Promise<void> {
  const lines = { passwd: '', shadow: '', group: `${banbanGroup.name}:x:${banbanGroup.gid}:${operator.name}\n` };
  for (const { name, uid, gid } of [alice, syslogUser, operator]) {
    lines.passwd += `${name}:x:${uid}:${gid}:banban test:${dir}:/bin/sh\n`;
    lines.shadow += `${name}:${name === alice.name ? PASSWORD_HASH : '*'}:20000:0:99999:7:::\n`;
    lines.group += `${name}:x:${gid}:\n`;
  }
  for (const [file, added] of Object.entries(lines)) {
    const ours = new Set(added.trim().split('\n').map((line) => line.split(':')[0]));
    const theirs = (await readFile(`/etc/${file}`, 'utf8')).split('\n').filter((line) => line !== '' && !ours.has(line.split(':')[0]));
    await writeFile(join(dir, file), `${theirs.join('\n')}\n${added}`, { mode: file === 'shadow' ? 0o600 : 0o644 });
  }
}

export type Family = 4 | 6;

export const firewallFile = (family: Family): string => join(checkout, 'config/firewall', family === 4 ? 'iptables.rules' : 'ip6tables.rules');

const program = (family: Family): string => (family === 4 ? 'iptables' : 'ip6tables');

export class Victim {
  private constructor(readonly host: Host) {}

  static async start(): Promise<Victim> {
    return new Victim(await Host.start('victim', { prepare: writeAccounts, setup: SETUP }));
  }

  /** The file where the machine's own log goes. */
  get logFile(): string {
    return join(this.host.dir, 'log/syslog');
  }

  readLog(): string {
    try {
      return readFileSync(this.logFile, 'utf8');
    } catch {
      return '';
    }
  }

  /** Loads the rules of config/firewall as they are, or rules given as text. */
  async loadFirewall(family: Family, rules?: string): Promise<void> {
    await this.host.must([`${program(family)}-restore`], { input: rules ?? (await readFile(firewallFile(family))) });
  }

  /** `iptables -F` and `-X`: the rules are gone, and with the last one that names it a kernel list. */
  async flushFirewall(family: Family): Promise<void> {
    await this.host.must([program(family), '-F']);
    await this.host.must([program(family), '-X']);
  }

  /** Packets that the rule of a list has dropped. */
  async dropped(family: Family, list: string): Promise<number> {
    const rules = await this.host.must([program(family), '-nvxL', 'INPUT']);
    const rule = rules.split('\n').find((line) => new RegExp(`\\bname: ${list}\\b`).test(line));
    return Number(/^\s*(\d+)/.exec(rule ?? '')?.[1] ?? Number.NaN);
  }

  /** The addresses in a kernel list, as the kernel writes them; undefined when there is no such list. */
  kernelList(name: string): string[] | undefined {
    let text: string;
    try {
      text = readFileSync(`/proc/${this.host.pid}/net/xt_recent/${name}`, 'utf8');
    } catch {
      return undefined;
    }
    return [...text.matchAll(/^src=(\S+)/gm)].map((row) => row[1] ?? '');
  }

  /** How many connections the kernel keeps for a source. */
  async connectionsFrom(address: string): Promise<number> {
    const family = address.includes(':') ? 'ipv6' : 'ipv4';
    const listed = await this.host.run(['conntrack', '-L', '-f', family, '-s', address]);
    return listed.stdout.split('\n').filter((line) => line.includes('src=')).length;
  }

  /** Says a line as a program of this host would, by syslog(3)'s way: logger to /dev/log. Resolves to how long that took. */
  async log(tag: string, message: string, pid = 4242): Promise<number> {
    const result = await this.host.run(['logger', '-t', tag, `--id=${pid}`, '-p', 'auth.info', '--', message]);
    if (result.code !== 0) throw new Error(`logger failed: ${result.stderr}`);
    return result.ms;
  }

  stop(): Promise<void> {
    return this.host.stop();
  }
}

/** How the kernel writes an address in its list: IPv6 in full. */
export function asKernelWrites(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array<string>(8 - left.length - right.length).fill('0');
  return [...left, ...zeros, ...right].map((group) => group.padStart(4, '0')).join(':');
}
