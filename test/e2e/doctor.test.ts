/** banctl doctor on a real machine: the canary's way through rsyslog, and the usual mistakes of a firewall. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Attacker } from '../support/attacker.ts';
import { describeE2e } from '../support/e2e-gate.ts';
import { Banban } from '../support/real-banban.ts';
import { startRsyslog } from '../support/real-rsyslog.ts';
import { Victim } from '../support/victim.ts';
import { waitFor } from '../support/wait-for.ts';

const LIMIT = 90_000;

const CONFIG = `
firewall: { manage: true }
targets:
  BLOCKER: { backend: nftables, ban: 1h }
  IPSET: { backend: ipset, ban: 1h }
rules:
  once: { target: BLOCKER, occurrences: 1, badpatterns: ['^e2e\\[\\d+\\]: bad <ip>$'] }
`;

const OWN_RULES = `
targets:
  OLD: { ban: 2d }
rules:
  once: { target: OLD, occurrences: 1, badpatterns: ['^e2e\\[\\d+\\]: bad <ip>$'] }
`;

interface Findings {
  readonly findings: readonly { readonly severity: string; readonly code: string; readonly target: string | null; readonly remedy: string }[];
}

describeE2e('banctl doctor', () => {
  let victim: Victim;
  let attacker: Attacker;
  let banban: Banban;

  beforeAll(async () => {
    victim = await Victim.start();
    // A machine with an IPv6 address of its own.
    attacker = await Attacker.start(victim);
    banban = await Banban.start(victim, { config: CONFIG });
    await startRsyslog(victim);
  }, LIMIT);

  afterAll(async () => {
    await banban?.stop();
    await attacker?.stop();
    await victim?.stop();
  }, LIMIT);

  const codes = async (): Promise<string[]> => {
    const result = await banban.banctl('doctor', '--json');
    return (JSON.parse(result.stdout) as Findings).findings.map((f) => f.code);
  };

  test('all is well where banban keeps the rules itself', async () => {
    const result = await banban.banctl('doctor');
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toMatch(/^All is well/);
  }, LIMIT);

  for (const target of ['BLOCKER', 'IPSET']) {
    test(`the canary goes through rsyslog into ${target} and out again`, async () => {
      const result = await banban.banctl('doctor', '--canary', '--target', target);
      process.stdout.write(`${result.stdout}\n`);
      expect(result).toMatchObject({ code: 0, stderr: '' });
      for (const step of ['sent to syslog', 'received back', 'in the database', 'in the kernel', 'out again']) expect(result.stdout).toContain(step);
      expect(await banban.bans()).toEqual([]);
    }, LIMIT);
  }

  test('a canary that does not come back says where it was lost', async () => {
    // Nobody listens at /dev/log.
    await victim.host.must(['mv', '/dev/log', '/dev/log.away']);
    const result = await banban.banctl('doctor', '--canary');
    await victim.host.must(['mv', '/dev/log.away', '/dev/log']);
    expect(result.code).toBe(1);
    expect(result.stdout + result.stderr).toMatch(/did not come back|logger/);
  }, LIMIT);

  test('the usual mistakes of an admin’s own rules are found, each with what mends it', async () => {
    await banban.stop();
    await victim.host.must(['nft', 'flush', 'ruleset']);
    banban = await Banban.start(victim, { config: OWN_RULES });
    expect(await codes()).toContain('no-rule');

    await victim.host.must(['iptables', '-A', 'INPUT', '-m', 'conntrack', '--ctstate', 'ESTABLISHED', '-j', 'ACCEPT']);
    await victim.host.must(['iptables', '-A', 'INPUT', '-m', 'recent', '--name', 'OLD', '--rcheck', '--seconds', '3600', '-j', 'DROP']);
    const found = await codes();
    for (const code of ['ipv6-forgotten', 'established-before-block', 'seconds-too-short', 'table-too-small']) expect(found).toContain(code);

    await victim.host.must(['iptables', '-I', 'INPUT', '1', '-j', 'ACCEPT']);
    expect(await codes()).toContain('rule-after-accept');
    const text = await banban.banctl('doctor');
    expect(text.code).toBe(1);
    process.stdout.write(text.stdout + text.stderr);

    const installed = await banban.banctl('firewall', 'install');
    expect(installed.code).toBe(0);
    expect(await codes()).not.toContain('rule-after-accept');
    await waitFor('the list to be well', async () => (await banban.status()).targets[0]?.state === 'ok', {}, () => banban.status());
    const again = await banban.banctl('firewall', 'install');
    expect(again.code).toBe(0);
    const rules = async (): Promise<string> => (await victim.host.must(['iptables-save', '-t', 'filter'])).replace(/^#.*$/gm, '').replace(/\[\d+:\d+\]/g, '');
    const before = await rules();
    expect((await banban.banctl('firewall', 'install')).code).toBe(0);
    expect(await rules()).toBe(before);
    expect((await banban.banctl('firewall', 'remove')).code).toBe(0);
    expect(await rules()).not.toContain('banban');
    expect(await rules()).toContain('--name OLD');
  }, LIMIT);
});
