/**
 * One list of one target: keeps it what the active bans say, and knows at every moment how far that is true. It is longer than
 * most files because every way in which a list changes (bans, ends, looks, renewals, other people) has to leave the same ledger true.
 */
import { after, instant, isNetwork, ms, type Enforcement, type Instant, type ListStatus, type Prefix, type Subject } from 'banban-shared';
import type { Clock } from '../clock.ts';
import type { TargetConfig } from '../config/config.ts';
import type { Hits, KernelList, ListFailures, ListState, Row } from '../enforce/firewall.ts';
import type { Log } from '../observe/log.ts';
import type { BanRecord } from '../store/store.ts';
import type { ActiveBans } from './active-bans.ts';
import { planList } from './reconcile.ts';

/** What was found at the last look at one list of a target. */
export interface BackendState {
  readonly backend: KernelList['backend'];
  readonly state: ListStatus;
  /** A sentence where all is not well. */
  readonly message: string | undefined;
  readonly held: number;
  /** What is in the list and banban did not put there. */
  readonly foreign: readonly Subject[];
  readonly capacity: number | undefined;
  /** Banned but not held, longest-lasting first. */
  readonly notHeld: readonly Subject[];
}

/** How many rows came in and went out, as read back. */
export interface SyncResult {
  readonly added: number;
  readonly removed: number;
}

/** A ban that has ended, as far as the kernel's row goes by it. */
export type Released = Pick<BanRecord, 'id' | 'address' | 'target'>;

/** The kernel's side of one list. What it refuses is no exception: it shows in `state`, and is tried again. */
export interface Ledger {
  readonly list: KernelList;
  /** Whether the list can have such a row at all. */
  takes(subject: Subject): boolean;
  /** Puts bans just made or extended into the list. */
  apply(made: readonly BanRecord[]): void;
  /** Takes ended bans out; answers those that could not be. Whether the rest is confirmed gone, `owes` says. */
  release(gone: readonly Released[]): readonly Released[];
  /** Whether the row of an ended ban may still be there. */
  owes(ended: Released): boolean;
  owesId(id: number): boolean;
  /** Takes all out that banban put in, because the list is nobody's from now on. */
  abandon(): void;
  /** Reads the list, writes what is missing or left over, and reads it again where something was written. */
  sync(): SyncResult;
  /** Looks at the list, cheaply where nothing seems to have changed. */
  check(): SyncResult;
  /** Syncs where the last look is older than a moment, so that what is shown next is true. */
  refresh(): void;
  /** Told that the list may be another. */
  changed(): void;
  enforcementOf(subject: Subject): Enforcement;
  state(): BackendState;
  hits(): ReadonlyMap<Subject, Hits>;
  /** A sentence when no firewall rule looks at the list. */
  unread: string | undefined;
}

/** What it works with; `bans` is read, never changed. */
export interface LedgerParts {
  readonly clock: Clock;
  readonly list: KernelList;
  readonly config: TargetConfig;
  readonly bans: ActiveBans;
  readonly log: Log;
  /** Called with ids of ended bans whose rows turned out to be gone from this list. */
  readonly onReleased: (ids: readonly number[]) => void;
}

/** Answers of one second are fresh enough for the timer; what a person asks for is read anew if older than this. */
const FRESH = 50;
/**
 * Reading a list whole may take at most this part of the time: a table of 100 rows is read every second, one of 100,000 every few
 * minutes. Where the kernel tells of changes nothing is lost by it.
 */
const READ_SHARE = 1 / 1000;
const CHECK_EVERY = 1000;
/** Somebody else's changes are answered at once, but not with more than this part of the time. */
const ANSWER_SHARE = 1 / 5;

const NOTHING: ReadonlySet<Subject> = new Set();
const NO_FAILURES: ListFailures = new Map();
const UNCHANGED: SyncResult = { added: 0, removed: 0 };

