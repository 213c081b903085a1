/** What the control API needs of the daemon: a narrow view that this folder declares and the composition root provides. */
import type { CanaryResponse, DoctorResponse, FindingView, ReloadResponse } from 'banban-shared';
import type { CutterStats } from '../enforce/firewall.ts';
import type { Engine } from '../engine/contract.ts';
import type { UsedPattern } from '../engine/policy.ts';
import type { Source } from '../ingest/source.ts';
import type { Clock } from '../clock.ts';

/** What the API asks of the engine, one by one: starting, feeding, reloading and stopping it is the daemon's. */
export type EngineView = Pick<
  Engine,
  | 'policy' | 'bans' | 'ban' | 'unban' | 'history' | 'reconcile' | 'refresh' | 'enforcementOf' | 'hitsOf'
  | 'targetStates' | 'counters' | 'ruleCounters' | 'patternCounters' | 'switchedOff' | 'forecast' | 'queue' | 'windows' | 'storeProblem'
>;

/** A pattern as it is in use. */
export type PatternInUse = UsedPattern;

/** The daemon as the API sees it. What may change meanwhile is a function, so that every answer is of the moment. */
export interface DaemonView {
  readonly clock: Clock;
  readonly version: string;
  readonly startedAt: number;
  readonly engine: EngineView;
  readonly sources: readonly Source[];
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
  doctor(): Promise<DoctorResponse>;
  /** Follows one line of its own through the machine's syslog, the database and the kernel. `target` exists. */
  canary(target: string, by: string): Promise<CanaryResponse>;
  /** @throws ApiError `bad_config`, and nothing has changed */
  reload(): ReloadResponse;
}
