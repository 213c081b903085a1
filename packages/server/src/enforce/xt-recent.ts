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
 * - A rule with `--mask` cuts the packet's address before it looks for a row, so the row has to be the network's address. The mask
 *   is the list's, from the first rule that names it, whatever later rules say, and both families share it.
 */
import { accessSync, closeSync, constants, existsSync, fstatSync, openSync, readdirSync, readFileSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { familyOf, isNetwork, networkOf, parseSubject, type Subject } from 'banban-shared';
import { systemClock } from '../clock.ts';
import type { TargetConfig } from '../config/config.ts';
import type { KernelList, ListFailures, ListState } from './firewall.ts';
import { tickClock, type TickClock } from './jiffies.ts';
import { ownStamps } from './xt-recent-hits.ts';
import { eachStampedRow, readPieces, readSubjects, rowReader } from './xt-recent-rows.ts';

/**
 * Where the kernel shows its lists and their bound, and how its stamps are told; the defaults are right for any machine, tests
 * have their own.
 */
export interface XtRecentOptions {
  readonly root?: string;
  /** The module's parameter `ip_list_tot`: rows a list can have. Readable by root only. */
  readonly capacityFile?: string;
  readonly ticks?: TickClock;
}

const ROOT = '/proc/net/xt_recent';
const CAPACITY_FILE = '/sys/module/xt_recent/parameters/ip_list_tot';
/** XT_RECENT_NAME_LEN less the NUL. */
const LONGEST_NAME = 199;

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

/** ENOENT: there is no such list. EIO: destroyed while it was used; made anew or not, the next look tells. */
const isGone = (error: unknown): boolean => ['ENOENT', 'EIO'].includes(codeOf(error) ?? '');

/** Why the kernel has no lists that could be written, and what to do; undefined when it has. */
export function xtRecentUnavailable({ root = ROOT }: XtRecentOptions = {}): string | undefined {
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
}

/** Why a row can't be had in a target's list; the kernel has no room for networks, but a rule with `--mask` can look for their address. */
function refusal(subject: Subject, { name, ipv6Prefix }: TargetConfig): string | undefined {
  const { bits } = networkOf(subject);
  if (familyOf(subject) === 4) return isNetwork(subject) ? `${subject} is a network, and the lists of xt_recent hold single addresses; networks need backend: nftables or ipset` : undefined;
  if (bits === ipv6Prefix) return undefined;
  if (ipv6Prefix === 128) return `${subject} is a network, and the lists of xt_recent hold single addresses; networks need backend: nftables or ipset`;
  return `the rule of ${name} looks for IPv6 networks of ${ipv6Prefix} bits (ipv6_prefix), and ${subject} is ${isNetwork(subject) ? `one of ${bits}` : 'a single address'}, so no packet would ever match it`;
}

/** An opening that keeps a list's inode number from being given to the next list. */
interface Hold {
  readonly fd: number;
  readonly ino: number;
  readonly identity: string;
}

function capacityIn(file: string): number | undefined {
  try {
    const rows = Number(readFileSync(file, 'latin1').trim());
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

function writeOne(path: string, command: string): void {
  // O_WRONLY alone: should the root be wrong, nothing is made or emptied there.
  const fd = openSync(path, constants.O_WRONLY);
  try {
    writeSync(fd, command);
  } finally {
    closeSync(fd);
  }
}

/** The rows of a target. What the rules of the firewall do about a row is theirs. */
export function xtRecentList(target: TargetConfig, options: XtRecentOptions = {}): KernelList {
  const { root = ROOT, capacityFile = CAPACITY_FILE, ticks = tickClock({ clock: systemClock }) } = options;
  const { name } = target;
  const path = name !== '' && name !== '.' && name !== '..' && Buffer.byteLength(name) <= LONGEST_NAME && !/[/\0]/.test(name) ? join(root, name) : undefined;
  const readRow = rowReader(target.ipv6Prefix);
  const stamps = ownStamps();
  let hold: Hold | undefined;
  let generation = 0;

  const badName = (): string => `${JSON.stringify(name)} can't be the name of a kernel list`;

  function explain(error: unknown): string {
    if (isGone(error)) return `the kernel has no list ${name}: no firewall rule names it`;
    if (['EACCES', 'EPERM'].includes(codeOf(error) ?? '')) return `the kernel's list ${name} may not be used by this user: run banband as root`;
    return `the kernel's list ${name} failed: ${error instanceof Error ? error.message : String(error)}`;
  }

  const whyMissing = (): string =>
    xtRecentUnavailable({ root }) ??
    `the kernel has no list ${name}: no firewall rule names it; "banctl firewall install" makes it, or firewall: { manage: true }; bans are kept and put in as soon as one does`;

  function letGo(): void {
    if (hold === undefined) return;
    closeSync(hold.fd);
    hold = undefined;
    stamps.clear();
  }

  return {
    backend: 'xt_recent',
    refuses: (subject) => refusal(subject, target),

    read(): ListState {
      if (path === undefined) return { state: 'failed', message: badName() };
      try {
        return { state: 'present', subjects: readSubjects(path, readRow), pending: new Set(), failures: new Map(), capacity: capacityIn(capacityFile) };
      } catch (error) {
        return isGone(error) ? { state: 'missing', message: whyMissing() } : { state: 'failed', message: explain(error) };
      }
    },

    identity() {
      if (path === undefined) return undefined;
      const ino = inodeOf(path);
      if (ino !== undefined && hold?.ino === ino) return hold.identity;
      letGo();
      if (ino === undefined) return undefined;
      try {
        const fd = openSync(path, constants.O_RDONLY);
        hold = { fd, ino: fstatSync(fd).ino, identity: `list ${++generation}` };
        return hold.identity;
      } catch (error) {
        // A list that can't be held (gone again, or not ours to read) is told by its number alone.
        return codeOf(error) === 'ENOENT' ? undefined : `inode ${ino}`;
      }
    },

    write({ remove, add }): ListFailures {
      const failures = new Map<Subject, string>();
      let gone = path === undefined ? badName() : undefined;
      const writeRow = (sign: '-' | '+', subject: Subject): void => {
        if (gone !== undefined || path === undefined) return void failures.set(subject, gone ?? '');
        // The kernel reads 010.0.0.1 as 10.0.0.1 and takes ::ffff:… as a row that matches no packet.
        if (parseSubject(subject) !== subject) return void failures.set(subject, `${JSON.stringify(subject)} is not an address in canonical form; this is a fault in banban`);
        const refused = sign === '+' ? refusal(subject, target) : undefined;
        if (refused !== undefined) return void failures.set(subject, refused);
        const { address } = networkOf(subject);
        // What can't have a row has none to be removed, and the row of that address may be another's.
        if (readRow(address) !== subject) return;
        try {
          writeOne(path, sign + address);
          if (sign === '+') stamps.wrote(subject);
          else stamps.removed(subject);
        } catch (error) {
          const message = explain(error);
          failures.set(subject, message);
          if (codeOf(error) !== 'EINVAL') gone = message;
        }
      };
      for (const subject of remove) writeRow('-', subject);
      for (const { subject } of add) writeRow('+', subject);
      return failures;
    },

    hits() {
      const reading = ticks.look();
      if (path === undefined || reading === undefined) return new Map();
      try {
        const { text } = readPieces(path);
        return stamps.hits((action) => eachStampedRow(text, readRow, action), reading);
      } catch {
        // No list, no hits; `read` says what is wrong with it.
        return new Map();
      }
    },

    close: letGo,
  };
}
