/**
 * The port for the kernel: lists of addresses that firewall rules look at, and the connections that exist already.
 * Everything about a list is synchronous (a write to /proc takes 10 µs); cutting connections forks and is not.
 */
import type { Address } from 'banban-shared';

/** What one look at a kernel list found. */
export type ListState =
  | {
      readonly state: 'present';
      readonly addresses: ReadonlySet<Address>;
      /** How many rows the list can have, both families together; undefined when the kernel does not tell. */
      readonly capacity: number | undefined;
    }
  | { readonly state: 'missing' }
  | { readonly state: 'failed'; readonly message: string };

/** What to write to one list. */
export interface ListChange {
  /** Removed first, so that the places are free for what is added. */
  readonly remove: readonly Address[];
  /** Added, or stamped anew where the list has it already; in the order of writing. */
  readonly add: readonly Address[];
}

/** The addresses for which the change was refused, with the kernel's reason; empty when all went well. */
export type ListFailures = ReadonlyMap<Address, string>;

/** The kernel's lists, each by its name as in the firewall's rules. */
export interface Firewall {
  readonly kind: 'xt_recent' | 'simulated';
  /** Why nothing can be enforced at all (no xt_recent in this kernel), or undefined. Asked again on every call. */
  unavailable(): string | undefined;
  /** Reads a list whole. Never throws. */
  read(list: string): ListState;
  /**
   * A value that changes when the list was taken away or made anew, at the price of one stat; undefined when there is
   * no such list. Rows may have changed all the same.
   */
  identity(list: string): string | undefined;
  /** Writes a change. Never throws: a list that is gone in the middle fails each of the remaining addresses. */
  write(list: string, change: ListChange): ListFailures;
}

/** What has become of the addresses whose connections were to be cut, since the start. */
export interface CutterStats {
  /** False when there is no conntrack program, or nothing may be touched. */
  readonly available: boolean;
  readonly queued: number;
  /** Connections deleted. */
  readonly cut: number;
  /** Calls that failed, with the last reason. */
  readonly failed: number;
  readonly lastError: string | undefined;
  /** Addresses not looked at because the queue was full. */
  readonly dropped: number;
}

/** Deletes the kernel's record of existing connections, so that their packets have to pass the rules again. */
export interface ConnectionCutter {
  /** Takes addresses into a bounded queue and returns at once. */
  cut(addresses: readonly Address[]): void;
  stats(): CutterStats;
  /** Ends a running child and forgets the queue. */
  stop(): Promise<void>;
}
