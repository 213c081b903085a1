/** Lists of nf_tables by netlink, in real tables; as this kernel has it, and as one does that can't give an element a new time. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { holds, parseSubject, type Subject } from 'banban-shared';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Hits } from '../../packages/server/src/enforce/firewall.ts';
import { bundled } from '../support/bundled.ts';
import { root } from '../support/house-files.ts';
import { describeKernel } from '../support/kernel-gate.ts';
import { kernelNamespace } from '../support/kernel-namespace.ts';
import type { ListName, Order } from '../support/nftables-program.ts';
import { DAY, HOUR } from '../support/policies.ts';
import { nth } from '../support/records.ts';
import { seededRandom } from '../support/random.ts';
import { scaled, seed } from '../support/search.ts';
import { waitFor } from '../support/wait-for.ts';

const built = mkdtempSync(join(tmpdir(), 'banban-nftables-'));
chmodSync(built, 0o755);
afterAll(() => rmSync(built, { recursive: true, force: true }));
const program = bundled('test/support/nftables-program.ts', built);
const NATIVE = join(root, 'packages/server/native/build/Release/netlink.node');

const SETS = `
add table inet banban
add set inet banban B_v4 { type ipv4_addr; flags timeout; counter; }
add set inet banban B_v6 { type ipv6_addr; flags timeout; counter; }
add set inet banban B_v4_net { type ipv4_addr; flags interval, timeout; counter; }
add set inet banban B_v6_net { type ipv6_addr; flags interval, timeout; counter; }
`;
const NO_TABLE = 'the table inet banban is not there: "banctl firewall install" makes it, or firewall: { manage: true } in the configuration';
const B: ListName = { name: 'B', ipv6Prefix: 64 };
const WIDE: ListName = { name: 'B', ipv6Prefix: 128 };

type Failures = readonly (readonly [subject: string, reason: string])[];
interface Present {
  readonly state: string;
  readonly subjects: readonly string[];
  readonly capacity?: number;
}

/** A namespace, and the lists in it. */
async function made(kernel: string, { sets = SETS, user }: { readonly sets?: string; readonly user?: string } = {}) {
  const { sh, xtRecent } = await kernelNamespace();
  if (sets !== '') sh('nft -f -', sets);
  const net = xtRecent.replace('/net/xt_recent', '/ns/net');
  const privileges = user === undefined ? [] : ['setpriv', `--reuid=${user}`, '--clear-groups'];
  const child = spawn('nsenter', [`--net=${net}`, ...privileges, process.execPath, program.file, NATIVE, kernel], { env: program.env, stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout });
  const next = async (): Promise<unknown> => {
    const [line] = (await once(lines, 'line')) as [string];
    return JSON.parse(line);
  };
  const opened = await next();
  const ask = async (order: Order): Promise<unknown> => {
    child.stdin.write(`${JSON.stringify(order)}\n`);
    return await next();
  };
  const write = async (change: { readonly remove?: readonly string[]; readonly add?: readonly string[]; readonly length?: number | null }, list = B): Promise<Failures> =>
    (await ask({ do: 'write', list, remove: change.remove ?? [], add: (change.add ?? []).map((subject) => [subject, change.length === undefined ? HOUR : change.length]) })) as Failures;
  return {
    sh,
    opened,
    ask,
    write,
    read: async (list = B) => (await ask({ do: 'read', list })) as Present,
    listed: async (list = B) => ((await ask({ do: 'read', list })) as Present).subjects,
    identity: async (list = B) => (await ask({ do: 'identity', list })) as string | null,
    changes: async () => (await ask({ do: 'changes' })) as { readonly changes: number; readonly wasInside: boolean },
    hits: async () => new Map((await ask({ do: 'hits', list: B })) as [string, Hits][]),
    /** The elements of a set as nft lists them, their timeouts in seconds. */
    elements(set: string): Map<string, number> {
      type Value = string | { readonly prefix: { readonly addr: string; readonly len: number } } | { readonly range: readonly string[] };
      const parsed = JSON.parse(sh(`nft -j list set inet banban ${set}`)) as { nftables: { set?: { elem?: { elem: { val: Value; timeout?: number } }[] } }[] };
      const text = (value: Value): string => (typeof value === 'string' ? value : 'range' in value ? value.range.join('-') : `${value.prefix.addr}/${value.prefix.len}`);
      return new Map(parsed.nftables.flatMap((one) => one.set?.elem ?? []).map(({ elem: { val, timeout = 0 } }) => [text(val), timeout]));
    },
  };
}

