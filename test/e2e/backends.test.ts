/** Every backend and both families, with an attacker that never stops: blocked while banned, free after, healed after every kind of flush. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ATTACKERS, Attacker, VICTIM_ADDRESS } from '../support/attacker.ts';
import type { Child } from '../support/child.ts';
import { describeE2e } from '../support/e2e-gate.ts';
import { Prober, startEcho } from '../support/prober.ts';
import { Banban } from '../support/real-banban.ts';
import { Victim, type Family } from '../support/victim.ts';
import { waitFor } from '../support/wait-for.ts';

const LIMIT = 90_000;
/** What the issue promises. */
const HEAL_MS = 2000;

interface Kind {
  readonly name: string;
  readonly backend: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly takesNetworks: boolean;
  /** Ways in which people and programs take the rules or the bans away, for a target BLOCKER. */
  readonly flushes: (family: Family, address: string) => readonly (readonly string[])[];
}

const program = (family: Family): string => (family === 4 ? 'iptables' : 'ip6tables');
const nft = (family: Family, address: string): (readonly string[])[] => [
  ['nft', 'flush', 'ruleset'],
  ['nft', 'delete', 'table', 'inet', 'banban'],
  ['nft', 'flush', 'table', 'inet', 'banban'],
  ['nft', 'flush', 'set', 'inet', 'banban', `BLOCKER_v${family}`],
  ['nft', 'delete', 'element', 'inet', 'banban', `BLOCKER_v${family}`, `{ ${address} }`],
  ['nft', 'flush', 'chain', 'inet', 'banban', 'input'],
];

const kinds: readonly Kind[] = [
  { name: 'nftables', backend: 'nftables', takesNetworks: true, flushes: nft },
  { name: 'nftables by the program nft', backend: 'nftables', env: { BANBAN_NATIVE: 'off' }, takesNetworks: true, flushes: nft },
  {
    name: 'ipset', backend: 'ipset', takesNetworks: true,
    flushes: (family, address) => [
      [program(family), '-F'],
      [program(family), '-F', 'INPUT'],
      ['ipset', 'flush'],
      ['ipset', 'del', `banban-BLOCKER-${family}`, address],
      ['nft', 'flush', 'ruleset'],
    ],
  },
  {
    name: 'xt_recent', backend: 'xt_recent', takesNetworks: false,
    flushes: (family, address) => [
      [program(family), '-F'],
      [program(family), '-F', 'INPUT'],
      ['sh', '-c', 'echo / >/proc/net/xt_recent/BLOCKER'],
      ['sh', '-c', `echo -${address} >/proc/net/xt_recent/BLOCKER`],
      ['nft', 'flush', 'ruleset'],
    ],
  },
];

const config = (backend: string): string => `
allowlist: [127.0.0.0/8, '::1']
firewall: { manage: true }
targets:
  BLOCKER: { backend: ${backend}, ban: 1h }
  MAIL: { backend: ${backend}, ban: 1h, ports: [smtp, 587] }
  POLITE: { backend: ${backend}, ban: 1h, action: reject }
rules:
  three:
    target: BLOCKER
    resetconns: true
    badpatterns: ['^e2e\\[\\d+\\]: bad <ip>$']
`;

/** Says \`here\` on each port that somebody connects to, and keeps the connection open. */
const LISTEN = `
  for (const port of process.argv.slice(1)) require('node:net').createServer((s) => { s.on('error', () => undefined); s.on('data', (d) => s.write(d)); s.write('here\\n'); }).listen(Number(port), '::', () => console.log('port ' + port));
`;

/** Connects and says what came of it: \`here\`, or the error's code and after how long; then stays. */
const CONNECT = `
  const [host, port, localAddress] = process.argv.slice(1);
  const began = performance.now();
  const s = require('node:net').connect({ host, port: Number(port), localAddress });
  s.on('data', (d) => process.stdout.write(d)); s.on('error', (e) => console.log(e.code + ' ' + Math.round(performance.now() - began))); s.on('close', () => console.log('closed'));
  process.stdin.on('data', (d) => s.write(d));
`;

