/** The driver for the program nft, in real tables. */
import { instant, NEVER, parseSubject, type Subject } from 'banban-shared';
import { expect, test } from 'vitest';
import { systemClock } from '../../packages/server/src/clock.ts';
import type { Row } from '../../packages/server/src/enforce/firewall.ts';
import { nftProgramDriver, nftProgramList } from '../../packages/server/src/enforce/nft-program/nft-program.ts';
import { describeKernel } from '../support/kernel-gate.ts';
import { found, listed, namespacePrograms, written } from '../support/namespace-programs.ts';
import { DAY, HOUR, target } from '../support/policies.ts';
import { nth } from '../support/records.ts';
import { waitFor } from '../support/wait-for.ts';

const SETS = `
add table inet banban
add set inet banban B_v4 { type ipv4_addr; flags timeout; counter; }
add set inet banban B_v6 { type ipv6_addr; flags timeout; counter; }
add set inet banban B_v4_net { type ipv4_addr; flags interval, timeout; counter; }
add set inet banban B_v6_net { type ipv6_addr; flags interval, timeout; counter; }
`;

const subject = (text: string): Subject => {
  const parsed = parseSubject(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
};
const rows = (texts: readonly string[], length = HOUR): Row[] => texts.map((text) => ({ subject: subject(text), until: instant(systemClock.now() + length) }));
const networks = (count: number): string[] => Array.from({ length: count }, (_, n) => `20.${n >> 8}.${n & 255}.0/24`);

async function made(ipv6Prefix = 64) {
  const { sh, path, calls } = await namespacePrograms('nft');
  sh('nft -f -', SETS);
  const config = target('B', { backends: ['nftables'], ipv6Prefix });
  /** The elements of a set as nft lists them, their timeouts in seconds. */
  const elements = (set: string): Map<string, number> => {
    const text = sh(`nft -j list set inet banban ${set}`);
    const parsed = JSON.parse(text) as { nftables: { set?: { elem?: { elem: { val: string | { prefix: { addr: string; len: number } }; timeout?: number } }[] } }[] };
    return new Map(parsed.nftables.flatMap((one) => one.set?.elem ?? []).map(({ elem: { val, timeout = 0 } }) => [typeof val === 'string' ? val : `${val.prefix.addr}/${val.prefix.len}`, timeout]));
  };
  return { sh, path, calls, elements, config, driver: nftProgramDriver(config, { clock: systemClock, path }) };
}

describeKernel('sets of nftables by the program nft', [], () => {
  test('get rows of every kind, each in its place, and read them back', async () => {
    const { driver, elements } = await made();
    const all = ['192.0.2.1', '198.51.100.0/24', '2001:db8:1:2::/64', '2001:db8:1:3::9', '2001:db8:5::/48', '0.0.0.0', '240.0.0.0/4', '255.255.255.255', '10.0.0.0/9', '10.128.0.0/9', '2001:db8:1:4::102:304', '::/64', '::102:304'];
    expect(await written(driver, { add: rows(all) })).toEqual(new Map());
    expect(await listed(driver)).toEqual([...all].sort());
    expect([...elements('B_v4').keys()].sort()).toEqual(['0.0.0.0', '192.0.2.1', '255.255.255.255']);
    expect([...elements('B_v6').keys()].sort()).toEqual(['2001:db8:1:2::', '::']);
    expect([...elements('B_v6_net').keys()].sort()).toEqual(['2001:db8:1:3::9', '2001:db8:1:4::102:304', '2001:db8:5::/48', '::1.2.3.4']);
    expect(await written(driver, { remove: all.map(subject) })).toEqual(new Map());
    expect(await listed(driver)).toEqual([]);
  });

  test('have single IPv6 addresses in the hash where they are what is banned', async () => {
    const { driver, elements } = await made(128);
    expect(await written(driver, { add: rows(['2001:db8::1', '2001:db8:1:2::/64']) })).toEqual(new Map());
    expect([...elements('B_v6').keys(), ...elements('B_v6_net').keys()]).toEqual(['2001:db8::1', '2001:db8:1:2::/64']);
    expect(await listed(driver)).toEqual(['2001:db8:1:2::/64', '2001:db8::1']);
  });

  test('take the whole of either family', async () => {
    const { driver } = await made();
    expect(await written(driver, { add: rows(['::/0', '0.0.0.0/0']) })).toEqual(new Map());
    expect(await listed(driver)).toEqual(['0.0.0.0/0', '::/0']);
  });

  test('forget by themselves a little after the end, and what is for ever never', async () => {
    const { driver, elements } = await made();
    const add = [...rows(['192.0.2.1', '198.51.100.0/24'], 10_000), ...rows(['192.0.2.2', '203.0.113.0/24'], 3650 * DAY), { subject: subject('192.0.2.3'), until: NEVER }, ...rows(['192.0.2.4'], -DAY)];
    expect(await written(driver, { add })).toEqual(new Map());
    expect(Object.fromEntries([...elements('B_v4'), ...elements('B_v4_net')])).toEqual({
      '192.0.2.1': 12,
      '198.51.100.0/24': 12,
      '192.0.2.2': 315_360_002,
      '203.0.113.0/24': 315_360_002,
      '192.0.2.3': 0,
      '192.0.2.4': 2,
    });
    await waitFor('the end of a row', async () => !(await listed(driver)).includes('192.0.2.4'));
  });

  test('lengthen and shorten what is there, whoever wrote it', async () => {
    const { driver, elements, sh } = await made();
    const both = ['192.0.2.1', '198.51.100.0/24', '2001:db8::1'];
    sh("nft 'add element inet banban B_v4 { 192.0.2.1 timeout 5s }; add element inet banban B_v4_net { 198.51.100.0/24 timeout 5s }; add element inet banban B_v6_net { 2001:db8::1 timeout 5s }'");
    for (const length of [HOUR, 2 * HOUR, HOUR / 2]) {
      expect(await written(driver, { add: rows(both, length) })).toEqual(new Map());
      expect([...elements('B_v4').values(), ...elements('B_v4_net').values(), ...elements('B_v6_net').values()]).toEqual(Array(3).fill(length / 1000 + 2));
      await listed(driver);
    }
    expect(await written(driver, { add: both.map((text) => ({ subject: subject(text), until: NEVER })) })).toEqual(new Map());
    expect([...elements('B_v4').values(), ...elements('B_v4_net').values(), ...elements('B_v6_net').values()]).toEqual([0, 0, 0]);
  });

  test('lose what is not there without complaint, also where it would overlap', async () => {
    const { driver } = await made();
    await written(driver, { add: rows(['10.0.0.0/8', '192.0.2.1']) });
    expect(await written(driver, { remove: ['10.1.0.0/16', '172.16.0.0/12', '192.0.2.9', '2001:db8::/64', '2001:db8::5'].map(subject) })).toEqual(new Map());
    expect(await listed(driver)).toEqual(['10.0.0.0/8', '192.0.2.1']);
  });

  test('change a network for a wider or a narrower one in one change', async () => {
    const { driver } = await made();
    await written(driver, { add: rows(['10.1.0.0/16', '10.2.0.0/16', '2001:db8::/48']) });
    expect(await written(driver, { remove: ['10.1.0.0/16', '10.2.0.0/16'].map(subject), add: rows(['10.0.0.0/8']) })).toEqual(new Map());
    expect(await listed(driver)).toEqual(['10.0.0.0/8', '2001:db8::/48']);
    expect(await written(driver, { remove: ['10.0.0.0/8'].map(subject), add: rows(['10.2.0.0/16', '192.0.2.1']) })).toEqual(new Map());
    expect(await listed(driver)).toEqual(['10.2.0.0/16', '192.0.2.1', '2001:db8::/48']);
  });

  test('take the rest where rows are refused', async () => {
    const { driver, calls } = await made();
    await written(driver, { add: rows(['10.0.0.0/8']) });
    calls();
    const good = Array.from({ length: 3000 }, (_, n) => nth(n) as string);
    const failures = await written(driver, { add: rows([...good, '10.1.0.0/16', '20.0.0.0/8', '10.2.0.0/16']) });
    expect([...failures.keys()].sort()).toEqual(['10.1.0.0/16', '10.2.0.0/16']);
    expect(failures.get(subject('10.1.0.0/16'))).toBe('it overlaps a network that is in the set B_v4_net already');
    expect(await listed(driver)).toEqual([...good, '10.0.0.0/8', '20.0.0.0/8'].sort());
    expect(calls().filter((line) => line.startsWith('-f')).length).toBeLessThanOrEqual(4);
  });

  test('take and lose 10,000 addresses in one transaction, and 2,000 networks', async () => {
    const { driver, calls } = await made();
    const many = Array.from({ length: 10_000 }, (_, n) => nth(n));
    await listed(driver);
    calls();
    expect(await written(driver, { add: many.map((one) => ({ subject: one, until: NEVER })) })).toEqual(new Map());
    expect(calls()).toEqual(['-f -']);
    expect(await written(driver, { add: rows(networks(2000)) })).toEqual(new Map());
    expect(calls()).toEqual(['-f -']);
    expect(await listed(driver)).toHaveLength(12_000);
    expect(await written(driver, { remove: [...many, ...networks(2000).map(subject)] })).toEqual(new Map());
    expect(await listed(driver)).toEqual([]);
  });

  test('count what meets their rows', async () => {
    const { driver, sh } = await made();
    sh("nft 'add chain inet banban input { type filter hook input priority -10; }; add rule inet banban input ip saddr @B_v4 drop; add rule inet banban input ip6 saddr & ffff:ffff:ffff:ffff:: @B_v6 drop'; ip address add 2001:db8:1:2::9/64 dev lo nodad");
    await written(driver, { add: rows(['127.0.0.1', '192.0.2.1', '2001:db8:1:2::/64']) });
    sh('ping -c 1 -W 1 127.0.0.1 || true; ping -6 -c 1 -W 1 2001:db8:1:2::9 || true');
    await listed(driver);
    expect(driver.hits?.()).toEqual(
      new Map([
        ['127.0.0.1', { packets: 1, bytes: 84, lastAt: undefined }],
        ['192.0.2.1', { packets: 0, bytes: 0, lastAt: undefined }],
        ['2001:db8:1:2::/64', { packets: 1, bytes: 104, lastAt: undefined }],
      ]),
    );
  });

  test('leave alone what is not banban’s', async () => {
    const { driver, sh } = await made();
    sh("nft 'add element inet banban B_v4_net { 1.2.3.0-1.2.4.255, 9.9.9.9 }; add element inet banban B_v6 { 2001:db8::5 }; add element inet banban B_v4 { 8.8.8.8 comment \"mine\" }'");
    expect(await listed(driver)).toEqual(['8.8.8.8']);
  });

  test('that are gone are missing, and what was to be removed from them is gone', async () => {
    const { driver, sh } = await made();
    const change = { remove: [subject('192.0.2.9'), subject('10.0.0.0/8')], add: rows(['192.0.2.1', '2001:db8::/64', '198.51.100.0/24']) };
    sh('nft delete set inet banban B_v4_net');
    const noSet = 'the set B_v4_net is not in the table inet banban: "banctl firewall install" makes it, or firewall: { manage: true } in the configuration';
    expect(await found(driver)).toEqual({ state: 'missing', message: noSet });
    expect(await written(driver, change)).toEqual(new Map([['198.51.100.0/24', noSet]]));
    sh('nft delete table inet banban');
    const noTable = 'the table inet banban is not there: "banctl firewall install" makes it, or firewall: { manage: true } in the configuration';
    expect(await found(driver)).toEqual({ state: 'missing', message: noTable });
    expect(await written(driver, change)).toEqual(new Map(change.add.map((row) => [row.subject, noTable])));
  });

  test.each([
    ['B_v4', '{ type ipv4_addr; flags interval, timeout; counter; }', 'has the flag interval'],
    ['B_v4', '{ type ipv4_addr; counter; }', 'lacks the flag timeout'],
    ['B_v4', '{ type inet_service; flags timeout; }', 'is not of the type ipv4_addr'],
    ['B_v6_net', '{ type ipv6_addr; flags timeout; }', 'lacks the flag interval'],
  ])('that are not as they have to be are told: %s %s', async (name, definition, what) => {
    const { driver, sh } = await made();
    sh(`nft 'delete set inet banban ${name}; add set inet banban ${name} ${definition}'`);
    expect(await found(driver)).toEqual({
      state: 'failed',
      message: `the set ${name} ${what}, so banban can't use it: take the table away with "nft delete table inet banban", and "banctl firewall install" makes it anew`,
    });
  });

  test('make a list that gets its rows when the table comes', async () => {
    const { config, path, sh } = await made();
    sh('nft delete table inet banban');
    let changes = 0;
    const list = nftProgramList(config, { clock: systemClock, path, changed: () => changes++ });
    list.write({ remove: [], add: rows(['192.0.2.1', '10.0.0.0/8']) });
    await waitFor('the missing table', () => list.read().state === 'missing' && changes > 0);
    expect(list.identity()).toBeUndefined();
    sh('nft -f -', SETS);
    const state = await waitFor('the rows', () => {
      const now = list.read();
      return now.state === 'present' && now.subjects.size === 2 && now;
    });
    expect([[...state.subjects].sort(), state.pending.size, state.failures.size]).toEqual([['10.0.0.0/8', '192.0.2.1'], 0, 0]);
    list.close();
  });
});
