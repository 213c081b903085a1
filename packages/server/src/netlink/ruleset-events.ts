/** Tells when the rules of the kernel's nf_tables change: nft's own, and those of iptables-nft, which is nf_tables underneath. */
import { openNetlink, type NetlinkSocket } from './socket.ts';
import type { NativeNetlink } from './native.ts';

/** linux/netlink.h, linux/netfilter/nfnetlink.h and nf_tables.h. */
const NETLINK_NETFILTER = 12;
const NFNLGRP_NFTABLES = 7;
const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_NEWSETELEM = 12;
const NFT_MSG_DELSETELEM = 14;
const NFT_MSG_NEWGEN = 15;

/** The watch, until it is closed. */
export interface RulesetEvents {
  close(): void;
}

/**
 * Calls `changed` for every change of tables, chains, rules and sets by anybody, and when the kernel had to drop some of what it had to
 * tell. Elements of sets are left out: rules look the same with them, and there are thousands.
 *
 * @throws Error with `code` where the socket can't be had
 */
export function rulesetEvents(native: NativeNetlink, changed: () => void): RulesetEvents {
  const socket: NetlinkSocket = openNetlink(native, NETLINK_NETFILTER);
  try {
    socket.join(NFNLGRP_NFTABLES);
  } catch (error) {
    socket.close();
    throw error;
  }
  const quiet = new Set([NFT_MSG_NEWSETELEM, NFT_MSG_DELSETELEM, NFT_MSG_NEWGEN].map((type) => (NFNL_SUBSYS_NFTABLES << 8) | type));
  socket.watch(() => {
    let any = false;
    const { lost } = socket.poll((message) => {
      if (!quiet.has(message.type)) any = true;
    });
    if (any || lost) changed();
  });
  return { close: () => socket.close() };
}
