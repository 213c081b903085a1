/** What banban has to hold after any sequence of events, told as simply as it can be: plain lists, no store, no kernel. */
import { familyOf, holds, isNetwork, networkOf, prefixOf, subjectOf, type Address, type Instant, type Prefix, type Subject } from 'banban-shared';

export interface ModelRule {
  readonly name: string;
  readonly target: string;
  readonly occurrences: number;
  readonly interval: number;
  readonly memory: number;
  readonly ban: readonly number[];
  /** The kinds of line that it counts. */
  readonly kinds: readonly string[];
}

export interface ModelTarget {
  readonly name: string;
  /** What it bans for an IPv6 address: a network of so many bits. */
  readonly ipv6Prefix: number;
  /** So many banned addresses of a /24 or /64 get it banned. */
  readonly networkAfter: number | undefined;
  /** Whether any of its lists can hold it. */
  readonly canHold: (subject: Subject) => boolean;
}

export interface ModelBan {
  readonly address: Subject;
  readonly target: string;
  readonly by: string;
  readonly level: number | undefined;
  readonly since: number;
  readonly until: number;
}

export interface ModelLine {
  readonly kind: string;
  readonly address: Address;
  readonly at: Instant;
}

/** A configuration as far as it matters here. */
export interface ModelPolicy {
  readonly allowed: readonly Prefix[];
  readonly rules: readonly ModelRule[];
  readonly targets: readonly ModelTarget[];
}

/** Whether two of them have an address in common. */
export const overlap = (a: Subject, b: Subject): boolean => holds(a, b) || holds(b, a);

export class ReferenceModel {
  bans: ModelBan[] = [];
  policy: ModelPolicy;
  /** Received, and not yet worked off. */
  queue: ModelLine[] = [];
  private matches: { readonly rule: string; readonly subject: Subject; readonly at: number }[] = [];
  private offences: { readonly target: string; readonly subject: Subject; readonly at: number }[] = [];

  constructor(policy: ModelPolicy) {
    this.policy = policy;
  }

  find(subject: Subject, target: string): ModelBan | undefined {
    return this.bans.find((b) => b.address === subject && b.target === target);
  }

  isAllowed(subject: Subject): boolean {
    return this.policy.allowed.some((prefix) => overlap(subjectOf(prefix), subject));
  }

  /** What a target bans for an address. */
  unit(address: Address, target: string): Subject {
    const bits = this.policy.targets.find((t) => t.name === target)?.ipv6Prefix ?? 128;
    return familyOf(address) === 4 ? address : subjectOf(prefixOf(address, bits));
  }

  /** Whether a ban is of just this subject: of itself, or of what its target bans in the place of an address. */
  isOf(ban: { readonly address: Subject; readonly target: string }, subject: Subject): boolean {
    return ban.address === subject || (!isNetwork(subject) && ban.address === this.unit(subject, ban.target));
  }

  /** The networks that hold a subject, in one target or all. */
  holding(subject: Subject, target: string | undefined): ModelBan[] {
    return this.bans.filter((b) => (target === undefined || b.target === target) && b.address !== subject && holds(b.address, subject));
  }

  workOff(): void {
    for (const line of this.queue.splice(0)) this.line(line);
  }

  private forget(subject: Subject): void {
    const units = isNetwork(subject) ? [subject] : [subject, ...this.policy.targets.map((t) => this.unit(subject, t.name))];
    this.matches = this.matches.filter((m) => !units.includes(m.subject));
  }

  private line({ kind, address, at }: ModelLine): void {
    if (kind === 'good') {
      this.forget(address);
      this.bans = this.bans.filter((b) => !this.isOf(b, address) || !b.by.startsWith('rule:'));
      return;
    }
    for (const rule of this.policy.rules.filter((r) => r.kinds.includes(kind))) {
      const subject = this.unit(address, rule.target);
      const isOwn = (m: { rule: string; subject: Subject }): boolean => m.rule === rule.name && m.subject === subject;
      const inWindow = this.matches.filter((m) => isOwn(m) && at - m.at <= rule.interval);
      if (inWindow.length + 1 < rule.occurrences) this.matches.push({ rule: rule.name, subject, at });
      else {
        this.matches = this.matches.filter((m) => !isOwn(m));
        this.offence(rule, subject, at);
      }
    }
  }

