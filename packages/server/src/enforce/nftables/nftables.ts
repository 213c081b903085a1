/**
 * Targets as sets of nf_tables, written and read by netlink: a ban is in the kernel 10 µs after it was decided. The table, its sets
 * and the rules that read them are put there by `nft`; here are only the elements.
 *
 * Tried on Linux 6.18:
 *
 * - A transaction is all or nothing; the kernel goes through the whole of it, and names every message that it could not do. Ten
 *   microseconds, but fifteen milliseconds when it is refused; with networks half a millisecond where there are 10,000 of them.
 * - An element that is added again gets its timeout only when that is another, or an expiration is given as well.
 * - Elements that go by timeout go without a word, and once their time is over they are neither shown nor found.
 * - A set is given in pieces of 32 KiB, and for each the kernel walks from the beginning: 10,000 elements are read in 10 ms, and
 *   100,000 in half a second.
 */
import { release } from 'node:os';
import type { Clock } from '../../clock.ts';
import type { TargetConfig } from '../../config/config.ts';
import type { NativeNetlink } from '../../netlink/native.ts';
import { openNetlink } from '../../netlink/socket.ts';
import type { KernelList } from '../firewall.ts';
import { canStamp } from './steps.ts';
import { nftablesList } from './list.ts';
import { watchTable, type Monitor } from './monitor.ts';
import { NETLINK_NETFILTER } from './protocol.ts';

/** All lists of nf_tables: they share one socket that asks and one that listens. */
export interface NftablesLists {
  /** The rows of a target; `changed` as in `Firewall.open`. */
  open(target: Pick<TargetConfig, 'name' | 'ipv6Prefix'>, changed: () => void): KernelList;
  close(): void;
}

/**
 * Opens the two sockets.
 *
 * @param kernel its release, by which is known what it can do
 * @throws Error with `code` where they can't be had (EPERM, EPROTONOSUPPORT, EMFILE …)
 */
export function nftablesLists(native: NativeNetlink, clock: Clock, kernel = release()): NftablesLists {
  const listeners = new Set<() => void>();
  let isTelling = false;

  /** Many changes at once are told once, and to nobody who is just reading or writing. */
  function tell(): void {
    if (isTelling) return;
    isTelling = true;
    clock.soon(() => {
      isTelling = false;
      for (const listener of [...listeners]) listener();
    });
  }

  const socket = openNetlink(native, NETLINK_NETFILTER);
  let monitor: Monitor;
  try {
    monitor = watchTable(native, socket.port, tell);
  } catch (error) {
    socket.close();
    throw error;
  }
  const stamps = canStamp(kernel);
  return {
    open(target, changed) {
      // One for each list, be the callback the same.
      const listener = (): void => changed();
      listeners.add(listener);
      return nftablesList(target, { socket, monitor, clock, stamps, closed: () => void listeners.delete(listener) });
    },
    close() {
      listeners.clear();
      monitor.close();
      socket.close();
    },
  };
}
