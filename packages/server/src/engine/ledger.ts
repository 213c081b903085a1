/**
 * One list of one target: keeps it what the active bans say, and knows at every moment how far that is true. It is longer than
 * most files because every way in which a list changes (bans, ends, looks, renewals, other people) has to leave the same ledger true.
 */
import { after, familyOf, instant, isNetwork, ms, type Enforcement, type Family, type Instant, type ListStatus, type Subject } from 'banban-shared';
import type { Clock } from '../clock.ts';
import type { TargetConfig } from '../config/config.ts';
import type { Hits, KernelList, ListFailures, ListState, Row } from '../enforce/firewall.ts';
import type { Log } from '../observe/log.ts';
import type { BanRecord } from '../store/store.ts';
import type { ActiveBans } from './active-bans.ts';
import { planList } from './reconcile.ts';

/** Why no firewall rule looks at a list: a sentence, or one about the bans of one family. */
export type Unread = string | { readonly family: Family; readonly message: string };

/** What was found at the last look at one list of a target. */
export interface BackendState {
  readonly backend: KernelList['backend'];
  readonly state: ListStatus;
  /** A sentence where all is not well. */
  readonly message: string | undefined;
  /** Active bans that the list can have. */
  readonly bans: number;
  /** Those of them that it has. */
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
  /** Takes all out that banban put in, because the list is nobody's from now on. To be called again until it answers that nothing is left. */
  abandon(): boolean;
  /** Reads the list, writes what is missing or left over, and reads it again where something was written. */
  sync(): SyncResult;
  /** Looks at the list, cheaply where nothing seems to have changed. */
  check(): SyncResult;
  /** Syncs where the last look is older than a moment, so that what is shown next is true. */
  refresh(): void;
  /** Syncs, unless nothing can be other than it is known: for the answer to somebody who has just changed something. */
  verify(): void;
  /** Told that the list may be another. */
  changed(): void;
  enforcementOf(subject: Subject): Enforcement;
  state(): BackendState;
  hits(): ReadonlyMap<Subject, Hits>;
  /** Set when no firewall rule looks at the list, for one family or for both. */
  unread: Unread | undefined;
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

/** What a person asks for is read anew if the last look is older than so many milliseconds. */
const FRESH = 50;
/**
 * Looking at a list whole may take at most this part of the time: a table of 100 rows is looked at every second, one of 100,000 every few
 * minutes. Where the kernel tells of changes nothing is lost by it.
 */
const LOOK_SHARE = 1 / 1000;
const LOOK_EVERY = 950;
/** Somebody else's changes are answered at once, but not with more than this part of the time; and so often is tried again what was refused. */
const ANSWER_SHARE = 1 / 5;
const RETRY_SHARE = 1 / 50;

const sentenceOf = (unread: Unread | undefined): string | undefined => (typeof unread === 'object' ? unread.message : unread);

const NO_FAILURES: ListFailures = new Map();
const UNCHANGED: SyncResult = { added: 0, removed: 0 };

/** A ledger that knows nothing yet. Logs when the list goes, fails or comes back, once each. */
export function createLedger({ clock, list, config, bans, log, onReleased }: LedgerParts): Ledger {
  const target = config.name;
  const names = { target, backend: list.backend };
  const never = instant(0);
  /** Rows of active bans, as last read and written since. */
  let held = new Set<Subject>();
  /** Ended here, not yet confirmed gone from the kernel. */
  const ended = new Map<Subject, number>();
  const owed = new Set<number>();
  let foreign = new Set<Subject>();
  let pending = new Set<Subject>();
  let failures: ListFailures = NO_FAILURES;
  let capacity: number | undefined;
  /** Whether bans wait for a place. */
  let crowded = false;
  let state: 'present' | 'missing' | 'failed' | 'unknown' = 'unknown';
  let message: string | undefined;
  let saidCause: string | undefined;
  /** Of the list as last read; undefined while it can't be read. */
  let identity: string | undefined;
  let readAt: Instant = never;
  /** When the next look is due, as far as its cost goes: with nothing new, after somebody else's change, after a refusal. */
  let lookDue: Instant = never;
  let answerDue: Instant = never;
  let retryDue: Instant = never;
  /** When rows under a `--seconds` rule are next stamped anew. */
  let renewDue: Instant = never;
  let dirty = false;
  let unread: Unread | undefined;
  /** What is still to be taken out of an abandoned list. */
  let leaving: readonly Subject[] | undefined;

  const isRead = (subject: Subject): boolean => unread === undefined || (typeof unread === 'object' && unread.family !== familyOf(subject));
  const takes = (subject: Subject): boolean => list.refuses(subject) === undefined;
  const rowOf = ({ address, until }: BanRecord): Row => ({ subject: address, until });

  /** The widest network around a network that the list has in its place: rows of networks must not overlap. */
  const cover = (subject: Subject): BanRecord | undefined => (isNetwork(subject) ? bans.around(target, subject).find((ban) => takes(ban.address)) : undefined);
  const rowFor = (subject: Subject): Subject => cover(subject)?.address ?? subject;

  /** @param cause what it takes to be said again: a sentence may name another row each time */
  function mark(now: typeof state, why: string | undefined, cause = why): void {
    const before = state;
    state = now;
    message = why;
    if (before === now && cause === saidCause) return;
    saidCause = cause;
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

  /**
   * Reads the list into the ledger; the listed subjects, or undefined when there are none to be had. Whether all is well
   * is not said here: a list that refuses every write can be read all the same.
   */
  function look(): ReadonlySet<Subject> | undefined {
    dirty = false;
    // Before the reading: what changes in the middle of it has to show afterwards.
    const was = list.identity();
    const found: ListState = list.read();
    identity = undefined;
    held = new Set();
    foreign = new Set();
    pending = new Set();
    failures = NO_FAILURES;
    switch (found.state) {
      case 'missing':
        mark('missing', found.message ?? `the list ${target} of ${list.backend} is not there; bans are kept and put in as soon as it is`);
        // What the kernel had is gone with the list.
        confirm([...ended.keys()]);
        return undefined;
      case 'failed':
        mark('failed', found.message);
        return undefined;
      case 'unknown':
        mark('unknown', undefined);
        return undefined;
      case 'present':
        identity = was;
        ({ capacity, failures } = found);
        pending = new Set(found.pending);
        return found.subjects;
    }
  }

  function take(listed: ReadonlySet<Subject>): void {
    const active = bans.of(target);
    for (const subject of listed) {
      const ban = active.get(subject);
      // The ban's own text: the one that was just read would be kept beside it.
      if (ban !== undefined) held.add(ban.address);
      else if (!ended.has(subject)) foreign.add(subject);
    }
  }

  /** Writes, enters what became of it, and marks the ledger failed or missing by what the list said. */
  function write(remove: readonly Subject[], add: readonly Row[]): ListFailures {
    const refused = list.write({ remove, add });
    for (const subject of remove) {
      if (refused.has(subject)) continue;
      held.delete(subject);
      pending.delete(subject);
    }
    const into = list.defers === true ? pending : held;
    for (const { subject } of add) if (!refused.has(subject)) into.add(subject);
    const [first] = refused;
    if (first === undefined) return refused;
    if (list.identity() === undefined) {
      look();
      // Should it be there again already: nobody has put anything into it.
      dirty = true;
    } else mark('failed', `${first[0]} could not be written to the list ${target} of ${list.backend}: ${first[1]}`, first[1]);
    return refused;
  }

  function absent(listed: ReadonlySet<Subject>): Subject[] {
    return [...ended.keys()].filter((subject) => !listed.has(subject) && !pending.has(subject));
  }

  function present(): void {
    const [first] = failures;
    if (first === undefined) mark('present', undefined);
    else mark('failed', `${failures.size === 1 ? '' : `${failures.size} changes are refused, the first: `}${first[0]}: ${first[1]}`, first[1]);
  }

  function mend(): SyncResult {
    const listed = look();
    if (listed === undefined) return UNCHANGED;
    confirm(absent(listed));
    const covered = new Set(bans.nested(target).map((ban) => ban.address).filter((subject) => cover(subject) !== undefined));
    // What is on its way needs no second order, what was refused is tried again by the list itself, and what nobody wants any more is called back.
    const all = pending.size + failures.size === 0 ? listed : new Set([...listed, ...pending, ...failures.keys()]);
    const plan = planList({ active: bans.of(target), takes, covered, ended, listed: all, capacity });
    crowded = plan.waiting.length > 0;
    take(listed);
    if (plan.add.length + plan.remove.length === 0) {
      present();
      return UNCHANGED;
    }
    const refused = write(plan.remove, plan.add);
    if (list.defers === true) {
      if (refused.size === 0) present();
      return UNCHANGED;
    }
    if (identity === undefined) return UNCHANGED;
    if (list.isExact === true) {
      // What was not refused is done.
      confirm(plan.remove.filter((subject) => !refused.has(subject)));
      if (refused.size === 0) present();
      return { added: plan.add.filter((row) => !refused.has(row.subject)).length, removed: plan.remove.filter((subject) => !refused.has(subject)).length };
    }
    const now = look();
    if (now === undefined) return UNCHANGED;
    confirm(absent(now));
    take(now);
    if (refused.size === 0) present();
    return { added: plan.add.filter((row) => now.has(row.subject)).length, removed: plan.remove.filter((subject) => !now.has(subject)).length };
  }

  /** Whether reading the list can't tell anything new. */
  const isKnown = (): boolean => list.isExact === true && state === 'present' && !dirty && identity !== undefined && list.identity() === identity;

  function sync(): SyncResult {
    const begun = clock.now();
    const done = mend();
    readAt = clock.now();
    const cost = Math.max(0, readAt - begun);
    lookDue = after(readAt, ms(Math.max(LOOK_EVERY, cost / LOOK_SHARE)));
    answerDue = after(readAt, ms(cost / ANSWER_SHARE));
    retryDue = after(readAt, ms(cost / RETRY_SHARE));
    return done;
  }

  /** Places that neither others have nor rows that can't be taken out. */
  const places = (): number => Math.max(0, (capacity ?? Infinity) - foreign.size - ended.size);
  /** How many rows have a place or will have one. */
  const claimed = (): number => [...pending].reduce((sum, subject) => sum + Number(!held.has(subject)), held.size);

  /**
   * Puts bans just made into a list that has not room for all of them. Only those and the ones that it holds can have a
   * place: the rest waits for being shorter, and in a storm is so long that looking at it for each ban would stall the loop.
   */
  function squeeze(made: readonly Row[], replaced: readonly Subject[]): void {
    const all = bans.of(target);
    const listed = new Set([...held, ...pending]);
    for (const subject of replaced) listed.delete(subject);
    const active = new Map([...listed, ...made.map((row) => row.subject)].flatMap((subject) => {
      const ban = all.get(subject);
      return ban === undefined ? [] : [[subject, ban]];
    }));
    const plan = planList({ active, ended: NO_FAILURES, listed, capacity: places() });
    crowded = true;
    const gone = new Set(plan.remove);
    const again = made.filter(({ subject }) => listed.has(subject) && !gone.has(subject));
    write([...replaced, ...plan.remove], [...plan.add, ...again]);
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
    const refused = rows.length === 0 ? NO_FAILURES : write([], rows);
    // Where it was refused there is time for three more tries before the rows stop matching.
    renewDue = after(now, ms(refused.size === 0 ? seconds / 2 : seconds / 8));
  }

  /** Rows of networks that the ones just ended have covered, and that nothing covers now. */
  const uncovered = (gone: readonly Released[]): Row[] =>
    bans.insideAny(target, gone.map(({ address }) => address).filter(isNetwork))
      .filter((ban) => takes(ban.address) && !held.has(ban.address) && cover(ban.address) === undefined)
      .map(rowOf);

  return {
    list,
    takes,
    get unread() {
      return unread;
    },
    set unread(why) {
      if (why !== undefined && sentenceOf(why) !== sentenceOf(unread)) log.error('list_unread', { ...names, message: sentenceOf(why) ?? '' });
      else if (why === undefined && unread !== undefined) log.info('list_read_again', names);
      unread = why;
    },
    apply(made) {
      const rows: Row[] = [];
      for (const ban of made) {
        settle(ban.address);
        // What others put in for an address that is banned now is banban's.
        if (foreign.delete(ban.address)) held.add(ban.address);
        if (takes(ban.address) && cover(ban.address) === undefined) rows.push(rowOf(ban));
      }
      if (rows.length === 0) return;
      if (identity === undefined) {
        sync();
        return;
      }
      const replaced = bans.insideAny(target, rows.map((row) => row.subject).filter(isNetwork)).map((ban) => ban.address).filter((subject) => held.has(subject) || pending.has(subject) || failures.has(subject));
      const fresh = rows.filter(({ subject }) => !held.has(subject) && !pending.has(subject)).length;
      if (capacity !== undefined && fresh > places() - claimed()) squeeze(rows, replaced);
      else write(replaced, rows);
    },
    release(gone) {
      const mine = gone.filter((ban) => takes(ban.address));
      if (mine.length === 0) return [];
      const back = identity === undefined ? [] : uncovered(mine);
      const fits = back.length === 0 || capacity === undefined || claimed() + back.length <= places();
      const freed = mine.some((ban) => held.has(ban.address));
      const refused = write(mine.map((ban) => ban.address), fits ? back : []);
      // The ban is over, whether its row went or not.
      for (const ban of mine) held.delete(ban.address);
      if (state === 'missing') return [];
      const stuck: Released[] = [];
      for (const ban of mine) {
        settle(ban.address);
        if (list.defers !== true && !refused.has(ban.address)) continue;
        ended.set(ban.address, ban.id);
        owed.add(ban.id);
        if (refused.has(ban.address)) stuck.push(ban);
      }
      // A place is free, and another ban waits for one.
      if (identity !== undefined && (!fits || (freed && crowded))) sync();
      return stuck;
    },
    owes: (ban) => ended.get(ban.address) === ban.id,
    owesId: (id) => owed.has(id),
    abandon() {
      const isFirst = leaving === undefined;
      leaving ??= [...new Set([...held, ...pending, ...failures.keys(), ...ended.keys()])];
      if (list.defers !== true || isFirst) {
        const refused = leaving.length === 0 ? NO_FAILURES : list.write({ remove: leaving, add: [] });
        if (list.defers !== true) leaving = list.identity() === undefined ? [] : leaving.filter((subject) => refused.has(subject));
      } else if (dirty) {
        // The list has said that something is done: before, what was under way does not show.
        dirty = false;
        const found = list.read();
        if (found.state === 'missing') leaving = [];
        else if (found.state === 'present') leaving = leaving.filter((subject) => found.subjects.has(subject) || found.failures.has(subject));
      }
      const left = new Set(leaving);
      confirm([...ended.keys()].filter((subject) => !left.has(subject)));
      return left.size === 0;
    },
    sync,
    check() {
      const now = clock.now();
      const same = identity !== undefined && list.identity() === identity && !dirty;
      const due = !same ? answerDue : state === 'present' ? lookDue : retryDue;
      // Before the last look: the clock was put back.
      const done = now >= due || now < readAt ? sync() : UNCHANGED;
      renew();
      return done;
    },
    verify() {
      if (!isKnown()) sync();
    },
    refresh() {
      if (isKnown()) return;
      const wait = Math.max(FRESH, (answerDue - readAt) / 2);
      if (Math.abs(clock.now() - readAt) > wait || state !== 'present') sync();
    },
    changed() {
      dirty = true;
    },
    enforcementOf(subject) {
      if (state === 'missing') return 'missing';
      const row = rowFor(subject);
      if (held.has(row)) return list.backend === 'simulated' ? 'simulated' : isRead(subject) ? 'held' : 'unread';
      if (failures.has(row)) return 'failed';
      if (pending.has(row)) return 'pending';
      if (state === 'unknown') return list.defers === true ? 'pending' : 'failed';
      return state === 'failed' ? 'failed' : 'waiting';
    },
    state() {
      const own = [...bans.of(target).values()].filter((ban) => takes(ban.address));
      const not = own.filter((ban) => !held.has(rowFor(ban.address)));
      const notHeld = not.sort((a, b) => (a.until === b.until ? 0 : b.until > a.until ? 1 : -1)).map((b) => b.address);
      const common = { backend: list.backend, bans: own.length, held: own.length - not.length, foreign: [...foreign], capacity, notHeld };
      if (state === 'unknown') return list.defers === true ? { ...common, state: 'pending', message: `${list.backend} has not answered yet` } : { ...common, state: 'failed', message: 'not looked at yet' };
      if (state === 'missing' || state === 'failed') return { ...common, state, message };
      if (pending.size > 0) return { ...common, state: 'pending', message: `${pending.size} rows are being written` };
      if (notHeld.length > 0) {
        const advice = list.backend === 'xt_recent' ? ' (load xt_recent with a larger ip_list_tot)' : '';
        return { ...common, state: 'full', message: `the kernel's list has ${capacity ?? 'too few'} places and ${own.length} bans want one; the ${notHeld.length} that end first are not enforced${advice}` };
      }
      if (unread !== undefined) return { ...common, state: 'unread', message: sentenceOf(unread) };
      return { ...common, state: list.backend === 'simulated' ? 'simulated' : 'ok', message: undefined };
    },
    hits: () => list.hits(),
  };
}
