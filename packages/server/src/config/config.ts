/** A configuration ready to be used: every default filled in, every name resolved, nothing left to check but the patterns' syntax. */
import type { HostName, Ms, Prefix } from 'banban-shared';
import type { NotifyConfig } from './notify.ts';
import type { SourceConfig } from './sources.ts';

/** A place in a configuration file, for messages. */
export interface Place {
  readonly file: string;
  /** From 1; 0 when the thing is not in the file (a missing key). */
  readonly line: number;
  /** Dotted, `rules.fullblock.badpatterns[1]`; empty for the file as a whole. */
  readonly key: string;
}

/** One thing wrong with a configuration: what, and what to do. */
export interface Issue extends Place {
  readonly severity: 'error' | 'warning';
  readonly message: string;
}

/** One pattern as it stands in the file; whether it can be used is known once it is compiled. */
export interface PatternConfig {
  /** The expression as the admin wrote it, `<ip>` and all; `use: NAME` for what a pack has ready. */
  readonly source: string;
  /** A pack, or a group or pattern of one, instead of an expression. */
  readonly use?: string;
  readonly place: Place;
}

/** What holds the bans of a target; docs/enforcement.md says what each can do. */
export const BACKENDS = ['xt_recent', 'nftables', 'ipset', 'hosts_deny', 'command'] as const;
/** One of them. */
export type BackendName = (typeof BACKENDS)[number];

/** Ports from the first to the last, both of them meant. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** An admin's own programs, each as a list of arguments in which `{address}` and `{target}` stand for what they say; no shell. */
export interface CommandConfig {
  readonly ban: readonly string[];
  readonly unban: readonly string[];
  /** Takes all of the target's bans out; run at the start, before they are put in. */
  readonly flush: readonly string[] | undefined;
  readonly timeout: Ms;
}

/** How long bans last. */
export interface BanLengths {
  /** Of the first ban, the second, every later one; `FOREVER` is for ever. At least one. */
  readonly lengths: readonly Ms[];
  /** So much of its length a ban may be shorter, by chance: 0 for not at all, at most 0.5. */
  readonly jitter: number;
}

/** Where bans are enforced, and how long a ban in it lasts. */
export interface TargetConfig {
  /** The kernel list's name, as in the firewall rule. */
  readonly name: string;
  /** All of them hold every ban that they can; at least one. */
  readonly backends: readonly BackendName[];
  /** Length of the first ban, the second, every later one; `FOREVER` is for ever. At least one. */
  readonly ban: readonly Ms[];
  /** As in `BanLengths`. */
  readonly jitter: number;
  /** The ports that are closed to banned addresses; empty is all of them, and every protocol. */
  readonly ports: readonly PortRange[];
  /** The protocols of those ports. */
  readonly protocols: readonly ('tcp' | 'udp')[];
  /** Whether packets vanish or are answered with a refusal, in the rules that banband writes. */
  readonly action: 'drop' | 'reject';
  /** An IPv6 ban is of the network of so many bits around the address; 128 is the address alone. */
  readonly ipv6Prefix: number;
  /** So many banned addresses of one IPv4 /24 or IPv6 /64 get the whole of it banned; undefined for never. */
  readonly networkAfter: number | undefined;
  /** The `--seconds` of the firewall rule that reads the list: rows stop matching that long after they were written, so they are renewed before. */
  readonly seconds: Ms | undefined;
  /** For the backend `command`. */
  readonly command: CommandConfig | undefined;
  readonly place: Place;
}

/** Who sees to the rules that read the targets' lists. */
export interface FirewallConfig {
  /** banband puts them in at its start, and again when they are gone. */
  readonly manage: boolean;
  /** And takes them away at a clean stop; the bans stay in the database. */
  readonly removeAtStop: boolean;
  /** The file of TCP wrappers. */
  readonly hostsDeny: string;
}

