/** Existing connections, ended in real kernels: an attacker's host, the machine that bans, and a host behind it. */
import { chmodSync, copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { bundled } from '../support/bundled.ts';
import { must } from '../support/child.ts';
import { describeKernel } from '../support/kernel-gate.ts';
import { connect, Host } from '../support/netns.ts';
import { waitFor } from '../support/wait-for.ts';

const NATIVE = join(import.meta.dirname, '../../packages/server/native/build/Release/netlink.node');
const HERE = { 4: '198.51.100.1', 6: '2001:db8:5::1' } as const;
const INSIDE = '192.168.7.2';
/** All that is in these networks is on the attacker's host: 66 for cuts by netlink, 67 for those by programs. */
const FAR = { 4: '10.66.0.0/15', 6: '2001:db8:60::/44' } as const;

/** Listens on both families in one socket (port 7000, IPv4 comes mapped) and on IPv4 alone (7001), and says how many are connected. */
const SERVER = `
  const net = require('node:net');
  let open = 0;
  const served = (socket) => {
    console.log('open ' + ++open);
    socket.on('error', () => {}).on('close', () => console.log('open ' + --open)).pipe(socket);
  };
  let listening = 0;
  for (const [port, host] of [[7000, '::'], [7001, '0.0.0.0']]) net.createServer(served).listen(port, host, 4096, () => ++listening === 2 && console.log('listening'));
`;

/** Reads lines of \`ADDRESS HOST PORT\` and connects; says \`connected N\` and, for each that ends, \`closed ADDRESS\`. \`ping\` says who still gets an answer. */
const CLIENT = `
  const net = require('node:net');
  let connected = 0;
  const alive = new Map();
  require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
    if (line === 'ping') {
      for (const socket of alive.keys()) socket.write('x');
      return;
    }
    const [localAddress, host, port] = line.split(' ');
    const socket = net.connect({ localAddress, host, port: Number(port) });
    socket.on('error', () => {});
    socket.on('connect', () => { alive.set(socket, localAddress); console.log('connected ' + ++connected); });
    socket.on('data', () => console.log('pong ' + localAddress));
    socket.on('close', () => { alive.delete(socket); console.log('closed ' + localAddress); });
  });
`;

type By = 'netlink' | 'programs';

interface Answer {
  readonly warning?: string;
  readonly reports?: readonly (readonly [string, number])[];
  readonly stats?: { readonly available: boolean; readonly queued: number; readonly cut: number; readonly failed: number; readonly lastError?: string; readonly dropped: number };
}

describeKernel('existing connections', ['conntrack'], () => {
  let here: Host;
  let attacker: Host;
  let inside: Host;
  let bundle: string;
  let native: string;

  beforeAll(async () => {
    [here, attacker, inside] = await Promise.all([Host.start('here'), Host.start('attacker'), Host.start('inside')]);
    native = join(here.dir, 'netlink.node');
    await connect({ host: here, addresses: [`${HERE[4]}/24`, `${HERE[6]}/64`] }, { host: attacker, addresses: ['198.51.100.66/24', '2001:db8:5::66/64'] });
    // A second cable, to the host inside.
    for (const argv of [
      ['ip', 'link', 'add', 'eth1', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(inside.pid)],
      ['ip', 'link', 'set', 'eth1', 'up'],
      ['ip', 'address', 'add', '192.168.7.1/24', 'dev', 'eth1'],
    ]) await must(['nsenter', `--target=${here.pid}`, '--net', '--', ...argv]);
    await inside.must(['sh', '-ec', `ip link set eth0 up; ip address add ${INSIDE}/24 dev eth0; ip route add default via 192.168.7.1`]);
    await attacker.must(['sh', '-ec', `for n in ${FAR[4]} ${FAR[6]}; do ip route add local $n dev lo; done; ip route add 192.168.7.0/24 via ${HERE[4]}; sysctl -qw net.ipv6.ip_nonlocal_bind=1`]);
    await here.must(['sh', '-ec', `ip route add ${FAR[4]} via 198.51.100.66; ip route add ${FAR[6]} via 2001:db8:5::66; sysctl -qw net.ipv4.ip_forward=1 net.core.somaxconn=4096;
      ipset create banned4 hash:net; ipset create banned6 hash:net family inet6
      # The order in which an open connection goes on although its address is banned.
      for v in 4 6; do for chain in INPUT FORWARD; do
        ip\${v#4}tables -A $chain -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT; ip\${v#4}tables -A $chain -m set --match-set banned$v src -j DROP
      done; done`]);
    // Where another user may read it, too.
    chmodSync(here.dir, 0o755);
    bundle = bundled('test/support/cutter-program.ts', here.dir).file;
    copyFileSync(NATIVE, native);
    for (const host of [here, inside]) await host.spawn([process.execPath, '-e', SERVER]).says(/listening/);
  });
  afterAll(() => Promise.all([here, attacker, inside].map((host) => host?.stop())));

  /** Connections from these addresses, all of them established. */
  async function connections(host: Host, wanted: readonly (readonly [from: string, to: string, port: number])[]) {
    const client = host.spawn([process.execPath, '-e', CLIENT]);
    onTestFinished(async () => void (await client.stop('SIGKILL')));
    client.process.stdin?.write(wanted.map((one) => `${one.join(' ')}\n`).join(''));
    await client.says(new RegExp(`^connected ${wanted.length}$`, 'm'));
    const said = (word: string): string[] => [...client.stdout.matchAll(new RegExp(`^${word} (\\S+)$`, 'gm'))].map(([, address = '']) => address).sort();
    return {
      closed: () => said('closed'),
      /** Those from which something still comes back; the first `expected` answers are waited for. */
      async answered(expected: number): Promise<readonly string[]> {
        client.process.stdin?.write('ping\n');
        await waitFor('answers', () => said('pong').length >= expected);
        return said('pong');
      },
    };
  }

  /** A cutter inside, by netlink or by programs. */
  async function cutter(by: By, before: readonly string[] = []) {
    const child = here.spawn([...before, process.execPath, bundle, by === 'netlink' ? native : '-']);
    onTestFinished(async () => void (await child.stop('SIGKILL')));
    const answers = (): Answer[] => child.stdout.split('\n').slice(0, -1).map((line) => JSON.parse(line) as Answer);
    const ask = async <Key extends keyof Answer>(question: unknown, key: Key): Promise<NonNullable<Answer[Key]>> => {
      const before_ = answers().filter((answer) => answer[key] !== undefined).length;
      child.process.stdin?.write(`${JSON.stringify(question)}\n`);
      return waitFor(`an answer to ${JSON.stringify(question).slice(0, 60)}`, () => answers().filter((answer) => answer[key] !== undefined)[before_]?.[key], {}, () => child.stdout + child.stderr);
    };
    return {
      answers,
      async cut(...subjects: string[]) {
        await here.must(['ipset', 'restore', '-exist'], { input: subjects.map((one) => `add banned${one.includes(':') ? 6 : 4} ${one}\n`).join('') });
        return new Map(await ask(subjects, 'reports'));
      },
      stats: () => ask('stats', 'stats'),
    };
  }

  /** What conntrack keeps of an address or a network, without what is over. */
  const kept = async (subject: string): Promise<string[]> => {
    const { stdout } = await here.run(['conntrack', '-L', '-f', subject.includes(':') ? 'ipv6' : 'ipv4', '-s', subject]);
    return stdout.split('\n').filter((line) => line.includes('src=') && !/ (?:TIME_WAIT|CLOSE) src=/.test(line));
  };
  const sockets = async (subject: string): Promise<string> => (await here.must(['ss', '-Htn', 'dst', subject.includes(':') ? `[${subject}]` : subject])).trim();

  describe.each(['netlink', 'programs'] as const)('by %s', (by) => {
    const net = by === 'netlink' ? 66 : 67;
    test.each([
      ['IPv4', `10.${net}.0.1`, HERE[4], 7001],
      ['IPv4 in a socket of both families', `10.${net}.0.2`, HERE[4], 7000],
      ['IPv6', `2001:db8:${net}::1`, HERE[6], 7000],
    ])('a connection of %s dies as a socket and in conntrack, and is one', async (_family, from, to, port) => {
      const { cut, stats } = await cutter(by);
      const { closed } = await connections(attacker, [[from, to, port], [from, to, port]]);
      expect(await kept(from)).toHaveLength(2);
      expect(await cut(from)).toEqual(new Map([[from, 2]]));
      await waitFor('both ends', () => closed().length === 2);
      expect(await kept(from)).toEqual([]);
      expect(await sockets(from)).toBe('');
      expect(await stats()).toEqual({ available: true, queued: 0, cut: 2, failed: 0, dropped: 0 });
      expect(await cut(from)).toEqual(new Map([[from, 0]]));
    });

    test('a connection that passes through is forgotten by conntrack', async () => {
      const { cut } = await cutter(by);
      await connections(attacker, [[`10.${net}.0.3`, INSIDE, 7001]]);
      expect(await kept(`10.${net}.0.3`)).toHaveLength(1);
      expect(await cut(`10.${net}.0.3`)).toEqual(new Map([[`10.${net}.0.3`, 1]]));
      expect(await kept(`10.${net}.0.3`)).toEqual([]);
    });

    test('a connection that came by another port (NAT) is one', async () => {
      await here.must(['iptables', '-t', 'nat', '-A', 'PREROUTING', '-p', 'tcp', '--dport', '80', '-j', 'REDIRECT', '--to-ports', '7001']);
      const { cut } = await cutter(by);
      const { closed } = await connections(attacker, [[`10.${net}.0.4`, HERE[4], 80]]);
      expect(await cut(`10.${net}.0.4`)).toEqual(new Map([[`10.${net}.0.4`, 1]]));
      await waitFor('its end', () => closed().length === 1);
    });

    test('a connection that this machine opened dies, too', async () => {
      const server = attacker.spawn([process.execPath, '-e', SERVER]);
      onTestFinished(async () => void (await server.stop('SIGKILL')));
      await server.says(/listening/);
      const { cut } = await cutter(by);
      const { closed } = await connections(here, [[HERE[4], `10.${net}.0.5`, 7001]]);
      expect(await cut(`10.${net}.0.5`)).toEqual(new Map([[`10.${net}.0.5`, 1]]));
      await waitFor('its end', () => closed().length === 1);
    });

    test('a network takes all that is in it and nothing else: others, and what the machine has with itself, go on', async () => {
      const { cut } = await cutter(by);
      const own = await connections(here, [['127.0.0.1', '127.0.0.1', 7001], ['::1', '::1', 7000]]);
      const { closed, answered } = await connections(attacker, [
        [`10.${net}.1.1`, HERE[4], 7001], [`10.${net}.1.254`, HERE[4], 7000], [`10.${net}.1.7`, INSIDE, 7001], [`10.${net}.2.1`, HERE[4], 7001],
        [`2001:db8:${net}:1::1`, HERE[6], 7000], [`2001:db8:${net}:2::1`, HERE[6], 7000],
      ]);
      expect(await cut(`10.${net}.1.0/24`, `2001:db8:${net}:1::/64`)).toEqual(new Map([[`10.${net}.1.0/24`, 3], [`2001:db8:${net}:1::/64`, 1]]));
      await waitFor('three ends', () => closed().length === 3);
      expect(closed()).toEqual([`10.${net}.1.1`, `10.${net}.1.254`, `2001:db8:${net}:1::1`]);
      expect(await answered(2)).toEqual([`10.${net}.2.1`, `2001:db8:${net}:2::1`]);
      expect(await own.answered(2)).toEqual(['127.0.0.1', '::1']);
      expect(await kept(`10.${net}.1.0/24`)).toEqual([]);
    });

    test('1,000 connections of 500 addresses die in one go, and each address is told of its two', async () => {
      const all = Array.from({ length: 500 }, (_, i) => (i % 5 === 0 ? `2001:db8:${net}:5::${(i + 1).toString(16)}` : `10.${net}.${10 + (i >> 8)}.${i & 255}`));
      const { cut, stats } = await cutter(by);
      const { closed } = await connections(attacker, all.flatMap((from) => {
        const to = from.includes(':') ? HERE[6] : HERE[4];
        return [[from, to, 7000], [from, to, 7000]] as const;
      }));
      expect(await cut(...all, `10.${net}.77.1`)).toEqual(new Map([...all.map((from) => [from, 2] as const), [`10.${net}.77.1`, 0]]));
      await waitFor('all ends', () => closed().length === 1000);
      expect(await stats()).toMatchObject({ cut: 1000, failed: 0, dropped: 0 });
      expect(await kept(`10.${net}.0.0/16`)).toEqual([]);
    });
  });

  test('entries in zones, of UDP and of ICMP are found and deleted as well', async () => {
    const zoned = '-A -t 600 -u SEEN_REPLY,ASSURED -s 10.66.200.1 -d 10.1.1.1 -r 10.1.1.1 -q 10.66.200.1';
    for (const line of [
      `${zoned} -p tcp --sport 1000 --dport 22 --reply-port-src 22 --reply-port-dst 1000 --state ESTABLISHED -w 7`,
      `${zoned} -p tcp --sport 1000 --dport 22 --reply-port-src 22 --reply-port-dst 1000 --state ESTABLISHED -w 8`,
      `${zoned} -p tcp --sport 1000 --dport 22 --reply-port-src 22 --reply-port-dst 1000 --state TIME_WAIT`,
      `${zoned} -p udp --sport 53 --dport 53 --reply-port-src 53 --reply-port-dst 53`,
      '-I -t 600 -s 10.1.1.1 -d 10.66.200.1 -p icmp --icmp-type 8 --icmp-code 0 --icmp-id 5',
    ]) await here.must(['conntrack', ...line.split(' ')]);
    const { cut } = await cutter('netlink');
    // What is in TIME_WAIT goes, and is no connection that died.
    expect(await cut('10.66.200.1')).toEqual(new Map([['10.66.200.1', 4]]));
    expect((await here.must(['conntrack', '-L'])).split('\n').filter((line) => line.includes('10.66.200.1'))).toEqual([]);
  });

  test('a UDP socket with a far side is closed', async () => {
    const script = `
      const socket = require('node:dgram').createSocket('udp4');
      socket.on('error', () => { console.log('closed'); process.exit(); });
      socket.connect(9, '10.66.201.1', () => { console.log('connected'); setInterval(() => socket.send('x', () => {}), 50); });
    `;
    const child = here.spawn([process.execPath, '-e', script]);
    onTestFinished(async () => void (await child.stop('SIGKILL')));
    await child.says(/connected/);
    const { cut } = await cutter('netlink');
    expect((await cut('10.66.201.1')).get('10.66.201.1')).toBeGreaterThanOrEqual(1);
    await waitFor('its end', async () => (await here.must(['ss', '-Hun', 'dst', '10.66.201.1'])).trim() === '');
  });

  test.each(['netlink', 'programs'] as const)('without the right to it nothing dies, and that is said: by %s', async (by) => {
    const { cut, stats, answers } = await cutter(by, ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--']);
    const from = by === 'netlink' ? '10.66.0.9' : '10.67.0.9';
    const { answered } = await connections(attacker, [[from, HERE[4], 7001]]);
    expect(await cut(from)).toEqual(new Map([[from, 0]]));
    expect(await answered(1)).toEqual([from]);
    const told = await stats();
    expect(told).toMatchObject({ cut: 0, lastError: expect.any(String) as string });
    expect(told.failed).toBeGreaterThanOrEqual(1);
    if (by === 'netlink') {
      expect(told.available).toBe(false);
      expect(answers().flatMap(({ warning }) => warning ?? [])).toEqual(['existing connections of banned addresses can’t be cut because this process may not (it has no CAP_NET_ADMIN): run banband as root']);
    }
  });
});