for (const kind of kinds) {
  describeE2e(kind.name, () => {
    let victim: Victim;
    let attacker: Attacker;
    let banban: Banban;
    const children: Child[] = [];

    beforeAll(async () => {
      victim = await Victim.start();
      attacker = await Attacker.start(victim);
      children.push(await startEcho(victim.host));
      const listener = victim.host.spawn([process.execPath, '-e', LISTEN, '22', '25', '587']);
      children.push(listener);
      await listener.says(/port 587/);
      banban = await Banban.start(victim, { config: config(kind.backend), env: kind.env ?? {} });
    }, LIMIT);

    afterAll(async () => {
      await banban?.stop();
      await attacker?.stop();
      await victim?.stop();
    }, LIMIT);

    const held = async (address: string, target = 'BLOCKER'): Promise<boolean> => (await banban.ban(address, target))?.enforcement === 'held';
    const must = async (...words: string[]): Promise<void> => {
      const result = await banban.banctl(...words);
      if (result.code !== 0 && !/being written/.test(result.stderr + result.stdout)) throw new Error(`banctl ${words.join(' ')}: ${result.stderr}${result.stdout}`);
    };
    const connect = (from: string, family: Family, port: number): Child => attacker.host.spawn([process.execPath, '-e', CONNECT, VICTIM_ADDRESS[family], String(port), from]);

    for (const family of [4, 6] as const) {
      describe(`over IPv${family}`, () => {
        const [address, other] = ATTACKERS[family];

        test('the rules are there without anybody’s doing', async () => {
          await waitFor('all targets to be well', async () => (await banban.status()).targets.every((t) => t.state === 'ok'), {}, () => banban.status());
        }, LIMIT);

        test('blocked while banned, free after', async () => {
          const probe = Prober.start(attacker.host, address, VICTIM_ADDRESS[family]);
          await probe.answered();
          await must('ban', address);
          await probe.silenced();
          expect(await held(address)).toBe(true);
          await must('unban', address);
          await probe.answered();
          await probe.stop();
        }, LIMIT);

        test('three lines ban, and what was connected is dead and counted', async () => {
          const open = connect(other, family, 22);
          await open.says(/here/);
          for (let i = 0; i < 3; i++) await victim.host.must(['logger', '-d', '-u', '/run/banban/log.sock', '-t', 'e2e', '--id=7', '--', `bad ${other}`]);
          await waitFor('the ban', () => held(other), {}, () => banban.status());
          await waitFor('its connection to be counted', async () => ((await banban.ban(other))?.connections ?? 0) === 1, {}, () => banban.ban(other));
          open.process.stdin?.write('anybody\n');
          const listed = async (): Promise<string> => (await victim.host.must(['ss', '-Htn', 'dst', `[${other}]`])).trim();
          await waitFor('the victim’s socket to be gone', async () => (await listed()) === '');
          expect(open.stdout).not.toContain('anybody');
          await open.stop('SIGKILL');
          await must('unban', other);
        }, LIMIT);

        if (kind.takesNetworks) {
          test('a network is banned with all that is in it, and unbanning one leaves the other', async () => {
            const network = family === 4 ? '198.51.100.64/27' : '2001:db8:5::60/124';
            const probe = Prober.start(attacker.host, address, VICTIM_ADDRESS[family]);
            await probe.answered();
            await must('ban', network);
            await probe.silenced();
            await must('ban', address);
            await must('unban', network);
            await waitFor('the network to be out', async () => (await banban.bans()).every((b) => b.address !== network));
            await probe.silenced();
            await must('ban', network);
            const said = await banban.banctl('unban', address);
            expect(said.stdout + said.stderr).toContain(network);
            await probe.silenced();
            await must('unban', network);
            await probe.answered();
            await probe.stop();
          }, LIMIT);
        }

        test('smtp is closed and ssh is not, where the target says so', async () => {
          await must('ban', address, '--target', 'MAIL');
          await waitFor('the ban', () => held(address, 'MAIL'));
          const ssh = connect(address, family, 22);
          await ssh.says(/here/);
          const smtp = connect(address, family, 25);
          await waitFor('the SYN to be sent again', async () => /timer:\(on,[^,]+,[1-9]\d*\)/.test(await attacker.host.must(['ss', '-Hnto', 'state', 'syn-sent', 'src', `[${address}]`])));
          expect(smtp.stdout).toBe('');
          await must('unban', address, '--target', 'MAIL');
          await smtp.says(/here/);
          await Promise.all([ssh.stop('SIGKILL'), smtp.stop('SIGKILL')]);
        }, LIMIT);

        test('rejected means told at once', async () => {
          await must('ban', address, '--target', 'POLITE');
          await waitFor('the ban', () => held(address, 'POLITE'));
          const refused = connect(address, family, 22);
          await refused.says(/ECONNREFUSED/);
          await refused.stop('SIGKILL');
          await must('unban', address, '--target', 'POLITE');
        }, LIMIT);

        test('healed after every kind of flush while the attacker keeps trying', async () => {
          const probe = Prober.start(attacker.host, address, VICTIM_ADDRESS[family]);
          await must('ban', address);
          await must('ban', other, '--for', 'forever');
          await probe.silenced();
          for (const flush of kind.flushes(family, address)) {
            const before = await probe.tally();
            const began = performance.now();
            await victim.host.must(flush);
            // The packets say when it is over; what status says comes after.
            const after = await probe.silenced();
            const took = Math.round(performance.now() - after.silentMs - began);
            process.stdout.write(`${kind.name}, IPv${family}: ${flush.join(' ')}: closed again after ${Math.max(0, took)} ms, ${after.answered - before.answered} of ${after.sent - before.sent} packets got through\n`);
            expect(took).toBeLessThan(HEAL_MS);
            await waitFor(`both bans to be held again after ${flush.join(' ')}`, async () => (await held(address)) && (await held(other)), { everyMs: 20 }, () => banban.status());
          }
          await must('unban', address, other);
          await probe.answered();
          await probe.stop();
        }, LIMIT);
      });
    }

    test('what somebody adds by hand is shown as foreign, and left alone', async () => {
      if (kind.backend === 'nftables') await victim.host.must(['nft', 'add', 'element', 'inet', 'banban', 'BLOCKER_v4', '{ 192.0.2.200 }']);
      else if (kind.backend === 'ipset') await victim.host.must(['ipset', 'add', 'banban-BLOCKER-4', '192.0.2.200']);
      else await victim.host.must(['sh', '-c', 'echo +192.0.2.200 >/proc/net/xt_recent/BLOCKER']);
      await waitFor('it to be shown', async () => (await banban.status()).targets.find((t) => t.name === 'BLOCKER')?.foreignNamed.includes('192.0.2.200'), {}, () => banban.status());
      await must('ban', '192.0.2.201');
      await must('reconcile');
      expect((await banban.status()).targets.find((t) => t.name === 'BLOCKER')?.foreignNamed).toEqual(['192.0.2.200']);
    }, LIMIT);

    test('a restart puts the bans in again with what is left to them, and a flush while it was down is healed', async () => {
      await must('ban', '192.0.2.202', '--for', '2h');
      await banban.stop();
      await victim.host.must(kind.backend === 'nftables' ? ['nft', 'flush', 'ruleset'] : ['iptables', '-F']);
      banban = await banban.startAgain();
      await waitFor('the ban', () => held('192.0.2.202'), {}, () => banban.status());
      await must('unban', '--all');
    }, LIMIT);
  });
}
