/** The exit codes of banctl: what a script may rely on. */
import type { ApiError } from 'banban-shared';
import { ConnectionError } from './errors.ts';

/** Each code by what it means. */
export const exitCodes = {
  /** Done, or there was nothing to do. */
  done: 0,
  /** The daemon refused or failed, in whole or for one of the addresses. */
  failed: 1,
  /** The command line is wrong; nothing was asked. */
  usage: 2,
  /** No daemon answered (in time, in our protocol). */
  noDaemon: 4,
  /** The socket is there, but this user may not use it. */
  noPermission: 5,
} as const;

/** One of banctl's exit codes. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** The exit code that an error ends with. */
export function exitCodeOf(error: ApiError | ConnectionError): ExitCode {
  if (!(error instanceof ConnectionError)) return exitCodes.failed;
  return error.kind === 'no_permission' ? exitCodes.noPermission : exitCodes.noDaemon;
}
