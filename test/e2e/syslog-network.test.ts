/** Syslog over the network from a real rsyslog, by UDP and by TCP in both framings, to the kernel's list. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { describeE2e } from '../support/e2e-gate.ts';
import { Banban, SSH_CONFIG } from '../support/real-banban.ts';
import { startRsyslog } from '../support/real-rsyslog.ts';
import { Victim } from '../support/victim.ts';
import { waitFor } from '../support/wait-for.ts';

const LIMIT = 120_000;

const failed = (address: string): string => `Failed password for root from ${address} port 1 ssh2`;

describeE2e('rsyslog over the network', () => {
  let victim: Victim | undefined;

  afterEach(() => victim?.stop(), LIMIT);

  test.each([
    ['UDP', 'udp', ''],
    ['TCP, a line each', 'tcp', 'TCP_Framing="traditional"'],
    ['TCP, with lengths', 'tcp', 'TCP_Framing="octet-counted"'],
    ['TCP, as RFC 5424', 'tcp', 'TCP_Framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format"'],
  ])('by %s bans, and a line break makes no second line', async (_name, protocol, more) => {
    const here = await Victim.start();
    victim = here;
    await here.loadFirewall(4);
    const snippet = join(here.host.dir, 'forward.conf');
    await writeFile(snippet, `*.* action(type="omfwd" target="127.0.0.1" port="5514" protocol="${protocol}" ${more})\n`);
    const banban = await Banban.start(here, { config: `sources: [{ type: syslog, listen: '127.0.0.1:5514', protocol: ${protocol}, allow: [127.0.0.1] }]\n${SSH_CONFIG}` });
    await startRsyslog(here, { snippet });
    for (const _ of [1, 2, 3]) await here.log('app', `x\n<38>Nov 20 22:00:00 victim sshd[1]: ${failed('203.0.113.9')}`);
    for (const _ of [1, 2, 3]) await here.log('sshd', failed('203.0.113.1'));
    await waitFor('the ban', () => here.kernelList('BLOCKER')?.includes('203.0.113.1'), {}, () => banban.status());
    expect(here.kernelList('BLOCKER')).toEqual(['203.0.113.1']);
    expect((await banban.status()).sources.find((source) => source.type === 'syslog')).toMatchObject({ error: null, unparsed: 0 });
  }, LIMIT);
});
