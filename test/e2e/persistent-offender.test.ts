/** An attacker that comes back after every ban: real packets, real sets of nftables, and after the third ban it is out for a week. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ATTACKERS, Attacker, VICTIM_ADDRESS } from '../support/attacker.ts';
import { describeE2e } from '../support/e2e-gate.ts';
import { Prober, startEcho } from '../support/prober.ts';
import { Banban } from '../support/real-banban.ts';
import { startRsyslog } from '../support/real-rsyslog.ts';
import { Victim } from '../support/victim.ts';
import { waitFor } from '../support/wait-for.ts';

const LIMIT = 90_000;
const CONFIG = `
allowlist: [127.0.0.0/8, '::1']
firewall: { manage: true }
targets:
  BLOCKER: { backend: nftables, ban: 48h }
  SHORT: { backend: nftables, ban: { base: 1s, factor: 2, max: 4s } }
rules:
  first:
    target: SHORT
    occurrences: 3
    badpatterns: ['^e2e\\[\\d+\\]: bad <ip>$']
  again: { target: BLOCKER, counts: bans, of: [first], occurrences: 3, interval: 1d, ban: 1w }
`;

for (const family of [4, 6] as const) {
  describeE2e(`a persistent attacker over IPv${family}`, () => {
    const [address] = ATTACKERS[family];
    let victim: Victim;
    let attacker: Attacker;
    let banban: Banban;

    beforeAll(async () => {
      victim = await Victim.start();
      attacker = await Attacker.start(victim);
      await startEcho(victim.host);
      banban = await Banban.start(victim, { config: CONFIG });
      await startRsyslog(victim);
    }, LIMIT);

    afterAll(async () => {
      await banban?.stop();
      await attacker?.stop();
      await victim?.stop();
    }, LIMIT);

    test('is let in again after each short ban, each longer than the one before, and after the third no more; unbanned in one target it is still out by the other', async () => {
      const probe = Prober.start(attacker.host, address, VICTIM_ADDRESS[family]);
      await probe.answered();
      const lengths: number[] = [];
      for (let time = 1; time <= 3; time++) {
        for (let i = 0; i < 3; i++) await victim.log('e2e', `bad ${address}`);
        await probe.silenced();
        const ban = await waitFor('the short ban', () => banban.ban(address, 'SHORT'));
        lengths.push(Math.round((Date.parse(ban.until ?? '') - Date.parse(ban.since)) / 1000));
        if (time < 3) await probe.answered();
      }
      expect(lengths).toEqual([1, 2, 4]);
      const long = await banban.ban(address);
      expect(long).toMatchObject({ origin: { kind: 'rule', name: 'again' }, level: 1, enforcement: 'held' });
      expect(Date.parse(long?.until ?? '') - Date.parse(long?.since ?? '')).toBe(7 * 86_400_000);
      await waitFor('the short ban to be over', async () => (await banban.ban(address, 'SHORT')) === undefined);
      expect((await banban.ban(address))?.enforcement).toBe('held');
      const { offences } = await banban.why(address);
      expect(offences.find((o) => o.rule === 'again')?.lines).toHaveLength(3);
      await banban.stop('SIGKILL');
      banban = await banban.startAgain();
      expect((await banban.ban(address))?.enforcement).toBe('held');
      expect((await banban.banctl('unban', address)).code).toBe(0);
      await probe.answered();
    }, LIMIT);
  });
}
