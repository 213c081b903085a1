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
import { inSlices } from './slices.ts';
import { socketProgram } from './socket-program.ts';
import { socketSweep } from './socket-sweep.ts';
import { NOT_ALLOWED, type Sweep } from './sweep.ts';

/** What the cutter works with. */
export interface CutterOptions {
  readonly clock: Clock;
  /** Undefined: the programs conntrack and ss do the work. */
  readonly native: NativeNetlink | undefined;
  /** Told once of each thing that keeps it from the work, a sentence for the admin. */
  readonly warn: (message: string) => void;
  /** Directories in which the programs are looked for, as in PATH. Default: PATH and the system's. */
  readonly path?: string;
  /** Subjects that may wait; what comes beyond it is counted as dropped. */
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

class Cutter implements ConnectionCutter {
  private readonly stages: readonly Stage[];
  private readonly abort = new AbortController();
  private readonly said = new Set<string>();
  private arrivals: Arrival[] = [];
  private queued = 0;
  private connections = 0;
  private failed = 0;
  private dropped = 0;
  private lastError: string | undefined;

  constructor(private readonly options: CutterOptions) {
    this.stages = sweepsOf(options).map((sweep, index) => ({
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
      known.keys = new Set([...(known.keys ?? []), ...(job.keys ?? [])]);
    }
    stage.passes.wake();
  }

  private async pass(index: number): Promise<void> {
    const { clock } = this.options;
    const { signal } = this.abort;
    const stage = this.stages[index];
    if (stage === undefined) return;
    if (index === 0) {
      for (const { subjects, report } of this.arrivals.splice(0)) {
        await inSlices(clock, subjects, (subject) => this.enter(0, subject, { claims: [{ report, died: 0 }], keys: undefined }));
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
      if (!signal.aborted) this.enter(left?.has(subject) === true ? index : index + 1, subject, job);
    });
  }

  private say(message: string): void {
    if (this.said.has(message)) return;
    this.said.add(message);
    this.options.warn(message);
  }
}

/** In the order in which they are made: what the first ended the second does not count again. */
function sweepsOf({ clock, native, path }: CutterOptions): readonly Sweep[] {
  if (native !== undefined && isSupported) return [socketSweep(clock, native), conntrackSweep(clock, native)];
  const run = oneByOne(clock, path);
  return [socketProgram(run), conntrackProgram(run)];
}

/** A cutter that waits for work. */
export function connectionCutter(options: CutterOptions): ConnectionCutter {
  return new Cutter(options);
}
