import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { instant, type Address, type Subject } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import { xtRecentList, xtRecentUnavailable } from '../../../../packages/server/src/enforce/xt-recent.ts';
import { prefix, target } from '../../../support/policies.ts';
import { address, nth } from '../../../support/records.ts';
import { tempDir } from '../../../support/temp-dir.ts';

/** Plain files stand for lists here: what a read makes of their text. The real kernel is in test/integration. */
function list(text: string | undefined, { name = 'X', ipv6Prefix = 128, capacity = '100\n' } = {}) {
  const directory = tempDir();
  const root = join(directory, 'xt_recent');
  mkdirSync(root);
  const file = join(root, 'X');
  if (text !== undefined) writeFileSync(file, text);
  const capacityFile = join(directory, 'ip_list_tot');
  writeFileSync(capacityFile, capacity);
  const opened = xtRecentList(target(name, { ipv6Prefix }), { root, capacityFile });
  const put = (remove: readonly Subject[], add: readonly Subject[]) => [...opened.write({ remove, add: add.map((subject) => ({ subject, until: instant(0) })) })];
  return { ...opened, put, root, file, text: () => readFileSync(file, 'utf8') };
}

/** Long enough for a command to be written over. */
const EMPTY = '.'.repeat(40);

const present = (subjects: readonly string[], capacity: number | undefined = 100) => ({ state: 'present', subjects: new Set(subjects), pending: new Set(), failures: new Map(), capacity });

describe('what a list has', () => {
  test('is read as canonical addresses, and what is no row is left out', () => {
    const text = [
      'src=192.0.2.1 ttl: 0 last_seen: 4296004633 oldest_pkt: 2 4296004582, 4296004633',
      'src=2001:0db8:0000:0000:0000:0000:0000:0001 ttl: 64 last_seen: 1 oldest_pkt: 1 1',
      'src=010.0.0.1 ttl: 0 last_seen: 1 oldest_pkt: 1 1',
      'src=192.0.2.2',
      'dst=192.0.2.3 ttl: 0',
      '',
      'src=192.0.2.4 ttl: 0 last_seen: 1 oldest_pkt: 1 1',
    ].join('\n');
    expect(list(text).read()).toEqual(present(['192.0.2.1', '2001:db8::1', '192.0.2.4']));
  });

  test('is not an IPv4 address where the row is one of IPv6, which no IPv4 packet matches', () => {
    expect(list('src=0000:0000:0000:0000:0000:ffff:c000:0201 ttl: 0 last_seen: 1 oldest_pkt: 1 1\n').read()).toEqual(present([]));
  });

  test('is networks of the target’s prefix where the rest is zero, and other addresses are somebody else’s', () => {
    const text = ['2001:0db8:0001:0002:0000:0000:0000:0000', '2001:0db8:0001:0003:0000:0000:0000:0001', '192.0.2.0'].map((a) => `src=${a} ttl: 0 last_seen: 1 oldest_pkt: 1 1\n`).join('');
    expect(list(text, { ipv6Prefix: 64 }).read()).toEqual(present(['2001:db8:1:2::/64', '2001:db8:1:3::1', '192.0.2.0']));
    expect(list(text, { ipv6Prefix: 56 }).read()).toEqual(present(['2001:db8:1:2::', '2001:db8:1:3::1', '192.0.2.0']));
    expect(list(text).read()).toEqual(present(['2001:db8:1:2::', '2001:db8:1:3::1', '192.0.2.0']));
  });

  test('is read whole when it is 50,000 rows', () => {
    const text = Array.from({ length: 50_000 }, (_, i) => `src=${nth(i)} ttl: 0 last_seen: 4296004633 oldest_pkt: 1 4296004633\n`).join('');
    const state = list(text).read();
    expect(state.state === 'present' && state.subjects.size).toBe(50_000);
  });

  test.each([['', undefined], ['0\n', undefined], ['many', undefined], ['4294967295\n', 4294967295]])('has the bound undefined or the number: %j is %j', (capacity, expected) => {
    expect(list('', { capacity }).read()).toMatchObject({ capacity: expected });
  });
});

test('a list that is not there is missing with advice, has no identity, and takes no address', () => {
  const { read, identity, put, root, hits } = list(undefined);
  writeFileSync(join(root, 'Y'), '');
  const reason = 'the kernel has no list X: no firewall rule names it';
  expect(read()).toEqual({ state: 'missing', message: `${reason}; "banctl firewall install" makes it, or firewall: { manage: true }; bans are kept and put in as soon as one does` });
  expect(identity()).toBeUndefined();
  expect(put([nth(1)], [nth(2)])).toEqual([[nth(1), reason], [nth(2), reason]]);
  expect(hits().size).toBe(0);
  expect(readdirSync(root)).toEqual(['Y']);
});

