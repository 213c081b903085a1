/**
 * Keeps the kernel's lists what the active bans say, and knows at every moment how far that is true. It is longer than most
 * files because every way in which a list changes (bans, ends, looks, renewals) has to leave the same ledger true.
 */
import { after, instant, ms, type Address, type Enforcement, type Instant } from 'banban-shared';
import type { Clock } from '../clock.ts';
import type { TargetConfig } from '../config/config.ts';
import type { Firewall } from '../enforce/firewall.ts';
import type { Log } from '../observe/log.ts';
import type { BanRecord } from '../store/store.ts';
import type { ActiveBans } from './active-bans.ts';
import { planList } from './reconcile.ts';

/** What was found at the last look at a target's list; `message` is a sentence where all is not well. */
export interface TargetState {
  readonly name: string;
  readonly state: 'ok' | 'simulated' | 'missing' | 'full' | 'failed';
  readonly message: string | undefined;
  readonly bans: number;
  readonly held: number;
  readonly foreign: number;
  readonly capacity: number | undefined;
  /** Banned but not held, longest-lasting first. */
  readonly notHeld: readonly Address[];
}

/** How many rows came in and went out, as read back. */
export interface SyncResult {
  readonly added: number;
  readonly removed: number;
}

/** The kernel's side of the bans. What the kernel refuses is no exception: it shows in `stateOf`, and is tried again. */
export interface Enforcer {
  /** Takes new targets over; the lists of those that went are left alone from now on. */
  configure(targets: Iterable<TargetConfig>): void;
  /** Puts bans just made or extended into the kernel. */
  apply(bans: readonly BanRecord[]): void;
  /** Takes ended bans out of the kernel; answers those whose rows are confirmed gone. */
  release(bans: readonly Released[]): Released[];
  /** Reads one list, writes what is missing or left over, and reads it again where something was written. */
  sync(target: string): SyncResult;
  /** Looks at every list, cheaply where nothing seems to have changed. */
  check(): void;
  /** Syncs every list whose last look is older than a moment, so that what is shown next is true. */
  refresh(): void;
  enforcementOf(ban: BanRecord): Enforcement;
  stateOf(target: string): TargetState;
}

/** A ban that has ended, as far as the kernel's row goes by it. */
export type Released = Pick<BanRecord, 'id' | 'address' | 'target'>;

interface Ledger {
  config: TargetConfig;
  held: Set<Address>;
  /** Ended here, not yet confirmed gone from the kernel. */
  readonly ended: Map<Address, number>;
  foreign: number;
  capacity: number | undefined;
  state: 'present' | 'missing' | 'failed' | 'unknown';
  message: string | undefined;
  identity: string | undefined;
  readAt: Instant;
  /** When the next whole read is due, as far as its cost goes. */
  readDue: Instant;
  /** When rows under a `--seconds` rule are next stamped anew. */
  renewDue: Instant;
}

/** Answers of one second are fresh enough for the timer; what a person asks for is read anew if older than this. */
const FRESH = 50;
/** Reading a list whole may take at most this part of the time: a table of 100 rows is read every second, a huge one seldom. */
const READ_SHARE = 1 / 100;
const CHECK_EVERY = 1000;

/** What it works with; `bans` is read, never changed. */
export interface EnforcerParts {
  readonly clock: Clock;
  readonly firewall: Firewall;
  readonly bans: ActiveBans;
  readonly log: Log;
  /** Called with the ids of ended bans whose rows turned out to be gone. */
  readonly onReleased: (ids: readonly number[]) => void;
}

