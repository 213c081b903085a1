/** The API over the real engine, where bans are of networks. */
import { bansResponse, banResponse, unbanResponse, whyResponse, type Schema } from 'banban-shared';
import { expect, test } from 'vitest';
import { misfit } from '../../../../packages/client/src/conforms.ts';
import { controlRoom, type ControlRoom } from '../../../support/control-room.ts';
import { failed } from '../../../support/engine-room.ts';
import { prefix, target } from '../../../support/policies.ts';

async function ask(room: ControlRoom, schema: Schema, method: string, path: string, json?: object): Promise<unknown> {
  const answer = await room.ask(method, path, json === undefined ? {} : { json: { by: 'ann', ...json } });
  expect(answer.status, answer.text).toBe(200);
  expect(misfit(answer.body, schema), answer.text).toBeUndefined();
  return answer.body;
}
/** A kernel that has room for networks. */
const withNetworks = { targets: [target('BLOCKER', { backends: ['nftables'] })] };
const ban = (room: ControlRoom, ...addresses: string[]) => ask(room, banResponse, 'POST', '/v1/bans', { addresses });
const unban = (room: ControlRoom, ...addresses: string[]) => ask(room, unbanResponse, 'DELETE', '/v1/bans', { addresses });
const list = async (room: ControlRoom, address: string): Promise<string[]> => {
  const { bans } = (await ask(room, bansResponse, 'GET', `/v1/bans?address=${encodeURIComponent(address)}`)) as { bans: { address: string }[] };
  return bans.map((one) => one.address);
};

test('a network is banned, listed by what is in it, and ended by its name', async () => {
  const room = await controlRoom(withNetworks);
  expect(await ban(room, '203.0.113.7', '203.0.113.77/24')).toMatchObject({ results: [{ address: '203.0.113.7', outcome: 'banned' }, { address: '203.0.113.0/24', outcome: 'banned' }] });
  expect(await list(room, '203.0.113.7')).toEqual(['203.0.113.7', '203.0.113.0/24']);
  expect(await list(room, '203.0.113.8')).toEqual(['203.0.113.0/24']);
  expect(await list(room, '203.0.0.0/16')).toEqual(['203.0.113.7', '203.0.113.0/24']);
  expect(await ask(room, whyResponse, 'GET', '/v1/why?address=203.0.113.8')).toMatchObject({ address: '203.0.113.8', bans: [{ address: '203.0.113.0/24' }] });
  expect(await unban(room, '203.0.113.0/24')).toMatchObject({ results: [{ address: '203.0.113.0/24', targets: ['BLOCKER'], heldBy: [], message: null }] });
  expect(await list(room, '203.0.113.7')).toEqual(['203.0.113.7']);
});

test('an address inside a banned network is said to be held by that, when it is banned and when it is not any more', async () => {
  const room = await controlRoom(withNetworks);
  await ban(room, '203.0.113.0/24');
  expect(await ban(room, '203.0.113.7')).toMatchObject({ results: [{ message: 'it is also held by the ban of 203.0.113.0/24' }] });
  const message = '203.0.113.7 is still held by the ban of 203.0.113.0/24 in BLOCKER (banctl unban 203.0.113.0/24 ends that)';
  const heldBy = [{ address: '203.0.113.0/24', target: 'BLOCKER' }];
  expect(await unban(room, '203.0.113.7')).toMatchObject({ results: [{ targets: ['BLOCKER'], heldBy, message }] });
  expect(await unban(room, '203.0.113.7')).toMatchObject({ results: [{ targets: [], heldBy, message }] });
});

test('an IPv6 address is banned, found and ended with its network, where the target says so', async () => {
  const room = await controlRoom({ targets: [target('BLOCKER', { ipv6Prefix: 64 })] });
  expect(await ban(room, '2001:db8::7', '2001:db8::8', '203.0.113.7')).toMatchObject({
    results: [{ address: '2001:db8::/64', message: 'the network of 2001:db8::7 and 2001:db8::8, as ipv6_prefix of BLOCKER says' }, { address: '203.0.113.7', message: null }],
  });
  expect(await list(room, '2001:db8::ffff')).toEqual(['2001:db8::/64']);
  expect(await unban(room, '2001:db8::9')).toMatchObject({ results: [{ address: '2001:db8::9', targets: ['BLOCKER'], heldBy: [] }] });
  expect(room.banned()).toEqual(['BLOCKER 203.0.113.7']);
});

test('what holds an allowed address is refused, and the sentence names both', async () => {
  const room = await controlRoom({ allowlist: [prefix('203.0.113.7/32'), prefix('2001:db8::1/128')], targets: [target('BLOCKER', { ipv6Prefix: 64, backends: ['nftables'] })] });
  const never = 'an allowed address is never banned';
  expect(await ban(room, '203.0.113.0/24', '203.0.113.7', '2001:db8::7')).toMatchObject({
    results: [
      { outcome: 'refused', message: `203.0.113.0/24 holds 203.0.113.7, which the allow list has: ${never}` },
      { outcome: 'refused', message: `the allow list has 203.0.113.7: ${never}` },
      { outcome: 'refused', address: '2001:db8::/64', message: `2001:db8::7 would be banned with all of 2001:db8::/64, and 2001:db8::/64 holds 2001:db8::1, which the allow list has: ${never}` },
    ],
  });
  expect(room.banned()).toEqual([]);
});

test('a network for which no list of the target has room is refused', async () => {
  const room = await controlRoom({ targets: [target('BLOCKER', { backends: ['xt_recent'] })] });
  expect(await ban(room, '203.0.113.0/24')).toMatchObject({ results: [{ outcome: 'refused', enforcement: null, message: expect.stringContaining('203.0.113.0/24') }] });
});

test('a network that is too wide is refused, and nothing else of the request is done', async () => {
  const room = await controlRoom();
  const answer = await room.ask('POST', '/v1/bans', { json: { addresses: ['203.0.113.7', '0.0.0.0/0'], by: 'ann' } });
  expect(answer).toMatchObject({ status: 400, body: { error: { code: 'bad_address', details: ['0.0.0.0/0'] } } });
  expect(room.banned()).toEqual([]);
});

test('why of an address tells of the offences that led to the ban of its network', async () => {
  const room = await controlRoom({ targets: [target('BLOCKER', { ipv6Prefix: 64 })] });
  room.hear(failed('2001:db8::7'), failed('2001:db8::8'), failed('2001:db8::9'));
  expect(await ask(room, whyResponse, 'GET', '/v1/why?address=2001:db8::8')).toMatchObject({ bans: [{ address: '2001:db8::/64' }], offences: [{ decision: 'banned', lines: { length: 3 } }] });
});
