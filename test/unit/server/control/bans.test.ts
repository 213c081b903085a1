import { Readable } from 'node:stream';
import { bansResponse, instant, ms, NEVER, parsePrefix, parseSubject, unbanResponse, type Enforcement, type Prefix, type Subject } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import type { EngineView } from '../../../../packages/server/src/control/daemon-view.ts';
import { handlers } from '../../../../packages/server/src/control/handlers.ts';
import { createApp } from '../../../../packages/server/src/control/app.ts';
import { SLICE } from '../../../../packages/server/src/control/in-slices.ts';
import { systemClock } from '../../../../packages/server/src/clock.ts';
import type { BanRecord } from '../../../../packages/server/src/store/store.ts';
import { misfit } from '../../../../packages/client/src/conforms.ts';
import { daemonView } from '../../../support/daemon-view.ts';
import { target } from '../../../support/policies.ts';
import { quietLog } from '../../../support/quiet-log.ts';
import { nth, T0 } from '../../../support/records.ts';

const subject = (text: string): Subject => parseSubject(text) ?? expect.unreachable(`not a subject: ${text}`);
const prefix = (text: string): Prefix => parsePrefix(text) ?? expect.unreachable(`not a network: ${text}`);
const record = (address: string, given: Partial<BanRecord> = {}): BanRecord => ({
  id: 1, address: subject(address), target: 'BLOCKER', origin: { kind: 'manual', name: 'ann' }, level: undefined, reason: undefined,
  since: T0, until: instant(T0 + 60_000), connections: 0, ...given,
});
type BanOutcome = ReturnType<EngineView['ban']>[number];
type TargetState = ReturnType<EngineView['targetStates']>[number];
type BackendState = TargetState['backends'][number];
const backend = (given: Partial<BackendState> = {}): BackendState => ({ backend: 'nftables', state: 'ok', message: undefined, bans: 0, held: 0, foreign: [], capacity: undefined, notHeld: [], ...given });
const state = (...backends: BackendState[]): TargetState => ({ name: 'BLOCKER', state: 'ok', message: undefined, bans: 1, held: 1, foreign: [], capacity: undefined, notHeld: [], backends });

