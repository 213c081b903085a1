/**
 * The sequence of DESIGN section 2, and nothing else: lines in, matches counted, offences decided, stored, enforced. It is
 * the one place where bans begin and end, which is why it is longer than most files: each step is a call to a part that
 * has its own file, and all of them change the same few tables.
 */
import { after, familyOf, instant, isNetwork, ms, NEVER, prefixOf, subjectOf, type Address, type Instant, type Subject } from 'banban-shared';
import type { Clock, Timer } from '../clock.ts';
import { createWindows, type FullWindow } from '../count/window.ts';
import { decide, isLongEnough } from '../decide/decide.ts';
import type { ConnectionCutter, Firewall } from '../enforce/firewall.ts';
import type { Log } from '../observe/log.ts';
import type { BanEnd, BanOrigin, BanRecord, BanWrite, EndCause, NewOffence, Store } from '../store/store.ts';
import { StoreError } from '../store/store.ts';
import type { Hit } from '../match/matcher.ts';
import type { Pattern } from '../match/pattern.ts';
import { evidence, isOwn, newEntry } from '../syslog/entry.ts';
import { splitLines, unescapeTabs } from '../syslog/lines.ts';
import { parseLine } from '../syslog/parse.ts';
import { createActiveBans } from './active-bans.ts';
import { createBudget } from './budget.ts';
import { createEnforcer } from './enforcer.ts';
import type { BanOutcome, UnbanOutcome, Engine, EngineCounters, Forecast, RuleCounters, RuleForecast } from './contract.ts';
import { createCuts } from './cuts.ts';
import { createExpiry } from './expiry.ts';
import { createNeighbours } from './neighbours.ts';
import { createPatternBook } from './pattern-book.ts';
import type { Policy, RunningRule } from './policy.ts';
import { createPump } from './pump.ts';
import { shapeText, targetOfShape } from './target-shapes.ts';
import { createUnsaved } from './unsaved.ts';

/** The ports that the engine works with, and its log. */
export interface EngineParts {
  readonly clock: Clock;
  readonly store: Store;
  readonly firewall: Firewall;
  readonly cutter: ConnectionCutter;
  readonly log: Log;
}

/** The kernel is looked at this often; a list that came back is full again well within the 2 seconds that are promised. */
const TICK = ms(500);
/** Ended bans, offences and events are purged this often, and this many at a time. */
const PURGE_EVERY = ms(60_000);
const PURGE_AT_ONCE = 500;
/** Bans end in groups of this size, so that a storm's end does not hold the loop. */
const EXPIRE_AT_ONCE = 500;
/** Writes of one transaction: about 2 ms. */
const WRITE_AT_ONCE = 256;
/** An offence that changes nothing is stored once in this time for each rule and address. */
const REPEAT_AFTER = ms(3_600_000);
const MOST_REPEATS = 10_000;
/** A store that failed is tried again this often. */
const RETRY_AFTER = ms(1000);
/** The matcher uses its empty list again. */
const NO_HITS: readonly Hit[] = [];
/** What `why` shows of the past. */
const HISTORY = 20;

