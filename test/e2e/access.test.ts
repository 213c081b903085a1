/** Who may do what: the control socket's group, and what systemd leaves of root to banband. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { ATTACKERS, Attacker } from '../support/attacker.ts';
import { describeE2e } from '../support/e2e-gate.ts';
import { Banban, CONTROL_SOCKET } from '../support/real-banban.ts';
import { startRsyslog } from '../support/real-rsyslog.ts';
import { startSshd } from '../support/real-sshd.ts';
import { Victim, alice, checkout, operator } from '../support/victim.ts';
import { waitFor } from '../support/wait-for.ts';

const LIMIT = 90_000;

describeE2e('access', () => {
  let victim: Victim;
  let attacker: Attacker | undefined;

  afterEach(async () => {
    await attacker?.stop();
    attacker = undefined;
    await victim.stop();
  }, LIMIT);

  test('a member of the control group uses banctl without being root, and nobody else does', async () => {
    victim = await Victim.start();
    await victim.loadFirewall(4);
    const banban = await Banban.start(victim);
    expect(await victim.host.must(['stat', '-c', '%U:%G %a', CONTROL_SOCKET])).toBe('root:banban 660\n');

    expect(await banban.banctlAs(operator, 'status')).toMatchObject({ code: 0, stderr: '' });
    expect(await banban.banctlAs(operator, 'ban', '203.0.113.1')).toMatchObject({ code: 0 });
    expect(victim.kernelList('BLOCKER')).toContain('203.0.113.1');

    const refused = await banban.banctlAs(alice, 'unban', '203.0.113.1');
    expect(refused.code).toBe(5);
    expect(refused.stderr).toContain(CONTROL_SOCKET);
    expect(victim.kernelList('BLOCKER')).toContain('203.0.113.1');
  }, LIMIT);

  test('the capabilities of config/systemd/banband.service are enough to ban and to cut connections', async () => {
    const unit = readFileSync(join(checkout, 'config/systemd/banband.service'), 'utf8');
    const capabilities = (/^CapabilityBoundingSet=(.+)$/m.exec(unit)?.[1] ?? '').toLowerCase().split(' ').map((name) => `+${name.replace(/^cap_/, '')}`);
    expect(capabilities).toContain('+net_admin');
    victim = await Victim.start();
    attacker = await Attacker.start(victim);
    await victim.loadFirewall(4);
    const banban = await Banban.start(victim, { through: ['setpriv', '--no-new-privs', `--bounding-set=-all,${capabilities.join(',')}`, '--'] });
    await startRsyslog(victim);
    await startSshd(victim);
    const [address] = ATTACKERS[4];
    const session = await attacker.openSession(address);
    for (const i of [1, 2, 3]) await attacker.tryPassword(address, `wrong ${i}`);
    await waitFor('the ban', () => victim.kernelList('BLOCKER')?.includes(address));
    await waitFor('its connections to be cut', async () => (await banban.status()).connections.cut > 0);
    await session.close();
    expect((await banban.status()).connections).toMatchObject({ available: true, failed: 0 });
    expect((await banban.status()).problems).toEqual([]);
  }, LIMIT);
});
