/** What the engine offers to those who run it and ask it: the daemon, the control API, replay. */
import type { Address, Enforcement, HostName, Instant, Ms, Prefix, Subject } from 'banban-shared';
import type { WindowView } from '../count/window.ts';
import type { BackendName, RuleConfig } from '../config/config.ts';
import type { Hits } from '../enforce/firewall.ts';
import type { Decision } from '../decide/decide.ts';
import type { Pardon } from '../match/matcher.ts';
import type { Progress } from '../ingest/source.ts';
import type { Pattern } from '../match/pattern.ts';
import type { BanRecord, EndedBanRecord, OffenceRecord } from '../store/store.ts';
import type { Entry } from '../syslog/entry.ts';
import type { Allowed } from './allowed.ts';
import type { Stopped } from './breaker.ts';
import type { TargetState } from './enforcer.ts';
import type { SyncResult, Unread } from './ledger.ts';
import type { Guard, Guarded } from './guarded.ts';
import type { ListOutcome, ListWish } from './list-bans.ts';
import type { NameCounters } from './named-hosts.ts';
import type { PatternCounters } from './pattern-book.ts';
import type { Feed } from './feed.ts';
import type { Policy, RunningRule } from './policy.ts';

/** What one rule did since the start; a reload keeps the numbers of a rule that is still there. */
export interface RuleCounters {
  matches: number;
  offences: number;
  bans: number;
}

/** What became of all lines since the start. */
export interface EngineCounters {
  lines: number;
  unparsed: number;
  own: number;
  good: number;
  bad: number;
  notAnAddress: number;
}

/** What a person asks for with `ban`. */
export interface BanRequest {
  /** Addresses and networks; an IPv6 one is widened to the target's prefix. */
  readonly subjects: readonly Subject[];
  readonly target: string;
  /** Undefined: the first length of the target. */
  readonly length: Ms | undefined;
  readonly reason: string | undefined;
  readonly by: string;
  /** Also where the address is guarded. */
  readonly force?: boolean;
  /** Called when the database has it, before the kernel is asked. */
  readonly onStored?: () => void;
}

/** What became of one subject of a `ban`: the ban that stands now, or why there is none. */
export type BanOutcome =
  | {
      readonly subject: Subject;
      readonly outcome: 'banned' | 'extended' | 'unchanged';
      readonly ban: BanRecord;
      readonly enforcement: Enforcement;
      /** Bans of wider networks in the same target, which hold it anyway. */
      readonly within: readonly BanRecord[];
    }
  /** By the entry of the allow list that it shares an address with. */
  | { readonly subject: Subject; readonly outcome: 'refused'; readonly allowedBy: Prefix }
  /** By the target, none of whose backends can hold it, or because it is guarded and `force` was not given; a sentence. */
  | { readonly subject: Subject; readonly outcome: 'refused'; readonly allowedBy: undefined; readonly isGuarded: boolean; readonly message: string };

/** What a person asks for with `unban`. */
export interface UnbanRequest {
  /** Undefined: all that is banned. */
  readonly subjects: readonly Subject[] | undefined;
  /** Undefined: in every target. */
  readonly target: string | undefined;
  readonly by: string;
}

/** What became of one subject of an `unban`; `targets` is empty where there was no ban. */
export interface UnbanOutcome {
  readonly subject: Subject;
  readonly targets: readonly string[];
  /** Targets whose kernel list could not be freed of it. */
  readonly unreleased: readonly string[];
  /** Bans of networks that still hold it. */
  readonly heldBy: readonly BanRecord[];
}

/** All that is known of one address or network, bans of networks around it included; the past is the newest of it, newest first. */
export interface AddressHistory {
  readonly allowedBy: Prefix | undefined;
  readonly bans: readonly BanRecord[];
  readonly endedBans: readonly EndedBanRecord[];
  readonly offences: readonly OffenceRecord[];
  /** `occurrences` as it takes them now: of one with a grace more than the configuration says. */
  readonly windows: readonly (WindowView & { readonly rule: string; readonly occurrences: number })[];
}

/** A rule's word on a line that came now. */
export interface RuleForecast {
  readonly rule: RunningRule;
  readonly address: Address;
  readonly pattern: Pattern;
  /** With this line, in the window. */
  readonly matches: number;
  /** That it takes now: of one with a grace more than the configuration says. */
  readonly occurrences: number;
  /** Absent while the window is not full. */
  readonly decision: Decision | undefined;
}

