/** A kernel in memory, to which everything happens that happens to a real one: lists vanish and come back, rows come and go by hand, writes fail. */
import { familyOf, holds, isNetwork, networkOf, type Subject } from 'banban-shared';
import type { BackendName } from '../../packages/server/src/config/config.ts';
import type { Firewall, KernelList, ListChange, ListFailures } from '../../packages/server/src/enforce/firewall.ts';

/** How the lists of one backend are; the defaults are those of `MANNERS`. */
export interface Manners {
  /** `addresses` holds no networks but those of the target's IPv6 prefix, as xt_recent; `disjoint` none that overlap, as nftables' interval sets; `all` any. */
  readonly networks: 'addresses' | 'disjoint' | 'all';
  /** Takes changes, and does them at the next `step`; has nothing to tell before the first. */
  readonly defers: boolean;
  /** Says by its identity and by `changed` when somebody else has written to it, so that nobody needs to look. */
  readonly tells: boolean;
  /** Rows that a list can have; a write beyond it makes the row go that was stamped longest ago, unsaid. */
  readonly capacity: number | undefined;
}

/** Every list by its name: that of the target for xt_recent, `A nftables` for any other backend. */
export interface UnrulyFirewall extends Firewall {
  /** The last firewall rule that names the list goes, and the list with it. */
  vanish(list: string): void;
  /** A firewall rule names the list again; it is empty. */
  comeBack(list: string): void;
  /** All rows go and the list stays. */
  empty(list: string): void;
  /** A row goes by somebody's hand. */
  evict(list: string, subject: Subject): void;
  /** A row comes by somebody's hand. */
  plant(list: string, subject: Subject): void;
  /** While deaf, every write is refused: of all lists, or of one. */
  setDeaf(deaf: boolean, list?: string): void;
  readonly deaf: boolean;
  /** Deferring lists begin with what they have taken; the next `step` ends it and tells of it, and what comes meanwhile waits for another. */
  begin(): void;
  /** Deferring lists do, or fail to do, what they have taken and what has failed before; true when there was something new. */
  step(): boolean;
  /** Whoever had lists open is dead, and with him what he had asked for; the rows stay. */
  crash(): void;
  /** The rows, or undefined when there is no list. */
  rows(list: string): ReadonlySet<Subject> | undefined;
  /** The rows that were last written by banban and not by hand. */
  written(list: string): ReadonlySet<Subject>;
  /** Every list that there ever was. */
  lists(): string[];
  /** Those that banban has open, as often as it has. */
  openLists(): string[];
  /** Changes that the lists were asked for, in their order. */
  readonly changes: readonly (ListChange & { readonly list: string })[];
  /** Writes so far. */
  readonly writes: number;
  /** Whole readings so far. */
  readonly reads: number;
  /** How long ago the row was last written, by a clock that nobody can set; undefined when there is none. */
  age(list: string, subject: Subject): number | undefined;
  /** The clock that nobody can set. */
  uptime: () => number;
}

const PLAIN: Manners = { networks: 'all', defers: false, tells: false, capacity: undefined };
const MANNERS: Readonly<Record<BackendName, Manners>> = {
  xt_recent: { ...PLAIN, networks: 'addresses' },
  nftables: { ...PLAIN, networks: 'disjoint', tells: true },
  ipset: PLAIN,
  hosts_deny: { ...PLAIN, defers: true },
  command: { ...PLAIN, defers: true },
};

/** The kernel's side of a list: it is there whether somebody has it open or not. */
interface Rows {
  readonly rows: Map<Subject, { readonly byHand: boolean; readonly at: number }>;
  gone: boolean;
  deaf: boolean;
  life: number;
}

/** A list as one that opened it has it. */
interface Opened {
  readonly defers: boolean;
  readonly changed: () => void;
  begin(): void;
  step(): boolean;
}

