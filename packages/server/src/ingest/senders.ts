/** Who may send log lines over the network: told by the source address alone, and no name is ever asked for. */
import { holds, parseAddress, type Address, type Prefix } from 'banban-shared';

/** The allow list of a network source, and what came of it. */
export interface Senders {
  /** The sender's address as it may be shown, if it may send; undefined counts it as refused. */
  admit(remote: string | undefined): Address | undefined;
  /** Counts one that may send and was refused for another reason. */
  refuse(remote: string): void;
  refused(): { readonly count: number; readonly last: string | undefined };
}

/** Source addresses that are remembered: senders are few, and who forges them must not cost more than this. */
const MOST_KNOWN = 4096;

/** `allow` is who may send; nobody may where it is empty. */
export function createSenders(allow: readonly Prefix[]): Senders {
  const known = new Map<string, Address | undefined>();
  let count = 0;
  let last: string | undefined;

  function look(remote: string): Address | undefined {
    // The scope of a link-local address names an interface of this machine.
    const address = parseAddress(remote.replace(/%.*$/, ''));
    return address !== undefined && allow.some((one) => holds(one, address)) ? address : undefined;
  }

  function refuse(remote: string): void {
    count++;
    last = remote;
  }

  return {
    admit(remote = 'an unknown address') {
      if (!known.has(remote)) {
        if (known.size >= MOST_KNOWN) known.clear();
        known.set(remote, look(remote));
      }
      const address = known.get(remote);
      if (address === undefined) refuse(remote);
      return address;
    },
    refuse,
    refused: () => ({ count, last }),
  };
}
