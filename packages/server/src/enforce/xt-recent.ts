/**
 * The kernel's lists of net/netfilter/xt_recent.c, by their files in /proc/net/xt_recent. Tried on Linux 6.18:
 *
 * - A file takes one command by open, write, close; a second write on the same opening is ESPIPE.
 * - `+addr` for a row that is there stamps it anew (`last_seen` moves, `oldest_pkt` gets one stamp more) and makes it the
 *   youngest; `-addr` for a row that is not there succeeds.
 * - With `ip_list_tot` rows in the list, `+addr` for another succeeds and the row stamped longest ago is gone, unsaid.
 * - A list that a rule destroyed gives EIO on a file that was open, ENOENT on the next opening.
 * - Reading gives whole rows, about 4,000 bytes a call, each call under the list's lock but not the calls together.
 * - A list taken away and made anew by `iptables -F; iptables -A …` has another inode number than just before, but one
 *   that was free: after two such rounds it is the first number again. Its times say nothing, they are those of the look.
 *   `iptables-restore` of the same rules keeps list, number and rows.
 */
import { accessSync, closeSync, constants, existsSync, fstatSync, openSync, readdirSync, readFileSync, readSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { parseAddress, rememberingParser, type Address } from 'banban-shared';
import type { Firewall, ListChange, ListFailures, ListState } from './firewall.ts';

/**
 * Where the kernel shows its lists and their bound; the defaults are right for any machine, tests have folders of their
 * own.
 */
export interface XtRecentOptions {
  readonly root?: string;
  /** The module's parameter `ip_list_tot`: rows a list can have. Readable by root only. */
  readonly capacityFile?: string;
}

/** XT_RECENT_NAME_LEN less the NUL. */
const LONGEST_NAME = 199;
/** Readings of a list that keeps changing. Against 50,000 changes a second a row is still missed in 1 of 1,000 looks. */
const MOST_READINGS = 7;

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

/** One buffer for all readings: rows come in pages of 4 KiB and are decoded at once. */
const page = Buffer.allocUnsafe(65_536);

/** The file as it is, and in how many pieces the kernel gave it. */
function readPieces(path: string): { text: string; pieces: number } {
  const fd = openSync(path, constants.O_RDONLY);
  try {
    let text = '';
    let pieces = 0;
    for (;;) {
      const length = readSync(fd, page, 0, page.length, null);
      if (length === 0) return { text, pieces };
      text += page.toString('latin1', 0, length);
      pieces++;
    }
  } finally {
    closeSync(fd);
  }
}

/** Rows that are remembered: a list has the same ones look after look. */
const addressOfRow = rememberingParser(65_536);

/** The addresses of rows `src=<addr> ttl: …`. The kernel writes IPv6 in full; here it is canonical. */
function parseRows(text: string): Set<Address> {
  const addresses = new Set<Address>();
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    const space = text.indexOf(' ', start);
    if (text.startsWith('src=', start) && space > 0 && space < end) {
      const address = addressOfRow(text.slice(start + 4, space));
      if (address !== undefined) addresses.add(address);
    }
    start = end + 1;
  }
  return addresses;
}

const same = (a: ReadonlySet<Address>, b: ReadonlySet<Address>): boolean => {
  if (a.size !== b.size) return false;
  for (const address of a) if (!b.has(address)) return false;
  return true;
};

/**
 * Every address that the list has. The kernel finds its place between two pieces by counting rows, so a row that goes
 * meanwhile hides another. Two equal readings say that most likely none went; while the list keeps changing, what any of the
 * readings saw is taken together, and may then hold a row that went within that millisecond.
 */
function readRows(path: string): Set<Address> {
  const { text, pieces } = readPieces(path);
  const all = parseRows(text);
  if (pieces <= 1) return all;
  let last: ReadonlySet<Address> = new Set(all);
  for (let reading = 2; reading <= MOST_READINGS; reading++) {
    const now = parseRows(readPieces(path).text);
    for (const address of now) all.add(address);
    if (same(last, now)) break;
    last = now;
  }
  return all;
}

/** An opening that keeps a list's inode number from being given to the next list. */
interface Hold {
  readonly fd: number;
  readonly ino: number;
  readonly identity: string;
}

