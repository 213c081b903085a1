/**
 * The port for the kernel: the lists of addresses that firewall rules look at, and the connections that exist already.
 * What is written to the kernel by this process itself is written when the call returns (10 µs a row); a list that is kept by a program
 * takes the change into its queue, says so by `pending`, and tells when it is done.
 */
import type { Instant, Subject } from 'banban-shared';
import type { BackendName, TargetConfig } from '../config/config.ts';

/** What one look at a list found. */
export type ListState =
  | {
      readonly state: 'present';
      readonly subjects: ReadonlySet<Subject>;
      /** Taken to be written, and not yet confirmed. */
      readonly pending: ReadonlySet<Subject>;
      /** What could not be written, with the reason; tried again by the list itself. */
      readonly failures: ListFailures;
      /** How many rows the list can have, both families together; undefined when there is no bound that is known. */
      readonly capacity: number | undefined;
    }
  /** `message` where there is more to say than that no firewall rule made it. */
  | { readonly state: 'missing'; readonly message?: string }
  | { readonly state: 'failed'; readonly message: string }
  /** It is kept by a program that has not answered yet. */
  | { readonly state: 'unknown' };

/** A row as it is to be. Kernels that can forget by themselves do so at `until`, should banband not be there to do it. */
export interface Row {
  readonly subject: Subject;
  readonly until: Instant;
}

/** What to write to one list. */
export interface ListChange {
  /** Removed first, so that the places are free for what is added. What the list has not is no failure. */
  readonly remove: readonly Subject[];
  /** Added, or stamped anew with its `until` where the list has it already; in the order of writing. No two of them overlap. */
  readonly add: readonly Row[];
}

/** The subjects for which the change was refused, with the reason; empty when all went well. */
export type ListFailures = ReadonlyMap<Subject, string>;

/** What met a row since it was written. */
export interface Hits {
  /** Packets and bytes; undefined where the kernel does not count them. */
  readonly packets: number | undefined;
  readonly bytes: number | undefined;
  /** The last packet; undefined when none came, or where the kernel does not tell. */
  readonly lastAt: Instant | undefined;
}

/** The rows of one target in one backend. No method throws. */
export interface KernelList {
  readonly backend: BackendName | 'simulated';
  /** True when `write` only takes the change, and `read` tells by `pending` and `failures` what became of it. */
  readonly defers?: true;
  /**
   * True when what `write` did not refuse is in the list for certain, and `identity` tells of every change that somebody else makes:
   * then a list of 100,000 rows need not be read again to be known.
   */
  readonly isExact?: true;
  /** Why this list can't hold such a row (a network, where there is room for single addresses only); undefined when it can. */
  refuses(subject: Subject): string | undefined;
  /** Reads the list whole. */
  read(): ListState;
  /**
   * A value that changes when the list was taken away, made anew, or changed by somebody else where the kernel tells of it;
   * undefined when there is no such list. Asked twice a second, so it costs next to nothing.
   */
  identity(): string | undefined;
  /** Writes a change. A list that is gone in the middle fails each of the remaining subjects. */
  write(change: ListChange): ListFailures;
  /** For a list that defers: forget what was read, because somebody has changed it, and look again at once. */
  reread?(): void;
  /** What met the rows; empty where the kernel does not tell. May cost as much as `read`. */
  hits(): ReadonlyMap<Subject, Hits>;
  /** Lets go of descriptors and children; the rows stay. */
  close(): void;
}

/** All lists of one kind of kernel. */
export interface Firewall {
  readonly kind: 'kernel' | 'simulated';
  /**
   * The rows of `target` in one of its backends. `changed` is called, never from within a call of the list's own methods,
   * when its state may be another: somebody else changed it, or what was pending is done.
   */
  open(target: TargetConfig, backend: BackendName, changed: () => void): KernelList;
}

/** What has become of the addresses whose connections were to be cut, since the start. */
export interface CutterStats {
  /** False when there is no way to do it, or nothing may be touched. */
  readonly available: boolean;
  readonly queued: number;
  /** Connections forgotten by conntrack, and sockets of this machine closed. */
  readonly cut: number;
  /** Passes that failed, with the last reason. */
  readonly failed: number;
  readonly lastError: string | undefined;
  /** Addresses not looked at because the queue was full. */
  readonly dropped: number;
}

/** Called once for each subject that was asked for, with the connections of it that died. */
export type CutReport = (subject: Subject, connections: number) => void;

/** Ends existing connections: the kernel's record of them (conntrack), and sockets of programs on this machine. */
export interface ConnectionCutter {
  /** Takes subjects into a bounded queue and returns at once. */
  cut(subjects: readonly Subject[], report: CutReport): void;
  stats(): CutterStats;
  /** Ends what is running and forgets the queue. */
  stop(): Promise<void>;
}


/** One thing about the rules that is not as it should be, and what mends it. */
export interface Finding {
  readonly severity: 'error' | 'warning';
  /** A name that never changes its meaning; `no-rule` is the one for a list that nothing reads. */
  readonly code: string;
  readonly target: string | undefined;
  readonly backend: BackendName | undefined;
  readonly message: string;
  readonly remedy: string;
}

/** What was put in or taken out, and what could not be, a sentence each. */
export interface RulesOutcome {
  readonly changes: readonly string[];
  readonly problems: readonly string[];
}

/** What the check may have to know besides the targets. */
export interface RulesFacts {
  /** banband puts the rules in by itself. */
  readonly managed: boolean;
  /** Active bans by target, for tables that are too small; absent: none. */
  readonly bans?: ReadonlyMap<string, number>;
  /** Targets of which a rule has `resetconns`; absent: none. */
  readonly resetting?: ReadonlySet<string>;
}

/** The rules that read the lists. Nothing rejects: what fails is a sentence in what comes back. */
export interface FirewallRules {
  /** Puts in what is missing, in one piece for each family; what is there stays as it is, and so do the rows of the lists. */
  install(targets: readonly TargetConfig[]): Promise<RulesOutcome>;
  /** Takes out all that `install` puts in. */
  remove(targets: readonly TargetConfig[]): Promise<RulesOutcome>;
  check(targets: readonly TargetConfig[], facts: RulesFacts): Promise<readonly Finding[]>;
  /** Whether all is there that `install` puts in, at the price of as few programs as possible. */
  isIntact(targets: readonly TargetConfig[]): Promise<boolean>;
}
