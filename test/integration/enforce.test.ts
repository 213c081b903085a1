import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Address } from 'banban-shared';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../packages/server/src/clock.ts';
import { conntrack } from '../../packages/server/src/enforce/conntrack.ts';
import { xtRecent } from '../../packages/server/src/enforce/xt-recent.ts';
import { bundled } from '../support/bundled.ts';
import { describeKernel } from '../support/kernel-gate.ts';
import { kernelNamespace } from '../support/kernel-namespace.ts';
import { address, nth } from '../support/records.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait-for.ts';

const RULE = 'iptables -A INPUT -m recent --name X --rcheck -j DROP';

describeKernel('the kernel’s lists', ['xt_recent'], () => {
  const made = async () => {
    const namespace = await kernelNamespace();
    namespace.sh(RULE);
    return { ...namespace, firewall: xtRecent({ root: namespace.xtRecent }), file: join(namespace.xtRecent, 'X') };
  };
  const rows = (state: ReturnType<ReturnType<typeof xtRecent>['read']>): string[] => (state.state === 'present' ? [...state.addresses].sort() : [state.state]);

  test('take addresses of both families, give them back canonical, and lose what is removed', async () => {
    const { firewall } = await made();
    expect(firewall.unavailable()).toBeUndefined();
    expect(firewall.read('X')).toEqual({ state: 'present', addresses: new Set(), capacity: expect.any(Number) as number });
    const all = ['192.0.2.1', '2001:db8::1', '2001:db8::a:0:0:1', '64:ff9b::c000:221', '255.255.255.255', '::1'].map(address);
    expect(firewall.write('X', { remove: [], add: all }).size).toBe(0);
    expect(rows(firewall.read('X'))).toEqual([...all].sort());
    expect(firewall.write('X', { remove: [address('192.0.2.1'), address('203.0.113.9')], add: [] }).size).toBe(0);
    expect(rows(firewall.read('X'))).toEqual(all.filter((a) => a !== '192.0.2.1').sort());
  });

  test('stamp a row anew when it is added again', async () => {
    const { firewall, file } = await made();
    const stamps = (): number => Number(/oldest_pkt: (\d+)/.exec(readFileSync(file, 'latin1'))?.[1]);
    firewall.write('X', { remove: [], add: [nth(1)] });
    expect(stamps()).toBe(1);
    firewall.write('X', { remove: [], add: [nth(1)] });
    expect(stamps()).toBe(2);
  });

  test('hold as many as their capacity says, and then drop the one stamped longest ago without a word', async () => {
    const { firewall } = await made();
    const state = firewall.read('X');
    const capacity = state.state === 'present' ? (state.capacity ?? 0) : 0;
    expect(capacity).toBeGreaterThan(0);
    const all = Array.from({ length: capacity }, (_, i) => nth(i));
    // Half of each family: they share the places.
    const mixed = all.map((a, i) => (i % 2 === 0 ? a : address(`2001:db8::${i.toString(16)}`)));
    expect(firewall.write('X', { remove: [], add: mixed }).size).toBe(0);
    expect(rows(firewall.read('X'))).toEqual([...mixed].sort());
    expect(firewall.write('X', { remove: [], add: [mixed[0] as Address, nth(99_999)] }).size).toBe(0);
    expect(rows(firewall.read('X'))).toEqual([...mixed.filter((_, i) => i !== 1), nth(99_999)].sort());
  });

  test('are missing without a rule, and each address of a write is then refused with the reason', async () => {
    const { firewall, sh } = await made();
    firewall.write('X', { remove: [], add: [nth(1)] });
    sh('iptables -F');
    await waitFor('the end of the list', () => firewall.read('X').state === 'missing');
    expect(firewall.identity('X')).toBeUndefined();
    const reason = 'the kernel has no list X: no firewall rule names it';
    expect([...firewall.write('X', { remove: [nth(1)], add: [nth(2), nth(3)] })]).toEqual([[nth(1), reason], [nth(2), reason], [nth(3), reason]]);
    sh(RULE);
    expect(firewall.read('X')).toMatchObject({ state: 'present', addresses: new Set() });
  });

  test('have a new identity when they were made anew, however quickly and often, and the old one when they were not', async () => {
    const { firewall, sh } = await made();
    const seen = new Set<string | undefined>([firewall.identity('X')]);
    // Two rounds between two looks bring the same inode number back, were it not held.
    const rounds = [1, 2, 2, 3, 4, 2];
    for (const times of rounds) {
      sh(Array.from({ length: times }, () => `iptables -F; ${RULE}`).join('; '));
      seen.add(firewall.identity('X'));
    }
    expect(seen.size).toBe(rounds.length + 1);
    expect(seen.has(undefined)).toBe(false);

    const before = firewall.identity('X');
    firewall.write('X', { remove: [], add: [nth(1)] });
    sh('iptables-save | iptables-restore; iptables -A INPUT -m recent --name X --rcheck -j DROP');
    expect(firewall.identity('X')).toBe(before);
    expect(rows(firewall.read('X'))).toEqual([nth(1)]);
  });

  test('do not keep a rule from going: holding a list’s identity holds up nobody', async () => {
    const { firewall, sh } = await made();
    firewall.identity('X');
    sh('iptables -F; iptables -X');
    await waitFor('the end of the list', () => firewall.identity('X') === undefined);
  });

  test('are read whole while rows come and go', async () => {
    const { firewall, file } = await made();
    const stable = Array.from({ length: 80 }, (_, i) => address(`2001:db8::${(i + 1).toString(16)}`));
    firewall.write('X', { remove: [], add: stable });
    // Bursts a thousand times a second: one reading loses a row in about 1 of 40 of them (tried), and this asks for none in 2,000.
    const each = (sign: string): string => `for i in 1 2 3 4 5 6 7 8; do echo ${sign}192.0.2.$i > ${file}; done; sleep 0.001`;
    const churn = spawn('bash', ['-c', `echo go; while :; do ${each('+')}; ${each('-')}; done`], { stdio: ['ignore', 'pipe', 'ignore'] });
    onTestFinished(() => void churn.kill('SIGKILL'));
    await once(churn.stdout, 'data');
    let moved = 0;
    let lost = 0;
    for (let i = 0; i < 2000; i++) {
      const state = firewall.read('X');
      if (state.state !== 'present') throw new Error(state.state);
      if (state.addresses.size > stable.length) moved++;
      if (!stable.every((a) => state.addresses.has(a))) lost++;
    }
    expect(moved).toBeGreaterThan(0);
    expect(lost).toBe(0);
  });

  test('may be written by root only, and others are told so', async () => {
    const { xtRecent: root } = await made();
    const directory = tempDir();
    chmodSync(directory, 0o755);
    const { file, env } = bundled('packages/server/src/enforce/xt-recent.ts', directory);
    const script = `const f = require(${JSON.stringify(file)}).xtRecent({ root: ${JSON.stringify(root)} }); console.log(JSON.stringify([f.unavailable(), [...f.write('X', { remove: [], add: ['192.0.2.1'] }).values()], f.read('X')]))`;
    // Another user may not look through /proc/PID/net of root's processes, so this one is in the namespace itself.
    const inside = script.replace(JSON.stringify(root), JSON.stringify('/proc/net/xt_recent'));
    const holder = /\/proc\/(\d+)/.exec(root)?.[1];
    const result = spawnSync('nsenter', [`--net=/proc/${holder}/ns/net`, 'setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, '-e', inside], { env, encoding: 'utf8' });
    expect(result.stderr).toBe('');
    expect(JSON.parse(result.stdout)).toEqual([
      'this user may not write the kernel\'s lists in /proc/net/xt_recent: run banband as root',
      ["the kernel's list X may not be used by this user: run banband as root"],
      { state: 'present', addresses: {} },
    ]);
  });
});

describeKernel('existing connections', ['conntrack'], () => {
  const SERVER: Readonly<Record<4 | 6, string>> = { 4: '198.51.100.1', 6: '2001:db8:ffff::1' };
  /** What conntrack reads to make an established connection from `from` to `to`. */
  const entry = (from: string, to: string, port: number): string =>
    `-A -t 600 -u SEEN_REPLY,ASSURED -s ${from} -d ${to} -r ${to} -q ${from} -p tcp --sport ${port} --dport 22 --reply-port-src 22 --reply-port-dst ${port} --state ESTABLISHED`;
  const made = async (entries: readonly string[]) => {
    const namespace = await kernelNamespace();
    namespace.sh('while read -r line; do conntrack $line; done 2>/dev/null', `${entries.join('\n')}\n`);
    const cutter = conntrack({ clock: systemClock, path: namespace.path });
    onTestFinished(() => cutter.stop());
    const left = (): string[] =>
      namespace
        .sh('conntrack -L -f ipv4 2>/dev/null; conntrack -L -f ipv6 2>/dev/null')
        .split('\n')
        .map((line) => / src=(\S+) dst=(\S+)/.exec(line)?.slice(1).join('>') ?? '')
        .filter(Boolean)
        .sort();
    return { cutter, left, calls: () => readFileSync(namespace.calls, 'utf8').trim().split('\n') };
  };

  test('of a banned address are cut in both directions and families, and nobody else’s', async () => {
    const { cutter, left } = await made([
      entry('192.0.2.1', SERVER[4], 1000),
      entry('192.0.2.1', SERVER[4], 1001),
      entry(SERVER[4], '192.0.2.1', 1002),
      entry('192.0.2.10', SERVER[4], 1003),
      entry('2001:db8::1', SERVER[6], 1004),
      entry('2001:db8::10', SERVER[6], 1005),
    ]);
    expect(left()).toHaveLength(6);
    cutter.cut([address('192.0.2.1'), address('2001:db8::1'), address('203.0.113.7')]);
    await waitFor('4 connections', () => cutter.stats().cut === 4 && cutter.stats().queued === 0);
    expect(left()).toEqual(['192.0.2.10>198.51.100.1', '2001:db8::10>2001:db8:ffff::1']);
    expect(cutter.stats()).toMatchObject({ failed: 0, dropped: 0 });
  });

  test('of 10,000 banned addresses are cut with as few programs as there are connections', async () => {
    const busy = Array.from({ length: 20 }, (_, i) => nth(i * 400));
    const { cutter, left, calls } = await made([
      ...busy.map((a, i) => entry(a, SERVER[4], 1000 + i)),
      entry(SERVER[4], nth(1), 2000),
      entry('2001:db8::1', SERVER[6], 3000),
      entry('192.0.2.10', SERVER[4], 4000),
    ]);
    cutter.cut([...Array.from({ length: 9999 }, (_, i) => nth(i)), address('2001:db8::1')]);
    await waitFor('22 connections', () => cutter.stats().cut === 22 && cutter.stats().queued === 0);
    expect(left()).toEqual(['192.0.2.10>198.51.100.1']);
    expect(calls().map((line) => line.slice(0, 2)).sort()).toEqual([...Array.from({ length: 22 }, () => '-D'), '-L', '-L']);
    expect(cutter.stats()).toMatchObject({ failed: 0, dropped: 0 });
  });
});
