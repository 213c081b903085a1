/**
 * The sequence of DESIGN section 2, and nothing else: lines in, matches counted, offences decided, stored, enforced. It is
 * the one place where bans begin and end, which is why it is longer than most files: each step is a call to a part that
 * has its own file, and all of them change the same few tables.
 */
import { after, familyOf, instant, isNetwork, ms, NEVER, prefixOf, subjectOf, type Address, type Instant, type Subject } from 'banban-shared';
import type { Clock, Timer } from '../clock.ts';
import { createWindows, type FullWindow, type Threshold } from '../count/window.ts';
import { decide, isLongEnough, type OffenceFacts } from '../decide/decide.ts';
import type { ConnectionCutter, Firewall } from '../enforce/firewall.ts';
import type { Log } from '../observe/log.ts';
import type { BanEnd, BanOrigin, BanRecord, BanWrite, EndCause, NewOffence, Store } from '../store/store.ts';
import { StoreError } from '../store/store.ts';
import type { NameHit } from '../match/host-names.ts';
import type { Hit, Pardon } from '../match/matcher.ts';
import type { Pattern } from '../match/pattern.ts';
import { createActiveBans } from './active-bans.ts';
import { createAllowed } from './allowed.ts';
import { createBudget } from './budget.ts';
import { createEnforcer } from './enforcer.ts';
import type { BanOutcome, UnbanOutcome, Engine, EngineCounters, RuleCounters } from './contract.ts';
import { createBreaker } from './breaker.ts';
import { createCuts } from './cuts.ts';
import type { Tell } from './events.ts';
import { createExpiry } from './expiry.ts';
import { createFeed } from './feed.ts';
import { forecast } from './forecast.ts';
import { createGuarded } from './guarded.ts';
import { createListBans } from './list-bans.ts';
import { householdOf } from './household.ts';
import { createLogins, REMEMBERED } from './logins.ts';
import { createNamesTried } from './names-tried.ts';
import { createNamedHosts, type LookUp, type NamedLine } from './named-hosts.ts';
import { createNeighbours } from './neighbours.ts';
import { createOffenders } from './offenders.ts';
import { createPatternBook } from './pattern-book.ts';
import type { Policy, RunningRule } from './policy.ts';
import { createPump } from './pump.ts';
import { createReader } from './reader.ts';
import { shapeText, targetOfShape } from './target-shapes.ts';
import { createUnsaved } from './unsaved.ts';

/** The ports that the engine works with, and its log. */
export interface EngineParts {
  readonly clock: Clock;
  readonly store: Store;
  readonly firewall: Firewall;
  readonly cutter: ConnectionCutter;
  readonly log: Log;
  /** Told when a good pattern says that somebody has logged in, to see who it is. Returns at once. */
  readonly onLogin?: () => void;
  /** Told of what happens, for people. */
  readonly tell?: Tell;
  /** For rules with usedns; without it no name is found. */
  readonly lookUp?: LookUp;
  /** A number from 0 to 1 by chance, for lengths of bans that nobody is to foresee; absent: always 0. */
  readonly chance?: () => number;
}

/** The kernel is looked at this often; a list that came back is full again well within the 2 seconds that are promised. */
const TICK = ms(500);
/** Ended bans, offences and events are purged this often, and this many at a time. */
const PURGE_EVERY = ms(60_000);
const PURGE_AT_ONCE = 500;
/** Old windows that a tick drops, some 5 ms of work: a million are gone within a minute. */
const SWEEP_AT_ONCE = 10_000;
/** Bans end in groups of this size, so that a storm's end does not hold the loop. */
const EXPIRE_AT_ONCE = 500;
/** Writes of one transaction: about 2 ms. */
const WRITE_AT_ONCE = 256;
/** An offence that changes nothing is stored once in this time for each rule and address. */
const REPEAT_AFTER = ms(3_600_000);
const MOST_REPEATS = 10_000;
/** A store that failed is tried again this often. */
const RETRY_AFTER = ms(1000);
/** The group of the allow list that the configuration itself names. */
const CONFIGURED = 'configuration';
/** Bans of one address that are looked at by a rule that counts bans. */
const MOST_COUNTED = 1000;
/** A login of before that was read late. The stamps of logs have whole seconds, and their files are looked at once in one. */
const LATE = ms(10_000);
const STOPPED = 'the circuit breaker has stopped the bans of this rule';
/** What `why` shows of the past. */
const HISTORY = 20;

