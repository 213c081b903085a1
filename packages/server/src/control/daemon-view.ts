/** What the control API needs of the daemon: a narrow view that this folder declares and the composition root provides. */
import type { CanaryResponse, DoctorResponse, FindingView, Instant, Prefix, ReloadResponse } from 'banban-shared';
import type { CutterStats } from '../enforce/firewall.ts';
import type { Engine } from '../engine/contract.ts';
import type { UsedPattern } from '../engine/policy.ts';
import type { Feed } from '../engine/feed.ts';
import type { Source } from '../ingest/source.ts';
import type { AllowedRecord } from '../store/store.ts';
import type { Clock } from '../clock.ts';
import type { Notifier } from '../notify/notifier.ts';
import type { Lists } from '../lists/keeper.ts';

/** What the API asks of the engine, one by one: starting, feeding, reloading and stopping it is the daemon's. */
export type EngineView = Pick<
  Engine,
  | 'policy' | 'allowed' | 'bans' | 'ban' | 'unban' | 'history' | 'reconcile' | 'refresh' | 'enforcementOf' | 'hitsOf'
  | 'targetStates' | 'counters' | 'nameCounters' | 'ruleCounters' | 'patternCounters' | 'switchedOff' | 'stoppedRules' | 'resumeRule' | 'forecast' | 'queue' | 'windows' | 'storeProblem'
>;

/** A pattern as it is in use. */
export type PatternInUse = UsedPattern;

/** A source with what came of its lines. */
export interface SourceView {
  readonly source: Source;
  readonly feed: Pick<Feed, 'counters'>;
  /** Why it does not run, or brings nothing. */
  readonly error: string | undefined;
  /** That it has fallen silent, or that nothing of it matches any more. */
  readonly alarm: string | undefined;
}

/** The daemon as the API sees it. What may change meanwhile is a function, so that every answer is of the moment. */
export interface DaemonView {
  readonly clock: Clock;
  readonly version: string;
  readonly startedAt: number;
  readonly engine: EngineView;
  /** Where lines come from, as they run. */
  sources(): readonly SourceView[];
  cutter(): CutterStats;
  /** Why the kernel is not touched, or can't be; undefined when bans are enforced. */
  notEnforcing(): string | undefined;
  config(): { readonly path: string; readonly loadedAt: number; readonly error: string | undefined; readonly warnings: readonly string[] };
  store(): { readonly path: string; readonly sizeBytes: number };
  /** The rules that read the lists. */
  readonly firewall: {
    print(): string;
    check(): Promise<readonly FindingView[]>;
    install(): Promise<{ readonly changes: readonly string[]; readonly problems: readonly string[] }>;
    remove(): Promise<{ readonly changes: readonly string[]; readonly problems: readonly string[] }>;
  };
  /** What is in the way of the rules, a sentence each. */
  firewallProblems(): readonly string[];
  /** Who no rule may ban as things stand on this machine. */
  readonly guards: {
    /** As of the last look, a moment ago. */
    list(): readonly { readonly prefix: Prefix; readonly why: string }[];
    /** Looks anew. Never rejects. */
    look(): Promise<void>;
  };
  /** What of the allow list changes while banband runs. */
  readonly allow: {
    readonly byHand: {
      list(): readonly AllowedRecord[];
      /** @throws StoreError when nothing was done; ApiError `bad_request` when there would be too many */
      allow(request: { readonly prefixes: readonly Prefix[]; readonly until: Instant; readonly reason: string | undefined; readonly by: string }): readonly { readonly outcome: 'allowed' | 'extended' | 'unchanged'; readonly record: AllowedRecord }[];
      /** False for each that there was none of. @throws StoreError when nothing was done */
      remove(prefixes: readonly Prefix[], by: string): readonly boolean[];
    };
    /** When a group was last heard of; undefined where that means nothing, or for never. */
    checkedAt(group: string): Instant | undefined;
    problems(): readonly string[];
  };
  /** The lists of addresses that others keep. */
  readonly lists: Pick<Lists, 'state' | 'refresh'>;
  /** Who is told of what happens. */
  readonly notify: Pick<Notifier, 'stats' | 'test'>;
  doctor(): Promise<DoctorResponse>;
  /** Follows one line of its own through the machine's syslog, the database and the kernel. `target` exists. */
  canary(target: string, by: string): Promise<CanaryResponse>;
  /** @throws ApiError `bad_config`, and nothing has changed */
  reload(): ReloadResponse;
}
