/** The line without a syslog daemon: ssh, sshd, syslog(3), the real systemd-journald, journalctl, banband, the kernel's list. */
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ATTACKERS, Attacker } from '../support/attacker.ts';
import { describeE2e } from '../support/e2e-gate.ts';
import { Banban, SSH_CONFIG } from '../support/real-banban.ts';
import { Journald, JOURNALD_SETUP } from '../support/real-journald.ts';
import { startSshd } from '../support/real-sshd.ts';
import { Victim } from '../support/victim.ts';
import { waitFor } from '../support/wait-for.ts';

const LIMIT = 120_000;

const failed = (address: string): string => `Failed password for root from ${address} port 1 ssh2`;

describeE2e('an ssh attack that only the journal tells of', () => {
  const [first] = ATTACKERS[4];
  let victim: Victim;
  let attacker: Attacker;
  let banban: Banban;

  const isHeld = (address: string): boolean => victim.kernelList('BLOCKER')?.includes(address) ?? false;
  const journal = async () => (await banban.status()).sources.find((source) => source.type === 'journal');
  /** The processes called journalctl in the victim. */
  const readers = (): string[] =>
    readdirSync(victim.host.path('/proc')).filter((name) => {
      try {
        return /^\d+$/.test(name) && readFileSync(victim.host.path(`/proc/${name}/cmdline`), 'latin1').includes('journalctl\0--output=json');
      } catch {
        return false;
      }
    });

  beforeAll(async () => {
    victim = await Victim.start();
    attacker = await Attacker.start(victim);
    await victim.loadFirewall(4);
    await victim.host.must(['sh', '-c', JOURNALD_SETUP]);
    await Journald.start(victim.host);
    await victim.host.must(['ln', '-s', '/run/systemd/journal/dev-log', '/dev/log']);
    await startSshd(victim);
    banban = await Banban.start(victim, { config: `sources: [{ type: journal, matches: [SYSLOG_FACILITY=4] }]\n${SSH_CONFIG}` });
  }, LIMIT);

  afterAll(async () => {
    await attacker?.stop();
    await victim?.stop();
  }, LIMIT);

  test('three wrong passwords ban, and the lines are the evidence', async () => {
    await Promise.all([1, 2, 3].map((i) => attacker.tryPassword(first, `wrong ${i}`)));
    await waitFor('the ban', () => isHeld(first), { everyMs: 1 }, journal);
    const [offence] = (await banban.why(first)).offences;
    expect(offence?.lines).toHaveLength(3);
    for (const line of offence?.lines ?? []) expect(line).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z \S+ sshd(-session)?\[\d+\]: Failed password for alice from \S+ port \d+ ssh2/);
    expect(await journal()).toMatchObject({ error: null });
  }, LIMIT);

  test('kill -9 leaves no journalctl, and what was logged meanwhile counts once', async () => {
    for (const _ of [1, 2]) await victim.log('sshd', failed('203.0.113.1'));
    await victim.log('sshd', failed('203.0.113.2'));
    await waitFor('the lines', async () => (await banban.why('203.0.113.2')).windows.length === 1 && (await banban.why('203.0.113.1')).windows.length === 1);
    await waitFor('the lines to be kept as read', async () => {
      const before = (await journal())?.datagrams;
      return before !== undefined && before > 0;
    });
    await banban.stop('SIGKILL');
    await waitFor('journalctl to end', () => readers().length === 0, {}, readers);
    for (const _ of [1, 2, 3]) await victim.log('sshd', failed('203.0.113.3'));
    for (const _ of [1, 2]) await victim.log('sshd', failed('203.0.113.4'));
    banban = await banban.startAgain();
    await waitFor('the ban of who came meanwhile', () => isHeld('203.0.113.3'), {}, journal);
    await waitFor('the other', async () => (await banban.why('203.0.113.4')).windows.some((window) => window.matches === 2), {}, () => banban.why('203.0.113.4'));
    expect(isHeld('203.0.113.4')).toBe(false);
    expect(await journal()).toMatchObject({ error: null });
    expect(readers()).toHaveLength(1);
  }, LIMIT);

  test('a stop ends journalctl, too', async () => {
    await banban.stop();
    expect(readers()).toEqual([]);
  }, LIMIT);
});
