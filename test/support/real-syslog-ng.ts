/** A real syslog-ng in the victim, in rsyslog's place: it reads /dev/log and has the snippet of config/syslog-ng. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { must, type Child } from './child.ts';
import { syslogNgInstallation } from './e2e-gate.ts';
import { checkout, type Victim } from './victim.ts';
import { waitFor } from './wait-for.ts';

export const SYSLOG_NG_SNIPPET = join(checkout, 'config/syslog-ng/banban.conf');

/** Starts syslog-ng and waits until a line said by logger is in the log file. */
export async function startSyslogNg(victim: Victim): Promise<Child> {
  const { dir } = victim.host;
  const { program, options, env } = syslogNgInstallation();
  const environment = { ...process.env, ...env };
  const version = /(\d+\.\d+)/.exec(await must([program, ...options, '--version'], { env: environment }))?.[1] ?? '3.38';
  const state = join(dir, 'syslog-ng');
  await mkdir(state);
  const config = join(dir, 'syslog-ng.conf');
  // As in Debian's syslog-ng.conf: the source s_src, the files, then conf.d. (system() stands for this source on Linux,
  // besides the kernel's own log, which is the machine's and not this host's.)
  await writeFile(
    config,
    `@version: ${version}
source s_src { unix-dgram("/dev/log"); internal(); };
destination d_file { file("${victim.logFile}" template("$DATE $HOST $MSGHDR$MESSAGE\\n")); };
log { source(s_src); destination(d_file); };
@include "${SYSLOG_NG_SNIPPET}"
`,
  );
  const child = victim.host.spawn(
    [program, ...options, '--foreground', '--no-caps', '-f', config, '-R', join(state, 'persist'), '-p', join(state, 'pid'), '-c', join(state, 'ctl')],
    environment,
  );
  const mark = `syslog-ng is ready ${process.hrtime.bigint()}`;
  await waitFor('syslog-ng to write its log file', async () => {
    if (!child.running) throw new Error(`syslog-ng ended: ${child.stderr}${child.stdout}`);
    if (victim.readLog().includes(mark)) return true;
    await victim.host.run(['logger', '-t', 'test', mark]);
    return false;
  }, {}, () => child.stderr);
  return child;
}
