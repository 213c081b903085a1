/** Programs run by tests: one that ends by itself (`run`) and one that is watched and stopped (`Child`). */
import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { waitFor } from './wait-for.ts';

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

export interface RunOptions {
  readonly input?: string | Buffer;
  /** After this the program is killed and `signal` is SIGKILL; default 60 s. */
  readonly timeoutMs?: number;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** A program whose output is kept while it runs. */
export class Child {
  stdout = '';
  stderr = '';
  readonly startedAt = performance.now();
  private readonly done: Promise<Finished>;
  private ended = false;

  constructor(
    readonly argv: readonly string[],
    readonly process: ChildProcess,
  ) {
    process.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    process.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    // Who does not read to the end of its input is no fault of ours.
    process.stdin?.on('error', () => undefined);
    this.done = new Promise((resolve, reject) => {
      process.once('error', reject);
      process.once('close', (code, signal) => {
        this.ended = true;
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr, ms: performance.now() - this.startedAt });
      });
    });
    this.done.catch(() => undefined);
  }

  static start(argv: readonly string[], options: SpawnOptions = {}): Child {
    const [program = '', ...args] = argv;
    return new Child(argv, spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options }));
  }

  get running(): boolean {
    return !this.ended;
  }

  finished(): Promise<Finished> {
    return this.done;
  }

  /** Resolves when `pattern` is in what the program has said on either stream; throws when it ends without. */
  async says(pattern: RegExp, timeoutMs = 20_000): Promise<void> {
    await waitFor(
      `${this.argv.join(' ')} to say ${pattern}`,
      () => {
        if (pattern.test(this.stdout) || pattern.test(this.stderr)) return true;
        return !this.running;
      },
      { timeoutMs },
      () => ({ stdout: this.stdout, stderr: this.stderr }),
    );
    if (!pattern.test(this.stdout) && !pattern.test(this.stderr)) throw new Error(`${this.argv.join(' ')} ended and never said ${pattern}: ${this.stdout}${this.stderr}`);
  }

  /** Sends a signal to the program itself, not to the nsenter that may have started it. */
  signal(signal: NodeJS.Signals): void {
    const pid = this.process.pid;
    if (pid === undefined || this.ended) return;
    const inner = innerPid(pid);
    if (inner !== undefined) sendTo(inner, signal);
    // nsenter stops itself when its child is stopped, and has to go on with it.
    if (inner === undefined || signal === 'SIGCONT') sendTo(pid, signal);
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM', graceMs = 10_000): Promise<Finished> {
    this.signal(signal);
    const timer = setTimeout(() => this.signal('SIGKILL'), graceMs);
    try {
      return await this.done;
    } finally {
      clearTimeout(timer);
    }
  }
}

function sendTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The program that nsenter (which forks to enter a PID namespace) runs, or undefined when `pid` is no nsenter. */
function innerPid(pid: number): number | undefined {
  try {
    if (!readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('nsenter')) return undefined;
    const first = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0];
    return first ? Number(first) : undefined;
  } catch {
    return undefined;
  }
}

/** Runs a program to its end. Never throws for an exit code: the caller looks at it. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const child = Child.start(argv, { ...(options.env && { env: options.env }), ...(options.cwd && { cwd: options.cwd }) });
  child.process.stdin?.end(options.input ?? '');
  const timer = setTimeout(() => child.signal('SIGKILL'), options.timeoutMs ?? 60_000);
  try {
    return await child.finished();
  } finally {
    clearTimeout(timer);
  }
}

/** Runs a program that has to succeed, and returns what it printed. @throws with its stderr when it does not */
export async function must(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  return succeeded(argv, await run(argv, options));
}

/** @throws unless the program ended with 0 */
export function succeeded(argv: readonly string[], result: Finished): string {
  if (result.code !== 0) throw new Error(`${argv.join(' ')} ended with ${result.code ?? result.signal}: ${result.stderr || result.stdout}`);
  return result.stdout;
}

