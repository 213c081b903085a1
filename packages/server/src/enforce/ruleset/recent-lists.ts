/**
 * Whether lists of xt_recent cut IPv6 addresses as their targets want it.
 *
 * The kernel takes the mask of a list from the first rule that names it, for both families and for as long as the list lives, whatever
 * later rules say; it tells nobody which that is. A rule of iptables that is loaded from what iptables-save printed
 * (`--mask 255.255.255.255`) makes a list that sees no more than 32 bits of an IPv6 address: no IPv6 ban ever matches in it. That is every machine that
 * loads its saved rules for IPv4 first. So banban puts in its rules for IPv6 first, whose masks are right for both, and has lists made
 * anew of which it can't know that they began so.
 */
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { TargetConfig } from '../../config/config.ts';

/** What is known about the lists; forgotten with the process. */
export interface RecentLists {
  exists(target: TargetConfig): boolean;
  /** Whether the list's mask is known to be right; true, too, for one that is not there. */
  isKnown(target: TargetConfig): boolean;
  /**
   * Whether that can be taken for granted of a list that this process has not seen made. One with rows and banban's own rules was
   * made right by an earlier banband; one without rows may have come with saved rules at the machine's start.
   *
   * @param areRulesRight whether banban's rules for IPv6 are as they have to be
   */
  isTrusted(target: TargetConfig, areRulesRight: boolean): boolean;
  /** Notes that the lists are right as they are. */
  trust(targets: readonly TargetConfig[]): void;
  close(): void;
}

/** An opening that keeps a list's inode number from being given to the next list (docs/adr/0008), and what the list was made for. */
interface Hold {
  readonly fd: number;
  readonly ino: number;
  readonly prefix: number;
}

/** @param procNet /proc/net */
export function recentLists(procNet: string): RecentLists {
  const holds = new Map<string, Hold>();
  const fileOf = ({ name }: TargetConfig): string => join(procNet, 'xt_recent', name);

  function inodeOf(target: TargetConfig): number | undefined {
    try {
      return statSync(fileOf(target), { throwIfNoEntry: false })?.ino;
    } catch {
      return undefined;
    }
  }

  function hasRows(target: TargetConfig): boolean {
    let fd: number | undefined;
    try {
      fd = openSync(fileOf(target), 'r');
      return readSync(fd, Buffer.alloc(1)) > 0;
    } catch {
      return false;
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  }

  function isKnown(target: TargetConfig): boolean {
    const ino = inodeOf(target);
    const hold = holds.get(target.name);
    return ino === undefined || (hold?.ino === ino && hold.prefix === target.ipv6Prefix);
  }

  return {
    exists: (target) => inodeOf(target) !== undefined,
    isKnown,
    isTrusted: (target, areRulesRight) => isKnown(target) || (!holds.has(target.name) && areRulesRight && hasRows(target)),
    trust(targets) {
      for (const target of targets) {
        if (!target.backends.includes('xt_recent') || (holds.has(target.name) && isKnown(target))) continue;
        const old = holds.get(target.name);
        holds.delete(target.name);
        if (old !== undefined) closeSync(old.fd);
        try {
          const fd = openSync(fileOf(target), 'r');
          holds.set(target.name, { fd, ino: fstatSync(fd).ino, prefix: target.ipv6Prefix });
        } catch {
          // It is not there, or not ours to read: nothing is known.
        }
      }
    },
    close() {
      for (const { fd } of holds.values()) closeSync(fd);
      holds.clear();
    },
  };
}