describe('GET bans', () => {
  const bans = [
    record('203.0.113.7', { id: 3, since: instant(T0 + 2) }),
    record('203.0.113.0/24', { id: 1, until: NEVER, connections: 4 }),
    record('203.0.113.9', { id: 2, target: 'THROTTLE', since: instant(T0 + 1) }),
    record('2001:db8::/64', { id: 4, since: instant(T0 + 3) }),
  ];
  const ask = async (query: { readonly address?: string; readonly target?: string } = {}, engine: Partial<EngineView> = {}) => {
    const view = daemonView({ engine: { bans: () => [...bans], ...engine } }, { targets: [target('BLOCKER'), target('THROTTLE')], rules: [] });
    const answer = await handlers.bans(view, { query, body: undefined });
    return answer instanceof Readable ? expect.unreachable('a short list is answered in one piece') : answer.bans;
  };
  const asked = async (address: string, also: { readonly target?: string } = {}): Promise<string[]> => (await ask({ address, ...also })).map((ban) => ban.address);

  test('has all of them, the one that stands longest first', async () => {
    expect((await ask()).map((ban) => ban.id)).toEqual([1, 2, 3, 4]);
  });

  test('of an address has the networks that hold it; of a network also what is inside', async () => {
    expect(await asked('203.0.113.7')).toEqual(['203.0.113.0/24', '203.0.113.7']);
    expect(await asked('203.0.113.200')).toEqual(['203.0.113.0/24']);
    expect(await asked('203.0.113.0/28')).toEqual(['203.0.113.0/24', '203.0.113.9', '203.0.113.7']);
    expect(await asked('203.0.113.7', { target: 'THROTTLE' })).toEqual([]);
    expect(await asked('2001:db8::42')).toEqual(['2001:db8::/64']);
    expect(await asked('::ffff:203.0.113.9')).toEqual(['203.0.113.0/24', '203.0.113.9']);
  });

  test('shows the connections that died and what met a ban since, null where nothing tells', async () => {
    const hits = new Map([
      [subject('203.0.113.0/24'), { packets: 12, bytes: 720, lastAt: undefined }],
      [subject('203.0.113.7'), { packets: undefined, bytes: undefined, lastAt: instant(T0 + 5000) }],
    ]);
    const shown = await ask({}, { hitsOf: (name) => (name === 'BLOCKER' ? hits : new Map()) });
    expect(misfit({ bans: shown }, bansResponse)).toBeUndefined();
    expect(shown.map((ban) => ban.hits)).toEqual([
      { packets: 12, bytes: 720, lastAt: null },
      null,
      { packets: null, bytes: null, lastAt: new Date(T0 + 5000).toISOString() },
      null,
    ]);
    expect(shown.map((ban) => ban.connections)).toEqual([4, 0, 0, 0]);
  });

  test('reads what met them once for each target in the answer, and for no other', async () => {
    const read: string[] = [];
    const hitsOf = (name: string) => (read.push(name), new Map());
    await ask({}, { hitsOf });
    expect(read.sort()).toEqual(['BLOCKER', 'THROTTLE']);
    read.length = 0;
    await ask({ address: '2001:db8::1' }, { hitsOf });
    expect(read).toEqual(['BLOCKER']);
    read.length = 0;
    await ask({ address: '198.51.100.1' }, { hitsOf });
    expect(read).toEqual([]);
  });

  test('of 100,000 is one JSON document, made while the loop goes on turning', async () => {
    const many = Array.from({ length: 100_000 }, (_, i) => record(nth(i), { id: i, since: instant(T0 + i) }));
    let made = 0;
    const inTurn: number[] = [];
    const soon = (action: () => void): void => {
      inTurn.push(made);
      made = 0;
      systemClock.soon(action);
    };
    const view = daemonView({ clock: { ...systemClock, soon }, engine: { bans: () => [...many], enforcementOf: () => (made++, 'held') } });
    const app = createApp(view, quietLog());
    const answer = await app.inject({ method: 'GET', url: '/v1/bans' });
    await app.close();
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    const body = JSON.parse(answer.body) as { bans: { id: number }[] };
    expect(misfit(body, bansResponse)).toBeUndefined();
    expect(body.bans.map((ban) => ban.id)).toEqual(many.map((ban) => ban.id));
    expect(Math.max(...inTurn)).toBeLessThanOrEqual(SLICE);
  }, 60_000);

  test('that fails in the middle is cut off and in the log, and never a shorter list', async () => {
    const many = Array.from({ length: 3 * SLICE }, (_, i) => record(nth(i), { id: i }));
    let made = 0;
    const enforcementOf = () => {
      if (made++ > 2 * SLICE) throw new TypeError('a fault');
      return 'held' as const;
    };
    const log = quietLog();
    const app = createApp(daemonView({ clock: systemClock, engine: { bans: () => [...many], enforcementOf } }), log);
    await expect(app.inject({ method: 'GET', url: '/v1/bans' })).rejects.toThrow();
    await app.close();
    expect(log.said).toMatchObject([{ level: 'error', event: 'control_fault', fields: { message: expect.stringContaining('TypeError: a fault') } }]);
  });
});