  private offence(rule: ModelRule, subject: Subject, at: number): void {
    if (this.isAllowed(subject)) return;
    const { target } = rule;
    const old = this.find(subject, target);
    const earlier = this.offences.filter((o) => o.subject === subject && o.target === target && o.at >= at - rule.memory).length;
    const level = old?.level !== undefined && at - old.since < 10_000 ? old.level : earlier + 1;
    const length = rule.ban[Math.min(level, rule.ban.length) - 1] ?? 0;
    const until = at + length;
    if (old !== undefined && (until <= old.until || (until !== Infinity && until - old.until < length / 20))) return;
    this.offences.push({ target, subject, at });
    const byHand = old !== undefined && !old.by.startsWith('rule:');
    this.put({ address: subject, target, by: byHand ? old.by : `rule:${rule.name}`, level: byHand ? old.level : level, since: old?.since ?? at, until });
    this.escalate(rule, subject, at, until);
  }

  private escalate(rule: ModelRule, subject: Subject, at: number, until: number): void {
    const target = this.policy.targets.find((t) => t.name === rule.target);
    if (target?.networkAfter === undefined || isNetwork(subject)) return;
    const network = subjectOf(prefixOf(networkOf(subject).address, familyOf(subject) === 4 ? 24 : 64));
    const neighbours = this.bans.filter((b) => b.target === target.name && !isNetwork(b.address) && holds(network, b.address));
    if (neighbours.length < target.networkAfter || this.isAllowed(network) || !target.canHold(network)) return;
    if (this.bans.some((b) => b.target === target.name && b.until >= until && isNetwork(b.address) && holds(b.address, network))) return;
    const old = this.find(network, target.name);
    this.put({ address: network, target: target.name, by: old?.by ?? `rule:${rule.name}`, level: old?.level, since: old?.since ?? at, until });
  }

  private put(ban: ModelBan): void {
    this.bans = [...this.bans.filter((b) => b.address !== ban.address || b.target !== ban.target), ban];
  }

  /** What is banned by it, or undefined where it is refused. */
  banByHand(asked: Subject, target: string, at: number, length: number, by: string): Subject | undefined {
    const subject = isNetwork(asked) ? asked : this.unit(asked, target);
    if (this.isAllowed(subject) || this.policy.targets.find((t) => t.name === target)?.canHold(subject) !== true) return undefined;
    const old = this.find(subject, target);
    this.put({ address: subject, target, by: `manual:${by}`, level: old?.level, since: old?.since ?? at, until: Math.max(old?.until ?? 0, at + length) });
    return subject;
  }

  unban(subject: Subject | undefined, target: string | undefined): void {
    const gone = this.bans.filter((b) => (subject === undefined || this.isOf(b, subject)) && (target === undefined || b.target === target));
    this.bans = this.bans.filter((b) => !gone.includes(b));
    for (const one of subject === undefined ? gone.map((b) => b.address) : [subject]) this.forget(one);
  }

  passTo(now: number): void {
    this.bans = this.bans.filter((b) => b.until > now);
  }

  reload(policy: ModelPolicy): void {
    this.policy = policy;
    this.bans = this.bans.filter((b) => !this.isAllowed(b.address) && policy.targets.some((t) => t.name === b.target));
    const names = new Set(policy.rules.map((r) => r.name));
    this.matches = this.matches.filter((m) => names.has(m.rule));
  }

  /** Memory is lost; what was banned and what offended is on disk. */
  crash(): void {
    this.queue = [];
    this.matches = [];
  }
}
