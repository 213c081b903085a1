/** The same line with syslog-ng in rsyslog's place, and the README's snippet for it. */
import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ATTACKERS, Attacker } from '../support/attacker.ts';
import { describeE2e } from '../support/e2e-gate.ts';
import { Banban } from '../support/real-banban.ts';
import { startSshd } from '../support/real-sshd.ts';
import { startSyslogNg } from '../support/real-syslog-ng.ts';
import { Victim, asKernelWrites } from '../support/victim.ts';
import { waitFor } from '../support/wait-for.ts';

const LIMIT = 120_000;

const failed = (address: string): string => `Failed password for root from ${address} port 1 ssh2`;

describeE2e('syslog-ng with the README’s snippet', () => {
  let victim: Victim;
  let attacker: Attacker;
  let banban: Banban;

  const isHeld = (address: string): boolean => victim.kernelList('BLOCKER')?.includes(asKernelWrites(address)) ?? false;

  beforeAll(async () => {
    victim = await Victim.start();
    attacker = await Attacker.start(victim);
    await victim.loadFirewall(4);
    await victim.loadFirewall(6);
    banban = await Banban.start(victim);
    await startSyslogNg(victim);
    await startSshd(victim);
  }, LIMIT);

  afterAll(async () => {
    await attacker?.stop();
    await victim?.stop();
  }, LIMIT);

  for (const family of [4, 6] as const) {
    test(`three wrong passwords over IPv${family} ban the address, and banctl unban lets it in again`, async () => {
      const [address] = ATTACKERS[family];
      for (const i of [1, 2, 3]) await attacker.tryPassword(address, `wrong ${i}`);
      await waitFor('the ban', () => isHeld(address), { everyMs: 1 });
      await attacker.mustHang(victim, address, 'BLOCKER');
      expect((await banban.banctl('unban', address)).code).toBe(0);
      expect(await attacker.canConnect(address)).toBe(true);
    }, LIMIT);
  }

  test('a line break in a message or a tag does not make a second line', async () => {
    const stamp = 'Nov 20 22:00:00 victim sshd[1]:';
    for (const _ of [1, 2, 3]) {
      await victim.log('web', `login of x\n${stamp} ${failed('203.0.113.2')}`);
      await victim.log('web', `login of x\r\n<38>${stamp} ${failed('203.0.113.2')}`);
      await victim.log('web\nNov 20 22:00:00 victim sshd', failed('203.0.113.2'));
    }
    for (const _ of [1, 2, 3]) await victim.log('sshd', failed('203.0.113.3'));
    await waitFor('the ban', () => isHeld('203.0.113.3'));
    const why = await banban.why('203.0.113.2');
    expect(why.windows).toEqual([]);
    expect(why.bans).toEqual([]);
  }, LIMIT);

  test('what is logged while banband is down arrives when it is back', async () => {
    await banban.stop('SIGTERM');
    for (const _ of [1, 2, 3]) await victim.log('sshd', failed('203.0.113.4'));
    banban = await banban.startAgain();
    await waitFor('the ban', () => isHeld('203.0.113.4'));
  }, LIMIT);

  test('a stopped banband holds up nothing, even with more lines than the queue takes', async () => {
    const lines = 60_000;
    const file = join(victim.host.dir, 'storm');
    await writeFile(file, Array.from({ length: lines }, (_, i) => `storm ${i} of many\n`).join(''));
    banban.daemon.signal('SIGSTOP');
    for (const _ of [1, 2, 3]) await victim.log('sshd', failed('203.0.113.5'));
    expect((await victim.host.run(['logger', '-t', 'storm', '-f', file])).code).toBe(0);
    await waitFor('the whole storm in the log file', () => victim.readLog().includes(`storm ${lines - 1} of many`), { timeoutMs: 30_000, everyMs: 200 });
    expect(await victim.log('test', 'while banband is stopped')).toBeLessThan(1000);
    await waitFor('the line in the log file', () => victim.readLog().includes('while banband is stopped'), { timeoutMs: 2000 });
    banban.daemon.signal('SIGCONT');
    await waitFor('the ban from a line of the time when it was stopped', () => isHeld('203.0.113.5'));
  }, LIMIT);
});
