/** The verbs, in the order of the help. */
import { allow } from './allow.ts';
import { ban } from './ban.ts';
import type { Command } from './command.ts';
import { doctor } from './doctor.ts';
import { exportBans } from './export.ts';
import { firewall } from './firewall.ts';
import { importBans } from './import.ts';
import { list } from './list.ts';
import { lists } from './lists.ts';
import { notify } from './notify.ts';
import { reconcile } from './reconcile.ts';
import { reload } from './reload.ts';
import { rules } from './rules.ts';
import { status } from './status.ts';
import { test } from './test.ts';
import { unban } from './unban.ts';
import { version } from './version.ts';
import { why } from './why.ts';

/** Every verb that banctl has; the first word of a command line is one of them. */
export const commands: readonly Command[] = [status, list, ban, unban, allow, lists, exportBans, importBans, why, rules, test, reload, reconcile, firewall, doctor, notify, version];
