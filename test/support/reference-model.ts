/** What banban has to hold after any sequence of events, told as simply as it can be: plain lists, no store, no kernel. */
import type { Address, Instant, PrefixSet } from 'banban-shared';

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

export interface ModelBan {
  readonly address: Address;
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

export class ReferenceModel {
  bans: ModelBan[] = [];
  allowed: PrefixSet;
  rules: readonly ModelRule[];
  /** Received, and not yet worked off. */
  queue: ModelLine[] = [];
  private matches: { readonly rule: string; readonly address: Address; readonly at: number }[] = [];
  private offences: { readonly target: string; readonly address: Address; readonly at: number }[] = [];

  constructor(allowed: PrefixSet, rules: readonly ModelRule[]) {
    this.allowed = allowed;
    this.rules = rules;
  }

  find(address: Address, target: string): ModelBan | undefined {
    return this.bans.find((b) => b.address === address && b.target === target);
  }

  workOff(): void {
    for (const line of this.queue.splice(0)) this.line(line);
  }

  private line({ kind, address, at }: ModelLine): void {
    if (kind === 'good') {
      this.matches = this.matches.filter((m) => m.address !== address);
      this.bans = this.bans.filter((b) => b.address !== address || !b.by.startsWith('rule:'));
      return;
    }
    for (const rule of this.rules.filter((r) => r.kinds.includes(kind))) {
      const isOwn = (m: { rule: string; address: Address }): boolean => m.rule === rule.name && m.address === address;
      const inWindow = this.matches.filter((m) => isOwn(m) && at - m.at <= rule.interval);
      if (inWindow.length + 1 < rule.occurrences) this.matches.push({ rule: rule.name, address, at });
      else {
        this.matches = this.matches.filter((m) => !isOwn(m));
        this.offence(rule, address, at);
      }
    }
  }

  private offence(rule: ModelRule, address: Address, at: number): void {
    if (this.allowed.find(address) !== undefined) return;
    const { target } = rule;
    const old = this.find(address, target);
    const earlier = this.offences.filter((o) => o.address === address && o.target === target && o.at >= at - rule.memory).length;
    const level = old?.level !== undefined && at - old.since < 10_000 ? old.level : earlier + 1;
    const length = rule.ban[Math.min(level, rule.ban.length) - 1] ?? 0;
    const until = at + length;
    if (old !== undefined && (until <= old.until || (until !== Infinity && until - old.until < length / 20))) return;
    this.offences.push({ target, address, at });
    const byHand = old !== undefined && !old.by.startsWith('rule:');
    this.put({ address, target, by: byHand ? old.by : `rule:${rule.name}`, level: byHand ? old.level : level, since: old?.since ?? at, until });
  }

  private put(ban: ModelBan): void {
    this.bans = [...this.bans.filter((b) => b.address !== ban.address || b.target !== ban.target), ban];
  }

  banByHand(address: Address, target: string, at: number, length: number, by: string): void {
    if (this.allowed.find(address) !== undefined) return;
    const old = this.find(address, target);
    this.put({ address, target, by: `manual:${by}`, level: old?.level, since: old?.since ?? at, until: Math.max(old?.until ?? 0, at + length) });
  }

  unban(address: Address | undefined, target: string | undefined): void {
    const gone = this.bans.filter((b) => (address === undefined || b.address === address) && (target === undefined || b.target === target));
    this.bans = this.bans.filter((b) => !gone.includes(b));
    const forgotten = new Set(address === undefined ? gone.map((b) => b.address) : [address]);
    this.matches = this.matches.filter((m) => !forgotten.has(m.address));
  }

  passTo(now: number): void {
    this.bans = this.bans.filter((b) => b.until > now);
  }

  reload(allowed: PrefixSet, rules: readonly ModelRule[], targets: ReadonlySet<string>): void {
    this.allowed = allowed;
    this.rules = rules;
    this.bans = this.bans.filter((b) => allowed.find(b.address) === undefined && targets.has(b.target));
    const names = new Set(rules.map((r) => r.name));
    this.matches = this.matches.filter((m) => names.has(m.rule));
  }

  /** Memory is lost; what was banned and what offended is on disk. */
  crash(): void {
    this.queue = [];
    this.matches = [];
  }
}
