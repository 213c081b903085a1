/** A real rsyslogd in the victim: it reads /dev/log, writes the machine's log file, and has the snippet of config/rsyslog. */
import { chown, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Child } from './child.ts';
import { checkout, syslogUser, type Victim } from './victim.ts';
import { waitFor } from './wait-for.ts';

export const RSYSLOG_SNIPPET = join(checkout, 'config/rsyslog/30-banban.conf');

export interface RsyslogOptions {
  /** As Ubuntu has it: rsyslogd becomes the user syslog once it has opened /dev/log. Debian's stays root. */
  readonly asOwnUser?: boolean;
  /** The file that is included; default the README's snippet. */
  readonly snippet?: string;
}

/** Starts rsyslogd and waits until a line said by logger is in the log file. */
export async function startRsyslog(victim: Victim, options: RsyslogOptions = {}): Promise<Child> {
  const { dir } = victim.host;
  const config = join(dir, 'rsyslog.conf');
  const drop = options.asOwnUser === true ? `$PrivDropToUser ${syslogUser.name}\n$PrivDropToGroup ${syslogUser.name}\n` : '';
  if (options.asOwnUser === true) for (const folder of ['log', 'spool']) await chown(join(dir, folder), syslogUser.uid, syslogUser.gid);
  // The order of Debian's and Ubuntu's rsyslog.conf: modules, /etc/rsyslog.d, the files.
  await writeFile(
    config,
    `global(workDirectory="${dir}/spool")
module(load="imuxsock")
${drop}$IncludeConfig ${options.snippet ?? RSYSLOG_SNIPPET}
*.* action(type="omfile" file="${victim.logFile}" template="RSYSLOG_TraditionalFileFormat")
`,
  );
  const child = victim.host.spawn(['rsyslogd', '-n', '-f', config, '-i', '/run/rsyslogd.pid']);
  const mark = `rsyslog is ready ${process.hrtime.bigint()}`;
  await waitFor('rsyslogd to write its log file', async () => {
    if (!child.running) throw new Error(`rsyslogd ended: ${child.stderr}${child.stdout}`);
    if (victim.readLog().includes(mark)) return true;
    await victim.host.run(['logger', '-t', 'test', mark]);
    return false;
  }, {}, () => child.stderr);
  return child;
}
