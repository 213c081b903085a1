/** The addresses of this machine, followed as they change. */
import { networkInterfaces } from 'node:os';
import { ms, parsePrefix, type Prefix } from 'banban-shared';
import type { Clock, Timer } from '../clock.ts';
import { addressEvents, type AddressEvents } from '../netlink/address-events.ts';
import type { NativeNetlink } from '../netlink/native.ts';

/** Where nothing tells of changes, and how often they are looked for all the same where something does. */
const LOOK_EVERY = ms(5000);
const LOOK_EVERY_AND_ALSO = ms(60_000);
/** A link that comes up tells of several changes: one look is for all of them. */
const SETTLE = ms(50);

/** Each address of each interface that is up, in order; one of a link without the link that it is of. */
export function ownAddresses(interfaces: typeof networkInterfaces = networkInterfaces): readonly Prefix[] {
  const all = Object.values(interfaces()).flatMap((each) => each ?? []);
  return [...new Set(all.flatMap(({ address }) => parsePrefix(address.replace(/%.*$/, '')) ?? []))].sort();
}

/** What follows them. */
export interface OwnAddresses {
  stop(): void;
}

/** What it needs; `native` is undefined on a machine without the native part. */
export interface OwnAddressesParts {
  readonly clock: Clock;
  readonly native: NativeNetlink | undefined;
  /** For tests. */
  readonly read?: () => readonly Prefix[];
}

/** Calls back with the addresses now, before it returns, and whenever they may have changed. A look that fails leaves things as they are. */
export function followOwnAddresses({ clock, native, read = ownAddresses }: OwnAddressesParts, changed: (addresses: readonly Prefix[]) => void): OwnAddresses {
  let events: AddressEvents | undefined;
  let regular: Timer | undefined;
  let soon: Timer | undefined;

  function look(): void {
    soon?.cancel();
    soon = undefined;
    regular?.cancel();
    regular = clock.after(events === undefined ? LOOK_EVERY : LOOK_EVERY_AND_ALSO, look);
    let addresses: readonly Prefix[];
    try {
      addresses = read();
    } catch {
      return;
    }
    if (addresses.length > 0) changed(addresses);
  }

  try {
    // Before the first look, so that nothing happens in between.
    events = native === undefined ? undefined : addressEvents(native, () => (soon ??= clock.after(SETTLE, look)));
  } catch {
    // Then they are looked for every few seconds, as without the native part.
  }
  look();
  return {
    stop() {
      soon?.cancel();
      regular?.cancel();
      events?.close();
    },
  };
}
