/** A list's network is blocked by the kernel while it is on the list, and free when it has left; both families. */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ATTACKERS, Attacker, VICTIM_ADDRESS } from '../support/attacker.ts';
import { describeE2e } from '../support/e2e-gate.ts';
import { Prober, startEcho } from '../support/prober.ts';
import { Banban } from '../support/real-banban.ts';
import { Victim } from '../support/victim.ts';
import { waitFor } from '../support/wait-for.ts';

const LIMIT = 90_000;

describeE2e('lists', () => {
  let victim: Victim;
  let attacker: Attacker;
  let banban: Banban;
  let file: string;

  /** As a program does that keeps a list: whole, and at once. */
  const write = (text: string): void => {
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  };

  beforeAll(async () => {
    victim = await Victim.start();
    attacker = await Attacker.start(victim);
    await startEcho(victim.host);
    file = join(victim.host.dir, 'blocked.txt');
    write('# nothing yet\n');
    banban = await Banban.start(victim, {
      config: `
allowlist: [127.0.0.0/8, '::1', 198.51.100.1]
firewall: { manage: true }
targets: { BLOCKER: { backend: nftables, ban: 1h } }
rules: { three: { target: BLOCKER, badpatterns: ['^e2e\\[\\d+\\]: bad <ip>$'] } }
lists: { own: { file: '${file}', target: BLOCKER, ban: 72h } }
`,
    });
  }, LIMIT);

  afterAll(async () => {
    await banban?.stop();
    await attacker?.stop();
    await victim?.stop();
  }, LIMIT);

  for (const [family, network] of [[4, '198.51.100.64/27'], [6, '2001:db8:5::60/124']] as const) {
    test(`IPv${family}: blocked while it is on the list, free within seconds when it has left`, async () => {
      const probe = Prober.start(attacker.host, ATTACKERS[family][0], VICTIM_ADDRESS[family]);
      await probe.answered();
      write(`${network} # a customer of theirs\n`);
      await probe.silenced();
      expect(await banban.ban(network)).toMatchObject({ origin: { kind: 'list', name: 'own' }, enforcement: 'held' });
      write('192.0.2.1\n');
      await probe.answered();
      await waitFor('the network to be out', async () => (await banban.ban(network)) === undefined);
      await probe.stop();
    }, LIMIT);
  }

  test('a list that holds this machine’s allowed address is refused, and says so', async () => {
    write('192.0.2.1\n198.51.100.0/24\n');
    await waitFor('the refusal', async () => (await banban.status()).problems.some((problem) => problem.includes('list own: it was refused, and the one before stays: it has entries that no list may have: 198.51.100.0/24 has addresses of 198.51.100.1, which is on the allow list')), {}, () => banban.status());
    expect((await banban.bans()).map(({ address }) => address)).toEqual(['192.0.2.1']);
  }, LIMIT);

  test('what nft export writes is loaded by nft', async () => {
    const exported = await banban.banctl('export', '--format', 'nft');
    const path = join(victim.host.dir, 'export.nft');
    writeFileSync(path, exported.stdout);
    await victim.host.must(['nft', '-f', path]);
    expect(await victim.host.must(['nft', 'list', 'set', 'inet', 'banban-export', 'BLOCKER_ipv4'])).toContain('192.0.2.1 timeout');
  }, LIMIT);
});
