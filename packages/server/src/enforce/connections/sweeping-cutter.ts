/** A cutter that has its sweeps end connections one after the other, each for all subjects that wait. */
import type { Subject } from 'banban-shared';
import type { Clock } from '../../clock.ts';
import type { ConnectionCutter, CutReport, CutterStats } from '../firewall.ts';
import { passes, type Passes } from './passes.ts';
import { inSlices } from '../../slices.ts';
import { NOT_ALLOWED, type Sweep } from './sweep.ts';

/** What it works with. */
export interface SweepingOptions {
  readonly clock: Clock;
  /** In the order in which a subject goes through them: a connection that one has ended the next does not count again. */
  readonly sweeps: readonly Sweep[];
  /** Told once of each thing that keeps it from the work, a sentence for the admin. */
  readonly warn: (message: string) => void;
  /** Subjects that may wait; what comes beyond it is counted as dropped. Default 10,000. */
  readonly capacity?: number;
}

const CAPACITY = 10_000;

/** A call that has not been looked at. */
interface Arrival {
  readonly subjects: readonly Subject[];
  readonly report: CutReport;
}

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
  keys: Set<string> | undefined;
}

/** One sweep, and what waits for it. */
interface Stage {
  readonly sweep: Sweep;
  readonly passes: Passes;
  waiting: Map<Subject, Job>;
  unavailable: string | undefined;
}

class SweepingCutter implements ConnectionCutter {
  private readonly stages: readonly Stage[];
  private readonly abort = new AbortController();
  private readonly said = new Set<string>();
  private arrivals: Arrival[] = [];
  private queued = 0;
  private connections = 0;
  private failed = 0;
  private dropped = 0;
  private lastError: string | undefined;

  constructor(private readonly options: SweepingOptions) {
    this.stages = options.sweeps.map((sweep, index) => ({
      sweep,
      passes: passes(options.clock, () => this.pass(index)),
      waiting: new Map(),
      unavailable: undefined,
    }));
    // A first pass over nothing finds out whether it can be done.
    for (const stage of this.stages) stage.passes.wake();
  }

  cut(subjects: readonly Subject[], report: CutReport): void {
    if (this.abort.signal.aborted || subjects.length === 0) return;
    const { clock, capacity = CAPACITY } = this.options;
    const taken = subjects.slice(0, capacity - this.queued);
    const refused = subjects.slice(taken.length);
    if (taken.length > 0) {
      this.queued += taken.length;
      this.arrivals.push({ subjects: taken, report });
      this.stages[0]?.passes.wake();
    }
    if (refused.length > 0) {
      this.dropped += refused.length;
      clock.soon(() => refused.forEach((subject) => report(subject, 0)));
    }
  }

  stats(): CutterStats {
    const reasons = this.stages.map(({ unavailable }) => unavailable);
    return {
      available: reasons.includes(undefined) && !reasons.includes(NOT_ALLOWED),
      queued: this.queued,
      cut: this.connections,
      failed: this.failed,
      lastError: this.lastError,
      dropped: this.dropped,
    };
  }

  async stop(): Promise<void> {
    this.abort.abort();
    this.arrivals = [];
    for (const stage of this.stages) stage.waiting.clear();
    this.queued = 0;
    await Promise.all(this.stages.map((stage) => stage.passes.stop()));
  }

  /** Puts a subject before a stage; after the last it is done. */
  private put(index: number, subject: Subject, job: Job): void {
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
      known.keys = new Set([...(known.keys ?? []), ...(job.keys ?? [])]);
    }
  }

  private async pass(index: number): Promise<void> {
    const { clock } = this.options;
    const { signal } = this.abort;
    const stage = this.stages[index];
    if (stage === undefined) return;
    if (index === 0) {
      for (const { subjects, report } of this.arrivals.splice(0)) {
        await inSlices(clock, subjects, (subject) => this.put(0, subject, { claims: [{ report, died: 0 }], keys: undefined }));
      }
    }
    const jobs = stage.waiting;
    stage.waiting = new Map();
    const isLast = index === this.stages.length - 1;
    const outcome = await stage.sweep.run(
      [...jobs.keys()],
      (subject, keys) => {
        const job = jobs.get(subject);
        if (job === undefined || keys.some((key) => job.keys?.has(key) === true)) return;
        // Of what the last sweep ends nobody asks again, and there may be hundreds of thousands.
        if (!isLast) for (const key of keys) (job.keys ??= new Set()).add(key);
        job.claims[0].died++;
        this.connections++;
      },
      signal,
    );
    if (signal.aborted) return;
    stage.unavailable = outcome.kind === 'unavailable' ? outcome.message : undefined;
    if (stage.unavailable !== undefined) this.say(stage.unavailable);
    if (outcome.kind !== 'done' && jobs.size > 0) {
      this.failed++;
      this.lastError = outcome.message;
    }
    const left = outcome.kind === 'unavailable' ? undefined : outcome.left;
    await inSlices(clock, jobs, ([subject, job]) => {
      if (!signal.aborted) this.put(left?.has(subject) === true ? index : index + 1, subject, job);
    });
    // Only now, so that all of a storm is in the next stage's pass.
    for (const { waiting, passes: wakeable } of this.stages.slice(index, index + 2)) if (waiting.size > 0) wakeable.wake();
  }

  private say(message: string): void {
    if (this.said.has(message)) return;
    this.said.add(message);
    this.options.warn(message);
  }
}

/** A cutter that waits for work; a first pass over nothing has shown by the next turns of the loop whether it can be done. */
export function sweepingCutter(options: SweepingOptions): ConnectionCutter {
  return new SweepingCutter(options);
}