/** An engine over its ports. It does nothing until `start`. */
export function createEngine(parts: EngineParts, initial: Policy): Engine {
  const { clock, store, firewall, cutter, log } = parts;
  let policy = initial;
  let rules = new Map(policy.rules.map((r) => [r.config.name, r]));
  const active = createActiveBans();
  const windows = createWindows();
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

  const neighbours = createNeighbours();
  const cuts = createCuts({ clock, cutter, save: (all) => tryStore(() => store.addConnections(all.filter(({ id }) => id > 0))), note: ({ id, target, address }, count) => {
    const ban = active.get(target, address);
    if (ban?.id === id) active.set({ ...ban, connections: ban.connections + count });
  } });
  const enforcer = createEnforcer({ clock, firewall, bans: active, log, onReleased: (ids) => tryStore(() => store.markReleased(ids)) });
  const expiry = createExpiry(clock, expire);
  const pump = createPump({ clock, work, endSlice: () => settle() });

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
    if (problem !== error.message) log.error('database_failed', { message: error.message });
    problem = error.message;
  }

  function countersOf(rule: string): RuleCounters {
    let own = perRule.get(rule);
    if (own === undefined) perRule.set(rule, (own = { matches: 0, offences: 0, bans: 0 }));
    return own;
  }

  // ── lines ─────────────────────────────────────────────────────────────────────────────────────────────────────

  const entry = newEntry();
  let arrivedAt = clock.now();
  /** Whether the first line of the delivery had a PRI and a time stamp: what follows must have them too. */
  let first = true;
  let firstHadPri = false;
  let firstHadStamp = false;

  /** Lines that somebody waits for, by what is in them. */
  const expected = new Map<string, () => void>();

  function tellExpected(bytes: Buffer, from: number, to: number): void {
    const text = bytes.toString('latin1', from, to);
    for (const [token, arrived] of expected) {
      if (!text.includes(token)) continue;
      expected.delete(token);
      arrived();
    }
  }

  function line(bytes: Buffer, from: number, to: number): void {
    counters.lines++;
    if (expected.size > 0) tellExpected(bytes, from, to);
    parseLine(bytes, from, unescapeTabs(bytes, from, to), entry);
    if (first) {
      first = false;
      firstHadPri = entry.hasPri;
      firstHadStamp = entry.hasStamp;
    } else if ((firstHadPri && !entry.hasPri) || (firstHadStamp && !entry.hasStamp)) {
      // The rest of a message with a line break in it: no record of its own, so nobody's word but the far side's.
      counters.unparsed++;
      return;
    }
    if (entry.repeatsLast) {
      count(lastHits, entry.times);
      return;
    }
    if (entry.programEnd === entry.textStart) counters.unparsed++;
    else if (isOwn(entry)) {
      counters.own++;
      if (!policy.watchesOwn) return;
    }
    const { good, hits, notAnAddress } = policy.matcher.match(entry);
    lastHits = hits.length === 0 ? NO_HITS : hits;
    if (notAnAddress) counters.notAnAddress++;
    if (good !== undefined) {
      counters.good++;
      patterns.matched(good.pattern.name, 1, arrivedAt);
      settle();
      pardon(good.address, arrivedAt);
      return;
    }
    if (hits.length > 0) count(hits, entry.times);
  }

  /** What a target bans for an address: itself, or the IPv6 network around it. */
  function unitOf(address: Address, target: string): Subject {
    const bits = policy.targets.get(target)?.ipv6Prefix ?? 128;
    return bits === 128 || familyOf(address) === 4 ? address : subjectOf(prefixOf(address, bits));
  }

  /** What the line before counted in, for `last message repeated N times`. */
  let lastHits = NO_HITS;

  /** Counts a line in its rules, as often as the syslog daemon says that it came. */
  function count(hits: readonly Hit[], times: number): void {
    if (hits.length === 0) return;
    counters.bad++;
    const text = evidence(entry);
    for (const { rule: index, address, pattern } of hits) {
      const rule = policy.rules[index];
      if (rule === undefined) continue;
      countersOf(rule.config.name).matches += times;
      patterns.matched(pattern.name, times, arrivedAt);
      for (let i = 0; i < times; i++) {
        const full = windows.hit(rule.threshold, unitOf(address, rule.config.target), arrivedAt, text);
        if (full === undefined) continue;
        offend(rule, full, pattern);
        // The rest of a folded line would only find the address banned.
        break;
      }
    }
  }

  function work(bytes: Buffer, at: Instant): void {
    arrivedAt = at;
    first = true;
    splitLines(bytes, line);
  }

  // ── offences to bans ──────────────────────────────────────────────────────────────────────────────────────────

  /** Decided but not yet written: one transaction a slice. At most one for each (address, target). */
  let pending = new Map<string, { readonly write: BanWrite; readonly rule: RunningRule; readonly pattern: Pattern }>();

  function offend(rule: RunningRule, { address, at, lines }: FullWindow, pattern: Pattern): void {
    const { name, target, memory, ban: lengths } = rule.config;
    const counted = countersOf(name);
    counted.offences++;
    const key = `${target} ${address}`;
    // The second offence of one slice has to see what the first one did.
    if (pending.has(key) || pending.size >= WRITE_AT_ONCE) settle();
    const standing = active.get(target, address);
    const allowedBy = policy.allowlist.overlap(address);
    if (isRepeat(name, address, at) && (allowedBy !== undefined || isLongEnough({ at, lengths, active: standing }))) return;
    const decision = decide({
      at,
      allowedBy,
      earlier: earlierOffences(address, target, instant(at - memory)),
      lengths,
      active: standing,
    });
    const offence = { at, address, target, rule: name, level: decision.level, lines };
    if (decision.kind === 'none') {
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

  /** A database that can't be read must not keep anybody from being banned: then it is the first offence. */
  function earlierOffences(address: Subject, target: string, since: Instant): number {
    try {
      return store.countOffences(address, target, since);
    } catch (error) {
      noteFailure(error);
      return 0;
    }
  }

  /** Whether an offence of this address against this rule that changed nothing is on record, and not long ago. */
  function isRepeat(rule: string, address: Subject, at: Instant): boolean {
    const last = repeats.get(`${rule} ${address}`);
    return last !== undefined && at - last < REPEAT_AFTER;
  }

  function noteRepeat(offence: NewOffence): void {
    if (isRepeat(offence.rule, offence.address, offence.at)) return;
    if (repeats.size >= MOST_REPEATS) repeats.clear();
    repeats.set(`${offence.rule} ${offence.address}`, offence.at);
    tryStore(() => store.writeOffences([offence]));
    log.info('offence_without_ban', { address: offence.address, rule: offence.rule, reason: offence.reason ?? '' });
  }

  /** Writes what is decided, then enforces it. */
  function settle(): void {
    if (pending.size === 0) return;
    const decided = [...pending.values()];
    pending = new Map();
    const writes = decided.map((d) => d.write);
    let records: BanRecord[] = [];
    if (!tryStore(() => (records = store.writeBans(writes, 'process')))) {
      records = unsaved.keep(writes, (target, address) => active.get(target, address));
      retryAt ??= after(clock.now(), RETRY_AFTER);
    }
    const reset: BanRecord[] = [];
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
        patterns.banned(decided[i]?.pattern.name ?? '', ban);
      }
      if (rule.config.resetconns) reset.push(ban);
      log.info(isNew ? 'ban' : 'ban_extended', { address: ban.address, target: ban.target, rule: rule.config.name, offence: ban.level ?? null, until: ban.until === NEVER ? 'forever' : new Date(ban.until).toISOString(), lines: write?.offence?.lines ?? [] });
    });
    enforcer.apply(records);
    cuts.cut(reset);
    expiry.aim(active.nextEnd());
    for (const { ban, rule, count } of crowded) escalate(ban, rule, count);
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
    const allowedBy = policy.allowlist.overlap(network);
    const refused = allowedBy === undefined ? enforcer.refuses(ban.target, network) : `the allow list has ${allowedBy}`;
    if (refused !== undefined) {
      if (noteOnce(`${ban.target} ${network}`)) log.info('network_not_banned', { address: network, target: ban.target, rule: rule.config.name, reason: refused });
      return;
    }
    const reason = `${count} banned addresses in this network, the last one ${ban.address}`;
    const at = clock.now();
    const origin = standing?.origin ?? { kind: 'rule', name: rule.config.name };
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
    if (last !== undefined && now - last < REPEAT_AFTER) return false;
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
    for (const { address, target } of bans) log.info('ban_ended', { address, target, by, name: name ?? null });
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

  function pardon(address: Address, at: Instant): void {
    for (const subject of unitsOf(address)) windows.forget(policy.rules.map((r) => r.config.name), subject);
    const automatic = bansFor(address).filter((b) => b.origin.kind === 'rule');
    if (automatic.length > 0) tryStore(() => end(automatic, 'pardoned', undefined, at));
  }

  /** All that targets may have banned for one address. */
  const unitsOf = (address: Address): Subject[] => [...new Set([address, ...[...policy.targets.keys()].map((target) => unitOf(address, target))])];

  /** Every ban of an address, and of the IPv6 network that a target bans in its place; not of a network that another target has banned as one. */
  const bansFor = (address: Address): BanRecord[] => unitsOf(address).flatMap((unit) => active.everywhere(unit).filter((ban) => unit === address || unit === unitOf(address, ban.target)));

  /** Ends what the present configuration does not allow to stand: bans of allowed addresses and of targets that are gone. */
  function conform(): void {
    const now = clock.now();
    const allowed = active.all().filter((b) => policy.allowlist.overlap(b.address) !== undefined);
    const freed = allowed.length === 0 || tryStore(() => end(allowed, 'allowlisted', undefined, now));
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

  // ── what if ───────────────────────────────────────────────────────────────────────────────────────────────────

  function forecast(bytes: Buffer): Forecast {
    const own = newEntry();
    const copy = Buffer.from(bytes);
    parseLine(copy, 0, unescapeTabs(copy, 0, copy.length), own);
    // The parser's buffer is used again with the next line.
    own.text = Buffer.from(own.text);
    const at = clock.now();
    const isDropped = isOwn(own) && !policy.watchesOwn;
    const { good, hits, notAnAddress } = isDropped ? { good: undefined, hits: [], notAnAddress: false } : policy.matcher.match(own);
    const foreseen = hits.flatMap(({ rule: index, address, pattern }): RuleForecast[] => {
      const rule = policy.rules[index];
      if (rule === undefined) return [];
      const { target, memory, ban: lengths, occurrences } = rule.config;
      const unit = unitOf(address, target);
      const matches = Math.min(occurrences, (windows.of([rule.threshold], unit, at)[0]?.matches ?? 0) + own.times);
      const decision = matches < occurrences ? undefined : decide({ at, allowedBy: policy.allowlist.overlap(unit), earlier: earlierOffences(unit, target, instant(at - memory)), lengths, active: active.get(target, unit) });
      return [{ rule, address, pattern, matches, decision }];
    });
    return { entry: own, isOwn: isDropped, good, rules: foreseen, notAnAddress };
  }

  /** Deletes what is too old. What a storm left behind takes many calls, with the next tick the next. */
  function purge(now: Instant): void {
    const longest = Math.max(0, ...policy.rules.map((r) => r.config.memory), 90 * 86_400_000);
    purgeGoesOn = false;
    tryStore(() => void (purgeGoesOn = store.purge(instant(now - longest), PURGE_AT_ONCE) >= PURGE_AT_ONCE));
  }

  // ── the clock ─────────────────────────────────────────────────────────────────────────────────────────────────

  function tick(): void {
    if (stopped) return;
    timer = clock.after(TICK, tick);
    enforcer.check();
    saveUnsaved();
    if (!conforms) conform();
    const now = clock.now();
    const next = active.nextEnd();
    if (next !== undefined && next <= now) expire();
    // An empty write tells whether a database that failed works again, where nothing else would.
    if (problem === undefined) tryStore(() => store.putBack());
    else if (unsaved.size === 0) tryStore(() => store.writeEvent({ at: now, type: 'database_works_again', detail: undefined }));
    if (purgeGoesOn) purge(now);
    if (Math.abs(now - purgedAt) >= PURGE_EVERY) {
      purgedAt = now;
      purge(now);
      for (const { pattern, message } of budget.overdrawn(policy, PURGE_EVERY)) {
        for (const each of pattern.compiled) policy.matcher.switchOff(each);
        log.error('pattern_switched_off', { pattern: pattern.name, message });
      }
      windows.sweep(now, ms(Math.max(0, ...policy.rules.map((r) => r.config.interval))), 10_000);
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
      saveShapes();
      for (const target of policy.targets.keys()) enforcer.sync(target);
      expiry.aim(active.nextEnd());
      timer = clock.after(TICK, tick);
    },
    deliver: (bytes, at) => pump.push(bytes, at),
    get policy() {
      return policy;
    },
    reload(next) {
      settle();
      const before = new Map(policy.rules.map((r) => [r.config.name, r.fingerprint]));
      policy = next;
      rules = new Map(next.rules.map((r) => [r.config.name, r]));
      windows.keepRules(new Set(next.rules.filter((r) => before.get(r.config.name) === r.fingerprint).map((r) => r.config.name)));
      for (const name of perRule.keys()) if (!rules.has(name)) perRule.delete(name);
      patterns.keep((name) => next.patterns.has(name));
      budget.reset();
      lastHits = NO_HITS;
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
    ban({ subjects, target, length, reason, by, onStored }) {
      settle();
      // What waits is older: written later it would put a rule's name on this person's ban.
      saveUnsaved(true);
      const at = clock.now();
      const until = after(at, length ?? policy.targets.get(target)?.ban[0] ?? ms(0));
      const origin: BanOrigin = { kind: 'manual', name: by };
      const unique = [...new Set(subjects.map((subject) => (isNetwork(subject) ? subject : unitOf(subject, target))))];
      const refusals = new Map<Subject, BanOutcome>();
      for (const subject of unique) {
        const allowedBy = policy.allowlist.overlap(subject);
        const message = allowedBy === undefined ? enforcer.refuses(target, subject) : undefined;
        if (allowedBy !== undefined) refusals.set(subject, { subject, outcome: 'refused', allowedBy });
        else if (message !== undefined) refusals.set(subject, { subject, outcome: 'refused', allowedBy: undefined, message });
      }
      const wanted = unique.filter((subject) => !refusals.has(subject));
      const before = new Map(wanted.map((subject) => [subject, active.get(target, subject)]));
      const records = store.writeBans(
        wanted.map((address) => ({ address, target, origin, level: before.get(address)?.level, reason: reason ?? before.get(address)?.reason, at, until, offence: undefined })),
        'power',
      );
      onStored?.();
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
      const thresholds = policy.rules.map((r) => r.threshold);
      return {
        allowedBy: policy.allowlist.overlap(subject),
        bans: [...new Set([...own.flatMap((one) => active.everywhere(one)), ...[...policy.targets.keys()].flatMap((name) => active.around(name, subject))])],
        endedBans: newest((one) => store.endedBansOf(one, HISTORY), (ban) => ban.endedAt),
        offences: newest((one) => store.offencesOf(one, HISTORY), (offence) => offence.at),
        windows: own.flatMap((one) => windows.of(thresholds, one, clock.now())),
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
    expectLine(token, arrived) {
      expected.set(token, arrived);
      return () => void expected.delete(token);
    },
    setUnread: (unread) => enforcer.setUnread(unread),
    targetStates: () => [...policy.targets.keys()].map((name) => enforcer.stateOf(name)),
    counters: () => counters,
    ruleCounters: (rule) => perRule.get(rule) ?? { matches: 0, offences: 0, bans: 0 },
    patternCounters: (name) => patterns.of(name),
    switchedOff: () => budget.switchedOff(),
    forecast,
    queue: () => ({ queued: pump.queued, capacity: pump.capacity, dropped: pump.dropped }),
    windows: () => ({ open: windows.size, capacity: windows.capacity, evicted: windows.evicted }),
    note: (type, detail) => void tryStore(() => store.writeEvent({ at: clock.now(), type, detail })),
    storeProblem: () => (problem === undefined ? undefined : unsaved.size === 0 ? problem : `${problem} (${unsaved.size} bans are enforced but not yet saved)`),
    stop() {
      pump.drain();
      settle();
      // The last chance for what a full disk kept out.
      saveUnsaved(true);
      stopped = true;
      timer?.cancel();
      expiry.stop();
      cuts.flush();
      enforcer.close();
    },
  };
}
