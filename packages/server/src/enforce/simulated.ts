/** Lists in memory, for `--simulate`, for users who are not root, and for tests: everything but the kernel is real. */
import type { Address } from 'banban-shared';
import type { ConnectionCutter, Firewall } from './firewall.ts';

/** What to simulate of the kernel's bounds. */
export interface SimulatedOptions {
  /** Rows that each list can have; beyond it the row stamped longest ago goes, as in the kernel. Undefined is no limit. */
  readonly capacity?: number;
}

/** Every list is there, empty at first. Addresses are read back in the order of their stamps. */
export function simulatedFirewall({ capacity }: SimulatedOptions = {}): Firewall {
  const lists = new Map<string, Set<Address>>();
  const rowsOf = (list: string): Set<Address> => {
    let rows = lists.get(list);
    if (rows === undefined) lists.set(list, (rows = new Set()));
    return rows;
  };
  return {
    kind: 'simulated',
    unavailable: () => undefined,
    read: (list) => ({ state: 'present', addresses: new Set(rowsOf(list)), capacity }),
    identity: () => 'simulated',
    write(list, { remove, add }) {
      const rows = rowsOf(list);
      for (const address of remove) rows.delete(address);
      for (const address of add) {
        rows.delete(address);
        rows.add(address);
        const oldest = rows.values().next().value;
        if (capacity !== undefined && rows.size > capacity && oldest !== undefined) rows.delete(oldest);
      }
      return new Map();
    },
  };
}

/** Cuts nothing and says so: `available` is false. */
export function simulatedCutter(): ConnectionCutter {
  return {
    cut: () => undefined,
    stats: () => ({ available: false, queued: 0, cut: 0, failed: 0, lastError: undefined, dropped: 0 }),
    stop: () => Promise.resolve(),
  };
}