/** An enforcer without targets: `configure` comes first. Logs when a list goes, fails or comes back, once each. */
export function createEnforcer({ clock, firewall, bans, log, onReleased }: EnforcerParts): Enforcer {
  const ledgers = new Map<string, Ledger>();

  function mark(ledger: Ledger, state: Ledger['state'], message: string | undefined): void {
    if (ledger.state === state && ledger.message === message) return;
    const before = ledger.state;
    ledger.state = state;
    ledger.message = message;
    const target = ledger.config.name;
    if (state === 'missing') log.warn('list_missing', { target, message: message ?? '' });
    else if (state === 'failed') log.error('list_failed', { target, message: message ?? '' });
    else if (before === 'missing' || before === 'failed') log.info('list_back', { target });
  }

  function missing(ledger: Ledger): void {
    ledger.held = new Set();
    ledger.foreign = 0;
    ledger.identity = undefined;
    const { name } = ledger.config;
    mark(ledger, 'missing', firewall.unavailable() ?? `the kernel has no list ${name}: no firewall rule names it (iptables … -m recent --name ${name} …); bans are kept and put in as soon as one does`);
    // What the kernel had is gone with the list.
    confirm(ledger, [...ledger.ended.keys()]);
  }

  function confirm(ledger: Ledger, gone: readonly Address[]): void {
    const ids: number[] = [];
    for (const address of gone) {
      const id = ledger.ended.get(address);
      if (id !== undefined) ids.push(id);
      ledger.ended.delete(address);
    }
    if (ids.length > 0) onReleased(ids);
  }

  /**
   * Reads the list into the ledger; the listed addresses, or undefined when there are none to be had. Whether all is well
   * is not said here: a list that refuses every write can be read all the same.
   */
  function look(ledger: Ledger): ReadonlySet<Address> | undefined {
    const before = clock.now();
    const { name } = ledger.config;
    const found = firewall.read(name);
    ledger.readAt = clock.now();
    ledger.readDue = after(ledger.readAt, ms(Math.max(CHECK_EVERY - 50, (ledger.readAt - before) / READ_SHARE)));
    if (found.state === 'missing') {
      missing(ledger);
      return undefined;
    }
    if (found.state === 'failed') {
      ledger.held = new Set();
      mark(ledger, 'failed', found.message);
      return undefined;
    }
    ledger.identity = firewall.identity(name);
    ledger.capacity = found.capacity;
    return found.addresses;
  }

  function hold(ledger: Ledger, listed: ReadonlySet<Address>): void {
    const active = bans.of(ledger.config.name);
    ledger.held = new Set();
    ledger.foreign = 0;
    for (const address of listed) {
      if (active.has(address)) ledger.held.add(address);
      else if (!ledger.ended.has(address)) ledger.foreign++;
    }
  }

  /** Writes, and marks the ledger failed or missing by what the kernel said. */
  function write(ledger: Ledger, remove: readonly Address[], add: readonly Address[]): ReadonlyMap<Address, string> {
    const failures = firewall.write(ledger.config.name, { remove, add });
    const [first] = failures;
    if (first !== undefined) {
      if (firewall.identity(ledger.config.name) === undefined) missing(ledger);
      else mark(ledger, 'failed', `${first[0]} could not be written to list ${ledger.config.name}: ${first[1]}`);
    }
    return failures;
  }

  function sync(target: string): SyncResult {
    const ledger = ledgers.get(target);
    if (ledger === undefined) return { added: 0, removed: 0 };
    const listed = look(ledger);
    if (listed === undefined) return { added: 0, removed: 0 };
    const plan = planList({ active: bans.of(target).values(), ended: new Set(ledger.ended.keys()), listed, capacity: ledger.capacity });
    confirm(ledger, [...ledger.ended.keys()].filter((address) => !listed.has(address)));
    if (plan.add.length === 0 && plan.remove.length === 0) {
      hold(ledger, listed);
      mark(ledger, 'present', undefined);
      return { added: 0, removed: 0 };
    }
    const failures = write(ledger, plan.remove, plan.add);
    const isGone = failures.size > 0 && ledger.state === 'missing';
    const now = isGone ? undefined : look(ledger);
    if (now === undefined) return { added: 0, removed: 0 };
    confirm(ledger, [...ledger.ended.keys()].filter((address) => !now.has(address)));
    hold(ledger, now);
    if (failures.size === 0) mark(ledger, 'present', undefined);
    return { added: plan.add.filter((a) => now.has(a)).length, removed: plan.remove.filter((a) => !now.has(a)).length };
  }

  /**
   * Puts bans just made into a list that has not room for all of them. Only those and the ones that it holds can have a
   * place: the rest waits for being shorter, and in a storm is so long that looking at it for each ban would stall the loop.
   */
  function squeeze(ledger: Ledger, made: readonly Address[]): void {
    const all = bans.of(ledger.config.name);
    const active = [...new Set([...ledger.held, ...made])].flatMap((address) => all.get(address) ?? []);
    const capacity = Math.max(0, (ledger.capacity ?? Infinity) - ledger.foreign - ledger.ended.size);
    const plan = planList({ active, ended: new Set(), listed: ledger.held, capacity });
    const gone = new Set(plan.remove);
    const add = [...plan.add, ...made.filter((address) => ledger.held.has(address) && !gone.has(address))];
    const failures = write(ledger, plan.remove, add);
    for (const address of plan.remove) if (!failures.has(address)) ledger.held.delete(address);
    for (const address of plan.add) if (!failures.has(address)) ledger.held.add(address);
  }

  /** Rows under a `--seconds` rule stop matching unless they are stamped anew. */
  function renew(ledger: Ledger): void {
    const { seconds } = ledger.config;
    if (seconds === undefined) return;
    const now = clock.now();
    const wait = ledger.renewDue - now;
    // Longer than it can be: the clock was put back, and the kernel counts the age of its rows by another.
    if (wait > 0 && wait <= seconds / 2) return;
    const failures = ledger.held.size === 0 ? undefined : write(ledger, [], [...ledger.held]);
    // Where it was refused there is time for three more tries before the rows stop matching.
    ledger.renewDue = after(now, ms(failures === undefined || failures.size === 0 ? seconds / 2 : seconds / 8));
  }

  return {
    configure(targets) {
      const wanted = new Map([...targets].map((t) => [t.name, t]));
      for (const name of ledgers.keys()) if (!wanted.has(name)) ledgers.delete(name);
      for (const [name, config] of wanted) {
        const ledger = ledgers.get(name);
        if (ledger !== undefined) ledger.config = config;
        else {
          const never = instant(0);
          ledgers.set(name, { config, held: new Set(), ended: new Map(), foreign: 0, capacity: undefined, state: 'unknown', message: undefined, identity: undefined, readAt: never, readDue: never, renewDue: never });
        }
      }
    },
    apply(made) {
      const byTarget = new Map<Ledger, Address[]>();
      for (const { target, address } of made) {
        const ledger = ledgers.get(target);
        if (ledger === undefined) continue;
        ledger.ended.delete(address);
        const addresses = byTarget.get(ledger);
        if (addresses === undefined) byTarget.set(ledger, [address]);
        else addresses.push(address);
      }
      for (const [ledger, addresses] of byTarget) {
        const fresh = addresses.filter((a) => !ledger.held.has(a)).length;
        const places = (ledger.capacity ?? Infinity) - ledger.foreign - ledger.ended.size - ledger.held.size;
        if (ledger.state !== 'present' || fresh > places) {
          if (ledger.state === 'present') squeeze(ledger, addresses);
          else sync(ledger.config.name);
          continue;
        }
        const failures = write(ledger, [], addresses);
        for (const address of addresses) if (!failures.has(address)) ledger.held.add(address);
      }
    },
    release(gone) {
      const released: Released[] = [];
      const byTarget = new Map<Ledger, Released[]>();
      for (const ban of gone) {
        const ledger = ledgers.get(ban.target);
        // A target that is not configured any more: its list is nobody's, but the rows in it are ours to take out.
        if (ledger === undefined) {
          if (firewall.write(ban.target, { remove: [ban.address], add: [] }).size === 0 || firewall.identity(ban.target) === undefined) released.push(ban);
          continue;
        }
        const list = byTarget.get(ledger);
        if (list === undefined) byTarget.set(ledger, [ban]);
        else list.push(ban);
      }
      for (const [ledger, ended] of byTarget) {
        const failures = firewall.write(ledger.config.name, { remove: ended.map((b) => b.address), add: [] });
        const isGone = failures.size > 0 && firewall.identity(ledger.config.name) === undefined;
        let freed = false;
        for (const ban of ended) {
          freed = ledger.held.delete(ban.address) || freed;
          if (isGone || !failures.has(ban.address)) released.push(ban);
          else ledger.ended.set(ban.address, ban.id);
        }
        if (isGone) missing(ledger);
        else if (failures.size > 0) mark(ledger, 'failed', `${[...failures][0]?.join(' could not be removed: ') ?? ''}`);
        // A place is free, and another ban waits for one.
        else if (freed && bans.of(ledger.config.name).size > ledger.held.size) sync(ledger.config.name);
      }
      return released;
    },
    sync,
    check() {
      for (const ledger of ledgers.values()) {
        const same = ledger.state === 'present' && firewall.identity(ledger.config.name) === ledger.identity;
        // Before the last look: the clock was put back.
        if (!same || clock.now() >= ledger.readDue || clock.now() < ledger.readAt) {
          const { added, removed } = sync(ledger.config.name);
          if (added + removed > 0) log.info('reconciled', { target: ledger.config.name, added, removed });
        }
        renew(ledger);
      }
    },
    refresh() {
      for (const ledger of ledgers.values()) if (Math.abs(clock.now() - ledger.readAt) > FRESH || ledger.state !== 'present') sync(ledger.config.name);
    },
    enforcementOf(ban) {
      const ledger = ledgers.get(ban.target);
      if (ledger === undefined || ledger.state === 'unknown') return 'failed';
      if (ledger.state === 'missing') return 'missing';
      if (ledger.held.has(ban.address)) return firewall.kind === 'simulated' ? 'simulated' : 'held';
      return ledger.state === 'failed' ? 'failed' : 'waiting';
    },
    stateOf(target) {
      const ledger = ledgers.get(target);
      const active = bans.of(target);
      const held = ledger?.held ?? new Set<Address>();
      const notHeld = [...active.values()].filter((b) => !held.has(b.address)).sort((a, b) => (a.until === b.until ? 0 : b.until > a.until ? 1 : -1)).map((b) => b.address);
      const common = { name: target, bans: active.size, held: held.size, foreign: ledger?.foreign ?? 0, capacity: ledger?.capacity, notHeld };
      if (ledger === undefined || ledger.state === 'unknown') return { ...common, state: 'failed', message: 'not looked at yet' };
      if (ledger.state === 'missing' || ledger.state === 'failed') return { ...common, state: ledger.state, message: ledger.message };
      if (notHeld.length > 0) {
        const message = `the kernel's list has ${ledger.capacity ?? 'too few'} places and ${active.size} bans want one; the ${notHeld.length} that end first are not enforced (load xt_recent with a larger ip_list_tot)`;
        return { ...common, state: 'full', message };
      }
      return { ...common, state: firewall.kind === 'simulated' ? 'simulated' : 'ok', message: undefined };
    },
  };
}
