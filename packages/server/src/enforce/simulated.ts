/** Lists in memory, for `--simulate`, for users who are not root, and for tests: everything but the kernel is real. */
import type { Subject } from 'banban-shared';
import type { ConnectionCutter, Firewall, KernelList } from './firewall.ts';

/** What to simulate of the kernel's bounds. */
export interface SimulatedOptions {
  /** Rows that each list can have; beyond it the row stamped longest ago goes, as in the kernel. Undefined is no limit. */
  readonly capacity?: number;
}

/**
 * Every list is there, empty at first, and holds networks as well as addresses. Rows are read back in the order of their stamps, and
 * stay where a list is closed and opened again.
 */
export function simulatedFirewall({ capacity }: SimulatedOptions = {}): Firewall {
  const lists = new Map<string, Set<Subject>>();
  const rowsOf = (key: string): Set<Subject> => {
    let rows = lists.get(key);
    if (rows === undefined) lists.set(key, (rows = new Set()));
    return rows;
  };
  return {
    kind: 'simulated',
    open(target, backend): KernelList {
      const rows = rowsOf(`${backend} ${target.name}`);
      return {
        backend: 'simulated',
        refuses: () => undefined,
        read: () => ({ state: 'present', subjects: new Set(rows), pending: new Set(), failures: new Map(), capacity }),
        identity: () => 'simulated',
        write({ remove, add }) {
          for (const subject of remove) rows.delete(subject);
          for (const { subject } of add) {
            rows.delete(subject);
            rows.add(subject);
            const oldest = rows.values().next().value;
            if (capacity !== undefined && rows.size > capacity && oldest !== undefined) rows.delete(oldest);
          }
          return new Map();
        },
        hits: () => new Map(),
        close: () => undefined,
      };
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