/** An engine over its ports. It does nothing until `start`. */
export function createEngine(parts: EngineParts, initial: Policy): Engine {
  const { clock, store, firewall, cutter, log } = parts;
  const tell: Tell = parts.tell ?? ((): void => undefined);
  const chance = parts.chance ?? ((): number => 0);
  let policy = initial;
  let rules = new Map(policy.rules.map((r) => [r.config.name, r]));
  const active = createActiveBans();
  const allowed = createAllowed();
  allowed.set(CONFIGURED, policy.config.allowlist);
  const windows = createWindows(undefined, undefined, Math.floor((parts.chance?.() ?? 0) * 2 ** 32));
  const unsaved = createUnsaved();
  const counters: EngineCounters = { lines: 0, unparsed: 0, own: 0, good: 0, bad: 0, notAnAddress: 0 };
  const perRule = new Map<string, RuleCounters>();
  const patterns = createPatternBook();
  const budget = createBudget();
  const repeats = new Map<string, Instant>();
  let problem: string | undefined;
  let timer: Timer | undefined;
  let purgedAt = clock.now();
  /** True while the last purge left something. */
  let purgeGoesOn = false;
  let retryAt: Instant | undefined;
  let stopped = false;
  /** False while a ban stands that the configuration does not allow, because its end could not be written. */
  let conforms = true;

  const guarded = createGuarded();
  const logins = createLogins(store.past);
  const offenders = createOffenders((limit) => store.past.offenders(limit));
  const namesTried = createNamesTried(() => policy.config.breakinAfter);
  const breaker = createBreaker(() => policy.config.breaker, store.past.stoppedRules());
  const listBans = createListBans({
    clock,
    store: store.beneath,
    get: (target, subject) => active.get(target, subject),
    all: () => active.all(),
    unitOf,
    whyNot(target, subject) {
      const allowedBy = allowed.overlap(subject);
      if (allowedBy !== undefined) return `the allow list has ${allowedBy}`;
      return guarded.of(subject)?.why ?? (policy.targets.has(target) ? enforcer.refuses(target, subject) : `there is no target ${target}`);
    },
    write: (writes) => tryStore(() => put(store.writeBans(writes, 'process'))),
    end: (bans, list) => tryStore(() => void end(bans, 'delisted', list, clock.now())),
  });
  const namedHosts = createNamedHosts({
    clock,
    log,
    lookUp: parts.lookUp,
    whyNot(address) {
      for (const unit of unitsOf(address)) {
        const allowedBy = allowed.overlap(unit);
        const why = allowedBy === undefined ? guarded.of(unit)?.why : `the allow list has ${allowedBy}`;
        if (why !== undefined) return why;
      }
      return undefined;
    },
    count: countNamed,
  });
  const neighbours = createNeighbours();
  const cuts = createCuts({ clock, cutter, save: (all) => tryStore(() => store.addConnections(all.filter(({ id }) => id > 0))), note: ({ id, target, address }, count) => {
    const ban = active.get(target, address);
    if (ban?.id === id) active.set({ ...ban, connections: ban.connections + count });
  } });
  const enforcer = createEnforcer({ clock, firewall, bans: active, log, onReleased: (ids) => tryStore(() => store.markReleased(ids)) });
  const expiry = createExpiry(clock, expire);
  const pump = createPump({ clock, work: (delivery) => reader.work(delivery), endSlice: () => settle() });

  /** Runs a write whose failure must not stop anything; the failure is said once and shown until a write succeeds. */
  function tryStore(action: () => void): boolean {
    try {
      action();
      if (problem !== undefined && unsaved.size === 0) {
        log.info('database_works_again', { path: store.path });
        problem = undefined;
      }
      return true;
    } catch (error) {
      noteFailure(error);
      return false;
    }
  }

  /** Says a failure of the database once; anything else is a bug and goes on up. */
  function noteFailure(error: unknown): void {
    if (!(error instanceof StoreError)) throw error;
    if (problem !== error.message) {
      log.error('database_failed', { message: error.message });
      tell({ at: clock.now(), type: 'error', message: error.message });
    }
    problem = error.message;
  }

  function countersOf(rule: string): RuleCounters {
    let own = perRule.get(rule);
    if (own === undefined) perRule.set(rule, (own = { matches: 0, offences: 0, bans: 0 }));
    return own;
  }

  // ── lines ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Of deliveries that come from nobody in particular. */
  const anybody = createFeed({ name: 'log' });
  const reader = createReader({
    policy: () => policy,
    counters,
    anybody,
    onGood(good) {
      patterns.matched(good.pattern.name, 1, reader.line.arrivedAt);
      settle();
      pardon(good, reader.line.timeOf(reader.line.text()), reader.line.arrivedAt);
    },
    onHits: count,
    onNames: takeNames,
  });

  /** What a target bans for an address: itself, or the IPv6 network around it. */
  function unitOf(address: Address, target: string): Subject {
    const bits = policy.targets.get(target)?.ipv6Prefix ?? 128;
    return bits === 128 || familyOf(address) === 4 ? address : subjectOf(prefixOf(address, bits));
  }

  /** Counts a line in its rules, as often as the syslog daemon says that it came. */
  function count(hits: readonly Hit[], times: number): void {
    const text = reader.line.text();
    const at = reader.line.timeOf(text);
    noteName(hits, at);
    for (const { rule: index, address, pattern } of hits) {
      const rule = policy.rules[index];
      if (rule === undefined) continue;
      countersOf(rule.config.name).matches += times;
      patterns.matched(pattern.name, times, reader.line.arrivedAt);
      hit(rule, pattern, unitOf(address, rule.config.target), { text, at, times });
    }
  }

  function hit(rule: RunningRule, pattern: Pattern, unit: Subject, { text, at, times }: Pick<NamedLine, 'text' | 'at' | 'times'>): void {
    for (let i = 0; i < times; i++) {
      const full = windows.hit(thresholdOf(rule, unit, at), unit, at, text, clock.now());
      if (full === undefined) continue;
      offend(rule, full, pattern);
      // The rest of a folded line would only find the address banned.
      break;
    }
  }

  /** Has the names of a line looked up, which counts then. */
  function takeNames(found: readonly NameHit[]): void {
    const text = reader.line.text();
    namedHosts.take({ text, at: reader.line.timeOf(text), times: reader.line.times }, found, ({ rule }) => policy.rules[rule]?.config);
  }

  /** Counts lines whose name has been looked up, in what became of their rules meanwhile. */
  function countNamed(lines: readonly NamedLine[], addresses: readonly Address[]): void {
    for (const line of lines) {
      let isCounted = false;
      for (const { rule: name, pattern } of line.hits) {
        const rule = rules.get(name);
        if (rule?.config.usedns !== 'yes') continue;
        isCounted = true;
        countersOf(name).matches += line.times;
        patterns.matched(pattern.name, line.times, line.at);
        for (const unit of new Set(addresses.map((address) => unitOf(address, rule.config.target)))) hit(rule, pattern, unit, line);
      }
      if (isCounted) counters.bad++;
    }
    settle();
  }

  /** What it takes: twice as much from where somebody has just logged in. */
  function thresholdOf({ threshold, config: { grace } }: RunningRule, unit: Subject, at: Instant): Threshold {
    return grace > 0 && logins.isWithin(unit, grace, at) ? { ...threshold, occurrences: 2 * threshold.occurrences } : threshold;
  }

  /** Notes which user the line is about, if that is new. */
  function noteName(hits: readonly Hit[], at: Instant): void {
    const hit = hits.find(({ pattern }) => pattern.namesUsers);
    if (hit === undefined || !namesTried.wants(hit.address, at)) return;
    const name = reader.line.userOf(hit.pattern);
    if (name !== undefined) namesTried.note(hit.address, name, at);
  }

  /** What goes into the store with the next bans; nothing while bans wait that it has not taken, which reading on would lose. */
  function takeMoved(): ReadonlyMap<string, string> | undefined {
    const moved = reader.moved();
    return moved.size === 0 || unsaved.size > 0 ? undefined : moved;
  }

  /** Remembers what was worked off where there was nothing to write with it. */
  function savePositions(): void {
    const positions = takeMoved();
    if (positions !== undefined && tryStore(() => store.savePositions(positions))) reader.written();
  }

  // ── offences to bans ──────────────────────────────────────────────────────────────────────────────────────────

  /** Decided but not yet written: one transaction a slice. At most one for each (address, target). */
  let pending = new Map<string, { readonly write: BanWrite; readonly rule: RunningRule; readonly pattern: Pattern | undefined }>();
  /** Offences that led to nothing, to be written with the rest of the slice. */
  let noted: NewOffence[] = [];

  function offend(rule: RunningRule, { address, at, lines }: Omit<FullWindow, 'rule'>, pattern: Pattern | undefined): void {
    const { name, target, ban: lengths, jitter } = rule.config;
    const counted = countersOf(name);
    counted.offences++;
    const key = `${target} ${address}`;
    // The second offence of one slice has to see what the first one did.
    if (pending.has(key) || pending.size >= WRITE_AT_ONCE) settle();
    const standing = active.get(target, address);
    const present = presentFacts(rule, address, at);
    // Beneath the ban of a list each counts, for when the list lets go.
    const isCovered = standing?.origin.kind !== 'list' && isLongEnough({ at, lengths, active: standing });
    if (isRepeat(name, address, at) && (present.allowedBy !== undefined || present.guard !== undefined || present.stopped !== undefined || isCovered)) return;
    const facts = { ...present, earlier: earlierOffences(rule, address, at), shorter: jitter * chance() };
    const wish = decide(facts);
    const isTripped = wish.kind === 'ban' && trips(name, address, at);
    const decision = isTripped ? decide({ ...facts, stopped: STOPPED }) : wish;
    const offence = { at, address, target, rule: name, level: decision.level, lines };
    if (decision.kind === 'none') {
      if (decision.because === 'guarded' && !isRepeat(name, address, at)) tell({ at, type: 'refused', address, target, rule: name, reason: decision.reason, lines });
      const { until } = decision;
      if (standing?.origin.kind === 'list' && until !== undefined) tryStore(() => listBans.beneath([{ target, address, origin: { kind: 'rule', name }, level: decision.level, reason: undefined, until }]));
      noteRepeat({ ...offence, decision: 'none', reason: decision.reason });
      return;
    }
    const manual = standing?.origin.kind === 'manual' ? standing : undefined;
    pending.set(key, {
      rule,
      pattern,
      write: {
        address,
        target,
        at,
        until: decision.until,
        // A person's ban stays a person's, though a rule makes it longer: no good pattern may end it.
        origin: manual?.origin ?? { kind: 'rule', name },
        level: manual === undefined ? decision.level : undefined,
        reason: manual?.reason,
        offence: { ...offence, decision: decision.kind === 'ban' ? 'banned' : 'extended', reason: undefined },
      },
    });
  }

  /** What a decision on an offence against a rule goes by, but for the past, which costs a look into the database. */
  const presentFacts = ({ config: { name, target, ban: lengths } }: RunningRule, subject: Subject, at: Instant): Omit<OffenceFacts, 'earlier'> => ({
    at,
    now: clock.now(),
    allowedBy: allowed.overlap(subject),
    guard: guarded.of(subject)?.why,
    stopped: breaker.stopped(name) === undefined ? undefined : STOPPED,
    lengths,
    active: active.get(target, subject),
  });

  const factsOf = (rule: RunningRule, subject: Subject, at: Instant): OffenceFacts => ({ ...presentFacts(rule, subject, at), earlier: earlierOffences(rule, subject, at) });

  /** A database that can't be read must not keep anybody from being banned: then it is the first offence. */
  function earlierOffences({ config: { name, target, memory, levels } }: RunningRule, subject: Subject, at: Instant): number {
    const scope = levels === 'target' ? { target } : levels === 'rule' ? { rule: name } : 'all';
    // In other targets it may stand under another name: itself, or the network around it.
    const subjects = (scope === 'all' && !isNetwork(subject) ? unitsOf(subject) : [subject]).filter((one) => offenders.mayHave(one));
    if (subjects.length === 0) return 0;
    try {
      return store.countOffences(subjects, scope, instant(at - memory));
    } catch (error) {
      noteFailure(error);
      return 0;
    }
  }

  /** Whether the circuit breaker stops the rule with this new ban. */
  function trips(rule: string, subject: Subject, at: Instant): boolean {
    let loggedIn: Instant | undefined;
    tryStore(() => (loggedIn = logins.lastWithin30Days(subject, at)));
    const reason = breaker.admit(rule, subject, at, loggedIn);
    if (reason === undefined) return false;
    tryStore(() => store.past.stopRule(rule, at, reason));
    log.error('rule_stopped', { rule, reason, message: `the rule ${rule} bans nobody any more: ${reason}; look at it, and let it go on with: banctl rules resume ${rule}` });
    tell({ at, type: 'breaker', rule, reason });
    return true;
  }

  /** Counts a new ban in the rules that count bans. */
  function countBan(ban: BanRecord, by: RunningRule): void {
    if (by.config.countsBansOf !== undefined) return;
    for (const rule of policy.rules) {
      const { name, target, countsBansOf, interval, occurrences } = rule.config;
      if (countsBansOf === undefined || (countsBansOf.length > 0 && !countsBansOf.includes(by.config.name))) continue;
      const isCounted = (other: string): boolean => (countsBansOf.length > 0 ? countsBansOf.includes(other) : rules.get(other)?.config.countsBansOf === undefined);
      countersOf(name).matches++;
      tryStore(() => {
        const subject = isNetwork(ban.address) ? ban.address : unitOf(ban.address, target);
        const since = instant(Math.max(ban.since - interval - 1, store.past.lastOffence([...new Set([ban.address, subject])], name, ban.since) ?? -Infinity));
        const bans = store.past.bansOf(ban.address, since, ban.since, MOST_COUNTED).filter((one) => isCounted(one.rule));
        if (bans.length < occurrences) return;
        const lines = bans.slice(0, occurrences).reverse().map((one) => `ban ${one.id} of ${ban.address} in ${one.target} by the rule ${one.rule} at ${new Date(one.since).toISOString()}`);
        // A network that another target has banned may be none that this one can.
        const reason = enforcer.refuses(target, subject);
        if (reason === undefined) offend(rule, { address: subject, at: ban.since, lines }, undefined);
        else noteRepeat({ at: ban.since, address: subject, target, rule: name, level: 1, decision: 'none', reason, lines });
      });
    }
  }

  /** Whether an offence of this address against this rule that changed nothing is on record, and not long ago. */
  function isRepeat(rule: string, address: Subject, at: Instant): boolean {
    const last = repeats.get(`${rule} ${address}`);
    return last !== undefined && Math.abs(at - last) < REPEAT_AFTER;
  }

  function noteRepeat(offence: NewOffence): void {
    if (isRepeat(offence.rule, offence.address, offence.at)) return;
    if (repeats.size >= MOST_REPEATS) repeats.clear();
    repeats.set(`${offence.rule} ${offence.address}`, offence.at);
    noted.push(offence);
    log.info('offence_without_ban', { address: offence.address, rule: offence.rule, reason: offence.reason ?? '' });
  }

  /** Writes what is decided, then enforces it. */
  function settle(): void {
    if (noted.length > 0) {
      const offences = noted;
      noted = [];
      tryStore(() => store.writeOffences(offences));
    }
    if (pending.size === 0) return;
    const decided = [...pending.values()];
    pending = new Map();
    const writes = decided.map((d) => d.write);
    for (const { address, offence } of writes) if (offence !== undefined) offenders.add(address);
    let records: BanRecord[] = [];
    const positions = takeMoved();
    if (tryStore(() => (records = store.writeBans(writes, 'process', positions)))) {
      if (positions !== undefined) reader.written();
    } else {
      records = unsaved.keep(writes, (target, address) => active.get(target, address));
      retryAt ??= after(clock.now(), RETRY_AFTER);
    }
    const reset: BanRecord[] = [];
    const fresh: { readonly ban: BanRecord; readonly rule: RunningRule }[] = [];
    const crowded: { readonly ban: BanRecord; readonly rule: RunningRule; readonly count: number }[] = [];
    records.forEach((ban, i) => {
      const count = stand(ban);
      const rule = decided[i]?.rule;
      if (rule === undefined) return;
      if (count > 0) crowded.push({ ban, rule, count });
      const { write } = decided[i] ?? {};
      const isNew = write?.offence?.decision === 'banned';
      if (isNew) {
        countersOf(rule.config.name).bans++;
        patterns.banned(decided[i]?.pattern?.name ?? '', ban);
        fresh.push({ ban, rule });
      }
      tell({ at: write?.at ?? ban.since, type: 'ban', ban, isNew, lines: write?.offence?.lines ?? [] });
      if (rule.config.resetconns) reset.push(ban);
      log.info(isNew ? 'ban' : 'ban_extended', { address: ban.address, target: ban.target, rule: rule.config.name, offence: ban.level ?? null, until: ban.until === NEVER ? 'forever' : new Date(ban.until).toISOString(), lines: write?.offence?.lines ?? [] });
    });
    enforcer.apply(records);
    cuts.cut(reset);
    expiry.aim(active.nextEnd());
    for (const { ban, rule, count } of crowded) escalate(ban, rule, count);
    for (const { ban, rule } of fresh) countBan(ban, rule);
    // What bans led to; the bans of rules that count bans lead to nothing more.
    if (pending.size > 0 || noted.length > 0) settle();
  }

  /** Takes stored bans among the active ones, and enforces them. */
  function put(records: readonly BanRecord[]): void {
    for (const ban of records) stand(ban);
    enforcer.apply(records);
    expiry.aim(active.nextEnd());
  }

  /** Takes a ban among the active ones, and counts it among its neighbours: how many there are with it, 0 where nobody wants to know. */
  function stand(ban: BanRecord): number {
    active.set(ban);
    if (policy.targets.get(ban.target)?.networkAfter === undefined) return 0;
    neighbours.add(ban);
    const network = neighbours.networkOf(ban.address);
    return network === undefined ? 0 : neighbours.count(ban.target, network);
  }

  /** Bans the network of an address when enough of its neighbours are banned: for as long as the ban that made it enough. */
  function escalate(ban: BanRecord, rule: RunningRule, count: number): void {
    const enough = policy.targets.get(ban.target)?.networkAfter;
    const network = neighbours.networkOf(ban.address);
    if (enough === undefined || network === undefined || count < enough) return;
    const standing = active.get(ban.target, network);
    if ((standing !== undefined && standing.until >= ban.until) || active.around(ban.target, network).some((b) => b.until >= ban.until)) return;
    const allowedBy = allowed.overlap(network);
    const refused = allowedBy === undefined ? (guarded.of(network)?.why ?? enforcer.refuses(ban.target, network)) : `the allow list has ${allowedBy}`;
    if (refused !== undefined) {
      if (noteOnce(`${ban.target} ${network}`)) log.info('network_not_banned', { address: network, target: ban.target, rule: rule.config.name, reason: refused });
      return;
    }
    const reason = `${count} banned addresses in this network, the last one ${ban.address}`;
    const at = clock.now();
    // What makes a list's ban longer is not the list's.
    const origin: BanOrigin = standing === undefined || standing.origin.kind === 'list' ? { kind: 'rule', name: rule.config.name } : standing.origin;
    const write: BanWrite = { address: network, target: ban.target, origin, level: undefined, reason, at, until: ban.until, offence: undefined };
    let made: BanRecord[] = [];
    if (!tryStore(() => (made = store.writeBans([write], 'process')))) {
      made = unsaved.keep([write], (target, subject) => active.get(target, subject));
      retryAt ??= after(clock.now(), RETRY_AFTER);
    }
    for (const one of made) active.set(one);
    enforcer.apply(made);
    if (rule.config.resetconns) cuts.cut(made);
    expiry.aim(active.nextEnd());
    log.info(standing === undefined ? 'ban' : 'ban_extended', { address: network, target: ban.target, rule: rule.config.name, until: ban.until === NEVER ? 'forever' : new Date(ban.until).toISOString(), reason });
  }

  /** True for the first time in an hour that this is said. */
  function noteOnce(what: string): boolean {
    const key = `network ${what}`;
    const last = repeats.get(key);
    const now = clock.now();
    if (last !== undefined && Math.abs(now - last) < REPEAT_AFTER) return false;
    if (repeats.size >= MOST_REPEATS) repeats.clear();
    repeats.set(key, now);
    return true;
  }

  /** Tries again to write the bans of a full disk. */
  function saveUnsaved(atOnce = false): void {
    const wait = retryAt === undefined ? 0 : retryAt - clock.now();
    // A wait that is longer than it can be: the clock was put back.
    if (unsaved.size === 0 || (!atOnce && wait > 0 && wait <= RETRY_AFTER)) return;
    retryAt = undefined;
    const writes = unsaved.take();
    for (let i = 0; i < writes.length; i += WRITE_AT_ONCE) {
      const part = writes.slice(i, i + WRITE_AT_ONCE);
      if (tryStore(() => store.writeBans(part, 'process').forEach((ban) => active.get(ban.target, ban.address) !== undefined && active.set(ban)))) continue;
      unsaved.keep(writes.slice(i), (target, address) => active.get(target, address));
      retryAt = after(clock.now(), RETRY_AFTER);
      return;
    }
    log.info('unsaved_bans_written', { count: writes.length });
    expiry.aim(active.nextEnd());
  }

  // ── ends of bans ──────────────────────────────────────────────────────────────────────────────────────────────

  /** Ends bans in the store, then in the kernel. @throws StoreError when nothing was done */
  function end(bans: readonly BanRecord[], by: EndCause, name: string | undefined, at: Instant): readonly string[] {
    const ends: BanEnd[] = bans.filter((b) => b.id > 0).map(({ id }) => ({ id, at, by, name }));
    if (ends.length > 0) store.endBans(ends, by === 'unbanned' ? 'power' : 'process');
    for (const ban of bans) {
      unsaved.forget(ban.target, ban.address);
      active.delete(ban);
      neighbours.remove(ban);
      patterns.ended(ban, by === 'pardoned');
    }
    const { released, stuck } = enforcer.release(bans);
    tryStore(() => store.markReleased(released.filter((b) => b.id > 0).map((b) => b.id)));
    if (by !== 'delisted') {
      for (const ban of bans) {
        log.info('ban_ended', { address: ban.address, target: ban.target, by, name: name ?? null });
        tell({ at, type: 'unban', ban, by, name });
      }
      tryStore(() => listBans.ended(bans, by));
    }
    expiry.aim(active.nextEnd());
    return stuck.map((b) => `${b.target} ${b.address}`);
  }

  function expire(): void {
    if (stopped) return;
    const now = clock.now();
    const due = active.expired(now, EXPIRE_AT_ONCE);
    if (due.length > 0 && !tryStore(() => end(due, 'expired', undefined, now))) {
      // The ban stands in the store, so it stands: the tick tries again.
      return;
    }
    const next = active.nextEnd();
    if (due.length === EXPIRE_AT_ONCE && next !== undefined && next <= now) clock.soon(expire);
    else expiry.aim(next);
  }

  /** @param now when the login was read: one of a log that is read late pardons what came before it, and nothing that came since */
  function pardon({ address, pattern }: Pardon, at: Instant, now: Instant): void {
    const { breakinAfter } = policy.config;
    if (breakinAfter !== undefined && namesTried.count(address, at, undefined) >= breakinAfter) {
      const name = reader.line.userOf(pattern);
      const tried = namesTried.count(address, at, name);
      if (tried >= breakinAfter) {
        suspect(address, tried, at);
        return;
      }
    }
    const isLate = now - at > LATE;
    const names = [...rules.keys()];
    for (const unit of unitsOf(address)) {
      let last: Instant | undefined;
      if (isLate) tryStore(() => (last = logins.lastWithin30Days(unit, now)));
      if (last === undefined || last < at) logins.note(unit, at);
      windows.forget(names, unit, isLate ? at : undefined);
    }
    const automatic = bansFor(address).filter((b) => b.origin.kind === 'rule' && (!isLate || b.since <= at));
    if (automatic.length > 0) tryStore(() => end(automatic, 'pardoned', undefined, now));
    if (isLate) return;
    parts.onLogin?.();
    tryStore(() => {
      for (const target of policy.targets.keys()) listBans.pardon(target, unitOf(address, target));
    });
  }

  /** Somebody got in who had tried many names: nothing is pardoned, and an admin has to know. */
  function suspect(address: Address, tried: number, at: Instant): void {
    const household = householdOf(address);
    if (!noteOnce(`breakin ${household}`)) return;
    const reason = `${household === address ? address : `${address}, with others of ${household},`} tried ${tried === policy.config.breakinAfter ? `${tried} user names` : `more than ${tried - 1} user names`} within an hour and has now logged in`;
    const line = reader.line.text();
    tryStore(() => store.writeEvent({ at, type: 'breakin', detail: reason }));
    log.error('possible_breakin', { address, message: `${reason}: a possible break-in; nothing was pardoned`, line });
    tell({ at, type: 'breakin', address, reason, lines: [line] });
  }

  /** All that targets may have banned for one address. */
  const unitsOf = (address: Address): Subject[] => [...new Set([address, ...[...policy.targets.keys()].map((target) => unitOf(address, target))])];

  /** Every ban of an address, and of the IPv6 network that a target bans in its place; not of a network that another target has banned as one. */
  const bansFor = (address: Address): BanRecord[] => unitsOf(address).flatMap((unit) => active.everywhere(unit).filter((ban) => unit === address || unit === unitOf(address, ban.target)));

  /** Ends what the present configuration does not allow to stand: bans of allowed addresses and of targets that are gone. */
  function conform(): void {
    const now = clock.now();
    const free = active.all().filter((b) => allowed.overlap(b.address) !== undefined);
    const freed = free.length === 0 || tryStore(() => end(free, 'allowlisted', undefined, now));
    const homeless = active.all().filter((b) => !policy.targets.has(b.target));
    const left = homeless.length === 0 || tryStore(() => end(homeless, 'target_removed', undefined, now));
    conforms = freed && left;
  }

  /** Takes out rows of bans that ended while their list could not be written, or just before a crash. */
  function releaseLeft(): void {
    tryStore(() => {
      const left = store.unreleased().filter((b) => active.get(b.target, b.address) === undefined);
      if (left.length > 0) store.markReleased(enforcer.release(left).released.map((b) => b.id));
    });
  }

  /**
   * Begins with the targets of the last run where they were others, and reads what they hold: what of it has no place in the present
   * configuration is then taken out as it is by a reload.
   */
  function takeOver(): void {
    let before: ReadonlyMap<string, string> = new Map();
    tryStore(() => (before = store.shapes()));
    const old = [...before].filter(([name, text]) => {
      const now = policy.targets.get(name);
      return now === undefined || shapeText(now) !== text;
    });
    const gone = old.flatMap(([, text]) => targetOfShape(text) ?? []);
    const same = [...policy.targets.values()].filter((target) => !gone.some(({ name }) => name === target.name));
    enforcer.configure([...same, ...gone]);
    for (const { name } of gone) enforcer.sync(name);
  }

  /** For the next run. */
  function saveShapes(): void {
    tryStore(() => store.saveShapes(new Map([...policy.targets].map(([name, target]) => [name, shapeText(target)]))));
  }

  /** Deletes what is too old. What a storm left behind takes many calls, with the next tick the next. */
  function purge(now: Instant): void {
    purgeGoesOn = false;
    tryStore(() => {
      const gone = store.purge(instant(now - policy.config.keep), PURGE_AT_ONCE);
      const forgotten = store.past.forgetLogins(instant(now - REMEMBERED), PURGE_AT_ONCE);
      purgeGoesOn = gone >= PURGE_AT_ONCE || forgotten >= PURGE_AT_ONCE;
    });
  }

  // ── the clock ─────────────────────────────────────────────────────────────────────────────────────────────────

  function tick(): void {
    if (stopped) return;
    timer = clock.after(TICK, tick);
    enforcer.check();
    saveUnsaved();
    savePositions();
    if (logins.waiting > 0) tryStore(() => logins.save());
    if (!conforms) conform();
    const now = clock.now();
    const next = active.nextEnd();
    if (next !== undefined && next <= now) expire();
    // An empty write tells whether a database that failed works again, where nothing else would.
    if (problem === undefined) tryStore(() => store.putBack());
    else if (unsaved.size === 0) tryStore(() => store.writeEvent({ at: now, type: 'database_works_again', detail: undefined }));
    if (purgeGoesOn) purge(now);
    windows.sweep(now, ms(Math.max(0, ...policy.rules.map((r) => r.config.interval))), SWEEP_AT_ONCE);
    if (Math.abs(now - purgedAt) >= PURGE_EVERY) {
      purgedAt = now;
      purge(now);
      for (const { pattern, message } of budget.overdrawn(policy, PURGE_EVERY)) {
        for (const each of pattern.compiled) {
          policy.matcher.switchOff(each);
          policy.hostNames?.switchOff(each);
        }
        log.error('pattern_switched_off', { pattern: pattern.name, message });
        tell({ at: now, type: 'error', message });
      }
    }
  }

  return {
    start() {
      const now = clock.now();
      for (const ban of store.activeBans()) stand(ban);
      takeOver();
      releaseLeft();
      for (let due = active.expired(now, EXPIRE_AT_ONCE); due.length > 0; due = active.expired(now, EXPIRE_AT_ONCE)) {
        const these = due;
        if (!tryStore(() => end(these, 'expired', undefined, now))) break;
      }
      conform();
      enforcer.configure(policy.targets.values());
      tryStore(() => listBans.resume());
      saveShapes();
      for (const target of policy.targets.keys()) enforcer.sync(target);
      expiry.aim(active.nextEnd());
      timer = clock.after(TICK, tick);
    },
    deliver: (bytes, at, from = anybody, progressed) => pump.push({ bytes, at, feed: from, progress: progressed }),
    positions: () => store.positions(),
    allowed,
    guarded,
    setGuarded: (guards) => guarded.set(guards),
    stoppedRules: () => new Map([...breaker.all()].filter(([name]) => rules.has(name))),
    resumeRule(name, by) {
      if (!breaker.resume(name)) return false;
      tryStore(() => store.past.resumeRule(name, clock.now(), by));
      log.info('rule_resumed', { rule: name, by });
      return true;
    },
    replaceList: (name, wish) => listBans.replace(name, wish),
    keepLists: (names) => listBans.keep(names),
    setAllowed(group, prefixes) {
      if (allowed.set(group, prefixes)) conform();
    },
    get policy() {
      return policy;
    },
    reload(next) {
      settle();
      const before = new Map(policy.rules.map((r) => [r.config.name, r.fingerprint]));
      policy = next;
      allowed.set(CONFIGURED, next.config.allowlist);
      rules = new Map(next.rules.map((r) => [r.config.name, r]));
      windows.keepRules(new Set(next.rules.filter((r) => before.get(r.config.name) === r.fingerprint).map((r) => r.config.name)));
      for (const name of perRule.keys()) if (!rules.has(name)) perRule.delete(name);
      patterns.keep((name) => next.patterns.has(name));
      budget.reset();
      reader.reset();
      repeats.clear();
      neighbours.clear();
      for (const ban of active.all()) if (next.targets.get(ban.target)?.networkAfter !== undefined) neighbours.add(ban);
      // First, while the lists that are to go are still there to be freed of their rows.
      conform();
      enforcer.configure(next.targets.values());
      releaseLeft();
      saveShapes();
      for (const target of next.targets.keys()) enforcer.sync(target);
    },
    ban({ subjects, target, length, reason, by, force = false, onStored }) {
      settle();
      // What waits is older: written later it would put a rule's name on this person's ban.
      saveUnsaved(true);
      const at = clock.now();
      const until = after(at, length ?? policy.targets.get(target)?.ban[0] ?? ms(0));
      const origin: BanOrigin = { kind: 'manual', name: by };
      const unique = [...new Set(subjects.map((subject) => (isNetwork(subject) ? subject : unitOf(subject, target))))];
      const refusals = new Map<Subject, BanOutcome>();
      for (const subject of unique) {
        const allowedBy = allowed.overlap(subject);
        const guard = force || allowedBy !== undefined ? undefined : guarded.of(subject);
        const message = allowedBy === undefined ? (guard?.why ?? enforcer.refuses(target, subject)) : undefined;
        if (allowedBy !== undefined) refusals.set(subject, { subject, outcome: 'refused', allowedBy });
        else if (message !== undefined) refusals.set(subject, { subject, outcome: 'refused', allowedBy: undefined, isGuarded: guard !== undefined, message });
      }
      const wanted = unique.filter((subject) => !refusals.has(subject));
      const before = new Map(wanted.map((subject) => [subject, active.get(target, subject)]));
      // A list has these for longer: the person's stands beneath, for its own time.
      const isBeneath = (ban: BanRecord | undefined): ban is BanRecord => ban?.origin.kind === 'list' && ban.until > until;
      const covered = [...before.values()].filter(isBeneath);
      listBans.beneath(covered.map((ban) => ({ target, address: ban.address, origin, level: undefined, reason, until })));
      const written = store.writeBans(
        wanted.filter((address) => !isBeneath(before.get(address))).map((address) => ({ address, target, origin, level: before.get(address)?.level, reason: reason ?? before.get(address)?.reason, at, until, offence: undefined })),
        'power',
      );
      onStored?.();
      const records = [...written, ...covered];
      for (const ban of records) stand(ban);
      enforcer.apply(records);
      // Read back, where writing alone does not tell: the answer is what the kernel has.
      enforcer.verify(target);
      if (policy.rules.some((r) => r.config.target === target && r.config.resetconns)) cuts.cut(records);
      expiry.aim(active.nextEnd());
      const made = new Map(records.map((b) => [b.address, b]));
      return unique.flatMap((subject): BanOutcome[] => {
        const ban = made.get(subject);
        if (ban === undefined) return [refusals.get(subject) ?? []].flat();
        const old = before.get(subject);
        const outcome = old === undefined ? 'banned' : ban.until > old.until ? 'extended' : 'unchanged';
        tell({ at, type: 'ban', ban, isNew: old === undefined, lines: [] });
        log.info('ban', { address: subject, target, by, outcome, reason: reason ?? null, until: ban.until === NEVER ? 'forever' : new Date(ban.until).toISOString() });
        return [{ subject, outcome, ban, enforcement: enforcer.enforcementOf(ban), within: active.around(target, subject) }];
      });
    },
    unban({ subjects, target, by }) {
      settle();
      const asked = subjects === undefined ? undefined : [...new Set(subjects)];
      const bansOf = (subject: Subject): BanRecord[] => (isNetwork(subject) ? active.everywhere(subject) : bansFor(subject));
      const isMeant = (ban: BanRecord): boolean => target === undefined || ban.target === target;
      const found = new Map<Subject, BanRecord[]>();
      if (asked === undefined) for (const ban of active.all().filter(isMeant)) found.set(ban.address, [...(found.get(ban.address) ?? []), ban]);
      else for (const subject of asked) found.set(subject, bansOf(subject));
      const bans = [...new Set([...found.values()].flat())].filter(isMeant);
      const stuck = new Set(end(bans, 'unbanned', by, clock.now()));
      const names = [...rules.keys()];
      for (const subject of found.keys()) for (const unit of isNetwork(subject) ? [subject] : unitsOf(subject)) windows.forget(names, unit);
      return [...found].flatMap(([subject, own]): UnbanOutcome[] => {
        const ended = own.filter(isMeant);
        if (asked === undefined && ended.length === 0) return [];
        return [{
          subject,
          targets: ended.map((b) => b.target),
          unreleased: ended.filter((b) => stuck.has(`${b.target} ${b.address}`)).map((b) => b.target),
          heldBy: (target === undefined ? [...policy.targets.keys()] : [target]).flatMap((name) => active.around(name, subject)),
        }];
      });
    },
    bans: () => active.all(),
    history(subject) {
      const own = isNetwork(subject) ? [subject] : unitsOf(subject);
      const newest = <T>(of: (one: Subject) => readonly T[], at: (one: T) => Instant): T[] => own.flatMap((one) => of(one)).sort((a, b) => at(b) - at(a)).slice(0, HISTORY);
      const now = clock.now();
      return {
        allowedBy: allowed.overlap(subject),
        bans: [...new Set([...own.flatMap((one) => active.everywhere(one)), ...[...policy.targets.keys()].flatMap((name) => active.around(name, subject))])],
        endedBans: newest((one) => store.endedBansOf(one, HISTORY), (ban) => ban.endedAt),
        offences: newest((one) => store.offencesOf(one, HISTORY), (offence) => offence.at),
        windows: own.flatMap((one) => policy.rules.flatMap((rule) => windows.of([rule.threshold], one, now).map((open) => ({ ...open, occurrences: thresholdOf(rule, one, now).occurrences })))),
      };
    },
    reconcile() {
      return [...policy.targets.keys()].map((name) => {
        const done = enforcer.sync(name);
        return { ...enforcer.stateOf(name), ...done };
      });
    },
    reread: () => enforcer.reread(),
    refresh: () => enforcer.refresh(),
    enforcementOf: (ban) => enforcer.enforcementOf(ban),
    hitsOf: (target) => enforcer.hitsOf(target),
    isReleased: (ban) => !enforcer.owes(ban),
    expectLine: (token, arrived) => reader.expect(token, arrived),
    setUnread: (unread) => enforcer.setUnread(unread),
    targetStates: () => [...policy.targets.keys()].map((name) => enforcer.stateOf(name)),
    counters: () => counters,
    nameCounters: () => namedHosts.counters(),
    ruleCounters: (rule) => perRule.get(rule) ?? { matches: 0, offences: 0, bans: 0 },
    patternCounters: (name) => patterns.of(name),
    switchedOff: () => budget.switchedOff(),
    forecast: (bytes) => forecast(bytes, { policy, windows, at: clock.now(), unitOf, thresholdOf, factsOf }),
    queue: () => ({ queued: pump.queued, capacity: pump.capacity, dropped: pump.dropped }),
    windows: () => ({ open: windows.size, capacity: windows.capacity, evicted: windows.evicted }),
    note: (type, detail) => void tryStore(() => store.writeEvent({ at: clock.now(), type, detail })),
    storeProblem: () => (problem === undefined ? undefined : unsaved.size === 0 ? problem : `${problem} (${unsaved.size} bans are enforced but not yet saved)`),
    stop() {
      pump.drain();
      settle();
      // The last chance for what a full disk kept out.
      saveUnsaved(true);
      savePositions();
      if (logins.waiting > 0) tryStore(() => logins.save());
      stopped = true;
      timer?.cancel();
      expiry.stop();
      namedHosts.stop();
      cuts.flush();
      enforcer.close();
    },
  };
}
