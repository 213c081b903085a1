/** Watches banban's own table for what others do to it, by what the kernel tells of every change of nf_tables. */
import { eachAttribute } from '../../netlink/message.ts';
import type { NativeNetlink } from '../../netlink/native.ts';
import { openNetlink } from '../../netlink/socket.ts';
import { NFT_TABLE } from '../names.ts';
import { FAMILY_LENGTH, NETLINK_NETFILTER, NEWGEN, NFNLGRP_NFTABLES, NFPROTO_INET, NFTA_TABLE, isOfNftables } from './protocol.ts';

/** The watch. */
export interface Monitor {
  /** Takes what the kernel has told so far, and counts the changes by others since the watch began; the same number for no change. */
  changes(): number;
  close(): void;
}

const TABLE = Buffer.from(`${NFT_TABLE}\0`, 'latin1');
/** Pieces of 64 deliveries each that are taken at once; a transaction of ours is told in some five. */
const MOST_PIECES = 64;

/** Whether the first attribute, which is the table's name in every kind of message, is ours. */
function isOurs(bytes: Buffer, start: number, end: number): boolean {
  let found = false;
  eachAttribute(bytes, start, end, (type, from, to) => {
    if (type === NFTA_TABLE) found = bytes.compare(TABLE, 0, TABLE.length, from, to) === 0;
  });
  return found;
}

/**
 * Begins to watch.
 *
 * @param own the port of the socket whose changes are banban's own
 * @param changed called when others have changed something, be it in the middle of `changes`
 * @throws Error with `code` where the socket can't be had
 */
export function watchTable(native: NativeNetlink, own: number, changed: () => void): Monitor {
  const socket = openNetlink(native, NETLINK_NETFILTER);
  let count = 0;

  function take(): void {
    let any = true;
    const before = count;
    try {
      for (let i = 0; i < MOST_PIECES && any; i++) {
        const piece = socket.poll((message, bytes) => {
          // Elements whose time is over go without a word.
          if (message.port === own || !isOfNftables(message.type) || message.type === NEWGEN) return;
          if (bytes.readUInt8(message.start) === NFPROTO_INET && isOurs(bytes, message.start + FAMILY_LENGTH, message.end)) count++;
        });
        any = piece.any;
        if (piece.lost) count++;
      }
    } catch {
      // What the socket has to tell can't be had: it may be anything.
      count++;
    }
    if (count !== before) changed();
  }

  try {
    socket.join(NFNLGRP_NFTABLES);
    socket.watch(take);
  } catch (error) {
    socket.close();
    throw error;
  }
  return {
    changes() {
      take();
      return count;
    },
    close: () => socket.close(),
  };
}