/** The kernel's lists of xt_recent. Bans are rows; what the rules of the firewall do about a row is theirs. */
export function xtRecent({ root = '/proc/net/xt_recent', capacityFile = '/sys/module/xt_recent/parameters/ip_list_tot' }: XtRecentOptions = {}): Firewall {
  const holds = new Map<string, Hold>();
  let generation = 0;

  const fileOf = (list: string): string | undefined =>
    list !== '' && list !== '.' && list !== '..' && Buffer.byteLength(list) <= LONGEST_NAME && !/[/\0]/.test(list) ? join(root, list) : undefined;

  function explain(list: string, error: unknown): string {
    switch (codeOf(error)) {
      case 'ENOENT':
      case 'EIO':
        return `the kernel has no list ${list}: no firewall rule names it`;
      case 'EACCES':
      case 'EPERM':
        return `the kernel's list ${list} may not be used by this user: run banband as root`;
      default:
        return `the kernel's list ${list} failed: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  function capacity(): number | undefined {
    try {
      const rows = Number(readFileSync(capacityFile, 'latin1').trim());
      return Number.isSafeInteger(rows) && rows > 0 ? rows : undefined;
    } catch {
      return undefined;
    }
  }

  function inodeOf(path: string): number | undefined {
    try {
      return statSync(path, { throwIfNoEntry: false })?.ino;
    } catch {
      return undefined;
    }
  }

  function letGo(list: string): void {
    const hold = holds.get(list);
    if (hold === undefined) return;
    holds.delete(list);
    closeSync(hold.fd);
  }

  function writeOne(path: string, command: string): void {
    // O_WRONLY alone: should the root be wrong, nothing is made or emptied there.
    const fd = openSync(path, constants.O_WRONLY);
    try {
      writeSync(fd, command);
    } finally {
      closeSync(fd);
    }
  }

  return {
    kind: 'xt_recent',

    unavailable() {
      if (!existsSync(root)) {
        return `the kernel offers no xt_recent lists (${root} is missing): load the module with "modprobe xt_recent", or add a firewall rule with "-m recent"; a kernel built without it can't enforce bans`;
      }
      const writable = (list: string): boolean => {
        try {
          accessSync(join(root, list), constants.W_OK);
          return true;
        } catch {
          return false;
        }
      };
      let lists: string[];
      try {
        lists = readdirSync(root);
      } catch (error) {
        return `the kernel's lists in ${root} can't be looked at (${codeOf(error) ?? String(error)}): run banband as root`;
      }
      // Who may write is set for each list when it is made (ip_list_uid, ip_list_perms); without one root is the safe guess.
      if (lists.length === 0 ? process.geteuid?.() === 0 : lists.some(writable)) return undefined;
      return `this user may not write the kernel's lists in ${root}: run banband as root`;
    },

    read(list): ListState {
      const path = fileOf(list);
      if (path === undefined) return { state: 'failed', message: `${JSON.stringify(list)} can't be the name of a kernel list` };
      try {
        return { state: 'present', addresses: readRows(path), capacity: capacity() };
      } catch (error) {
        const code = codeOf(error);
        // EIO: destroyed while it was read. Made anew or not, the next look tells.
        return code === 'ENOENT' || code === 'EIO' ? { state: 'missing' } : { state: 'failed', message: explain(list, error) };
      }
    },

    identity(list) {
      const path = fileOf(list);
      if (path === undefined) return undefined;
      const ino = inodeOf(path);
      const hold = holds.get(list);
      if (ino !== undefined && hold?.ino === ino) return hold.identity;
      letGo(list);
      if (ino === undefined) return undefined;
      try {
        const fd = openSync(path, constants.O_RDONLY);
        const held: Hold = { fd, ino: fstatSync(fd).ino, identity: `list ${++generation}` };
        holds.set(list, held);
        return held.identity;
      } catch (error) {
        // A list that can't be held (gone again, or not ours to read) is told by its number alone.
        return codeOf(error) === 'ENOENT' ? undefined : `inode ${ino}`;
      }
    },

    write(list, { remove, add }: ListChange): ListFailures {
      const failures = new Map<Address, string>();
      const path = fileOf(list);
      let gone = path === undefined ? `${JSON.stringify(list)} can't be the name of a kernel list` : undefined;
      const writeAll = (sign: '-' | '+', addresses: readonly Address[]): void => {
        for (const address of addresses) {
          if (gone !== undefined || path === undefined) failures.set(address, gone ?? '');
          // The kernel reads 010.0.0.1 as 10.0.0.1 and takes ::ffff:… as a row that matches no packet.
          else if (parseAddress(address) !== address) failures.set(address, `${JSON.stringify(address)} is not an address in canonical form; this is a fault in banban`);
          else
            try {
              writeOne(path, sign + address);
            } catch (error) {
              const message = explain(list, error);
              failures.set(address, message);
              if (codeOf(error) !== 'EINVAL') gone = message;
            }
        }
      };
      writeAll('-', remove);
      writeAll('+', add);
      return failures;
    },
  };
}
