/**
 * Ends the connections that a banned address has already: the sockets of programs on this machine, then conntrack's entries.
 *
 * Sockets come first because they are quick (0.4 ms for one address), so that a session of an attacker's does not live on for as
 * long as conntrack's table is walked (4 ms when it is empty, 140 ms with 100,000 entries), and because a socket that is
 * still there while its entry is gone would make a new entry with the next packet that it sends.
 */
import type { Subject } from 'banban-shared';
import type { Clock } from '../../clock.ts';
import { isSupported } from '../../netlink/message.ts';
import type { NativeNetlink } from '../../netlink/native.ts';
import type { ConnectionCutter, CutReport, CutterStats } from '../firewall.ts';
import { conntrackProgram } from './conntrack-program.ts';
import { conntrackSweep } from './conntrack-sweep.ts';
import { passes, type Passes } from './passes.ts';
import { oneByOne } from './programs.ts';
import { socketSweep } from './socket-sweep.ts';
import { socketProgram } from './socket-program.ts';
import { NOT_ALLOWED, type Sweep } from './sweep.ts';

/** What the cutter works with. */
export interface CutterOptions {
  readonly clock: Clock;
  /** Undefined: the programs conntrack and ss do the work. */
  readonly native: NativeNetlink | undefined;
  /** Told once of each thing that keeps it from the work, a sentence for the admin; again when it had worked in between. */
  readonly warn: (message: string) => void;
  /** Directories in which the programs are looked for, as in PATH. Default: PATH and the system's. */
  readonly path?: string;
  /** Subjects that may wait; what comes beyond it is counted as dropped. */
  readonly capacity?: number;
}

const CAPACITY = 10_000;

/** One who asked, and what is to be reported. */
interface Claim {
  readonly report: CutReport;
  died: number;
}

/** A subject on its way. */
interface Job {
  /** What dies counts for the first; the others asked for the same while it waited. */
  readonly claims: [Claim, ...Claim[]];
  /** The connections whose sockets died: their entries in conntrack are no further ones. */
  readonly keys: Set<string>;
}

/** One sweep, and what waits for it. */
interface Stage {
  readonly sweep: Sweep;
  readonly waiting: Map<Subject, Job>;
  readonly passes: Passes;
  unavailable: string | undefined;
}

class Cutter implements ConnectionCutter {
  private readonly stages: readonly Stage[];
  private readonly abort = new AbortController();
  private queued = 0;
  private connections = 0;
  private failed = 0;
  private dropped = 0;
  private lastError: string | undefined;

  constructor(private readonly options: CutterOptions) {
    const { clock } = options;
    this.stages = sweepsOf(options).map((sweep, index) => ({
      sweep,
      waiting: new Map(),
      passes: passes(clock, () => this.pass(index)),
      unavailable: undefined,
    }));
    // A first pass over nothing finds out whether it can be done.
    for (const stage of this.stages) stage.passes.wake();
  }

  cut(subjects: readonly Subject[], report: CutReport): void {
    if (this.abort.signal.aborted) return;
    const { clock, capacity = CAPACITY } = this.options;
    for (const subject of subjects) {
      if (this.queued < capacity) {
        this.queued++;
        this.enter(0, subject, { claims: [{ report, died: 0 }], keys: new Set() });
      } else {
        this.dropped++;
        clock.soon(() => report(subject, 0));
      }
    }
  }

  stats(): CutterStats {
    return {
      available: this.stages.some(({ unavailable }) => unavailable === undefined) && !this.stages.some(({ unavailable }) => unavailable === NOT_ALLOWED),
      queued: this.queued,
      cut: this.connections,
      failed: this.failed,
      lastError: this.lastError,
      dropped: this.dropped,
    };
  }

  async stop(): Promise<void> {
    this.abort.abort();
    for (const { waiting } of this.stages) waiting.clear();
    this.queued = 0;
    await Promise.all(this.stages.map((stage) => stage.passes.stop()));
  }

  /** Puts a subject before a stage; after the last it is done. */
  private enter(index: number, subject: Subject, job: Job): void {
    const stage = this.stages[index];
    if (stage === undefined) {
      this.queued -= job.claims.length;
      for (const { report, died } of job.claims) report(subject, died);
      return;
    }
    const known = stage.waiting.get(subject);
    if (known === undefined) stage.waiting.set(subject, job);
    else {
      known.claims.push(...job.claims);
      for (const key of job.keys) known.keys.add(key);
    }
    stage.passes.wake();
  }

  private async pass(index: number): Promise<void> {
    const stage = this.stages[index];
    if (stage === undefined) return;
    const jobs = new Map(stage.waiting);
    stage.waiting.clear();
    const outcome = await stage.sweep.run(
      [...jobs.keys()],
      (subject, keys) => {
        const job = jobs.get(subject);
        if (job === undefined || keys.some((key) => job.keys.has(key))) return;
        // What the last sweep finds nobody asks for again, and there may be hundreds of thousands.
        if (index + 1 < this.stages.length) for (const key of keys) job.keys.add(key);
        job.claims[0].died++;
        this.connections++;
      },
      this.abort.signal,
    );
    if (this.abort.signal.aborted) return;
    if (outcome.kind === 'done') stage.unavailable = undefined;
    else {
      if (outcome.kind === 'unavailable' && stage.unavailable !== outcome.message) this.say(stage, outcome.message);
      if (jobs.size > 0) {
        this.failed++;
        this.lastError = outcome.message;
      }
    }
    const left = outcome.kind === 'done' ? outcome.left : undefined;
    for (const [subject, job] of jobs) this.enter(left?.has(subject) === true ? index : index + 1, subject, job);
  }

  /** Warns of what keeps a stage from its work, unless the other has said it already. */
  private say(stage: Stage, message: string): void {
    if (!this.stages.some(({ unavailable }) => unavailable === message)) this.options.warn(message);
    stage.unavailable = message;
  }
}

/** In the order in which they are made: what the first ended the second does not count again. */
function sweepsOf({ clock, native, path }: CutterOptions): readonly Sweep[] {
  if (native !== undefined && isSupported) return [socketSweep(native), conntrackSweep(native)];
  const run = oneByOne(clock, path);
  return [socketProgram(run), conntrackProgram(run)];
}

/** A cutter that waits for work. */
export function connectionCutter(options: CutterOptions): ConnectionCutter {
  return new Cutter(options);
}
