import type { NetworkInterfaceInfo } from 'node:os';
import type { Prefix } from 'banban-shared';
import { expect, test } from 'vitest';
import { followOwnAddresses, ownAddresses } from '../../../../packages/server/src/allow/own-addresses.ts';
import { fakeClock } from '../../../support/fake-clock.ts';
import { prefix } from '../../../support/policies.ts';

const one = (address: string): NetworkInterfaceInfo => ({ address, netmask: '', mac: '', internal: false, cidr: null, family: 'IPv4' });

test('this machine’s addresses are those of its interfaces, each once, without the link that they are of', () => {
  expect(ownAddresses(() => ({ lo: [one('127.0.0.1')], eth0: [one('203.0.113.7'), one('fe80::1%eth0'), one('2001:db8::7')], eth1: [one('fe80::1'), one('203.0.113.7')], none: undefined }))).toEqual([
    '127.0.0.1/32', '2001:db8::7/128', '203.0.113.7/32', 'fe80::1/128',
  ]);
  expect(ownAddresses()).toContain('127.0.0.1/32');
});

test('they are followed as they change, also where nothing tells', () => {
  const clock = fakeClock();
  let now: readonly Prefix[] | undefined = [prefix('203.0.113.7')];
  const seen: string[][] = [];
  const own = followOwnAddresses({ clock, native: undefined, read: () => {
    if (now === undefined) throw new Error('EMFILE');
    return now;
  } }, (addresses) => seen.push([...addresses]));
  expect(seen, 'at once').toEqual([['203.0.113.7/32']]);
  now = [prefix('203.0.113.8')];
  clock.advance(5000);
  expect(seen.at(-1)).toEqual(['203.0.113.8/32']);
  const { length } = seen;
  now = undefined;
  clock.advance(5000);
  now = [];
  clock.advance(5000);
  expect(seen, 'a look that fails, or finds none at all, changes nothing').toHaveLength(length);
  now = [prefix('203.0.113.9')];
  clock.advance(5000);
  expect(seen.at(-1)).toEqual(['203.0.113.9/32']);
  own.stop();
  now = [prefix('203.0.113.10')];
  clock.advance(60_000);
  expect(seen.at(-1)).toEqual(['203.0.113.9/32']);
});