describe('POST bans', () => {
  const post = async (addresses: string[], outcomes: readonly BanOutcome[], given: { readonly states?: TargetState[]; readonly ipv6Prefix?: number } = {}) => {
    const wanted: (readonly Subject[])[] = [];
    const view = daemonView(
      { engine: { ban: ({ subjects }) => (wanted.push(subjects), [...outcomes]), targetStates: () => given.states ?? [] } },
      { targets: [target('BLOCKER', { ipv6Prefix: given.ipv6Prefix ?? 128 })], rules: [] },
    );
    const answer = await handlers.ban(view, { query: undefined, body: { addresses, by: 'ann' } });
    return answer instanceof Readable ? expect.unreachable('a short answer is in one piece') : { results: answer.results, wanted };
  };
  const stands = (address: string, given: Partial<BanOutcome & { outcome: 'banned' }> = {}): BanOutcome => ({ subject: subject(address), outcome: 'banned', ban: record(address), enforcement: 'held', within: [], ...given });

  test('takes networks, in their canonical form', async () => {
    const { results, wanted } = await post(['203.0.113.7/24'], [stands('203.0.113.0/24')]);
    expect(wanted).toEqual([['203.0.113.0/24']]);
    expect(results).toEqual([{ address: '203.0.113.0/24', target: 'BLOCKER', outcome: 'banned', until: new Date(T0 + 60_000).toISOString(), enforcement: 'held', heldIn: [], message: null }]);
  });

  test('says that a list has it for longer, and that it is kept beneath', async () => {
    const { results } = await post(['203.0.113.7'], [stands('203.0.113.7', { ban: { ...record('203.0.113.7'), origin: { kind: 'list', name: 'drop' } } })]);
    expect(results[0]?.message).toBe('the list drop has it for longer; yours is kept beneath, for its own time');
  });

  test('says which wider networks hold it anyway', async () => {
    const { results } = await post(['203.0.113.7'], [stands('203.0.113.7', { within: [record('203.0.112.0/23'), record('203.0.113.0/24')] })]);
    expect(results[0]?.message).toBe('it is also held by the bans of 203.0.112.0/23 and 203.0.113.0/24');
  });

  test('says that all of the network of an IPv6 address is banned where the target says so, and for whom', async () => {
    const one = await post(['2001:db8::7', '203.0.113.7'], [stands('2001:db8::/64'), stands('203.0.113.7')], { ipv6Prefix: 64 });
    expect(one.results.map(({ address, message }) => [address, message])).toEqual([['2001:db8::/64', 'the network of 2001:db8::7, as ipv6_prefix of BLOCKER says'], ['203.0.113.7', null]]);
    const three = await post(['2001:db8::7', '2001:db8::8', '2001:db8::7'], [stands('2001:db8::/64')], { ipv6Prefix: 64 });
    expect(three.results.map(({ message }) => message)).toEqual(['the network of 2001:db8::7 and 2001:db8::8, as ipv6_prefix of BLOCKER says']);
    const asked = await post(['2001:db8::/64', '2001:db8::1:0/112'], [stands('2001:db8::/64'), stands('2001:db8::1:0/112')], { ipv6Prefix: 64 });
    expect(asked.results.map(({ message }) => message)).toEqual([null, null]);
    const crowd = await post(Array.from({ length: 9 }, (_, i) => `2001:db8::${i + 1}`), [stands('2001:db8::/64')], { ipv6Prefix: 64 });
    expect(crowd.results[0]?.message).toContain('2001:db8::5 and 4 more, as');
  });

  test('says which entry of the allow list refuses it, and how that is in its way', async () => {
    const refused = (address: string, entry: string): BanOutcome => ({ subject: subject(address), outcome: 'refused', allowedBy: prefix(entry) });
    const message = async (asked: string, outcome: BanOutcome, ipv6Prefix?: number) => (await post([asked], [outcome], { ...(ipv6Prefix !== undefined && { ipv6Prefix }) })).results[0]?.message;
    expect(await message('203.0.113.7', refused('203.0.113.7', '203.0.113.0/24'))).toBe('the allow list has 203.0.113.0/24: an allowed address is never banned');
    expect(await message('203.0.113.0/24', refused('203.0.113.0/24', '203.0.113.7/32'))).toBe('203.0.113.0/24 holds 203.0.113.7, which the allow list has: an allowed address is never banned');
    expect(await message('2001:db8::7', refused('2001:db8::/64', '2001:db8::1/128'), 64)).toBe('2001:db8::7 would be banned with all of 2001:db8::/64, and 2001:db8::/64 holds 2001:db8::1, which the allow list has: an allowed address is never banned');
  });

  test('says why the target has no room for it', async () => {
    const sentence = 'xt_recent has single addresses only';
    const { results } = await post(['203.0.113.0/24'], [{ subject: subject('203.0.113.0/24'), outcome: 'refused', allowedBy: undefined, isGuarded: false, message: sentence }]);
    expect(results).toEqual([{ address: '203.0.113.0/24', target: 'BLOCKER', outcome: 'refused', until: null, enforcement: null, heldIn: [], message: sentence }]);
  });

  test('names the backends that hold it, where another does not', async () => {
    const failing = backend({ backend: 'hosts_deny', state: 'failed', message: 'no space left', notHeld: [subject('203.0.113.7')] });
    const held = async (...states: BackendState[]): Promise<unknown> => (await post(['203.0.113.7'], [stands('203.0.113.7', { enforcement: 'failed' })], { states: [state(...states)] })).results[0]?.heldIn;
    expect(await held(backend(), failing)).toEqual(['nftables']);
    expect(await held(backend({ state: 'unread' }), failing)).toEqual([]);
    expect(await held(backend({ notHeld: [subject('203.0.113.7')] }), failing)).toEqual([]);
    expect(await held(failing)).toEqual([]);
    const network = await post(['203.0.113.0/24'], [stands('203.0.113.0/24', { enforcement: 'failed' })], { states: [state(backend({ backend: 'xt_recent' }), failing)] });
    expect(network.results[0]?.heldIn, 'xt_recent has no room for it, and lacks nothing').toEqual([]);
    const unit = await post(['2001:db8::7'], [stands('2001:db8::/64', { enforcement: 'failed' })], { states: [state(backend(), { ...failing, notHeld: [subject('2001:db8::/64')] })], ipv6Prefix: 64 });
    expect(unit.results[0]?.heldIn).toEqual(['nftables']);
    expect((await post(['203.0.113.7'], [stands('203.0.113.7')], { states: [state(backend(), failing)] })).results[0]?.heldIn).toEqual([]);
  });

  test('quotes the list that is in the way, by its backend where there are several', async () => {
    const unread = backend({ state: 'unread', message: 'no firewall rule looks at set BLOCKER_v4' });
    const pending = backend({ backend: 'hosts_deny', state: 'pending', message: '2 rows are being written' });
    const said = async (enforcement: Enforcement, ...states: TargetState[]) => (await post(['203.0.113.7'], [stands('203.0.113.7', { enforcement })], { states })).results[0]?.message;
    expect(await said('unread', state(unread))).toBe('no firewall rule looks at set BLOCKER_v4');
    expect(await said('unread', state(unread, pending))).toBe('nftables: no firewall rule looks at set BLOCKER_v4');
    expect(await said('pending', state(backend(), pending))).toBe('hosts_deny: 2 rows are being written');
    expect(await said('pending')).toBe('it is being written to BLOCKER');
    expect(await said('unread')).toBe('no firewall rule looks at the list BLOCKER');
    expect(await said('missing')).toBe('the kernel has no list BLOCKER');
    expect(await said('waiting')).toBe('the list BLOCKER is full');
    expect(await said('failed')).toBe('203.0.113.7 could not be written to BLOCKER');
  });
});