test.each(['', '.', '..', '../ip_list_tot', 'a/b', 'a\0b', 'x'.repeat(200), 'ü'.repeat(100)])('the name %j reaches no file', (name) => {
  const { read, identity, put } = list(undefined, { name });
  expect(read()).toMatchObject({ state: 'failed', message: expect.stringMatching(/can't be the name of a kernel list/) as string });
  expect(identity()).toBeUndefined();
  expect(put([], [nth(1)]).map(([subject]) => subject)).toEqual([nth(1)]);
});

describe('what is written', () => {
  test.each(['010.0.0.1', '::ffff:10.0.0.1', '2001:DB8::1', '1.2.3.4/24', '/', '10.0.0.1\n+10.0.0.2'])('is never %j, which stops nothing else', (text) => {
    const { put, text: written } = list(EMPTY);
    // What no parser made: a fault elsewhere must still not reach the kernel.
    expect(put([], [text as Address, address('192.0.2.1')]).map(([subject]) => subject)).toEqual([text]);
    expect(written()).toBe(`+192.0.2.1${'.'.repeat(30)}`);
    expect(put([text as Address], []).map(([subject]) => subject)).toEqual([text]);
  });

  test('is the address of a network of the target’s prefix', () => {
    const { put, refuses, text } = list(EMPTY, { ipv6Prefix: 64 });
    const network = prefix('2001:db8:1:2::/64');
    expect(refuses(network)).toBeUndefined();
    expect(put([], [network])).toEqual([]);
    expect(text()).toMatch(/^\+2001:db8:1:2::\.+$/);
    expect(put([network], [])).toEqual([]);
    expect(text()).toMatch(/^-2001:db8:1:2::\.+$/);
  });

  test.each([
    ['198.51.100.0/24', 128, /^198\.51\.100\.0\/24 is a network, and the lists of xt_recent hold single addresses; networks need backend: nftables or ipset$/],
    ['2001:db8:1::/48', 128, /is a network/],
    ['2001:db8:1::/48', 64, /looks for IPv6 networks of 64 bits \(ipv6_prefix\), and 2001:db8:1::\/48 is one of 48, so no packet/],
    ['2001:db8::1', 64, /2001:db8::1 is a single address, so no packet/],
    ['2001:db8::', 64, /2001:db8:: is a single address/],
  ])('is not %s where the prefix is %i, and the reason is given', (text, ipv6Prefix, reason) => {
    const { put, refuses, text: written } = list(EMPTY, { ipv6Prefix });
    const subject = text.includes('/') ? prefix(text) : address(text);
    expect(refuses(subject)).toMatch(reason);
    expect(put([], [subject])).toEqual([[subject, refuses(subject)]]);
    expect(written()).toBe(EMPTY);
  });

  test('takes out an address with host bits that somebody put there, and never the row of a network by its address', () => {
    const { put, text } = list(EMPTY, { ipv6Prefix: 64 });
    expect(put([address('2001:db8:1:2::'), prefix('2001:db8:1::/48'), prefix('198.51.100.0/24')], [])).toEqual([]);
    expect(text()).toBe(EMPTY);
    expect(put([address('2001:db8:1:2::5')], [])).toEqual([]);
    expect(text()).toMatch(/^-2001:db8:1:2::5\.+$/);
  });
});

test('the identity changes when a list is replaced, even by one with the same name and text', () => {
  const { identity, root, file, close } = list('');
  const first = identity();
  expect(first).toBeDefined();
  expect(identity()).toBe(first);
  writeFileSync(join(root, 'new'), '');
  renameSync(join(root, 'new'), file);
  const second = identity();
  expect(second).not.toBe(first);
  rmSync(file);
  expect(identity()).toBeUndefined();
  writeFileSync(file, '');
  expect([first, second]).not.toContain(identity());
  close();
});

test('a kernel without xt_recent is unavailable, with advice, until the directory appears', () => {
  const root = join(tempDir(), 'xt_recent');
  const advice = /no xt_recent lists \(.+ is missing\): load the module with "modprobe xt_recent"/;
  expect(xtRecentUnavailable({ root })).toMatch(advice);
  expect(xtRecentList(target('X', { ipv6Prefix: 128 }), { root }).read()).toMatchObject({ state: 'missing', message: expect.stringMatching(advice) as string });
  mkdirSync(root);
  writeFileSync(join(root, 'X'), '');
  expect(xtRecentUnavailable({ root })).toBeUndefined();
});
