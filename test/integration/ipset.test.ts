/** The driver for the program ipset, in real sets. */
import { instant, NEVER, parseSubject, type Subject } from 'banban-shared';
import { expect, test } from 'vitest';
import { systemClock } from '../../packages/server/src/clock.ts';
import type { Row } from '../../packages/server/src/enforce/firewall.ts';
import { ipsetDriver, ipsetList } from '../../packages/server/src/enforce/ipset/ipset.ts';
import { ipsetReferences } from '../../packages/server/src/enforce/ipset/references.ts';
import { ipsetCreateLines } from '../../packages/server/src/enforce/ruleset/ipset-lines.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { describeKernel } from '../support/kernel-gate.ts';
import { found, listed, namespacePrograms, written } from '../support/namespace-programs.ts';
import { DAY, HOUR, target } from '../support/policies.ts';
import { nth } from '../support/records.ts';
import { waitFor } from '../support/wait-for.ts';

const subject = (text: string): Subject => {
  const parsed = parseSubject(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
};
const rows = (texts: readonly string[], length = HOUR): Row[] => texts.map((text) => ({ subject: subject(text), until: instant(systemClock.now() + length) }));
const noSet = (name: string): string => `the set ${name} of ipset is not there: "banctl firewall install" makes it, or firewall: { manage: true } in the configuration`;

async function made(ipv6Prefix = 64) {
  const { sh, path, calls } = await namespacePrograms('ipset');
  const config = target('B', { backends: ['ipset'], ipv6Prefix });
  sh('ipset restore', `${ipsetCreateLines(config).join('\n')}\n`);
  /** The rows of a set as ipset lists them, their timeouts in seconds: with one more for what is on its way to the next. */
  const elements = (set: string): Map<string, number> =>
    new Map(sh(`ipset save ${set}`).split('\n').flatMap((line) => { const match = /^add \S+ (\S+) timeout (\d+)/.exec(line); return match === null ? [] : [[match[1] ?? '', Number(match[2])] as const]; }));
  return { sh, path, calls, elements, config, driver: ipsetDriver(config, { clock: systemClock, path }) };
}

/** Whether a row was given so many seconds some moments ago. */
const about = (seconds: number | undefined, given: number): boolean => seconds !== undefined && seconds <= given && seconds > given - 5;

describeKernel('sets of ipset', [], () => {
  test('get rows of every kind, each in its place, and read them back in one conversation', async () => {
    const { driver, elements, calls } = await made();
    const all = ['192.0.2.1', '198.51.100.0/24', '2001:db8:1:2::/64', '2001:db8:1:3::9', '2001:db8:5::/48', '240.0.0.0/4', '255.255.255.255', '10.0.0.0/9', '10.0.0.0/8', '::102:304', '0.0.0.0/1', '8000::/1', '2001:db8:0:1::/64'];
    expect(await written(driver, { add: rows(all) })).toEqual(new Map());
    expect(await listed(driver)).toEqual([...all].sort());
    // One look before the first row.
    expect(calls()).toEqual(['-', 'restore -exist', '-']);
    expect([...elements('banban-B-4').keys()].sort()).toEqual(['192.0.2.1', '255.255.255.255']);
    expect([...elements('banban-B-6').keys()].sort()).toEqual(['2001:db8:0:1::', '2001:db8:1:2::']);
    expect([...elements('banban-B-6n').keys()].sort()).toEqual(['2001:db8:1:3::9', '2001:db8:5::/48', '8000::/1', '::1.2.3.4']);
    expect(await written(driver, { remove: all.map(subject) })).toEqual(new Map());
    expect(await listed(driver)).toEqual([]);
  });

  test('have single IPv6 addresses in the hash where they are what is banned', async () => {
    const { driver, elements } = await made(128);
    expect(await written(driver, { add: rows(['2001:db8::1', '2001:db8:1:2::/64']) })).toEqual(new Map());
    expect([...elements('banban-B-6').keys(), ...elements('banban-B-6n').keys()]).toEqual(['2001:db8::1', '2001:db8:1:2::/64']);
    expect(await listed(driver)).toEqual(['2001:db8:1:2::/64', '2001:db8::1']);
  });

  test('have no room for a few, which are refused', async () => {
    const { driver } = await made();
    const refused = ['0.0.0.0', '::/64', '0.0.0.0/0', '::/0'].map(subject);
    for (const one of refused) expect(driver.refuses(one)).toBeDefined();
    expect([...(await written(driver, { add: refused.map((one) => ({ subject: one, until: NEVER })) })).keys()].sort()).toEqual([...refused].sort());
    for (const one of ['0.0.0.1', '0.0.0.0/1', '::/63', '::1', '::']) expect(driver.refuses(subject(one))).toBeUndefined();
    expect(await written(driver, { add: rows(['0.0.0.1', '0.0.0.0/1', '::/63', '::1', '::']) })).toEqual(new Map());
  });

  test('forget by themselves a little after the end, and what is for ever never', async () => {
    const { driver, elements } = await made();
    const add = [...rows(['192.0.2.1', '198.51.100.0/24'], 10_000), ...rows(['192.0.2.2', '203.0.113.0/24'], 3650 * DAY), { subject: subject('192.0.2.3'), until: NEVER }, ...rows(['192.0.2.4'], -DAY)];
    expect(await written(driver, { add })).toEqual(new Map());
    const now = new Map([...elements('banban-B-4'), ...elements('banban-B-4n')]);
    expect(['192.0.2.1', '198.51.100.0/24'].map((text) => about(now.get(text), 12))).toEqual([true, true]);
    expect(['192.0.2.2', '203.0.113.0/24'].map((text) => about(now.get(text), 2_147_483))).toEqual([true, true]);
    expect(now.get('192.0.2.3')).toBe(0);
    await waitFor('the end of a row', async () => !(await listed(driver)).includes('192.0.2.4'));
  });

  test('lengthen and shorten what is there, whoever wrote it', async () => {
    const { driver, elements, sh } = await made();
    sh('ipset add banban-B-4 192.0.2.1 timeout 5; ipset add banban-B-4n 198.51.100.0/24 timeout 5; ipset add banban-B-6n 2001:db8::1 timeout 0');
    const all = (): number[] => [...elements('banban-B-4').values(), ...elements('banban-B-4n').values(), ...elements('banban-B-6n').values()];
    for (const length of [HOUR, 2 * HOUR, HOUR / 2]) {
      expect(await written(driver, { add: rows(['192.0.2.1', '198.51.100.0/24', '2001:db8::1'], length) })).toEqual(new Map());
      expect(all().map((seconds) => about(seconds, length / 1000 + 2))).toEqual([true, true, true]);
    }
    expect(await written(driver, { add: ['192.0.2.1', '198.51.100.0/24', '2001:db8::1'].map((text) => ({ subject: subject(text), until: NEVER })) })).toEqual(new Map());
    expect(all()).toEqual([0, 0, 0]);
  });

  test('renew what is to last for longer than ipset can', async () => {
    const { config, path, sh, elements } = await made();
    const clock = fakeClock();
    // The program is waited for by the machine's clock, and what it is told goes by the other.
    const driver = ipsetDriver(config, { clock: { ...clock, after: systemClock.after }, path });
    const until = instant(clock.now() + 40 * DAY);
    expect(await written(driver, { add: [subject('192.0.2.1'), subject('192.0.2.2')].map((one) => ({ subject: one, until })) })).toEqual(new Map());
    expect(about(elements('banban-B-4').get('192.0.2.1'), 2_147_483)).toBe(true);
    clock.advance(24 * DAY);
    await written(driver, { remove: [subject('192.0.2.2')] });
    sh('for i in 1 2; do ipset add banban-B-4 192.0.2.$i timeout 70000 -exist; done');
    expect(await listed(driver)).toEqual(['192.0.2.1', '192.0.2.2']);
    expect(about(elements('banban-B-4').get('192.0.2.1'), (16 * DAY) / 1000 + 2)).toBe(true);
    expect(about(elements('banban-B-4').get('192.0.2.2'), 70_000)).toBe(true);
  });

  test('lose what is not there without complaint, and change networks for wider ones', async () => {
    const { driver } = await made();
    await written(driver, { add: rows(['10.0.0.0/8', '192.0.2.1', '172.16.1.0/24']) });
    expect(await written(driver, { remove: ['10.1.0.0/16', '172.16.1.0/24', '192.0.2.9', '2001:db8::/64', '2001:db8::5'].map(subject), add: rows(['172.16.0.0/12']) })).toEqual(new Map());
    expect(await listed(driver)).toEqual(['10.0.0.0/8', '172.16.0.0/12', '192.0.2.1']);
  });

  test('that are full say so, and the others go on', async () => {
    const { driver, sh, calls } = await made();
    sh('ipset destroy banban-B-4; ipset create banban-B-4 hash:ip family inet maxelem 100 timeout 0');
    const many = Array.from({ length: 3000 }, (_, n) => nth(n));
    const failures = await written(driver, { remove: [subject('9.9.9.9')], add: [...many.map((one) => ({ subject: one, until: NEVER })), ...rows(['2001:db8::/64', '10.0.0.0/8'])] });
    expect(failures.size).toBeGreaterThan(2000);
    expect(new Set(failures.values())).toEqual(new Set(['the set banban-B-4 of ipset is full: make it anew with a larger maxelem']));
    expect([failures.has(subject('10.0.0.0/8')), failures.has(subject('2001:db8::/64'))]).toEqual([false, false]);
    expect(calls().length).toBeLessThan(5);
    const rest = await listed(driver);
    expect([rest.length + failures.size, rest.includes('10.0.0.0/8'), rest.includes('2001:db8::/64')]).toEqual([3002, true, true]);
    expect(driver.hits?.().get(subject('10.0.0.0/8'))).toEqual({ packets: 0, bytes: 0, lastAt: undefined });
    expect(driver.hits?.().get(nth(0))).toEqual({ packets: undefined, bytes: undefined, lastAt: undefined });
  });

  test('take and lose 10,000 addresses and 2,000 networks by one child', async () => {
    const { driver, calls } = await made();
    await listed(driver);
    calls();
    const many = [...Array.from({ length: 10_000 }, (_, n) => nth(n)), ...Array.from({ length: 2000 }, (_, n) => subject(`20.${n >> 8}.${n & 255}.0/24`))];
    expect(await written(driver, { add: many.map((one) => ({ subject: one, until: NEVER })) })).toEqual(new Map());
    expect(calls()).toEqual(['restore -exist']);
    expect(await listed(driver)).toHaveLength(12_000);
    expect(await written(driver, { remove: many })).toEqual(new Map());
    expect(await listed(driver)).toEqual([]);
  });

  test('count what meets their rows, IPv6 by its network, and tell how many rules look into them', async () => {
    const { driver, sh, path } = await made();
    sh('iptables -A INPUT -m set --match-set banban-B-4 src -j DROP; ip6tables -A INPUT -m set --match-set banban-B-6 src -j DROP; ip address add 2001:db8:1:2::9/64 dev lo nodad');
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
    expect(await ipsetReferences(systemClock, path)).toEqual(new Map([['banban-B-4', 1], ['banban-B-6', 1], ['banban-B-4n', 0], ['banban-B-6n', 0]]));
  });

  test('that are gone are missing, and what was to be removed from them is gone', async () => {
    const { driver, sh } = await made();
    const change = { remove: [subject('192.0.2.9'), subject('10.0.0.0/8')], add: rows(['192.0.2.1', '2001:db8::/64', '198.51.100.0/24']) };
    sh('ipset destroy banban-B-4n');
    expect(await found(driver)).toEqual({ state: 'missing', message: noSet('banban-B-4n') });
    expect(await written(driver, change)).toEqual(new Map([['198.51.100.0/24', noSet('banban-B-4n')]]));
    sh('ipset destroy');
    expect(await found(driver)).toEqual({ state: 'missing', message: noSet('banban-B-4') });
    expect(await written(driver, change)).toEqual(
      new Map([
        ['192.0.2.1', noSet('banban-B-4')],
        ['2001:db8::/64', noSet('banban-B-6')],
        ['198.51.100.0/24', noSet('banban-B-4n')],
      ]),
    );
  });

  test.each([
    ['banban-B-4', 'hash:net family inet timeout 0', 'is of the type hash:net and has to be hash:ip'],
    ['banban-B-4', 'hash:ip family inet6 timeout 0', 'is not of the family inet'],
    ['banban-B-4', 'hash:ip family inet', 'was made without a timeout'],
    ['banban-B-4', 'hash:ip family inet netmask 24 timeout 0', 'has a netmask'],
    ['banban-B-6', 'hash:ip family inet6 timeout 0', 'lacks the netmask 64'],
    ['banban-B-6', 'hash:ip family inet6 netmask 56 timeout 0', 'lacks the netmask 64'],
  ])('that are not as they have to be are told: %s %s', async (name, definition, what) => {
    const { driver, sh, config, path } = await made();
    sh(`ipset destroy ${name}; ipset create ${name} ${definition}`);
    expect(await found(driver)).toEqual({ state: 'failed', message: `the set ${name} of ipset ${what}: take it out of the rules and destroy it, and "banctl firewall install" makes it anew` });
    // Whatever the set takes or not, the rest gets its rows.
    const before = sh(`ipset save ${name}`);
    const failures = await written(driver, { add: rows(['192.0.2.1', '2001:db8:1:2::/64', '198.51.100.0/24']) });
    expect([failures.size, sh(`ipset save ${name}`)]).toEqual([1, before]);
    expect(sh('ipset save banban-B-4n')).toContain('198.51.100.0/24');
    // Also where nobody has looked before the first row.
    const other = ipsetDriver(config, { clock: systemClock, path });
    expect(await written(other, { add: rows(['192.0.2.1', '2001:db8:1:2::/64', '198.51.100.0/24']) })).toEqual(failures);
  });

  test('make a list that gets its rows when the sets come', async () => {
    const { config, path, sh } = await made();
    sh('ipset destroy');
    let changes = 0;
    const list = ipsetList(config, { clock: systemClock, path, changed: () => changes++ });
    list.write({ remove: [], add: rows(['192.0.2.1', '10.0.0.0/8']) });
    await waitFor('the missing sets', () => list.read().state === 'missing' && changes > 0);
    expect(list.identity()).toBeUndefined();
    sh('ipset restore', `${ipsetCreateLines(config).join('\n')}\n`);
    const state = await waitFor('the rows', () => {
      const now = list.read();
      return now.state === 'present' && now.subjects.size === 2 && now;
    });
    expect([[...state.subjects].sort(), state.pending.size, state.failures.size]).toEqual([['10.0.0.0/8', '192.0.2.1'], 0, 0]);
    list.close();
  });
});