export function unrulyFirewall(capacity?: number, manners: Partial<Record<BackendName, Partial<Manners>>> = {}): UnrulyFirewall {
  const kernel = new Map<string, Rows>();
  const opened = new Map<string, Set<Opened>>();
  const changes: (ListChange & { list: string })[] = [];
  let reads = 0;
  let allDeaf = false;

  const rowsOf = (list: string): Rows => {
    let own = kernel.get(list);
    if (own === undefined) kernel.set(list, (own = { rows: new Map(), gone: false, deaf: false, life: 0 }));
    return own;
  };
  const overlapping = (list: Rows, subject: Subject): Subject | undefined =>
    isNetwork(subject) ? [...list.rows.keys()].find((row) => row !== subject && isNetwork(row) && (holds(row, subject) || holds(subject, row))) : undefined;

  /** One row, as the kernel does it; why not, or undefined. */
  function put(name: string, subject: Subject, byHand: boolean, { networks, capacity: most }: Manners): string | undefined {
    const list = rowsOf(name);
    const other = networks === 'disjoint' ? overlapping(list, subject) : undefined;
    if (other !== undefined) return `File exists (${other})`;
    list.rows.delete(subject);
    list.rows.set(subject, { byHand, at: firewall.uptime() });
    const oldest = list.rows.keys().next().value;
    if (most !== undefined && list.rows.size > most && oldest !== undefined) list.rows.delete(oldest);
    return undefined;
  }

  function told(name: string, own: Manners): void {
    if (!own.tells) return;
    rowsOf(name).life++;
    for (const one of opened.get(name) ?? []) one.changed();
  }

  const mannersOf = (backend: BackendName): Manners => ({ ...MANNERS[backend], ...(backend === 'xt_recent' && capacity !== undefined ? { capacity } : {}), ...manners[backend] });
  const backendOf = (name: string): BackendName => (Object.keys(MANNERS) as BackendName[]).find((backend) => name.endsWith(` ${backend}`)) ?? 'xt_recent';

  const firewall: UnrulyFirewall = {
    kind: 'kernel',
    uptime: () => 0,
    open({ name: target, ipv6Prefix }, backend, changed): KernelList {
      const name = backend === 'xt_recent' ? target : `${target} ${backend}`;
      const list = rowsOf(name);
      const own = mannersOf(backend);
      /** Words taken and not done: a row's `until`, or undefined for its removal. */
      const queue = new Map<Subject, number | undefined>();
      let underWay: ReadonlyMap<Subject, number | undefined> | undefined;
      /** Of what is under way. */
      const refused = new Map<Subject, { readonly until: number | undefined; readonly reason: string }>();
      const failed = new Map<Subject, { readonly until: number | undefined; readonly reason: string }>();
      let known: { readonly subjects: ReadonlySet<Subject>; readonly gone: boolean } | undefined;
      const refusal = (): string | undefined => (list.gone ? 'No such file or directory' : list.deaf || allDeaf ? 'Input/output error' : undefined);

      const here: Opened = {
        defers: own.defers,
        changed,
        begin() {
          if (underWay !== undefined) return;
          underWay = new Map([...[...failed].map(([subject, { until }]) => [subject, until] as const), ...queue]);
          queue.clear();
          refused.clear();
          const why = refusal();
          for (const removals of [true, false]) {
            for (const [subject, until] of underWay) {
              if ((until === undefined) !== removals) continue;
              const reason = why ?? (removals ? void list.rows.delete(subject) : put(name, subject, false, own));
              if (reason !== undefined) refused.set(subject, { until, reason });
            }
          }
        },
        step() {
          const before = known;
          const isNew = queue.size > 0 || underWay !== undefined || before === undefined;
          here.begin();
          const words = underWay ?? new Map<Subject, number | undefined>();
          underWay = undefined;
          failed.clear();
          // What was said meanwhile is the last word.
          for (const [subject, word] of refused) if (!queue.has(subject)) failed.set(subject, word);
          known = { subjects: new Set(list.rows.keys()), gone: list.gone };
          const isNews = isNew || failed.size < words.size || before.gone !== known.gone || before.subjects.size !== known.subjects.size || [...known.subjects].some((s) => !before.subjects.has(s));
          if (isNews) changed();
          return isNew;
        },
      };
      opened.set(name, (opened.get(name) ?? new Set()).add(here));

      const refuses = (subject: Subject): string | undefined => {
        if (own.networks !== 'addresses') return undefined;
        const { bits } = networkOf(subject);
        return bits === (familyOf(subject) === 4 ? 32 : ipv6Prefix) ? undefined : `${subject} can’t be had in ${name}`;
      };

      return {
        backend,
        ...(own.defers ? { defers: true as const } : {}),
        ...(own.tells ? { isExact: true as const } : {}),
        refuses,
        read() {
          reads++;
          if (!own.defers) return list.gone ? { state: 'missing' } : { state: 'present', subjects: new Set(list.rows.keys()), pending: new Set(), failures: new Map(), capacity: own.capacity };
          if (known === undefined) return { state: 'unknown' };
          if (known.gone) return { state: 'missing' };
          const pending = new Set([...(underWay ?? []), ...queue].flatMap(([subject, until]) => (until === undefined ? [] : subject)));
          return { state: 'present', subjects: new Set(known.subjects), pending, failures: new Map([...failed].map(([subject, { reason }]) => [subject, reason])), capacity: own.capacity };
        },
        identity: () => ((own.defers ? known?.gone === true : list.gone) ? undefined : `${name} ${list.life}`),
        write(change): ListFailures {
          changes.push({ list: name, ...change });
          const { remove, add } = change;
          if (opened.get(name)?.has(here) !== true) throw new Error(`${name} was closed`);
          if (own.defers) {
            const say = (subject: Subject, until: number | undefined): void => {
              const before = failed.get(subject);
              // It is tried again anyway.
              if (before !== undefined && before.until === until) return;
              failed.delete(subject);
              queue.delete(subject);
              queue.set(subject, until);
            };
            for (const subject of remove) say(subject, undefined);
            for (const { subject, until } of add) say(subject, until);
            return new Map();
          }
          const failures = new Map<Subject, string>();
          const why = refusal();
          for (const subject of remove) {
            if (why === undefined) list.rows.delete(subject);
            else failures.set(subject, why);
          }
          for (const { subject } of add) {
            const reason = why ?? refuses(subject) ?? put(name, subject, false, own);
            if (reason !== undefined) failures.set(subject, reason);
          }
          return failures;
        },
        hits: () => new Map([...list.rows.keys()].map((subject) => [subject, { packets: list.rows.size, bytes: undefined, lastAt: undefined }])),
        close: () => void opened.get(name)?.delete(here),
      };
    },
    vanish(name) {
      const list = rowsOf(name);
      list.rows.clear();
      list.gone = true;
    },
    comeBack(name) {
      const list = rowsOf(name);
      if (!list.gone) return;
      list.gone = false;
      list.life++;
    },
    empty(name) {
      rowsOf(name).rows.clear();
      told(name, mannersOf(backendOf(name)));
    },
    evict(name, subject) {
      if (rowsOf(name).rows.delete(subject)) told(name, mannersOf(backendOf(name)));
    },
    plant(name, subject) {
      const own = mannersOf(backendOf(name));
      if (!rowsOf(name).gone && put(name, subject, true, own) === undefined) told(name, own);
    },
    setDeaf(deaf, name) {
      if (name === undefined) allDeaf = deaf;
      if (name !== undefined) rowsOf(name).deaf = deaf;
      else if (!deaf) for (const list of kernel.values()) list.deaf = false;
    },
    get deaf() {
      return allDeaf || [...kernel.values()].some((list) => list.deaf);
    },
    begin() {
      for (const all of opened.values()) for (const one of all) one.begin();
    },
    step: () => [...opened.values()].flatMap((all) => [...all]).filter((one) => one.defers && one.step()).length > 0,
    crash: () => opened.clear(),
    rows: (name) => (rowsOf(name).gone ? undefined : new Set(rowsOf(name).rows.keys())),
    written: (name) => new Set([...rowsOf(name).rows].flatMap(([subject, { byHand }]) => (byHand ? [] : subject))),
    lists: () => [...kernel.keys()],
    openLists: () => [...opened].flatMap(([name, all]) => [...all].map(() => name)),
    changes,
    get writes() {
      return changes.length;
    },
    get reads() {
      return reads;
    },
    age(name, subject) {
      const row = rowsOf(name).rows.get(subject);
      return row === undefined ? undefined : firewall.uptime() - row.at;
    },
  };
  return firewall;
}
