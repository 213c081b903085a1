import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { instant, type Address, type Subject } from 'banban-shared';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ListState, Row } from '../../packages/server/src/enforce/firewall.ts';
import { xtRecentList, xtRecentUnavailable } from '../../packages/server/src/enforce/xt-recent.ts';
import { bundled } from '../support/bundled.ts';
import { describeKernel } from '../support/kernel-gate.ts';
import { kernelNamespace } from '../support/kernel-namespace.ts';
import { prefix, target } from '../support/policies.ts';
import { address, nth } from '../support/records.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait-for.ts';

const RULE = 'iptables -A INPUT -m recent --name X --rcheck -j DROP';

const rowsOf = (subjects: readonly Subject[]): Row[] => subjects.map((subject) => ({ subject, until: instant(0) }));
const rows = (state: ListState): string[] => (state.state === 'present' ? [...state.subjects].sort() : [state.state]);

describeKernel('the kernel’s lists', ['xt_recent'], () => {
  const made = async (rule = RULE, ipv6Prefix = 128) => {
    const namespace = await kernelNamespace();
    namespace.sh(rule);
    const list = xtRecentList(target('X', { ipv6Prefix }), { root: namespace.xtRecent });
    onTestFinished(() => list.close());
    const put = (add: readonly Subject[], remove: readonly Subject[] = []) => [...list.write({ remove, add: rowsOf(add) })];
    return { ...namespace, list, put, file: join(namespace.xtRecent, 'X') };
  };
  const subjects = (...texts: readonly string[]): Subject[] => texts.map((text) => (text.includes('/') ? prefix(text) : address(text)));

  test('take addresses of both families, give them back canonical, and lose what is removed', async () => {
    const { list, put, xtRecent } = await made();
    expect(xtRecentUnavailable({ root: xtRecent })).toBeUndefined();
    expect(list.read()).toEqual({ state: 'present', subjects: new Set(), pending: new Set(), failures: new Map(), capacity: expect.any(Number) as number });
    const all = subjects('192.0.2.1', '2001:db8::1', '2001:db8::a:0:0:1', '64:ff9b::c000:221', '255.255.255.255', '::1');
    expect(put(all)).toEqual([]);
    expect(rows(list.read())).toEqual([...all].sort());
    expect(put([], subjects('192.0.2.1', '203.0.113.9'))).toEqual([]);
    expect(rows(list.read())).toEqual(all.filter((a) => a !== '192.0.2.1').sort());
  });

  test('stamp a row anew when it is added again', async () => {
    const { put, file } = await made();
    const stamps = (): number => Number(/oldest_pkt: (\d+)/.exec(readFileSync(file, 'latin1'))?.[1]);
    put([nth(1)]);
    expect(stamps()).toBe(1);
    put([nth(1)]);
    expect(stamps()).toBe(2);
  });

  test('hold as many as their capacity says, and then drop the one stamped longest ago without a word', async () => {
    const { list, put } = await made();
    const state = list.read();
    const capacity = state.state === 'present' ? (state.capacity ?? 0) : 0;
    expect(capacity).toBeGreaterThan(0);
    const all = Array.from({ length: capacity }, (_, i) => nth(i));
    // Half of each family: they share the places.
    const mixed = all.map((a, i) => (i % 2 === 0 ? a : address(`2001:db8::${i.toString(16)}`)));
    expect(put(mixed)).toEqual([]);
    expect(rows(list.read())).toEqual([...mixed].sort());
    expect(put([mixed[0] as Address, nth(99_999)])).toEqual([]);
    expect(rows(list.read())).toEqual([...mixed.filter((_, i) => i !== 1), nth(99_999)].sort());
  });

  test('are missing without a rule, and each address of a write is then refused with the reason', async () => {
    const { list, put, sh } = await made();
    put([nth(1)]);
    sh('iptables -F');
    await waitFor('the end of the list', () => list.read().state === 'missing');
    expect(list.identity()).toBeUndefined();
    const reason = 'the kernel has no list X: no firewall rule names it';
    expect(put([nth(2), nth(3)], [nth(1)])).toEqual([[nth(1), reason], [nth(2), reason], [nth(3), reason]]);
    sh(RULE);
    expect(list.read()).toMatchObject({ state: 'present', subjects: new Set() });
  });

  test('have a new identity when they were made anew, however quickly and often, and the old one when they were not', async () => {
    const { list, put, sh } = await made();
    const seen = new Set<string | undefined>([list.identity()]);
    // Two rounds between two looks bring the same inode number back, were it not held.
    const rounds = [1, 2, 2, 3, 4, 2];
    for (const times of rounds) {
      sh(Array.from({ length: times }, () => `iptables -F; ${RULE}`).join('; '));
      seen.add(list.identity());
    }
    expect(seen.size).toBe(rounds.length + 1);
    expect(seen.has(undefined)).toBe(false);

    const before = list.identity();
    put([nth(1)]);
    sh('iptables-save | iptables-restore; iptables -A INPUT -m recent --name X --rcheck -j DROP');
    expect(list.identity()).toBe(before);
    expect(rows(list.read())).toEqual([nth(1)]);
  });

  test('do not keep a rule from going: holding a list’s identity holds up nobody', async () => {
    const { list, sh } = await made();
    list.identity();
    sh('iptables -F; iptables -X');
    await waitFor('the end of the list', () => list.identity() === undefined);
  });

  test('are read whole while rows come and go', async () => {
    const { list, put, file } = await made();
    const stable = Array.from({ length: 80 }, (_, i) => address(`2001:db8::${(i + 1).toString(16)}`));
    put(stable);
    // Bursts a thousand times a second: one reading loses a row in about 1 of 40 of them (tried), and this asks for none in 2,000.
    const each = (sign: string): string => `for i in 1 2 3 4 5 6 7 8; do echo ${sign}192.0.2.$i > ${file}; done; sleep 0.001`;
    const churn = spawn('bash', ['-c', `echo go; while :; do ${each('+')}; ${each('-')}; done`], { stdio: ['ignore', 'pipe', 'ignore'] });
    onTestFinished(() => void churn.kill('SIGKILL'));
    await once(churn.stdout, 'data');
    let moved = 0;
    let lost = 0;
    for (let i = 0; i < 2000; i++) {
      const state = list.read();
      if (state.state !== 'present') throw new Error(state.state);
      if (state.subjects.size > stable.length) moved++;
      if (!stable.every((a) => state.subjects.has(a))) lost++;
    }
    expect(moved).toBeGreaterThan(0);
    expect(lost).toBe(0);
  });

  test('may be written by root only, and others are told so', async () => {
    const { xtRecent: root } = await made();
    const directory = tempDir();
    chmodSync(directory, 0o755);
    const { file, env } = bundled('packages/server/src/enforce/xt-recent.ts', directory);
    // Another user may not look through /proc/PID/net of root's processes, so this one is in the namespace itself.
    const inside = `const { xtRecentList, xtRecentUnavailable } = require(${JSON.stringify(file)});
      const list = xtRecentList({ name: 'X', ipv6Prefix: 128 });
      const failures = list.write({ remove: [], add: [{ subject: '192.0.2.1', until: 0 }] });
      console.log(JSON.stringify([xtRecentUnavailable(), [...failures.values()], list.read(), [...list.hits()]]))`;
    const holder = /\/proc\/(\d+)/.exec(root)?.[1];
    const result = spawnSync('nsenter', [`--net=/proc/${holder}/ns/net`, 'setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, '-e', inside], { env, encoding: 'utf8' });
    expect(result.stderr).toBe('');
    expect(JSON.parse(result.stdout)).toEqual([
      'this user may not write the kernel\'s lists in /proc/net/xt_recent: run banband as root',
      ["the kernel's list X may not be used by this user: run banband as root"],
      { state: 'present', subjects: {}, pending: {}, failures: {} },
      [],
    ]);
  });

  describe('and packets', () => {
    const SERVER: Readonly<Record<4 | 6, string>> = { 4: '198.51.100.1', 6: '2001:db8:ffff::1' };
    /** Addresses of this host: on `lo` a packet from each is one that comes in. */
    const withAddresses = (...addresses: readonly string[]): string =>
      [SERVER[4], SERVER[6], ...addresses].map((a) => `ip address add ${a} dev lo ${a.includes(':') ? 'nodad' : ''}`).join('; ');
    /** Sends one datagram from each address, as it is; the rule drops it or does not. */
    const SEND = `
      const [, ...froms] = process.argv;
      const sent = froms.map((from) => new Promise((resolve) => {
        const family = from.includes(':') ? 6 : 4;
        const socket = require('node:dgram').createSocket('udp' + family);
        socket.on('error', () => {});
        socket.bind(0, from, () => socket.send('x', 9, family === 6 ? '${SERVER[6]}' : '${SERVER[4]}', () => { socket.close(); resolve(); }));
      }));
      Promise.all(sent);
    `;
    const sender = (xtRecent: string) => (...froms: readonly string[]): void => {
      const holder = /\/proc\/(\d+)/.exec(xtRecent)?.[1];
      const { status, stderr } = spawnSync('nsenter', [`--net=/proc/${holder}/ns/net`, process.execPath, '-e', SEND, ...froms], { encoding: 'utf8' });
      if (status !== 0) throw new Error(stderr);
    };
    /** How many packets the rules of each family have dropped. */
    const dropped = (sh: (line: string) => string, program: string): number => Number(/^\s*(\d+)\s+\d+\s+DROP/m.exec(sh(`${program} -nvxL INPUT`))?.[1]);
    const MASK = 'ffff:ffff:ffff:ffff::';

    test('of a whole IPv6 network are dropped by a rule with its mask, and those of IPv4 addresses in the same list', async () => {
      const { list, put, sh, xtRecent } = await made(`ip6tables -A INPUT -m recent --name X --update --mask ${MASK} -j DROP; iptables -A INPUT -m recent --name X --update -j DROP`, 64);
      const send = sender(xtRecent);
      sh(withAddresses('2001:db8:1:2::5', '2001:db8:1:2:ffff::6', '2001:db8:1:3::5', '192.0.2.7', '192.0.2.8'));
      const all = subjects('2001:db8:1:2::/64', '192.0.2.7');
      expect(put(all)).toEqual([]);
      expect(rows(list.read())).toEqual([...all].sort());
      send('2001:db8:1:2::5', '2001:db8:1:2:ffff::6', '2001:db8:1:3::5', '192.0.2.7', '192.0.2.8');
      expect([dropped(sh, 'ip6tables'), dropped(sh, 'iptables')]).toEqual([2, 1]);
      expect(put([], all)).toEqual([]);
      send('2001:db8:1:2::5', '192.0.2.7');
      expect([dropped(sh, 'ip6tables'), dropped(sh, 'iptables')]).toEqual([2, 1]);
    });

    test('of IPv6 pass where a rule of IPv4 made the list: the mask is that of the first rule', async () => {
      const ipv6 = (mask: string) => `ip6tables -A INPUT -m recent --name X --update ${mask} -j DROP`;
      for (const [first, mask, subject] of [
        ['', `--mask ${MASK}`, '2001:db8:1:2::/64'],
        // As iptables-save writes every rule, and netfilter-persistent loads it before those of IPv6.
        ['--mask 255.255.255.255', '', '2001:db8:1:2::5'],
      ] as const) {
        const { put, sh, xtRecent } = await made(`iptables -A INPUT -m recent --name X --update ${first} -j DROP; ${ipv6(mask)}`, subject.includes('/') ? 64 : 128);
        sh(withAddresses('2001:db8:1:2::5'));
        put(subjects(subject));
        sender(xtRecent)('2001:db8:1:2::5');
        expect(dropped(sh, 'ip6tables')).toBe(0);
      }
    });

    /** Containers often hide it, and in the first five minutes after the start it says too little. */
    const isCountShown = (): boolean => Number(/^jiffies: (\d+)$/m.exec(readFileSync('/proc/timer_list', 'latin1'))?.[1]) > 2 ** 32;

    test.skipIf(!isCountShown())('are counted by the stamps of a rule with --update, with the time of the last', async () => {
      const { list, put, sh, xtRecent } = await made(`ip6tables -A INPUT -m recent --name X --update --mask ${MASK} -j DROP; iptables -A INPUT -m recent --name X --update -j DROP`, 64);
      const send = sender(xtRecent);
      sh(withAddresses('2001:db8:1:2::5', '192.0.2.7', '192.0.2.8', '192.0.2.9'));
      const [network, one, two, quiet] = subjects('2001:db8:1:2::/64', '192.0.2.7', '192.0.2.8', '192.0.2.9') as [Subject, Subject, Subject, Subject];
      put([network, one, two, quiet]);
      const start = Date.now();
      for (let i = 0; i < 4; i++) send('192.0.2.7');
      send('2001:db8:1:2::5', '192.0.2.7', '2001:db8:1:2::5');
      const end = Date.now();
      // Twice more by banban's own hand: no packets.
      put([one, one]);
      send(...Array.from({ length: 40 }, () => '192.0.2.8'));
      const hits = await waitFor('the length of a tick to be known', () => {
        const found = list.hits();
        return found.size > 0 && found;
      });
      expect(hits.get(one)).toMatchObject({ packets: 5, bytes: undefined });
      expect(hits.get(network)).toMatchObject({ packets: 2, bytes: undefined });
      expect(hits.get(two)).toMatchObject({ packets: undefined, bytes: undefined });
      expect(hits.has(quiet)).toBe(false);
      const at = (subject: Subject): number => hits.get(subject)?.lastAt ?? NaN;
      for (const subject of [one, network]) {
        expect(at(subject)).toBeGreaterThan(start - 50);
        expect(at(subject)).toBeLessThan(end + 50);
      }
      expect(at(two)).toBeGreaterThan(end - 50);
    });
  });
});