const EVERY = ['192.0.2.1', '198.51.100.0/24', '2001:db8:1:2::/64', '2001:db8:1:3::9', '2001:db8:5::/48', '0.0.0.0', '240.0.0.0/4', '255.255.255.255', '10.0.0.0/9', '10.128.0.0/9', '2001:db8:1:4::102:304', '::/64', '::102:304', 'ff00::/8', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'];
const EVERY_THAT_FIT = EVERY.filter((one) => one !== 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff' && one !== '::102:304');

describe.each([
  ['this kernel', release()],
  ['Linux 6.1', '6.1.0-18-amd64'],
])('by what %s can do', (_, kernel) => {
  describeKernel('sets of nf_tables', [], () => {
    test('get rows of every kind, each in its place, and read them back', async () => {
      const { write, listed, elements } = await made(kernel);
      expect(await write({ add: EVERY_THAT_FIT })).toEqual([]);
      expect(await listed()).toEqual([...EVERY_THAT_FIT].sort());
      expect([...elements('B_v4').keys()].sort()).toEqual(['0.0.0.0', '192.0.2.1', '255.255.255.255']);
      expect([...elements('B_v4_net').keys()].sort()).toEqual(['10.0.0.0/9', '10.128.0.0/9', '198.51.100.0/24', '240.0.0.0/4']);
      expect([...elements('B_v6').keys()].sort()).toEqual(['2001:db8:1:2::', '::']);
      expect([...elements('B_v6_net').keys()].sort()).toEqual(['2001:db8:1:3::9', '2001:db8:1:4::102:304', '2001:db8:5::/48', 'ff00::/8']);
      expect(await write({ remove: EVERY_THAT_FIT })).toEqual([]);
      expect(await listed()).toEqual([]);
      for (const set of ['B_v4', 'B_v6', 'B_v4_net', 'B_v6_net']) expect(elements(set)).toEqual(new Map());
    });

    test('have single IPv6 addresses in the hash where they are what is banned', async () => {
      const { write, listed, elements } = await made(kernel);
      expect(await write({ add: ['2001:db8::1', '2001:db8:1:2::/64', '::102:304', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'] }, WIDE)).toEqual([]);
      expect([...elements('B_v6').keys()].sort()).toEqual(['2001:db8::1', '::1.2.3.4', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff']);
      expect([...elements('B_v6_net').keys()]).toEqual(['2001:db8:1:2::/64']);
      expect(await listed(WIDE)).toEqual(['2001:db8:1:2::/64', '2001:db8::1', '::102:304', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff']);
    });

    test('take the whole of either family, and every prefix of it', async () => {
      const { write, listed } = await made(kernel);
      const all = [...Array.from({ length: 33 }, (_unused, bits) => `0.0.0.0/${bits}`), ...Array.from({ length: 129 }, (_unused, bits) => `::/${bits}`)].map((text) => parseSubject(text) ?? '');
      for (const one of all) {
        expect(await write({ add: [one] })).toEqual([]);
        expect(await listed()).toEqual([one]);
        expect(await write({ remove: [one] })).toEqual([]);
      }
      expect(await listed()).toEqual([]);
    });

    test('drop packets from what was written, and count them', async () => {
      const { write, hits, sh } = await made(kernel);
      sh("nft 'add chain inet banban input { type filter hook input priority -10; }; add rule inet banban input ip saddr @B_v4 drop; add rule inet banban input ip saddr @B_v4_net drop; add rule inet banban input ip6 saddr & ffff:ffff:ffff:ffff:: @B_v6 drop; add rule inet banban input ip6 saddr @B_v6_net drop'; ip address add 2001:db8:1:2::9/64 dev lo nodad; ip address add 2001:db8:1:3::9/64 dev lo nodad; ip address add 223.1.1.1/32 dev lo; ip address add 241.1.1.1/32 dev lo");
      await write({ add: ['127.0.0.1', '192.0.2.1', '2001:db8:1:2::/64', '2001:db8:1:3::9', '223.1.0.0/16', '240.0.0.0/4'] });
      sh('for to in 127.0.0.1 223.1.1.1 241.1.1.1; do ping -c 1 -W 1 -I $to $to || true; done; for to in 2001:db8:1:2::9 2001:db8:1:3::9; do ping -6 -c 1 -W 1 -I $to $to || true; done');
      const met = new Map([
        ['127.0.0.1', { packets: 1, bytes: 84 }],
        ['192.0.2.1', { packets: 0, bytes: 0 }],
        ['223.1.0.0/16', { packets: 1, bytes: 84 }],
        ['240.0.0.0/4', { packets: 1, bytes: 84 }],
        ['2001:db8:1:2::/64', { packets: 1, bytes: 104 }],
        ['2001:db8:1:3::9', { packets: 1, bytes: 104 }],
      ]);
      expect(await hits()).toEqual(met);
      // What was counted goes on where a ban is extended.
      await write({ add: [...met.keys()], length: DAY });
      expect(await hits()).toEqual(met);
    });

    test('forget by themselves a little after the end, and what is for ever never', async () => {
      const { write, elements, listed, identity } = await made(kernel);
      for (const [add, length] of [[['192.0.2.1', '198.51.100.0/24'], 10_000], [['192.0.2.2', '203.0.113.0/24'], 3650 * DAY], [['192.0.2.3', '9.0.0.0/8'], null], [['192.0.2.4', '2001:db8::/48'], -DAY]] as const) {
        expect(await write({ add, length })).toEqual([]);
      }
      expect(Object.fromEntries([...elements('B_v4'), ...elements('B_v4_net'), ...elements('B_v6_net')])).toEqual({
        '192.0.2.1': 12,
        '198.51.100.0/24': 12,
        '192.0.2.2': 315_360_002,
        '203.0.113.0/24': 315_360_002,
        '192.0.2.3': 0,
        '9.0.0.0/8': 0,
        '192.0.2.4': 2,
        '2001:db8::/48': 2,
      });
      const before = await identity();
      await waitFor('the end of rows', async () => (await listed()).length === 6);
      expect(await listed()).toEqual(['192.0.2.1', '192.0.2.2', '192.0.2.3', '198.51.100.0/24', '203.0.113.0/24', '9.0.0.0/8']);
      expect(await identity(), 'that is nobody’s doing').toBe(before);
    });

    test('lengthen and shorten what is there, whoever wrote it, and make it last for ever', async () => {
      const { write, elements, sh } = await made(kernel);
      const both = ['192.0.2.1', '198.51.100.0/24', '2001:db8::1'];
      sh("nft 'add element inet banban B_v4 { 192.0.2.1 timeout 5s }; add element inet banban B_v4_net { 198.51.100.0/24 timeout 5s }; add element inet banban B_v6_net { 2001:db8::1 timeout 5s }'");
      const timeouts = (): number[] => [...elements('B_v4').values(), ...elements('B_v4_net').values(), ...elements('B_v6_net').values()];
      for (const length of [HOUR, 2 * HOUR, HOUR / 2, null, DAY]) {
        expect(await write({ add: both, length })).toEqual([]);
        expect(timeouts()).toEqual(Array(3).fill(length === null ? 0 : length / 1000 + 2));
      }
    });

    test('begin the same time anew', async () => {
      const { write, sh } = await made(kernel);
      sh("nft 'add element inet banban B_v4 { 192.0.2.1 timeout 1h2s expires 5s }; add element inet banban B_v4_net { 198.51.100.0/24 timeout 1h2s expires 5s }'");
      expect(await write({ add: ['192.0.2.1', '198.51.100.0/24'] })).toEqual([]);
      for (const set of ['B_v4', 'B_v4_net']) expect(sh(`nft list set inet banban ${set}`)).toMatch(/timeout 1h2s expires 1h/);
    });

    test('lose what is not there without complaint, also where it would overlap', async () => {
      const { write, listed, elements } = await made(kernel);
      await write({ add: ['10.0.0.0/8', '192.0.2.1', '11.0.0.0/9', '12.128.0.0/9', '255.0.0.0/8'] });
      const had = await listed();
      const absent = ['10.0.0.0/9', '10.128.0.0/9', '10.1.0.0/16', '10.0.0.0/7', '8.0.0.0/6', '11.0.0.0/8', '12.0.0.0/8', '240.0.0.0/4', '255.128.0.0/9', '255.0.0.0/9', '172.16.0.0/12', '192.0.2.9', '2001:db8::/64', '2001:db8::5'];
      for (const one of absent) expect(await write({ remove: [one] }), one).toEqual([]);
      expect(await write({ remove: absent })).toEqual([]);
      expect(await listed()).toEqual(had);
      expect([...elements('B_v4_net').keys()]).toEqual(['10.0.0.0/8', '11.0.0.0/9', '12.128.0.0/9', '255.0.0.0/8']);
    });

    test('change a network for a wider or a narrower one in one change', async () => {
      const { write, listed } = await made(kernel);
      await write({ add: ['10.1.0.0/16', '10.2.0.0/16', '2001:db8::/48', '255.0.0.0/8'] });
      expect(await write({ remove: ['10.1.0.0/16', '10.2.0.0/16', '255.0.0.0/8'], add: ['10.0.0.0/8', '240.0.0.0/4'] })).toEqual([]);
      expect(await listed()).toEqual(['10.0.0.0/8', '2001:db8::/48', '240.0.0.0/4']);
      expect(await write({ remove: ['10.0.0.0/8', '240.0.0.0/4'], add: ['10.0.0.0/9', '10.128.0.0/9', '192.0.2.1', '248.0.0.0/5'] })).toEqual([]);
      expect(await listed()).toEqual(['10.0.0.0/9', '10.128.0.0/9', '192.0.2.1', '2001:db8::/48', '248.0.0.0/5']);
      expect(await write({ remove: ['10.0.0.0/9', '192.0.2.1'], add: ['10.0.0.0/9', '192.0.2.1'], length: null }), 'and for itself').toEqual([]);
      expect(await listed()).toHaveLength(5);
    });

    test('take the rest where networks overlap others', async () => {
      const { write, listed, elements } = await made(kernel);
      await write({ add: ['10.0.0.0/8', '20.0.0.0/16', '255.0.0.0/8'] });
      const good = Array.from({ length: 3000 }, (_unused, n) => nth(n));
      const failures = await write({ add: [...good, '10.1.0.0/16', '10.0.0.0/9', '10.128.0.0/9', '30.0.0.0/8', '20.0.0.0/8', '240.0.0.0/4', '2001:db8::/48'] });
      const says = (start: string): string => `it overlaps the network that begins with ${start} and is in the set B_v4_net already`;
      expect(new Map(failures)).toEqual(new Map([
        ['10.1.0.0/16', says('10.0.0.0')],
        ['10.0.0.0/9', says('10.0.0.0')],
        ['10.128.0.0/9', says('10.0.0.0')],
        ['20.0.0.0/8', says('20.0.0.0')],
        ['240.0.0.0/4', says('255.0.0.0')],
      ]));
      // One that is inside altogether the kernel has to refuse.
      expect(await write({ add: ['8.0.0.0/6', '40.0.0.0/8'] })).toEqual([['8.0.0.0/6', says('10.0.0.0')]]);
      expect(await listed()).toEqual([...good, '10.0.0.0/8', '20.0.0.0/16', '255.0.0.0/8', '30.0.0.0/8', '40.0.0.0/8', '2001:db8::/48'].sort());
      expect(elements('B_v4_net').size).toBe(5);
    });

    test('are what a list of intervals would be, after any changes', async () => {
      const { write, listed, elements, sh } = await made(kernel);
      const random = randomSubjects(seed);
      const isIn = (a: Subject, b: Subject): boolean => holds(a, b) || holds(b, a);
      const isTree = (one: Subject): boolean => (one.includes('.') ? one.includes('/') : !one.endsWith('/64'));
      let model = new Set<Subject>();
      let refused = 0;
      for (let round = 0; round < scaled(120); round++) {
        // What the kernel has forgotten must be in nobody's way.
        const brief = random.some(3).filter((one) => one.includes('.') && isTree(one) && ![...model].some((other) => isIn(one, other)));
        const [first] = brief;
        if (first !== undefined && round % 5 === 0) {
          sh(`nft 'add element inet banban B_v4_net { ${first} timeout 1ms }' || true`);
          await waitFor('the end of a network', () => !elements('B_v4_net').has(first), { everyMs: 2 });
        }
        const remove = [...new Set([...random.some(2), ...[...model].filter(() => random.chance(4))])];
        const add = random.some(4).concat([...model].filter(() => random.chance(8))).filter((one, i, all) => !all.slice(0, i).some((other) => isIn(one, other)));
        for (const one of remove) model.delete(one);
        const overlap = add.filter((one) => isTree(one) && [...model].some((other) => other !== one && isTree(other) && isIn(one, other)));
        const failures = await write({ remove, add });
        expect(failures.map(([subject]) => subject).sort(), JSON.stringify({ round, remove, add, model: [...model], failures })).toEqual([...overlap].sort());
        refused += overlap.length;
        for (const one of add) if (!overlap.includes(one)) model.add(one);
        expect(await listed(), JSON.stringify({ round, remove, add })).toEqual([...model].sort());
        if (random.chance(20)) {
          for (const set of ['B_v4', 'B_v6', 'B_v4_net', 'B_v6_net']) sh(`nft flush set inet banban ${set}`);
          model = new Set();
        }
      }
      expect(refused).toBeGreaterThan(10);
      expect([...elements('B_v4').keys(), ...elements('B_v4_net').keys()].sort()).toEqual([...model].filter((one) => one.includes('.')).sort());
    });

    test('take and lose 20,000 addresses and 2,000 networks, and nobody takes it for another’s doing', async () => {
      const { write, listed, identity, changes } = await made(kernel);
      const before = await identity();
      const many = [...Array.from({ length: 20_000 }, (_unused, n) => nth(n)), ...Array.from({ length: 2000 }, (_unused, n) => `20.${n >> 8}.${n & 255}.0/24`)];
      expect(await write({ add: many })).toEqual([]);
      expect(await listed()).toEqual([...many].sort());
      expect(await write({ add: many, length: DAY })).toEqual([]);
      expect(await listed()).toHaveLength(22_000);
      expect(await write({ remove: many })).toEqual([]);
      expect(await listed()).toEqual([]);
      expect(await identity()).toBe(before);
      expect(await changes()).toEqual({ changes: 0, wasInside: false });
    });

    test('of a size are full when they are full, and say which rows found no place', async () => {
      const { write, read } = await made(kernel, { sets: SETS.replaceAll('flags', 'size 4; flags') });
      expect((await read()).capacity).toBe(16);
      const failures = await write({ add: [1, 2, 3, 4, 5, 6].map(nth) });
      expect(failures).toEqual([5, 6].map((n) => [nth(n), 'the set B_v4 is full: give it a larger size, or none']));
      expect(await write({ remove: [nth(1)], add: [nth(6)] }), 'places are freed first').toEqual([]);
      expect((await read()).subjects).toEqual([2, 3, 4, 6].map(nth));
      const networks = Array.from({ length: 300 }, (_unused, n) => `20.${n >> 8}.${n & 255}.0/24`);
      expect(await write({ add: networks })).toEqual(networks.slice(4).map((one) => [one, 'the set B_v4_net is full: give it a larger size, or none']));
    });

    test('say of many networks at once which of them overlap others', async () => {
      const { write, listed } = await made(kernel);
      const inner = Array.from({ length: 500 }, (_unused, n) => `20.${n >> 8}.${n & 255}.64/26`);
      const outer = Array.from({ length: 1000 }, (_unused, n) => `20.${n >> 8}.${n & 255}.0/24`);
      expect(await write({ add: inner })).toEqual([]);
      const failures = await write({ add: outer });
      expect(failures).toEqual(outer.slice(0, 500).map((one, n) => [one, `it overlaps the network that begins with 20.${n >> 8}.${n & 255}.64 and is in the set B_v4_net already`]));
      expect(await listed()).toEqual([...inner, ...outer.slice(500)].sort());
    });

    test('that went between two transactions fail the rest', async () => {
      const { ask, write, listed, sh } = await made(kernel);
      const many = Array.from({ length: 40_000 }, (_unused, n) => nth(n));
      await write({ add: ['192.0.2.1'] });
      // On older kernels each is looked for: 17 questions for 16,384 rows.
      await ask({ do: 'meddle', before: kernel === release() ? 2 : 19, argv: ['nft', 'delete', 'table', 'inet', 'banban'] });
      const failures = await write({ remove: ['192.0.2.1'], add: many });
      expect(new Set(failures.map(([, reason]) => reason))).toEqual(new Set([NO_TABLE]));
      expect(failures.map(([subject]) => subject)).toEqual(many.slice(16_383));
      sh('nft -f -', SETS);
      expect(await listed()).toEqual([]);
    });

    test('that are made anew as others in the middle are not written to', async () => {
      const { ask, write, elements, sh } = await made(kernel);
      const other = join(built, 'other.nft');
      sh(`cat > ${other}`, "delete set inet banban B_v4\nadd set inet banban B_v4 { type ipv4_addr; flags interval, timeout; }\n");
      await ask({ do: 'meddle', before: 1, argv: ['nft', '-f', other] });
      const failures = await write({ add: ['192.0.2.1', '198.51.100.0/24'] });
      // The one transaction that was on its way the kernel has taken as it came; the next finds out.
      expect(failures.length).toBeLessThanOrEqual(1);
      expect(await write({ add: ['192.0.2.2', '203.0.113.0/24'] })).toEqual([['192.0.2.2', expect.stringContaining('the set B_v4 has the flag interval') as string]]);
      expect([...elements('B_v4_net').keys()]).toEqual(['198.51.100.0/24', '203.0.113.0/24']);
    });

    test('from which somebody takes a row in the middle get it again', async () => {
      const { ask, write, listed } = await made(kernel);
      await write({ add: ['192.0.2.1', '198.51.100.0/24'] });
      await ask({ do: 'meddle', before: 2, argv: ['nft', 'delete', 'element', 'inet', 'banban', 'B_v4_net', '{ 198.51.100.0/24 }'] });
      expect(await write({ remove: ['198.51.100.0/24'], add: ['192.0.2.1', '192.0.2.2'] })).toEqual([]);
      expect(await listed()).toEqual(['192.0.2.1', '192.0.2.2']);
    });
  });
});

describeKernel('a list of nf_tables', [], () => {
  const kernel = release();

  test('is missing without its table or one of its sets, and says which; the other sets are written all the same', async () => {
    const { write, read, identity, sh } = await made(kernel);
    await write({ add: ['192.0.2.9', '10.0.0.0/8'] });
    sh('nft delete set inet banban B_v4_net');
    const noSet = 'the set B_v4_net is not in the table inet banban: "banctl firewall install" makes it, or firewall: { manage: true } in the configuration';
    const change = { remove: ['192.0.2.9', '10.0.0.0/8'], add: ['192.0.2.1', '2001:db8::/64', '198.51.100.0/24'] };
    expect(await read()).toEqual({ state: 'missing', message: noSet });
    expect(await identity()).toBeNull();
    expect(await write(change)).toEqual([['198.51.100.0/24', noSet]]);
    sh('nft -f -', SETS.split('\n').filter((line) => line.includes('B_v4_net')).join('\n'));
    expect(await identity()).not.toBeNull();
    expect((await read()).subjects).toEqual(['192.0.2.1', '2001:db8::/64']);
    sh('nft delete table inet banban');
    expect(await read()).toEqual({ state: 'missing', message: NO_TABLE });
    expect(await write(change)).toEqual(change.add.map((subject) => [subject, NO_TABLE]));
    expect(await identity()).toBeNull();
  });

  test.each([
    ['B_v4', '{ type ipv4_addr; flags interval, timeout; counter; }', 'has the flag interval', '192.0.2.1'],
    ['B_v4', '{ type ipv4_addr; counter; }', 'lacks the flag timeout', '192.0.2.1'],
    ['B_v4', '{ type inet_service; flags timeout; }', 'is not of the type ipv4_addr', '192.0.2.1'],
    ['B_v6', '{ type ipv4_addr; flags timeout; }', 'is not of the type ipv6_addr', '2001:db8::/64'],
    ['B_v6_net', '{ type ipv6_addr; flags timeout; }', 'lacks the flag interval', '2001:db8::1'],
    ['B_v4', '{ type ipv4_addr . inet_service; flags timeout; }', 'is not of the type ipv4_addr', '192.0.2.1'],
  ])('can’t be used when a set is not as it has to be, and is not written to: %s %s', async (name, definition, what, row) => {
    const { write, read, identity, elements, sh } = await made(kernel);
    sh(`nft 'delete set inet banban ${name}; add set inet banban ${name} ${definition}'`);
    const message = `the set ${name} ${what}, so banban can't use it: take the table away with "nft delete table inet banban", and "banctl firewall install" makes it anew`;
    expect(await read()).toEqual({ state: 'failed', message });
    expect(await write({ add: [row, '203.0.113.0/24'] })).toEqual([[row, message]]);
    expect(await write({ remove: [row] })).toEqual([[row, message]]);
    expect(await identity()).not.toBeNull();
    expect([...elements(name).keys(), ...elements('B_v4_net').keys()]).toEqual(['203.0.113.0/24']);
  });

  test('can’t be used when a set is a map', async () => {
    const { read, sh } = await made(kernel);
    sh("nft 'delete set inet banban B_v4; add map inet banban B_v4 { type ipv4_addr : verdict; flags timeout; }'");
    expect(await read()).toMatchObject({ state: 'failed', message: expect.stringContaining('the set B_v4 is a map') as string });
  });

  test('has another identity when somebody touched it, and tells at once; not for other tables, and not for what it did itself', async () => {
    const { write, identity, changes, listed, sh } = await made(kernel);
    const seen: (string | null)[] = [await identity()];
    await write({ add: ['192.0.2.1', '192.0.2.2', '10.0.0.0/8'] });
    await write({ remove: ['192.0.2.2'], add: ['192.0.2.1'] });
    sh("nft 'add table inet other; add set inet other B_v4 { type ipv4_addr; }; add element inet other B_v4 { 1.2.3.4 }; add table ip banban; add set ip banban B_v4 { type ipv4_addr; }; add element ip banban B_v4 { 1.2.3.4 }'");
    expect(await identity()).toBe(seen[0]);
    expect((await changes()).changes).toBe(0);
    for (const [i, command] of [
      "nft delete element inet banban B_v4 '{ 192.0.2.1 }'",
      "nft add element inet banban B_v4 '{ 192.0.2.5 }'",
      'nft flush set inet banban B_v4_net',
      "nft 'add chain inet banban input { type filter hook input priority -10; }; add rule inet banban input ip saddr @B_v4 drop'",
      `nft -f - <<'END'\ndelete table inet banban\n${SETS}\nEND`,
    ].entries()) {
      sh(command);
      await waitFor('word of it', async () => (await changes()).changes > i);
      const now = await identity();
      expect(seen, command).not.toContain(now);
      expect(now).not.toBeNull();
      seen.push(now);
    }
    expect(await listed()).toEqual([]);
    sh('nft flush ruleset');
    expect(await identity(), 'asked before anything was told').toBeNull();
    sh('nft -f -', SETS);
    expect(seen).not.toContain(await identity());
    expect(await write({ add: ['192.0.2.1'] })).toEqual([]);
    expect(await listed()).toEqual(['192.0.2.1']);
    expect((await changes()).wasInside).toBe(false);
  });

  test('notices a flood of changes of which the kernel could not tell all', async () => {
    const { identity, changes, sh } = await made(kernel);
    const before = await identity();
    const many = Array.from({ length: 60_000 }, (_unused, n) => nth(n)).join(', ');
    sh('nft -f -', `add element inet banban B_v4 { ${many} }\n`.repeat(4) + `flush set inet banban B_v4\n`);
    await waitFor('word of it', async () => (await changes()).changes > 0);
    expect(await identity()).not.toBe(before);
  });

  test('that was closed is told nothing more; the other is', async () => {
    const { ask, changes, identity, sh } = await made(kernel);
    await identity(B);
    await identity(WIDE);
    sh("nft add element inet banban B_v4 '{ 192.0.2.1 }'");
    await waitFor('word to both', async () => (await changes()).changes === 2);
    await ask({ do: 'close', list: B });
    sh("nft add element inet banban B_v4 '{ 192.0.2.2 }'");
    await waitFor('word to one', async () => (await changes()).changes === 3);
    expect((await changes()).changes).toBe(3);
  });

  test('leaves alone what is not banban’s', async () => {
    const { listed, write, elements, sh } = await made(kernel);
    sh("nft 'add element inet banban B_v4_net { 1.2.3.0-1.2.4.255, 9.9.9.9 }; add element inet banban B_v6 { 2001:db8::5 }; add element inet banban B_v4 { 8.8.8.8 comment \"mine\" }'");
    expect(await listed()).toEqual(['8.8.8.8']);
    expect(await write({ remove: ['1.2.3.0/24', '9.9.9.9'], add: ['1.2.4.0/24', '9.9.9.9'] })).toEqual([['1.2.4.0/24', 'it overlaps the network that begins with 1.2.3.0 and is in the set B_v4_net already']]);
    expect([...elements('B_v4_net').keys()]).toEqual(['1.2.3.0-1.2.4.255', '9.9.9.9']);
  });

  test('refuses what is no address without stopping for it', async () => {
    const { listed, write } = await made(kernel);
    const reason = 'it is not an address in canonical form; this is a fault in banban';
    expect(await write({ remove: ['x'], add: ['010.0.0.1', '192.0.2.1', '2001:DB8::1', '1.2.3.4/33', ''] })).toEqual([['x', reason], ['010.0.0.1', reason], ['2001:DB8::1', reason], ['1.2.3.4/33', reason], ['', reason]]);
    expect(await listed()).toEqual(['192.0.2.1']);
  });

  test('can be had by root only', async () => {
    const { opened } = await made(kernel, { user: '65534' });
    expect(opened).toMatch(/Operation not permitted/);
  });
});

/** Subjects that often meet: few networks, at both ends of the addresses. */
function randomSubjects(from: number) {
  const random = seededRandom(from);
  const below = (limit: number): number => random(limit);
  const masked = (width: number, bits: number): number => (below(2 ** width) >> (width - bits)) << (width - bits);
  const kinds: (() => string)[] = [
    () => ((bits) => `10.0.0.${masked(8, bits)}/${24 + bits}`)(below(9)),
    () => ((bits) => `${masked(8, bits)}.0.0.0/${bits}`)(below(9)),
    () => ((bits) => `2001:db8::${masked(8, bits).toString(16)}/${120 + bits}`)(below(9)),
    () => ((bits) => `ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff${masked(8, bits).toString(16).padStart(2, '0')}/${120 + bits}`)(below(9)),
    () => ((bits) => `2001:db8:0:${masked(4, bits).toString(16)}::/${60 + bits}`)(below(5)),
  ];
  const one = (): Subject => {
    const subject = parseSubject(kinds[below(kinds.length)]?.() ?? '');
    if (subject === undefined) throw new Error('not a subject');
    return subject;
  };
  return { chance: (of: number): boolean => below(of) === 0, some: (most: number): Subject[] => Array.from({ length: below(most + 1) }, one) };
}
