/** Tells when this machine's own addresses change, as far as rtnetlink(7) tells. */
import type { NativeNetlink } from './native.ts';
import { openNetlink, type NetlinkSocket } from './socket.ts';

/** linux/netlink.h and linux/rtnetlink.h. */
const NETLINK_ROUTE = 0;
/** Links, because the addresses of one that goes down are gone; addresses of IPv4; addresses of IPv6. */
const GROUPS = [1, 5, 9] as const;

/** The watch, until it is closed. */
export interface AddressEvents {
  close(): void;
}

/**
 * Calls `changed` for every change of links and addresses by anybody, and when the kernel had to drop some of what it had to tell.
 *
 * @throws Error with `code` where the socket can't be had
 */
export function addressEvents(native: NativeNetlink, changed: () => void): AddressEvents {
  const socket: NetlinkSocket = openNetlink(native, NETLINK_ROUTE);
  try {
    for (const group of GROUPS) socket.join(group);
  } catch (error) {
    socket.close();
    throw error;
  }
  socket.watch(() => {
    const { any, lost } = socket.poll(() => undefined);
    if (any || lost) changed();
  });
  return { close: () => socket.close() };
}