describe('DELETE bans', () => {
  const unban = async (body: { readonly addresses?: string[]; readonly all?: boolean; readonly target?: string }, outcomes: ReturnType<EngineView['unban']>) => {
    const answer = await handlers.unban(daemonView({ clock: systemClock, engine: { unban: () => outcomes } }, { targets: [target('BLOCKER'), target('THROTTLE')], rules: [] }), { query: undefined, body: { by: 'ann', ...body } });
    if (!(answer instanceof Readable)) return answer.results;
    return (JSON.parse((await answer.toArray()).join('')) as { results: unknown[] }).results;
  };
  const address = subject('203.0.113.7');

  test('names the networks whose bans still hold the address, and how to end them', async () => {
    const heldBy = [record('203.0.113.0/24'), record('203.0.113.0/24', { id: 2, target: 'THROTTLE' })];
    expect(await unban({ addresses: ['203.0.113.7'] }, [{ subject: address, targets: [], unreleased: [], heldBy: heldBy.slice(0, 1) }])).toEqual([{
      address, targets: [], released: true, heldBy: [{ address: '203.0.113.0/24', target: 'BLOCKER' }],
      message: '203.0.113.7 is still held by the ban of 203.0.113.0/24 in BLOCKER (banctl unban 203.0.113.0/24 ends that)',
    }]);
    expect(await unban({ addresses: ['203.0.113.7'] }, [{ subject: address, targets: ['BLOCKER'], unreleased: [], heldBy }])).toMatchObject([{
      message: '203.0.113.7 is still held by the ban of 203.0.113.0/24 in BLOCKER and the ban of 203.0.113.0/24 in THROTTLE (banctl unban 203.0.113.0/24 ends them)',
    }]);
  });

  test('of one target is not concerned with networks in another', async () => {
    expect(await unban({ addresses: ['203.0.113.7'], target: 'THROTTLE' }, [{ subject: address, targets: ['THROTTLE'], unreleased: [], heldBy: [record('203.0.113.0/24')] }])).toEqual([
      { address, targets: ['THROTTLE'], released: true, heldBy: [], message: null },
    ]);
  });

  test('of 100,000 answers for each of them', async () => {
    const results = await unban({ all: true }, Array.from({ length: 100_000 }, (_, i) => ({ subject: nth(i), targets: ['BLOCKER'], unreleased: [], heldBy: [] })));
    expect(results).toHaveLength(100_000);
    expect(misfit({ results }, unbanResponse)).toBeUndefined();
  });
});

test('why takes a network, and shows bans with their hits', async () => {
  const ban = record('203.0.113.0/24', { connections: 2, until: instant(T0 + ms(1000)) });
  const history = { allowedBy: undefined, bans: [ban], endedBans: [], offences: [], windows: [] };
  const asked: Subject[] = [];
  const view = daemonView({ engine: { history: (one) => (asked.push(one), history), hitsOf: () => new Map([[ban.address, { packets: 3, bytes: undefined, lastAt: undefined }]]) } });
  expect(await handlers.why(view, { query: { address: '203.0.113.77/24' }, body: undefined })).toMatchObject({ address: '203.0.113.0/24', bans: [{ connections: 2, hits: { packets: 3, bytes: null, lastAt: null } }] });
  expect(asked).toEqual(['203.0.113.0/24']);
});