/** A rule: so many matching lines of one address within `interval` lead to a ban in `target`. */
export interface RuleConfig {
  readonly name: string;
  readonly target: string;
  readonly occurrences: number;
  readonly interval: Ms;
  /** How long an offence counts towards the level of the next. */
  readonly memory: Ms;
  /** Its own lengths, or its target's. */
  readonly ban: readonly Ms[];
  readonly jitter: number;
  /** Of which earlier offences of the address its level is made: those in the same target, those against the same rule, or all. */
  readonly levels: 'target' | 'rule' | 'all';
  /** Of an address with a good pattern so short a time ago it takes twice the occurrences; 0 is never. */
  readonly grace: Ms;
  /** What is done about a line with a host name in the place of the address: nothing, said, or looked up and counted. */
  readonly usedns: 'no' | 'warn' | 'yes';
  /** The rules whose bans it counts in place of lines; empty for all rules that count lines. Undefined for a rule that counts lines itself. */
  readonly countsBansOf: readonly string[] | undefined;
  /** Also cut the address's existing connections. */
  readonly resetconns: boolean;
  readonly badPatterns: readonly PatternConfig[];
  readonly place: Place;
}

/** A list of addresses and networks that others keep, all of which is banned. */
export interface ListConfig {
  readonly name: string;
  /** Where it is kept: a URL of https (or http, which is warned of), or an absolute path. */
  readonly from: { readonly kind: 'url'; readonly url: string } | { readonly kind: 'file'; readonly path: string };
  readonly target: string;
  /** How long an entry is banned beyond the last look at the list; longer than `refresh`. */
  readonly ban: Ms;
  readonly refresh: Ms;
  /** A list with more entries is refused. */
  readonly mostEntries: number;
  /** One that loses or gains more than so many percent of its entries at once is refused. */
  readonly shrink: number;
  readonly grow: number;
  /** What to do about entries that no list may have: refuse the list, or leave them out. */
  readonly unfit: 'refuse' | 'skip';
  readonly place: Place;
}

/** What stops a rule's bans. */
export interface BreakerConfig {
  /** More new bans than this within a minute. */
  readonly bansAMinute: number;
  /** Bans, within a day, of so many addresses that logged in within the last 30 days. */
  readonly logins: number;
}

/** Which of the machine's facts keep rules from banning an address. */
export interface GuardConfig {
  /** That somebody is logged in from there. */
  readonly sessions: boolean;
  readonly gateway: boolean;
  readonly resolvers: boolean;
}

/** A whole configuration. Sockets and database have absolute paths, and every rule's target exists. */
export interface Config {
  /** The file it was read from. */
  readonly path: string;
  /** Where lines come from, at least one; no two have the same type and path. */
  readonly sources: readonly SourceConfig[];
  readonly database: string;
  readonly control: { readonly socket: string; readonly group: string | undefined; readonly mode: number };
  /** The addresses and networks of the allow list that stand in the file itself. */
  readonly allowlist: readonly Prefix[];
  /** Files of addresses, networks and host names, each once, by absolute paths. */
  readonly allowFiles: readonly string[];
  /** Host names whose addresses are allowed, each once. */
  readonly allowHosts: readonly HostName[];
  /** Whether this machine's own addresses are. */
  readonly allowSelf: boolean;
  readonly guard: GuardConfig;
  readonly firewall: FirewallConfig;
  /** In the order of the file; the first is the default of `banctl ban`. */
  readonly targets: readonly TargetConfig[];
  readonly goodPatterns: readonly PatternConfig[];
  /** When a rule's bans stop by themselves, and wait for a person. */
  readonly breaker: BreakerConfig;
  /** So many user names tried by an address which then logs in are a break-in, and nothing is pardoned; undefined for never. */
  readonly breakinAfter: number | undefined;
  /** Ended bans, offences and events are deleted when they are so old. */
  readonly keep: Ms;
  readonly rules: readonly RuleConfig[];
  readonly lists: readonly ListConfig[];
  readonly notify: readonly NotifyConfig[];
}
