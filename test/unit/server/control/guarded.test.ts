import { Readable } from 'node:stream';
import { banBody, instant, parsePrefix, type Prefix, type Subject } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import type { DaemonView, EngineView } from '../../../../packages/server/src/control/daemon-view.ts';
import { handlers } from '../../../../packages/server/src/control/handlers.ts';
import { fakeClock } from '../../../support/fake-clock.ts';
import { daemonView, type GivenView } from '../../../support/daemon-view.ts';
import { target } from '../../../support/policies.ts';
import { T0 } from '../../../support/records.ts';

const prefix = (text: string): Prefix => parsePrefix(text) ?? expect.unreachable(`not a network: ${text}`);
const ROOT = { prefix: prefix('192.0.2.7/32'), why: 'root is logged in from there (pts/0)' };
const GATEWAY = { prefix: prefix('2001:db8::1/128'), why: 'it is the default gateway' };
const held = (...list: { prefix: Prefix; why: string }[]): DaemonView['guards'] => ({ list: () => list, look: () => Promise.resolve() });

interface Asked {
  readonly force?: boolean;
  readonly from?: string[];
}

/** What the engine was asked to ban, and what was answered; the engine refuses nothing. */
async function post(addresses: string[], asked: Asked = {}, given: GivenView = {}, ipv6Prefix = 128) {
  const wanted: Subject[] = [];
  const ban: EngineView['ban'] = ({ subjects }) => subjects.map((one) => {
    wanted.push(one);
    const record = { id: 1, address: one, target: 'BLOCKER', origin: { kind: 'manual', name: 'ann' }, level: undefined, reason: undefined, since: T0, until: instant(T0 + 60_000), connections: 0 } as const;
    return { subject: one, outcome: 'banned', ban: record, enforcement: 'held', within: [] };
  });
  const { engine, ...rest } = given;
  const view = daemonView({ guards: held(ROOT, GATEWAY), ...rest, engine: { ban, ...engine } }, { targets: [target('BLOCKER', { ipv6Prefix })], rules: [] });
  const answer = await handlers.ban(view, { query: undefined, body: { addresses, by: 'ann', ...asked } });
  if (answer instanceof Readable) return expect.unreachable('a short answer is in one piece');
  return { wanted, said: answer.results.map(({ address, outcome, message }) => [address, outcome, message]) };
}

describe('POST bans of what is guarded', () => {
  const REFUSED = ['192.0.2.7', 'refused', 'root is logged in from there (pts/0); --force bans it all the same'];

  test('is refused with the reason, and the rest is banned, in the order of the request', async () => {
    const { wanted, said } = await post(['203.0.113.7', '192.0.2.7', '203.0.113.8', '192.0.2.7']);
    expect(wanted).toEqual(['203.0.113.7', '203.0.113.8']);
    expect(said).toEqual([['203.0.113.7', 'banned', null], REFUSED, ['203.0.113.8', 'banned', null]]);
  });

  test('asks the engine for nothing when nothing is left', async () => {
    expect(await post(['192.0.2.7'])).toEqual({ wanted: [], said: [REFUSED] });
  });

  test('is done with force', async () => {
    expect(await post(['192.0.2.7'], { force: true, from: ['192.0.2.7'] })).toEqual({ wanted: ['192.0.2.7'], said: [['192.0.2.7', 'banned', null]] });
  });

  test('of a network names the address in it', async () => {
    expect((await post(['192.0.2.0/24'])).said).toEqual([['192.0.2.0/24', 'refused', '192.0.2.0/24 holds 192.0.2.7, and root is logged in from there (pts/0); --force bans it all the same']]);
  });

  test('by the IPv6 network that the target bans says for whom', async () => {
    const { wanted, said } = await post(['2001:db8::99', '2001:db8:1::1'], {}, {}, 64);
    expect(wanted).toEqual(['2001:db8:1::1']);
    expect(said[0]).toEqual(['2001:db8::/64', 'refused', '2001:db8::99 would be banned with all of 2001:db8::/64, and 2001:db8::/64 holds 2001:db8::1, and it is the default gateway; --force bans it all the same']);
  });

  test('is the engine’s to refuse where it is allowed, because no force would do it', async () => {
    const allowed = { find: () => undefined, overlap: () => ROOT.prefix, groups: () => new Map(), groupsOf: () => [] };
    expect((await post(['192.0.2.7'], {}, { engine: { allowed } })).wanted).toEqual(['192.0.2.7']);
  });

  test('looks anew, so that who has just logged in is guarded', async () => {
    let list: (typeof ROOT)[] = [];
    const look = (): Promise<void> => Promise.resolve().then(() => void (list = [ROOT]));
    expect((await post(['192.0.2.7'], {}, { guards: { list: () => list, look } })).said).toEqual([REFUSED]);
  });

  test('does not wait for ever for a look', async () => {
    const clock = fakeClock();
    const answer = post(['192.0.2.7'], {}, { clock, guards: { list: () => [ROOT], look: () => new Promise(() => undefined) } });
    clock.advance(1000);
    expect((await answer).said).toEqual([REFUSED]);
  });
});

describe('POST bans of where one is connected from', () => {
  test('is refused, and says so', async () => {
    expect((await post(['203.0.113.7', '203.0.113.8'], { from: ['203.0.113.7'] })).said).toEqual([['203.0.113.7', 'refused', 'you are connected from there; --force bans it all the same'], ['203.0.113.8', 'banned', null]]);
    expect((await post(['203.0.113.0/24'], { from: ['::ffff:203.0.113.7'] })).said[0]?.[1]).toBe('refused');
  });

  test('takes no harm from what is no address', async () => {
    expect((await post(['203.0.113.7'], { from: ['', 'x', '203.0.113.7 22', '203.0.113.0/24'] })).said[0]?.[1]).toBe('banned');
  });

  test('is bounded by the schema', () => {
    expect(banBody.properties.from).toMatchObject({ maxItems: 16, items: { maxLength: 64 } });
  });
});

test('why and status show who is guarded', async () => {
  const history = { allowedBy: undefined, bans: [], endedBans: [], offences: [], windows: [] };
  const many = Array.from({ length: 300 }, (_, i) => ({ prefix: prefix(`10.0.${i >> 8}.${i & 255}/32`), why: 'x' }));
  const view = (...list: { prefix: Prefix; why: string }[]): DaemonView => daemonView({ guards: held(...list), engine: { history: () => history } }, { rules: [] });
  const why = async (address: string, of = view(ROOT, GATEWAY)) => {
    const answer = await handlers.why(of, { query: { address }, body: undefined });
    return answer instanceof Readable ? expect.unreachable() : answer.guarded;
  };
  expect(await why('192.0.2.7')).toEqual([{ address: '192.0.2.7', why: 'root is logged in from there (pts/0)' }]);
  expect(await why('192.0.2.0/24')).toHaveLength(1);
  expect(await why('192.0.2.8')).toEqual([]);
  expect(await why('10.0.0.0/8', view(...many))).toHaveLength(100);
  const status = await handlers.status(view(...many), { query: undefined, body: undefined });
  if (status instanceof Readable) return expect.unreachable();
  expect([status.guards, status.guarded.length, status.guarded[0]]).toEqual([300, 100, { address: '10.0.0.0', why: 'x' }]);
});
