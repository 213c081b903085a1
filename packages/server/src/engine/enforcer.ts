/** Every target with its lists: what is done to a ban is done in all of them, and it is held when all of them hold it. */
import type { Enforcement, Instant, ListStatus, Subject } from 'banban-shared';
import type { Clock } from '../clock.ts';
import type { BackendName, TargetConfig } from '../config/config.ts';
import type { Firewall, Hits } from '../enforce/firewall.ts';
import type { Log } from '../observe/log.ts';
import type { BanRecord } from '../store/store.ts';
import type { ActiveBans } from './active-bans.ts';
import { createLedger, type BackendState, type Ledger, type Released, type SyncResult, type Unread } from './ledger.ts';

/** A target with all its lists; `state` and `message` are those of the worst, `held` counts what all hold that can. */
export interface TargetState {
  readonly name: string;
  readonly state: ListStatus;
  readonly message: string | undefined;
  readonly bans: number;
  readonly held: number;
  readonly foreign: readonly Subject[];
  readonly capacity: number | undefined;
  /** Banned but not held, longest-lasting first. */
  readonly notHeld: readonly Subject[];
  readonly backends: readonly BackendState[];
}

/** The kernel's side of the bans. What the kernel refuses is no exception: it shows in `stateOf`, and is tried again. */
export interface Enforcer {
  /** Takes new targets over. Lists that are no target's any more are emptied of what banban put in, and left alone. */
  configure(targets: Iterable<TargetConfig>): void;
  /** Why no list of the target can hold such a row; undefined when one can. */
  refuses(target: string, subject: Subject): string | undefined;
  /** Puts bans just made or extended into the kernel. */
  apply(bans: readonly BanRecord[]): void;
  /** Takes ended bans out of the kernel. */
  release(bans: readonly Released[]): { readonly released: readonly Released[]; readonly stuck: readonly Released[] };
  /** Whether a list may still have the row of an ended ban. */
  owes(ban: Released): boolean;
  /** Reads a target's lists, writes what is missing or left over, and reads again where something was written. */
  sync(target: string): SyncResult;
  /** The same, but for lists of which everything is known already. */
  verify(target: string): void;
  /** Looks at every list, cheaply where nothing seems to have changed. */
  check(): void;
  /** Told that somebody has changed lists or rules: what has to be looked at anew is looked at, the rest is synced. */
  reread(): void;
  /** Syncs every list whose last look is older than a moment, so that what is shown next is true. */
  refresh(): void;
  enforcementOf(ban: BanRecord): Enforcement;
  stateOf(target: string): TargetState;
  hitsOf(target: string): ReadonlyMap<Subject, Hits>;
  setUnread(unread: ReadonlyMap<string, ReadonlyMap<BackendName, Unread>>): void;
  /** Lets go of the kernel; the rows stay. */
  close(): void;
}

/** What it works with; `bans` is read, never changed. */
export interface EnforcerParts {
  readonly clock: Clock;
  readonly firewall: Firewall;
  readonly bans: ActiveBans;
  readonly log: Log;
  /** Called with the ids of ended bans whose rows turned out to be gone from every list. */
  readonly onReleased: (ids: readonly number[]) => void;
}

/** From the worst to the best: of several lists the worst is what an admin has to know. */
const WORST: readonly Enforcement[] = ['failed', 'missing', 'waiting', 'unread', 'pending', 'simulated', 'held'];
const WORST_STATE: readonly ListStatus[] = ['failed', 'missing', 'full', 'unread', 'pending', 'simulated', 'ok'];

/** A list of a target. */
interface Held {
  /** Equal for two that are the same list. */
  readonly shape: string;
  readonly ledger: Ledger;
}

/** What is known of a target of which only the name is. */
const ORPHAN: TargetConfig = { name: '', backends: ['xt_recent'], ban: [], jitter: 0, ports: [], protocols: [], action: 'drop', ipv6Prefix: 128, networkAfter: undefined, seconds: undefined, command: undefined, place: { file: '', line: 0, key: '' } };

const latest = (a: Instant | undefined, b: Instant | undefined): Instant | undefined => (a === undefined || (b !== undefined && b > a) ? b : a);

/** What makes another list of a target's: the rest is the firewall rules' business. */
function shapeOf({ name, ipv6Prefix, command, seconds }: TargetConfig, backend: BackendName): string {
  switch (backend) {
    case 'xt_recent':
      return JSON.stringify([name, backend, ipv6Prefix, seconds]);
    case 'nftables':
    case 'ipset':
      return JSON.stringify([name, backend, ipv6Prefix]);
    case 'hosts_deny':
      return JSON.stringify([name, backend]);
    case 'command':
      return JSON.stringify([name, backend, command]);
  }
}

