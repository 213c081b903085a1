/** What goes wrong between banban and the kernel: said in status and log, tried again, and no ban is lost. */
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeE2e } from '../support/e2e-gate.ts';
import { Banban } from '../support/real-banban.ts';
import { Victim } from '../support/victim.ts';
import { waitFor } from '../support/wait-for.ts';

const LIMIT = 120_000;
const NFT = '/usr/sbin/nft';

const CONFIG = `
firewall: { manage: true }
targets:
  BLOCKER: { backend: nftables, ban: 1h }
rules:
  once: { target: BLOCKER, occurrences: 1, badpatterns: ['^e2e\\[\\d+\\]: bad <ip>$'] }
`;

for (const native of ['on', 'off'] as const) {
  describeE2e(`faults, native part ${native}`, () => {
    let victim: Victim;
    let banban: Banban | undefined;

    beforeEach(async () => {
      victim = await Victim.start();
      banban = undefined;
    }, LIMIT);

    afterEach(async () => {
      await banban?.stop();
      await victim?.stop();
    }, LIMIT);

    const start = async (through: readonly string[] = []): Promise<Banban> => (banban = await Banban.start(victim, { config: CONFIG, through, env: { BANBAN_NATIVE: native } }));
    /** Puts a program of ours in the place of nft, in the victim's own files. */
    const replaceNft = async (script: string): Promise<void> => {
      const file = join(victim.host.dir, 'nft');
      await writeFile(file, script);
      await chmod(file, script === '' ? 0o644 : 0o755);
      await victim.host.must(['mount', '--bind', file, NFT]);
    };
    const realNft = (): Promise<string> => victim.host.must(['umount', NFT]);
    const problems = async (daemon: Banban): Promise<string> => (await daemon.status()).problems.join('\n');
    const held = async (daemon: Banban, address: string): Promise<boolean> => (await daemon.ban(address))?.enforcement === 'held';
    const hit = (address: string): Promise<string> => victim.host.must(['logger', '-d', '-u', '/run/banban/log.sock', '-t', 'e2e', '--id=7', '--', `bad ${address}`]);

    for (const [what, script, words] of [
      ['missing', '', /nft/],
      ['failing', '#!/bin/sh\necho "Error: the sky is falling" >&2\nexit 1\n', /the sky is falling/],
      ['hanging', '#!/bin/sh\nexec sleep 1000\n', /did not end within/],
    ] as const) {
      test(`nft is ${what}: said, and when it works again the bans are in the kernel`, async () => {
        await replaceNft(script);
        const daemon = await start();
        await hit('192.0.2.7');
        await waitFor('the ban', () => daemon.ban('192.0.2.7'));
        await waitFor('status to say so', async () => words.test(await problems(daemon)), { timeoutMs: 40_000 }, () => daemon.status());
        expect((await daemon.ban('192.0.2.7'))?.enforcement).not.toBe('held');
        expect(daemon.daemon.stdout).toMatch(words);
        await realNft();
        await waitFor('the ban to be held', () => held(daemon, '192.0.2.7'), { timeoutMs: 40_000 }, () => daemon.status());
        await waitFor('the problem to be gone', async () => (await problems(daemon)) === '', {}, () => daemon.status());
      }, LIMIT);
    }

    test('no permission: said, and the ban is kept', async () => {
      const daemon = await start(['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin']);
      await hit('192.0.2.7');
      await waitFor('the ban', () => daemon.ban('192.0.2.7'));
      await waitFor('status to say so', async () => /not permitted|permission|CAP_NET_ADMIN/i.test(await problems(daemon)), {}, () => daemon.status());
      expect((await daemon.ban('192.0.2.7'))?.enforcement).not.toBe('held');
    }, LIMIT);

    test('a set that is there with other flags: said with what to do, and healed when it is gone', async () => {
      await victim.host.must(['nft', 'add table inet banban; add set inet banban BLOCKER_v4 { type ipv4_addr; flags interval; }']);
      const daemon = await start();
      await hit('192.0.2.7');
      await waitFor('the ban', () => daemon.ban('192.0.2.7'));
      await waitFor('status to say so', async () => /BLOCKER_v4.*flags/s.test(await problems(daemon)), {}, () => daemon.status());
      expect((await daemon.ban('192.0.2.7'))?.enforcement).not.toBe('held');
      await victim.host.must(['nft', 'delete', 'table', 'inet', 'banban']);
      await waitFor('the ban to be held', () => held(daemon, '192.0.2.7'), { timeoutMs: 70_000 }, () => daemon.status());
    }, LIMIT);

    test('the table is deleted again and again in the middle of writes: no ban is lost', async () => {
      const daemon = await start();
      const sabotage = victim.host.spawn(['sh', '-c', 'i=0; while [ $i -lt 60 ]; do nft delete table inet banban 2>/dev/null; i=$((i+1)); done; echo done']);
      const addresses = Array.from({ length: 300 }, (_, i) => `192.0.2.${i % 250}`).map((a, i) => a.replace('192.0.2', `198.18.${i % 3}`));
      for (let i = 0; i < addresses.length; i += 30) await daemon.banctl('ban', ...addresses.slice(i, i + 30));
      await sabotage.says(/done/, 60_000);
      const unique = new Set(addresses);
      await waitFor('all to be held', async () => {
        const bans = await daemon.bans();
        return bans.length === unique.size && bans.every((b) => b.enforcement === 'held');
      }, { timeoutMs: 40_000, everyMs: 100 }, async () => (await daemon.status()).targets);
      const listed = await victim.host.must(['nft', 'list', 'set', 'inet', 'banban', 'BLOCKER_v4']);
      for (const address of unique) expect(listed).toContain(address);
    }, LIMIT);
  });
}
