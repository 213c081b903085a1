/** A program that goes on writing lines: started with a list of arguments and never through a shell, held up when its reader is. */
import { spawn, type ChildProcess } from 'node:child_process';
import { isAbsolute } from 'node:path';
import { ms } from 'banban-shared';
import type { Clock } from '../clock.ts';

/** What is done with what it writes. */
export interface FollowOptions {
  readonly clock: Clock;
  /** Takes its standard output as it comes. */
  readonly onBytes: (bytes: Buffer) => void;
  /** Takes what it says on its standard error, without control characters. */
  readonly onWords: (words: string) => void;
  /** It has ended, or could not be started; a clause. Not called after `stop`. */
  readonly onEnd: (how: string) => void;
}

/** A program that runs. While it is paused it waits in its write(2), with some 100 KiB in between. */
export interface Followed {
  pause(): void;
  resume(): void;
  /** Ends it, however it behaves. */
  stop(): Promise<void>;
}

/** Characters of its own words that are kept of each time it speaks. */
const MOST_WORDS = 300;
/** It has this long to end by itself. */
const GRACE = ms(2000);

/** The directories of PATH, absolute ones alone, and those of the system. */
const searchPath = (): string => [...(process.env['PATH'] ?? '').split(':').filter(isAbsolute), '/usr/bin', '/bin'].join(':');

/** Starts `program`. It ends with banband, however that ends: its output is a socket that then has no reader. */
export function followProgram(program: string, args: readonly string[], { clock, onBytes, onWords, onEnd }: FollowOptions): Followed {
  let child: ChildProcess | undefined;
  let stopped = false;
  let onClosed: (() => void) | undefined;

  const ended = (how: string): void => {
    child = undefined;
    onClosed?.();
    if (!stopped) onEnd(how);
  };
  const couldNot = (error: unknown): string =>
    error instanceof Error && 'code' in error && error.code === 'ENOENT' ? `the program ${program} is not installed` : `${program} could not be started: ${error instanceof Error ? error.message : String(error)}`;

  try {
    const started = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: searchPath(), LC_ALL: 'C' }, cwd: '/' });
    child = started;
    started.stdout?.on('data', onBytes);
    started.stderr?.on('data', (bytes: Buffer) => {
      const words = bytes.toString('utf8', 0, 4 * MOST_WORDS).replace(/[\p{C}\s]+/gu, ' ').trim();
      if (words !== '') onWords(Array.from(words).slice(0, MOST_WORDS).join(''));
    });
    let failure: string | undefined;
    started.once('error', (error) => {
      failure = couldNot(error);
      // What never ran does not close.
      if (started.pid === undefined) ended(failure);
    });
    started.once('close', (code, signal) => {
      if (child === started) ended(failure ?? `${program} ended with ${code === null ? `the signal ${signal ?? '?'}` : `exit code ${code}`}`);
    });
  } catch (error) {
    // Some failures are thrown (out of memory). Whoever starts it has nothing in hand yet to be told by.
    clock.soon(() => ended(couldNot(error)));
  }

  return {
    pause: () => void child?.stdout?.pause(),
    resume: () => void child?.stdout?.resume(),
    stop() {
      stopped = true;
      const running = child;
      if (running === undefined) return Promise.resolve();
      return new Promise((resolve) => {
        const timer = clock.after(GRACE, () => void running.kill('SIGKILL'));
        onClosed = () => {
          timer.cancel();
          resolve();
        };
        // It may wait for a reader.
        running.stdout?.destroy();
        running.stderr?.destroy();
        running.kill('SIGTERM');
      });
    },
  };
}
