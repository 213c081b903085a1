/** The verbs, in the order of the help. */
import { ban } from './ban.ts';
import type { Command } from './command.ts';
import { list } from './list.ts';
import { reconcile } from './reconcile.ts';
import { reload } from './reload.ts';
import { status } from './status.ts';
import { unban } from './unban.ts';
import { version } from './version.ts';
import { why } from './why.ts';

export const commands: readonly Command[] = [status, list, ban, unban, why, reload, reconcile, version];
