/** Firewalls that an admin has already, and the commands that config/firewall offers for them. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ATTACKERS, Attacker } from '../support/attacker.ts';
import { describeE2e } from '../support/e2e-gate.ts';
import { Banban, UNGUARDED } from '../support/real-banban.ts';
import { startRsyslog } from '../support/real-rsyslog.ts';
import { startSshd } from '../support/real-sshd.ts';
import { Victim, firewallFile } from '../support/victim.ts';
import { waitFor } from '../support/wait-for.ts';

const LIMIT = 90_000;

const ESTABLISHED_FIRST = `*filter
:INPUT ACCEPT [0:0]
-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A INPUT -m recent --name BLOCKER --rcheck -j DROP
-A INPUT -m recent --name THROTTLE --rcheck -j DROP
COMMIT
`;

describeE2e('a firewall of the admin’s own', () => {
  let victim: Victim;
  let attacker: Attacker;
  let banban: Banban;

  beforeAll(async () => {
    victim = await Victim.start();
    attacker = await Attacker.start(victim);
    await victim.loadFirewall(4, ESTABLISHED_FIRST);
    banban = await Banban.start(victim, { config: UNGUARDED });
    await startRsyslog(victim);
    await startSshd(victim);
  }, LIMIT);

  afterAll(async () => {
    await attacker?.stop();
    await victim?.stop();
  }, LIMIT);

  test('which accepts ESTABLISHED first: resetconns makes the attacker’s next packet stop at the list', async () => {
    const [address] = ATTACKERS[4];
    const session = await attacker.openSession(address);
    for (const i of [1, 2, 3]) await attacker.tryPassword(address, `wrong ${i}`);
    await waitFor('the ban', () => victim.kernelList('BLOCKER')?.includes(address));
    await waitFor('its connections to be forgotten', async () => (await banban.status()).connections.cut > 0);
    await waitFor('the kernel to forget them', async () => (await victim.connectionsFrom(address)) === 0);
    const before = await victim.dropped(4, 'BLOCKER');
    session.write('anybody-there');
    await waitFor('its session to be over', async () => !session.child.running || (await victim.dropped(4, 'BLOCKER')) >= before + 3);
    expect(session.heard('anybody-there')).toBe(false);
    await session.close();
  }, LIMIT);

  test('which accepts ESTABLISHED first: a session in which the machine talks ends, too, because its socket is closed', async () => {
    const [, address] = ATTACKERS[4];
    const session = await attacker.openTalkingSession(address);
    for (const i of [1, 2, 3]) await attacker.tryPassword(address, `wrong ${i}`);
    await waitFor('the ban', () => victim.kernelList('BLOCKER')?.includes(address));
    await waitFor('its socket to be gone', async () => (await victim.host.must(['ss', '-Htn', 'state', 'established', 'dst', `[${address}]`])).trim() === '');
    await waitFor('its client to be told', () => !session.child.running);
    await session.close();
  }, LIMIT);

  for (const family of [4, 6] as const) {
    test(`the commands in ${family === 4 ? 'iptables' : 'ip6tables'}.rules put its three rules on top, in the file’s order`, async () => {
      const program = family === 4 ? 'iptables' : 'ip6tables';
      const file = readFileSync(firewallFile(family), 'utf8');
      const commands = [...file.matchAll(/^# {3}(ip6?tables -I .*)$/gm)].map((match) => (match[1] ?? '').split(' '));
      expect(commands).toHaveLength(3);
      const rules = async () => (await victim.host.must([program, '-S', 'INPUT'])).split('\n').filter((line) => line.startsWith('-A'));
      await victim.loadFirewall(family);
      const loaded = await rules();
      await victim.host.must([program, '-F']);
      await victim.host.must([program, '-A', 'INPUT', '-p', 'tcp', '--dport', '22', '-j', 'ACCEPT']);
      for (const command of commands) await victim.host.must(command);
      expect((await rules()).slice(0, 3)).toEqual(loaded.slice(0, 3));
    }, LIMIT);
  }
});
