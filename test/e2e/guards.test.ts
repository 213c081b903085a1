/** An admin who is logged in by ssh is not banned by what the logs say of their address, and only by force by hand. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ATTACKERS, Attacker, VICTIM_ADDRESS } from '../support/attacker.ts';
import type { Child } from '../support/child.ts';
import { describeE2e } from '../support/e2e-gate.ts';
import { Banban, SSH_CONFIG } from '../support/real-banban.ts';
import { startRsyslog } from '../support/real-rsyslog.ts';
import { startSshd } from '../support/real-sshd.ts';
import { Victim, alice, asKernelWrites, PASSWORD, type Family } from '../support/victim.ts';
import { waitFor } from '../support/wait-for.ts';

const LIMIT = 90_000;

for (const family of [4, 6] as const satisfies readonly Family[]) {
  describeE2e(`an admin who is logged in over IPv${family}`, () => {
    const [admin, stranger, third] = ATTACKERS[family];
    const WHY = `${alice.name} is logged in from there`;
    let victim: Victim;
    let attacker: Attacker;
    let banban: Banban;

    const isHeld = (address: string): boolean => victim.kernelList('BLOCKER')?.includes(asKernelWrites(address)) ?? false;
    const guarded = async () => (await banban.status()).guarded.map(({ address }) => address);
    /** After a look that began now. */
    const guardedNow = async (): Promise<string[]> => {
      // An allowed address is refused whatever happens, and asking to ban anything looks anew.
      await banban.banctl('ban', '127.0.0.1');
      return guarded();
    };
    /** A client of sshd that waits for its password. */
    const waiting = async (from: string): Promise<Child> => {
      const ask = join(attacker.host.dir, 'ask');
      await writeFile(ask, '#!/bin/sh\necho asked >&2\nexec sleep 60 2>/dev/null\n', { mode: 0o755 });
      const child = attacker.host.spawn(
        ['ssh', '-F', 'none', '-b', from, '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR', '-o', 'PreferredAuthentications=password', '-l', alice.name, VICTIM_ADDRESS[family], 'true'],
        { ...process.env, SSH_ASKPASS: ask, SSH_ASKPASS_REQUIRE: 'force' },
      );
      await child.says(/asked/);
      return child;
    };

    beforeAll(async () => {
      victim = await Victim.start();
      attacker = await Attacker.start(victim);
      await victim.loadFirewall(4);
      await victim.loadFirewall(6);
      // The machine's own resolv.conf is seen in the namespace, too.
      banban = await Banban.start(victim, { config: `guard: { resolvers: false }\n${SSH_CONFIG}` });
      await startRsyslog(victim);
      await startSshd(victim);
    }, LIMIT);

    afterAll(async () => {
      await attacker?.stop();
      await victim?.stop();
    }, LIMIT);

    test('who is only being asked for a password is not guarded, by the name of a real user neither', async () => {
      const child = await waiting(stranger);
      expect(await guardedNow()).toEqual([]);
      expect((await attacker.tryPassword(stranger, 'wrong')).code).toBe(255);
      expect(await guardedNow()).toEqual([]);
      await child.stop('SIGKILL');
    }, LIMIT);

    test('who has logged in is, until they log out', async () => {
      const session = await attacker.openSession(third);
      expect(await guardedNow()).toEqual([third]);
      // sshpass killed would leave its ssh behind.
      session.child.process.stdin?.end();
      await session.child.finished();
      await waitFor('the guard to end', async () => (await guarded()).length === 0);
    }, LIMIT);

    test('who only forwards a port is, too, and nobody who comes by it', async () => {
      const back = family === 4 ? VICTIM_ADDRESS[4] : `[${VICTIM_ADDRESS[6]}]`;
      const forwarding = attacker.host.spawn([
        'sshpass', '-p', PASSWORD, 'ssh', '-F', 'none', '-b', third, '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR',
        '-o', 'PreferredAuthentications=password', '-N', '-R', `2222:${back}:22`, '-l', alice.name, VICTIM_ADDRESS[family],
      ]);
      await waitFor('the port to be forwarded', async () => (await victim.host.must(['ss', '-Hltn', 'sport = :2222'])) !== '');
      const guest = victim.host.spawn([process.execPath, '-e', "require('node:net').connect(2222, '127.0.0.1').on('data', (bytes) => console.log(String(bytes)))"]);
      await guest.says(/^SSH-2/);
      expect(await guardedNow()).toEqual([third]);
      await guest.stop('SIGKILL');
      await forwarding.stop('SIGTERM');
      await waitFor('the guard to end', async () => (await guarded()).length === 0);
    }, LIMIT);

    test('the address of an admin fires a rule and is not banned; a stranger’s is', async () => {
      const session = await attacker.openSession(admin);
      await waitFor('the admin to be guarded', async () => (await guarded()).includes(admin));
      for (let i = 0; i < 3; i++) await attacker.tryPassword(admin, `wrong ${i}`);
      const offence = await waitFor('the offence', async () => (await banban.why(admin)).offences[0]);
      expect(offence).toMatchObject({ rule: 'fullblock', decision: 'none', reason: expect.stringContaining(WHY) });
      expect((await banban.why(admin)).bans).toEqual([]);
      expect(isHeld(admin)).toBe(false);
      expect(banban.daemon.stdout + banban.daemon.stderr).toMatch(new RegExp(`offence_without_ban.*${admin}.*${WHY}`));
      await session.echoes('still-here');

      // Not to their end: a banned one hangs.
      for (let i = 0; i < 3; i++) void attacker.tryPassword(stranger, `wrong ${i}`).catch(() => undefined);
      await waitFor('the stranger to be banned', () => isHeld(stranger));

      const { stdout: status } = await banban.banctl('status');
      expect(status).toMatch(new RegExp(`^guarded +1 address that no rule may ban now \\(${admin}\\)$`, 'm'));
      expect((await banban.banctl('why', admin)).stdout).toContain(`no rule may ban it now, because ${WHY}`);

      const refused = await banban.banctl('ban', admin);
      expect(refused.code).toBe(1);
      expect(refused.stderr).toBe(`banctl: ${admin} was refused: ${WHY}; --force bans it all the same\n`);
      expect(isHeld(admin)).toBe(false);
      await session.echoes('here-yet');

      const forced = await banban.banctl('ban', '--force', admin);
      expect(forced.stderr).toBe('');
      expect(forced.code).toBe(0);
      expect(isHeld(admin)).toBe(true);
      await session.close();
    }, LIMIT);
  });
}
