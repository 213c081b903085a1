/** A log file that a real rsyslogd writes and that is rotated as logrotate does it: what stands in it gets addresses banned by the kernel. */
import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeE2e } from '../support/e2e-gate.ts';
import { Banban, SSH_CONFIG } from '../support/real-banban.ts';
import { startRsyslog } from '../support/real-rsyslog.ts';
import { Victim } from '../support/victim.ts';
import { waitFor } from '../support/wait-for.ts';

const LIMIT = 120_000;

describeE2e('a log file', () => {
  let victim: Victim;
  let banban: Banban;

  const isHeld = (address: string): boolean => victim.kernelList('BLOCKER')?.includes(address) ?? false;
  const fails = async (address: string): Promise<void> => void (await victim.log('sshd', `Failed password for root from ${address} port 1 ssh2`));
  const held = (address: string): Promise<unknown> => waitFor(`the ban of ${address}`, () => isHeld(address), { everyMs: 1 }, async () => (await banban.status()).sources);

  /** As logrotate tells it. */
  async function reopened(): Promise<void> {
    await victim.host.run(['sh', '-c', 'kill -HUP "$(cat /run/rsyslogd.pid)"']);
    await waitFor('rsyslogd to make its file anew', async () => {
      await victim.log('test', 'reopen');
      return existsSync(victim.logFile);
    });
  }

  beforeAll(async () => {
    victim = await Victim.start();
    await victim.loadFirewall(4);
    const snippet = join(victim.host.dir, 'nothing.conf');
    writeFileSync(snippet, '');
    await startRsyslog(victim, { snippet });
    banban = await Banban.start(victim, { config: `sources: [ { type: file, path: '${victim.logFile}' } ]\n${SSH_CONFIG}` });
  }, LIMIT);

  afterAll(() => victim?.stop(), LIMIT);

  test('three wrong passwords in it are a ban in the kernel', async () => {
    for (const _ of [1, 2, 3]) await fails('203.0.113.1');
    await held('203.0.113.1');
  }, LIMIT);

  test('also where it is rotated between them, and its writer told later', async () => {
    await fails('203.0.113.2');
    renameSync(victim.logFile, `${victim.logFile}.1`);
    await fails('203.0.113.2');
    await reopened();
    await fails('203.0.113.2');
    await held('203.0.113.2');
    await waitFor('no complaint', async () => (await banban.status()).sources.some(({ matched, error }) => matched === 6 && error === null));
  }, LIMIT);

  test('and what is written while banband is down counts when it is back, once', async () => {
    await fails('203.0.113.3');
    await waitFor('that line', async () => (await banban.status()).sources.some(({ matched }) => matched === 7));
    await banban.stop();
    for (const _ of [1, 2, 3]) await fails('203.0.113.4');
    renameSync(victim.logFile, `${victim.logFile}.2`);
    await reopened();
    for (const _ of [1, 2, 3]) await fails('203.0.113.5');
    banban = await banban.startAgain();
    await held('203.0.113.4');
    await held('203.0.113.5');
    expect(isHeld('203.0.113.3')).toBe(false);
    expect((await banban.why('203.0.113.4')).offences).toHaveLength(1);
    expect((await banban.why('203.0.113.3')).windows, 'its line is not read a second time').toEqual([]);
  }, LIMIT);
});
