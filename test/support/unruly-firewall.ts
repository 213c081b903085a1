/** The simulated kernel with everything that happens to a real one: lists vanish and come back, rows come and go by hand, writes fail. */
import type { Address } from 'banban-shared';
import type { Firewall } from '../../packages/server/src/enforce/firewall.ts';
import { simulatedFirewall } from '../../packages/server/src/enforce/simulated.ts';

export interface UnrulyFirewall extends Firewall {
  /** The last firewall rule that names the list goes, and the list with it. */
  vanish(list: string): void;
  /** A firewall rule names the list again; it is empty. */
  comeBack(list: string): void;
  /** All rows go and the list stays. */
  empty(list: string): void;
  /** A row goes by somebody's hand. */
  evict(list: string, address: Address): void;
  /** A row comes by somebody's hand. */
  plant(list: string, address: Address): void;
  /** While deaf, every write is refused. */
  setDeaf(deaf: boolean): void;
  readonly deaf: boolean;
  /** The rows, or undefined when there is no list. */
  rows(list: string): ReadonlySet<Address> | undefined;
  /** The rows that were last written by banban and not by hand. */
  written(list: string): ReadonlySet<Address>;
  /** Writes so far, and the addresses in them. */
  readonly writes: number;
}

export function unrulyFirewall(capacity?: number): UnrulyFirewall {
  const kernel = simulatedFirewall(capacity === undefined ? {} : { capacity });
  const gone = new Set<string>();
  const lives = new Map<string, number>();
  const writers = new Map<string, Set<Address>>();
  let deaf = false;
  let writes = 0;

  const rows = (list: string): ReadonlySet<Address> => {
    const state = kernel.read(list);
    return state.state === 'present' ? state.addresses : new Set();
  };
  const writersOf = (list: string): Set<Address> => {
    let own = writers.get(list);
    if (own === undefined) writers.set(list, (own = new Set()));
    return own;
  };
  const empty = (list: string): void => {
    kernel.write(list, { remove: [...rows(list)], add: [] });
    writersOf(list).clear();
  };

  return {
    kind: 'xt_recent',
    unavailable: () => undefined,
    read: (list) => (gone.has(list) ? { state: 'missing' } : kernel.read(list)),
    identity: (list) => (gone.has(list) ? undefined : `${list} ${lives.get(list) ?? 0}`),
    write(list, change) {
      writes++;
      const all = [...change.remove, ...change.add];
      if (gone.has(list)) return new Map(all.map((a) => [a, 'No such file or directory']));
      if (deaf) return new Map(all.map((a) => [a, 'Input/output error']));
      for (const address of change.remove) writersOf(list).delete(address);
      for (const address of change.add) writersOf(list).add(address);
      return kernel.write(list, change);
    },
    vanish(list) {
      empty(list);
      gone.add(list);
    },
    comeBack(list) {
      if (gone.delete(list)) lives.set(list, (lives.get(list) ?? 0) + 1);
    },
    empty,
    evict(list, address) {
      kernel.write(list, { remove: [address], add: [] });
      writersOf(list).delete(address);
    },
    plant(list, address) {
      if (gone.has(list)) return;
      kernel.write(list, { remove: [], add: [address] });
      writersOf(list).delete(address);
    },
    setDeaf: (value) => void (deaf = value),
    get deaf() {
      return deaf;
    },
    rows: (list) => (gone.has(list) ? undefined : rows(list)),
    written: (list) => new Set([...rows(list)].filter((a) => writersOf(list).has(a))),
    get writes() {
      return writes;
    },
  };
}