/** What would become of a line. */
export interface Forecast {
  readonly entry: Entry;
  /** True for banband's own lines, which are dropped. */
  readonly isOwn: boolean;
  readonly good: Pardon | undefined;
  readonly rules: readonly RuleForecast[];
  readonly notAnAddress: boolean;
  /** Rules that would count it if the address of a host name stood there, whatever they do about names; only where nothing else matched. */
  readonly names: readonly { readonly rule: RuleConfig; readonly name: HostName; readonly pattern: Pattern }[];
}

/** The running engine. But for lines, which `deliver` queues, everything is done when the method returns. */
export interface Engine {
  /** Takes the stored bans up, puts them into the kernel with the time that is left to them, and begins to watch. */
  start(): void;
  /** Takes one delivery of a source, without a feed one of nobody in particular. Returns at once. */
  deliver(bytes: Buffer, at: Instant, feed?: Feed, progress?: Progress): void;
  /** What the last run remembered of how far things were worked off, by the keys of its `Progress`. */
  positions(): ReadonlyMap<string, string>;
  readonly policy: Policy;
  /** Who is never banned. */
  readonly allowed: Pick<Allowed, 'find' | 'overlap' | 'groups' | 'groupsOf'>;
  /** Puts entries in the place of a group's of the allow list; what it now holds is unbanned at once. */
  setAllowed(group: string, prefixes: readonly Prefix[]): void;
  /** Whom only a person may ban, and only with `force`. */
  readonly guarded: Pick<Guarded, 'all' | 'of'>;
  setGuarded(guards: readonly Guard[]): void;
  /** The rules of the configuration whose bans the circuit breaker has stopped. */
  stoppedRules(): ReadonlyMap<string, Stopped>;
  /** Lets a stopped rule ban again. False where it was not stopped. */
  resumeRule(rule: string, by: string): boolean;
  /** Puts what a list asks for in the place of what it asked for before, in steps. Rejects with a sentence when the database can't be written. */
  replaceList(list: string, wish: ListWish): Promise<ListOutcome>;
  /** Lifts the bans of lists that are not among these; how many. */
  keepLists(lists: ReadonlySet<string>): Promise<number>;
  /** Swaps the configuration: windows of rules that did not change stay, and so do bans whose target does. */
  reload(policy: Policy): void;
  /** @throws StoreError when nothing was done */
  ban(request: BanRequest): BanOutcome[];
  /** @throws StoreError when nothing was done */
  unban(request: UnbanRequest): UnbanOutcome[];
  bans(): readonly BanRecord[];
  history(subject: Subject): AddressHistory;
  reconcile(): readonly (TargetState & SyncResult)[];
  /** Told that somebody has changed the firewall: lists that programs keep are looked at anew, too. */
  reread(): void;
  /** Looks at the kernel, if the last look is not of this moment: what is asked after it is true. */
  refresh(): void;
  enforcementOf(ban: BanRecord): Enforcement;
  /** What met the rows of a target's bans since they were written, as far as its backends tell. Reads the kernel. */
  hitsOf(target: string): ReadonlyMap<Subject, Hits>;
  /** Whether every list is known to be free of an ended ban's row. */
  isReleased(ban: BanRecord): boolean;
  /** Calls back once when a line with `token` in it arrives, whatever else is done with the line; the result ends the wait. */
  expectLine(token: string, arrived: () => void): () => void;
  /** Says of every list which no firewall rule looks at, by target and backend, with a sentence. What is not in it is looked at. */
  setUnread(unread: ReadonlyMap<string, ReadonlyMap<BackendName, Unread>>): void;
  targetStates(): TargetState[];
  counters(): Readonly<EngineCounters>;
  nameCounters(): Readonly<NameCounters>;
  ruleCounters(rule: string): Readonly<RuleCounters>;
  /** Of a pattern by its name, as in `policy.patterns`. */
  patternCounters(name: string): Readonly<PatternCounters>;
  /** Why a pattern was switched off since the start, by its name. */
  switchedOff(): ReadonlyMap<string, string>;
  /** What the running daemon would do with a line that came now, without doing it. */
  forecast(line: Buffer): Forecast;
  queue(): { readonly queued: number; readonly capacity: number; readonly dropped: number };
  windows(): { readonly open: number; readonly capacity: number; readonly evicted: number };
  /** Puts something of the daemon's own life among the events. A database that can't be written is no reason not to live. */
  note(type: string, detail?: string): void;
  /** A sentence when the database can't be written. */
  storeProblem(): string | undefined;
  /** Works off what has been received, and stops; the kernel keeps the bans. */
  stop(): void;
}
