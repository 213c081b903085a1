/** Runs another program: an argument list and never a shell, with a limit on time and output, and a clean environment. */
import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { Ms } from 'banban-shared';
import type { Clock } from '../clock.ts';

/** The bounds that the program has to keep to. */
export interface ExecOptions {
  readonly clock: Clock;
  /** Directories in which the program is looked for, as in PATH; also the child's PATH. Default: `searchPath()`. */
  readonly path?: string;
  readonly timeout: Ms;
  /** Kills the child; the result is then the failure `stopped`. */
  readonly signal?: AbortSignal;
  /** What the program reads on its standard input, up to the end; it may stop reading before. Without it there is nothing to read. */
  readonly input?: string | Buffer;
  /** Takes the standard output as it comes, instead of `stdout`. */
  readonly onStdout?: (chunk: Buffer) => void;
}

/** How it went. All but `ended` has a sentence for the admin; a program that ran and failed has `ended`, with its code. */
export type ExecResult =
  | {
      readonly kind: 'ended';
      /** The exit code; undefined when a signal ended it. */
      readonly code: number | undefined;
      readonly signal: string | undefined;
      /** The first 64 KiB; the rest is read and forgotten. */
      readonly stdout: string;
      readonly stderr: string;
    }
  | { readonly kind: 'missing' | 'timeout' | 'stopped' | 'failed'; readonly message: string };

/** More than any message that is worth showing. */
const MOST_OUTPUT = 65_536;

const USUAL_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** This process's PATH, with the directories of system programs after it: `su` leaves them out. */
export const searchPath = (): string => (process.env['PATH'] === undefined ? USUAL_PATH : `${process.env['PATH']}:/usr/sbin:/sbin`);

/** The program's file, found as a shell finds it but only in absolute directories; undefined when there is none. */
export function findProgram(program: string, path = searchPath()): string | undefined {
  const candidates = isAbsolute(program) ? [program] : path.split(':').filter(isAbsolute).map((directory) => join(directory, program));
  return candidates.find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return statSync(file).isFile();
    } catch {
      return false;
    }
  });
}

/** Keeps the first bytes of a stream. */
function keeper(): { add(chunk: Buffer): void; text(): string } {
  const kept: Buffer[] = [];
  let room = MOST_OUTPUT;
  return {
    add(chunk) {
      if (room > 0) kept.push(chunk.subarray(0, room));
      room -= chunk.length;
    },
    text: () => Buffer.concat(kept).toString('utf8'),
  };
}

/**
 * Runs `program` with `args` and waits for its end. Never throws and never waits for longer than `timeout`, whatever the
 * program does: it has a process group of its own, which is killed, its children included.
 */
export function exec(program: string, args: readonly string[], options: ExecOptions): Promise<ExecResult> {
  const { clock, timeout, signal, input, onStdout, path = searchPath() } = options;
  const file = findProgram(program, path);
  if (file === undefined) return Promise.resolve({ kind: 'missing', message: `the program ${program} is not installed${isAbsolute(program) ? '' : ` (looked in ${path})`}` });
  if (signal?.aborted === true) return Promise.resolve({ kind: 'stopped', message: `${program} was not started` });
  return new Promise((resolve) => {
    let child: ChildProcess;
    try {
      child = spawn(file, args, { stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'], env: { PATH: path, LC_ALL: 'C' }, cwd: '/', detached: true });
    } catch (error) {
      // Some failures are thrown (out of memory), others arrive as an event (no more processes), without streams at that.
      resolve({ kind: 'failed', message: `${program} could not be started: ${error instanceof Error ? error.message : String(error)}` });
      return;
    }
    const stdout = keeper();
    const stderr = keeper();
    child.stdout?.on('data', onStdout ?? ((chunk: Buffer) => stdout.add(chunk)));
    child.stderr?.on('data', (chunk: Buffer) => stderr.add(chunk));
    // A program that has seen enough closes its end (EPIPE): what it thinks of that is in its exit code.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);

    const killGroup = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended meanwhile.
      }
    };
    const finish = (result: ExecResult): void => {
      timer.cancel();
      signal?.removeEventListener('abort', stop);
      child.stdin?.destroy();
      child.stdout?.destroy();
      child.stderr?.destroy();
      resolve(result);
    };
    const stop = (): void => {
      killGroup();
      finish({ kind: 'stopped', message: `${program} was stopped` });
    };
    const timer = clock.after(timeout, () => {
      killGroup();
      finish({ kind: 'timeout', message: `${program} did not end within ${timeout / 1000} s and was killed` });
    });
    signal?.addEventListener('abort', stop, { once: true });
    child.once('error', (error) => finish({ kind: 'failed', message: `${program} could not be started: ${error.message}` }));
    // `close` comes after the last output; a grandchild that keeps the pipes open is what the time limit is for.
    child.once('close', (code, name) =>
      finish({ kind: 'ended', code: code ?? undefined, signal: name ?? undefined, stdout: stdout.text(), stderr: stderr.text() }),
    );
  });
}
