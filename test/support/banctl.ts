/** The built banctl, run as a user runs it. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Child, type Finished } from './child.ts';

/** What node runs. */
export const program = fileURLToPath(new URL('../../packages/client/bin/banctl.js', import.meta.url));
const bundle = fileURLToPath(new URL('../../packages/client/dist/main.js', import.meta.url));

export interface BanctlOptions {
  readonly socket?: string;
  readonly input?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Both user and group, and no other group. */
  readonly uid?: number;
}

/** Starts it with its input still open. @throws when it was not built */
export function startBanctl(args: readonly string[], options: BanctlOptions = {}): Child {
  if (!existsSync(bundle)) throw new Error(`${bundle} is missing: build first (npm test does), then run this test`);
  const env = { PATH: process.env['PATH'], ...(options.socket !== undefined && { BANBAN_SOCKET: options.socket }), ...options.env };
  return Child.start([process.execPath, program, ...args], { env, ...(options.uid !== undefined && { uid: options.uid, gid: options.uid }) });
}

export async function banctl(args: readonly string[], options: BanctlOptions = {}): Promise<Finished> {
  const child = startBanctl(args, options);
  child.process.stdin?.end(options.input ?? '');
  return child.finished();
}