/** An enforcer without targets: `configure` comes first. */
export function createEnforcer({ clock, firewall, bans, log, onReleased }: EnforcerParts): Enforcer {
  const targets = new Map<string, readonly Held[]>();
  /** Lists that are no target's any more, and have not yet been freed of what banban put in; by their shapes. */
  const leaving = new Map<string, { readonly target: string; readonly ledger: Ledger }>();
  let checksSoon = false;
  let closed = false;

  function open(config: TargetConfig, backend: BackendName): Held {
    const shape = shapeOf(config, backend);
    // Two of them on one list would undo each other's work; what the old one has left, the new one finds.
    leaving.get(shape)?.ledger.list.close();
    leaving.delete(shape);
    const changed = (): void => {
      ledger.changed();
      if (checksSoon || closed) return;
      checksSoon = true;
      clock.soon(() => {
        checksSoon = false;
        check();
      });
    };
    const list = firewall.open(config, backend, changed);
    const ledger: Ledger = createLedger({ clock, list, config, bans, log, onReleased: (ids) => confirm(config.name, ids) });
    return { shape, ledger };
  }

  function leave(target: string, { shape, ledger }: Held): void {
    if (ledger.abandon()) ledger.list.close();
    else leaving.set(shape, { target, ledger });
  }

  /** Ids that one list has confirmed are told on when no other list of the target owes them. */
  function confirm(target: string, ids: readonly number[]): void {
    const ledgers = everOf(target);
    const done = ids.filter((id) => !ledgers.some((ledger) => ledger.owesId(id)));
    if (done.length > 0) onReleased(done);
  }

  function check(): void {
    if (closed) return;
    for (const [target, lists] of targets) {
      for (const { ledger } of lists) {
        const { added, removed } = ledger.check();
        if (added + removed > 0) log.info('reconciled', { target, backend: ledger.list.backend, added, removed });
      }
    }
    for (const [shape, { ledger }] of leaving) {
      if (!ledger.abandon()) continue;
      ledger.list.close();
      leaving.delete(shape);
    }
  }

  const ledgersOf = (target: string): readonly Ledger[] => (targets.get(target) ?? []).map((list) => list.ledger);
  /** Those that are leaving, too. */
  const everOf = (target: string): readonly Ledger[] => [...ledgersOf(target), ...[...leaving.values()].flatMap((one) => (one.target === target ? one.ledger : []))];
  const able = (target: string, subject: Subject): readonly Ledger[] => ledgersOf(target).filter((ledger) => ledger.takes(subject));

  function refuses(target: string, subject: Subject): string | undefined {
    const why = ledgersOf(target).map((ledger) => ledger.list.refuses(subject));
    return why.includes(undefined) ? undefined : (why[0] ?? `there is no target ${target}`);
  }

  /** Bans that were made when the target had another backend, and that none of those it has now can hold. */
  const unable = (target: string): Subject[] => [...bans.of(target).keys()].filter((subject) => able(target, subject).length === 0);

  function enforcementOf({ target, address }: BanRecord): Enforcement {
    const each = able(target, address).map((ledger) => ledger.enforcementOf(address));
    return WORST.find((one) => each.includes(one)) ?? 'failed';
  }

  /**
   * Takes rows out of a target that was not configured any more when banband started. What it was is not known; xt_recent is the one
   * backend whose rows never end by themselves and whose lists nobody else clears away.
   */
  function releaseOrphans(name: string, gone: readonly Released[]): readonly Released[] {
    const list = firewall.open({ ...ORPHAN, name }, 'xt_recent', () => undefined);
    const mine = gone.filter((ban) => list.refuses(ban.address) === undefined);
    const refused = list.write({ remove: mine.map((ban) => ban.address), add: [] });
    const stuck = list.identity() === undefined ? [] : mine.filter((ban) => refused.has(ban.address));
    list.close();
    return stuck;
  }

  function grouped<T extends Released>(list: readonly T[]): Map<string, T[]> {
    const byTarget = new Map<string, T[]>();
    for (const one of list) {
      const own = byTarget.get(one.target);
      if (own === undefined) byTarget.set(one.target, [one]);
      else own.push(one);
    }
    return byTarget;
  }

  return {
    configure(configs) {
      const wanted = [...configs];
      const shapes = new Set(wanted.flatMap((config) => config.backends.map((backend) => shapeOf(config, backend))));
      const before = [...targets];
      const kept = new Map<string, Held>();
      targets.clear();
      for (const [name, lists] of before) {
        for (const list of lists) {
          if (shapes.has(list.shape)) kept.set(list.shape, list);
          else leave(name, list);
        }
      }
      for (const config of wanted) targets.set(config.name, config.backends.map((backend) => kept.get(shapeOf(config, backend)) ?? open(config, backend)));
    },
    refuses,
    apply(made) {
      for (const [name, own] of grouped(made)) for (const ledger of ledgersOf(name)) ledger.apply(own);
    },
    release(gone) {
      const released: Released[] = [];
      const stuck = new Set<Released>();
      for (const [name, own] of grouped(gone)) {
        const ledgers = everOf(name);
        for (const ledger of ledgers) for (const ban of ledger.release(own)) stuck.add(ban);
        if (ledgers.length === 0) for (const ban of releaseOrphans(name, own)) stuck.add(ban);
        for (const ban of own) if (!stuck.has(ban) && !ledgers.some((ledger) => ledger.owes(ban))) released.push(ban);
      }
      return { released, stuck: [...stuck] };
    },
    owes: (ban) => everOf(ban.target).some((ledger) => ledger.owes(ban)),
    sync(target) {
      const done = ledgersOf(target).map((ledger) => ledger.sync());
      return { added: done.reduce((sum, one) => sum + one.added, 0), removed: done.reduce((sum, one) => sum + one.removed, 0) };
    },
    reread() {
      for (const lists of targets.values()) {
        for (const { ledger } of lists) {
          if (ledger.list.reread === undefined) ledger.refresh();
          else ledger.list.reread();
        }
      }
    },
    verify(target) {
      for (const ledger of ledgersOf(target)) ledger.verify();
    },
    check,
    refresh() {
      for (const lists of targets.values()) for (const { ledger } of lists) ledger.refresh();
    },
    enforcementOf,
    stateOf(target) {
      const backends = ledgersOf(target).map((ledger) => ledger.state());
      const active = bans.of(target);
      const [only] = backends;
      const misfits = backends.every((one) => one.bans === active.size) ? [] : unable(target);
      const [misfit] = misfits;
      const worst = WORST_STATE.flatMap((state) => backends.find((one) => one.state === state) ?? [])[0];
      const said = worst === undefined ? 'not looked at yet' : backends.length > 1 && worst.message !== undefined ? `${worst.backend}: ${worst.message}` : worst.message;
      const untilOf = (subject: Subject): number => active.get(subject)?.until ?? 0;
      const notHeld = backends.length === 1 && only !== undefined && misfit === undefined ? only.notHeld : [...new Set([...backends.flatMap((one) => one.notHeld), ...misfits])].sort((a, b) => (untilOf(a) === untilOf(b) ? 0 : untilOf(b) > untilOf(a) ? 1 : -1));
      const capacities = backends.flatMap((one) => one.capacity ?? []);
      return {
        name: target,
        state: misfit !== undefined ? 'failed' : (worst?.state ?? 'failed'),
        message: misfit !== undefined && worst?.state !== 'failed' ? refuses(target, misfit) : said,
        bans: active.size,
        held: active.size - notHeld.length,
        foreign: [...new Set(backends.flatMap((one) => one.foreign))],
        capacity: capacities.length === 0 ? undefined : Math.min(...capacities),
        notHeld,
        backends,
      };
    },
    hitsOf(target) {
      const all = ledgersOf(target).map((ledger) => ledger.hits());
      const [only] = all;
      if (all.length === 1 && only !== undefined) return only;
      const sum = (a: number | undefined, b: number | undefined): number | undefined => (a === undefined ? b : b === undefined ? a : a + b);
      const joined = new Map<Subject, Hits>();
      for (const one of all) {
        for (const [subject, hits] of one) {
          const before = joined.get(subject);
          joined.set(subject, before === undefined ? hits : { packets: sum(before.packets, hits.packets), bytes: sum(before.bytes, hits.bytes), lastAt: latest(before.lastAt, hits.lastAt) });
        }
      }
      return joined;
    },
    setUnread(unread) {
      for (const [name, lists] of targets) for (const { ledger } of lists) ledger.unread = ledger.list.backend === 'simulated' ? undefined : unread.get(name)?.get(ledger.list.backend);
    },
    close() {
      closed = true;
      for (const lists of targets.values()) for (const { ledger } of lists) ledger.list.close();
      for (const { ledger } of leaving.values()) ledger.list.close();
    },
  };
}
