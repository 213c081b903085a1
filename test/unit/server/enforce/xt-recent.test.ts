import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Address } from 'banban-shared';
import { xtRecent } from '../../../../packages/server/src/enforce/xt-recent.ts';
import { address, nth } from '../../../support/records.ts';
import { tempDir } from '../../../support/temp-dir.ts';

/** Plain files stand for lists here: what a read makes of their text. The real kernel is in test/integration. */
function lists(files: Readonly<Record<string, string>>, capacity = '100\n') {
  const directory = tempDir();
  const root = join(directory, 'xt_recent');
  mkdirSync(root);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text);
  const capacityFile = join(directory, 'ip_list_tot');
  writeFileSync(capacityFile, capacity);
  return { root, firewall: xtRecent({ root, capacityFile }) };
}

test('rows are read as canonical addresses, and what is no row is left out', () => {
  const text = [
    'src=192.0.2.1 ttl: 0 last_seen: 4296004633 oldest_pkt: 2 4296004582, 4296004633',
    'src=2001:0db8:0000:0000:0000:0000:0000:0001 ttl: 64 last_seen: 1 oldest_pkt: 1 1',
    'src=010.0.0.1 ttl: 0 last_seen: 1 oldest_pkt: 1 1',
    'src=192.0.2.2',
    'dst=192.0.2.3 ttl: 0',
    '',
    'src=192.0.2.4 ttl: 0 last_seen: 1 oldest_pkt: 1 1',
  ].join('\n');
  expect(lists({ X: text }).firewall.read('X')).toEqual({ state: 'present', addresses: new Set(['192.0.2.1', '2001:db8::1', '192.0.2.4']), capacity: 100 });
});

test('a list of 50,000 rows is read whole', () => {
  const text = Array.from({ length: 50_000 }, (_, i) => `src=${nth(i)} ttl: 0 last_seen: 4296004633 oldest_pkt: 1 4296004633\n`).join('');
  const state = lists({ X: text }).firewall.read('X');
  expect(state.state === 'present' && state.addresses.size).toBe(50_000);
});

test.each([['', undefined], ['0\n', undefined], ['many', undefined], ['4294967295\n', 4294967295]])('a capacity of %j is %j', (text, capacity) => {
  expect(lists({ X: '' }, text).firewall.read('X')).toMatchObject({ capacity });
});

test('a list that is not there is missing, has no identity, and takes no address', () => {
  const { firewall, root } = lists({});
  expect(firewall.read('X')).toEqual({ state: 'missing' });
  expect(firewall.identity('X')).toBeUndefined();
  expect([...firewall.write('X', { remove: [nth(1)], add: [nth(2)] })]).toEqual([
    [nth(1), 'the kernel has no list X: no firewall rule names it'],
    [nth(2), 'the kernel has no list X: no firewall rule names it'],
  ]);
  expect(readdirSync(root)).toEqual([]);
});

test.each(['', '.', '..', '../ip_list_tot', 'a/b', 'a\0b', 'x'.repeat(200), 'ü'.repeat(100)])('the name %j reaches no file', (name) => {
  const { firewall } = lists({});
  expect(firewall.read(name)).toMatchObject({ state: 'failed', message: expect.stringMatching(/can't be the name of a kernel list/) as string });
  expect(firewall.identity(name)).toBeUndefined();
  expect([...firewall.write(name, { remove: [], add: [nth(1)] }).keys()]).toEqual([nth(1)]);
});

test.each(['010.0.0.1', '::ffff:10.0.0.1', '2001:DB8::1', '1.2.3.4/24', '/', '10.0.0.1\n+10.0.0.2'])('%j is never written, and stops nothing else', (text) => {
  const { firewall, root } = lists({ X: '................' });
  // What no parser made: a fault elsewhere must still not reach the kernel.
  expect([...firewall.write('X', { remove: [], add: [text as Address, address('192.0.2.1')] }).keys()]).toEqual([text]);
  expect(readFileSync(join(root, 'X'), 'utf8')).toBe('+192.0.2.1......');
});

test('the identity changes when a list is replaced, even by one with the same name and text', () => {
  const { firewall, root } = lists({ X: '' });
  const first = firewall.identity('X');
  expect(first).toBeDefined();
  expect(firewall.identity('X')).toBe(first);
  writeFileSync(join(root, 'new'), '');
  renameSync(join(root, 'new'), join(root, 'X'));
  const second = firewall.identity('X');
  expect(second).not.toBe(first);
  rmSync(join(root, 'X'));
  expect(firewall.identity('X')).toBeUndefined();
  writeFileSync(join(root, 'X'), '');
  expect([first, second]).not.toContain(firewall.identity('X'));
});

test('a kernel without xt_recent is unavailable, with advice, until the directory appears', () => {
  const root = join(tempDir(), 'xt_recent');
  const firewall = xtRecent({ root });
  expect(firewall.unavailable()).toMatch(/no xt_recent lists \(.+ is missing\): load the module with "modprobe xt_recent"/);
  mkdirSync(root);
  writeFileSync(join(root, 'X'), '');
  expect(firewall.unavailable()).toBeUndefined();
});
