/** The program ipset: how it is run, and what it means when it does not do what it was asked. */
import { ms } from 'banban-shared';
import type { Clock } from '../../clock.ts';
import { exec, type ExecOptions, type ExecResult } from '../exec.ts';
import { firstComplaint, saysForbidden } from './restore.ts';

/** What the driver works with. */
export interface IpsetOptions {
  readonly clock: Clock;
  /** As in `ExecOptions`. */
  readonly path?: string;
  /** A program that has not ended by then is killed; default 30 s, of which 10,000 rows take a tenth of one. */
  readonly timeout?: ExecOptions['timeout'];
}

const TIMEOUT = ms(30_000);

/** Runs ipset with an input. */
export function runIpset(
  args: readonly string[],
  { clock, path, timeout = TIMEOUT }: IpsetOptions,
  also: Pick<ExecOptions, 'signal' | 'onStdout'> & { readonly input: string },
): Promise<ExecResult> {
  return exec('ipset', args, { clock, timeout, ...(path !== undefined && { path }), ...also });
}

/** Why ipset did not do it; undefined when it did all. */
export function failureOf(result: ExecResult): string | undefined {
  if (result.kind === 'missing') return `${result.message}: install ipset`;
  if (result.kind !== 'ended') return result.message;
  // In a conversation (`ipset -`) it goes on after an error, and ends well.
  if (result.code === 0 && result.stderr.trim() === '') return undefined;
  const words = firstComplaint(result.stderr);
  if (saysForbidden(words)) return 'ipset may not change the kernel’s sets: run banband as root (it needs CAP_NET_ADMIN)';
  return `ipset failed (${result.code ?? result.signal ?? ''})${words === '' ? '' : `: ${words}`}`;
}