/** A ledger that knows nothing yet. Logs when the list goes, fails or comes back, once each. */
export function createLedger({ clock, list, config, bans, log, onReleased }: LedgerParts): Ledger {
  const target = config.name;
  const names = { target, backend: list.backend };
  const never = instant(0);
  let held = new Set<Subject>();
  /** Ended here, not yet confirmed gone from the kernel. */
  const ended = new Map<Subject, number>();
  const owed = new Set<number>();
  let foreign: Subject[] = [];
  let pending: ReadonlySet<Subject> = NOTHING;
  let failures: ListFailures = NO_FAILURES;
  let capacity: number | undefined;
  let state: 'present' | 'missing' | 'failed' | 'unknown' = 'unknown';
  let message: string | undefined;
  let identity: string | undefined;
  let readAt: Instant = never;
  /** When the next whole read is due, as far as its cost goes; and the next one after somebody else's change. */
  let readDue: Instant = never;
  let answerDue: Instant = never;
  /** When rows under a `--seconds` rule are next stamped anew. */
  let renewDue: Instant = never;
  let dirty = false;
  let unread: string | undefined;

  const takes = (subject: Subject): boolean => list.refuses(subject) === undefined;

  /** The widest network around a network that the list holds in its place: rows must not overlap. */
  function cover(subject: Subject): BanRecord | undefined {
    if (!isNetwork(subject) || bans.networks(target).size < 2) return undefined;
    return bans.around(target, subject).find((ban) => takes(ban.address));
  }

  const rowFor = (subject: Subject): Subject => cover(subject)?.address ?? subject;
  const rowOf = ({ address, until }: BanRecord): Row => ({ subject: address, until });

  /** Active networks whose place another has taken. */
  function covered(): ReadonlySet<Subject> {
    const networks = bans.networks(target);
    if (networks.size < 2) return NOTHING;
    return new Set([...networks].filter((network) => cover(network) !== undefined));
  }

  function* wantedRows(hidden: ReadonlySet<Subject>): Generator<Row> {
    for (const ban of bans.of(target).values()) if (takes(ban.address) && !hidden.has(ban.address)) yield rowOf(ban);
  }

  function mark(now: typeof state, why: string | undefined): void {
    if (state === now && message === why) return;
    const before = state;
    state = now;
    message = why;
    if (now === 'missing') log.warn('list_missing', { ...names, message: why ?? '' });
    else if (now === 'failed') log.error('list_failed', { ...names, message: why ?? '' });
    else if (now === 'present' && (before === 'missing' || before === 'failed')) log.info('list_back', names);
  }

  function settle(subject: Subject): number | undefined {
    const id = ended.get(subject);
    if (id === undefined) return undefined;
    ended.delete(subject);
    owed.delete(id);
    return id;
  }

  function confirm(gone: Iterable<Subject>): void {
    const ids: number[] = [];
    for (const subject of gone) {
      const id = settle(subject);
      if (id !== undefined) ids.push(id);
    }
    if (ids.length > 0) onReleased(ids);
  }

  function missing(why: string | undefined): void {
    held = new Set();
    foreign = [];
    identity = undefined;
    mark('missing', why ?? `the list ${target} of ${list.backend} is not there; bans are kept and put in as soon as it is`);
    // What the kernel had is gone with the list.
    confirm([...ended.keys()]);
  }

  /**
   * Reads the list into the ledger; the listed subjects, or undefined when there are none to be had. Whether all is well
   * is not said here: a list that refuses every write can be read all the same.
   */
  function look(): ReadonlySet<Subject> | undefined {
    const before = clock.now();
    dirty = false;
    // Before the reading: what changes in the middle of it has to show afterwards.
    const was = list.identity();
    const found: ListState = list.read();
    readAt = clock.now();
    const cost = Math.max(0, readAt - before);
    readDue = after(readAt, ms(Math.max(CHECK_EVERY - 50, cost / READ_SHARE)));
    answerDue = after(readAt, ms(cost / ANSWER_SHARE));
    pending = NOTHING;
    failures = NO_FAILURES;
    switch (found.state) {
      case 'missing':
        missing(found.message);
        return undefined;
      case 'failed':
        held = new Set();
        mark('failed', found.message);
        return undefined;
      case 'unknown':
        mark('unknown', undefined);
        return undefined;
      case 'present':
        identity = was;
        ({ capacity, pending, failures } = found);
        return found.subjects;
    }
  }

  function take(listed: ReadonlySet<Subject>): void {
    const active = bans.of(target);
    held = new Set();
    foreign = [];
    for (const subject of listed) {
      if (active.has(subject)) held.add(subject);
      else if (!ended.has(subject)) foreign.push(subject);
    }
  }

  /** Writes, and marks the ledger failed or missing by what the kernel said. */
  function write(remove: readonly Subject[], add: readonly Row[]): ListFailures {
    const refused = list.write({ remove, add });
    const [first] = refused;
    if (first !== undefined) {
      if (list.identity() === undefined) missing(first[1]);
      else mark('failed', `${first[0]} could not be written to the list ${target} of ${list.backend}: ${first[1]}`);
    }
    return refused;
  }

  /** Enters rows that were written: held, or pending where the list only took them. */
  function enter(rows: readonly Row[], refused: ListFailures): void {
    if (list.defers === true) {
      pending = new Set([...pending, ...rows.map((row) => row.subject)]);
      return;
    }
    for (const { subject } of rows) if (!refused.has(subject)) held.add(subject);
  }

  const absent = (listed: ReadonlySet<Subject>): Subject[] => [...ended.keys()].filter((subject) => !listed.has(subject) && !pending.has(subject));

  function present(): void {
    const [first] = failures;
    if (first === undefined) mark('present', undefined);
    else mark('failed', `${failures.size === 1 ? '' : `${failures.size} changes are refused, the first: `}${first[0]}: ${first[1]}`);
  }

  function sync(): SyncResult {
    const listed = look();
    if (listed === undefined) return UNCHANGED;
    const hidden = covered();
    const plan = planList({ active: wantedRows(hidden), ended: new Set(ended.keys()), listed, covered: hidden, capacity });
    confirm(absent(listed));
    // What is on its way needs no second order, and what was refused is tried again by the list itself.
    const add = pending.size + failures.size === 0 ? plan.add : plan.add.filter(({ subject }) => !pending.has(subject) && !failures.has(subject));
    if (add.length === 0 && plan.remove.length === 0) {
      take(listed);
      present();
      return UNCHANGED;
    }
    const refused = write(plan.remove, add);
    if (refused.size > 0 && state === 'missing') return UNCHANGED;
    if (list.defers === true) {
      take(listed);
      enter(add, refused);
      present();
      return UNCHANGED;
    }
    const now = look();
    if (now === undefined) return UNCHANGED;
    confirm(absent(now));
    take(now);
    if (refused.size === 0) present();
    return { added: add.filter((row) => now.has(row.subject)).length, removed: plan.remove.filter((a) => !now.has(a)).length };
  }

  /**
   * Puts bans just made into a list that has not room for all of them. Only those and the ones that it holds can have a
   * place: the rest waits for being shorter, and in a storm is so long that looking at it for each ban would stall the loop.
   */
  function squeeze(made: readonly Row[]): void {
    const all = bans.of(target);
    const subjects = new Set([...held, ...made.map((row) => row.subject)]);
    const active = [...subjects].flatMap((subject) => all.get(subject) ?? []).map(rowOf);
    const places = Math.max(0, (capacity ?? Infinity) - foreign.length - ended.size);
    const plan = planList({ active, ended: new Set(), listed: held, capacity: places });
    const gone = new Set(plan.remove);
    const again = made.filter(({ subject }) => held.has(subject) && !gone.has(subject));
    const refused = write(plan.remove, [...plan.add, ...again]);
    for (const subject of plan.remove) if (!refused.has(subject)) held.delete(subject);
    enter(plan.add, refused);
  }

  /** Rows under a `--seconds` rule stop matching unless they are stamped anew. */
  function renew(): void {
    const { seconds } = config;
    if (seconds === undefined || list.backend !== 'xt_recent') return;
    const now = clock.now();
    const wait = renewDue - now;
    // Longer than it can be: the clock was put back, and the kernel counts the age of its rows by another.
    if (wait > 0 && wait <= seconds / 2) return;
    const active = bans.of(target);
    const rows = [...held].flatMap((subject) => active.get(subject) ?? []).map(rowOf);
    const refused = rows.length === 0 ? undefined : write([], rows);
    // Where it was refused there is time for three more tries before the rows stop matching.
    renewDue = after(now, ms(refused === undefined || refused.size === 0 ? seconds / 2 : seconds / 8));
  }

  /** Networks that lie in one of `networks` and are banned themselves. */
  const inside = (networks: readonly Prefix[]): BanRecord[] => {
    if (networks.length === 0) return [];
    const wide = new Set<Subject>(networks);
    return [...bans.networks(target)].flatMap((network) => {
      const ban = bans.get(target, network);
      return ban !== undefined && bans.around(target, network).some((each) => wide.has(each.address)) ? ban : [];
    });
  };

  return {
    list,
    takes,
    get unread() {
      return unread;
    },
    set unread(why) {
      if (why !== undefined && why !== unread) log.error('list_unread', { ...names, message: why });
      else if (why === undefined && unread !== undefined) log.info('list_read_again', names);
      unread = why;
    },
    apply(made) {
      const rows: Row[] = [];
      const wide: Prefix[] = [];
      for (const ban of made) {
        settle(ban.address);
        if (!takes(ban.address)) continue;
        if (cover(ban.address) !== undefined) continue;
        rows.push(rowOf(ban));
        if (isNetwork(ban.address)) wide.push(ban.address);
      }
      if (rows.length === 0) return;
      if (state !== 'present') {
        sync();
        return;
      }
      const remove = inside(wide).map((ban) => ban.address).filter((subject) => held.has(subject));
      const fresh = rows.filter(({ subject }) => !held.has(subject)).length;
      const places = (capacity ?? Infinity) - foreign.length - ended.size - held.size;
      if (fresh > places) {
        squeeze(rows);
        return;
      }
      const refused = write(remove, rows);
      for (const subject of remove) if (!refused.has(subject)) held.delete(subject);
      enter(rows, refused);
    },
    release(gone) {
      const subjects = gone.map((ban) => ban.address).filter(takes);
      if (subjects.length === 0) return [];
      const around = gone.map((ban) => ban.address).filter(isNetwork);
      // What a wider network held in their place has to be there itself from now on.
      const back = around.length === 0 ? [] : [...bans.networks(target)].flatMap((network) => bans.get(target, network) ?? []).filter((ban) => !held.has(ban.address) && takes(ban.address) && cover(ban.address) === undefined).map(rowOf);
      const refused = list.write({ remove: subjects, add: state === 'present' ? back : [] });
      const isGone = refused.size > 0 && list.identity() === undefined;
      let freed = false;
      const stuck: Released[] = [];
      for (const ban of gone) {
        if (!takes(ban.address)) continue;
        freed = held.delete(ban.address) || freed;
        if (isGone) continue;
        if (list.defers !== true && !refused.has(ban.address)) continue;
        ended.set(ban.address, ban.id);
        owed.add(ban.id);
        if (refused.has(ban.address)) stuck.push(ban);
      }
      if (state === 'present') enter(back, refused);
      if (isGone) missing(undefined);
      else if (refused.size > 0) mark('failed', `${[...refused][0]?.join(' could not be removed: ') ?? ''}`);
      // A place is free, and another ban waits for one.
      else if (freed && capacity !== undefined && bans.of(target).size > held.size) sync();
      return stuck;
    },
    owes: (ban) => ended.get(ban.address) === ban.id,
    owesId: (id) => owed.has(id),
    abandon() {
      const rows = [...held, ...ended.keys()];
      if (rows.length > 0) list.write({ remove: rows, add: [] });
      confirm([...ended.keys()]);
    },
    sync,
    check() {
      const now = clock.now();
      const same = state === 'present' && list.identity() === identity;
      let done = UNCHANGED;
      // Before the last look: the clock was put back.
      const due = same && !dirty ? now >= readDue : now >= answerDue;
      if (due || now < readAt) done = sync();
      renew();
      return done;
    },
    refresh() {
      const wait = Math.max(FRESH, (answerDue - readAt) / 2);
      if (Math.abs(clock.now() - readAt) > wait || state !== 'present') sync();
    },
    changed() {
      dirty = true;
    },
    enforcementOf(subject) {
      if (state === 'missing') return 'missing';
      const row = rowFor(subject);
      if (held.has(row)) return list.backend === 'simulated' ? 'simulated' : unread === undefined ? 'held' : 'unread';
      if (failures.has(row)) return 'failed';
      if (pending.has(row)) return 'pending';
      if (state === 'unknown') return list.defers === true ? 'pending' : 'failed';
      return state === 'failed' ? 'failed' : 'waiting';
    },
    state() {
      const bansHere = [...bans.of(target).values()].filter((ban) => takes(ban.address));
      const not = bansHere.filter((ban) => !held.has(rowFor(ban.address)));
      const notHeld = not.sort((a, b) => (a.until === b.until ? 0 : b.until > a.until ? 1 : -1)).map((b) => b.address);
      const common = { backend: list.backend, held: bansHere.length - not.length, foreign, capacity, notHeld };
      const deferring = list.defers === true && (state === 'unknown' || (state === 'present' && pending.size > 0));
      if (deferring) return { ...common, state: 'pending', message: state === 'unknown' ? `${list.backend} has not answered yet` : `${pending.size} rows are being written` };
      if (state === 'unknown') return { ...common, state: 'failed', message: 'not looked at yet' };
      if (state === 'missing' || state === 'failed') return { ...common, state, message };
      if (notHeld.length > 0) {
        const advice = list.backend === 'xt_recent' ? ' (load xt_recent with a larger ip_list_tot)' : '';
        return { ...common, state: 'full', message: `the kernel's list has ${capacity ?? 'too few'} places and ${bansHere.length} bans want one; the ${notHeld.length} that end first are not enforced${advice}` };
      }
      if (unread !== undefined) return { ...common, state: 'unread', message: unread };
      return { ...common, state: list.backend === 'simulated' ? 'simulated' : 'ok', message: undefined };
    },
    hits: () => list.hits(),
  };
}
