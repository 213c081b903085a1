/** The programs that show and change rules: each answers with what it printed or with a sentence, soon or not at all. */
import { ms } from 'banban-shared';
import type { Clock } from '../../clock.ts';
import { exec, findProgram } from '../exec.ts';

/** How it went. */
export type Ran =
  | { readonly isDone: true; readonly stdout: string }
  /** `isMissing`: it is not installed. */
  | { readonly isDone: false; readonly isMissing: boolean; readonly message: string };

/** Runs programs one after the other's end, as they are asked for. */
export interface Programs {
  /** Whether it is installed. */
  has(program: string): boolean;
  run(program: string, args: readonly string[], input?: string): Promise<Ran>;
}

const TIMEOUT = ms(10_000);
/** 100,000 rules; a firewall of which more is printed can't be judged. */
const MOST_OUTPUT = 32 * 1024 * 1024;

/** The first line that says something, without control characters: it goes into a sentence. */
function complaint(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.replace(/\p{Cc}+/gu, ' ').trim());
  // iptables-legacy begins with a warning about the other one where both are in use.
  return (lines.find((line) => line !== '' && !line.startsWith('#')) ?? '').slice(0, 300);
}

/** @param path as in `ExecOptions` */
export function programs(clock: Clock, path: string | undefined): Programs {
  return {
    has: (program) => findProgram(program, path) !== undefined,
    async run(program, args, input) {
      const chunks: Buffer[] = [];
      let length = 0;
      const onStdout = (chunk: Buffer): void => {
        length += chunk.length;
        if (length <= MOST_OUTPUT) chunks.push(chunk);
      };
      const result = await exec(program, args, { clock, timeout: TIMEOUT, onStdout, ...(path !== undefined && { path }), ...(input !== undefined && { input }) });
      if (result.kind !== 'ended') return { isDone: false, isMissing: result.kind === 'missing', message: result.message };
      if (result.code !== 0) {
        const words = complaint(result.stderr);
        return { isDone: false, isMissing: false, message: `${program} failed (${result.code ?? result.signal ?? ''})${words === '' ? '' : `: ${words}`}` };
      }
      if (length > MOST_OUTPUT) return { isDone: false, isMissing: false, message: `${program} printed more than 32 MiB, which banban does not read` };
      return { isDone: true, stdout: Buffer.concat(chunks).toString('utf8') };
    },
  };
}
