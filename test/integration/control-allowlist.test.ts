/** The allow list over the control API, on a real socket before a real engine and database. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { controlRoom } from '../support/control-room.ts';
import { failed } from '../support/engine-room.ts';
import { HOUR, prefix, target } from '../support/policies.ts';
import { openRaw } from '../support/raw-sqlite.ts';

const post = (addresses: readonly string[], more: object = {}) => ({ json: { addresses, by: 'ann', ...more } });

describe('POST /v1/allowlist', () => {
  test('unbans at once, in every target, names what was unbanned, and leaves the others', async () => {
    const room = await controlRoom({ targets: [target('BLOCKER'), target('THROTTLE')] });
    await room.ask('POST', '/v1/bans', post(['203.0.113.7', '203.0.113.9', '198.51.100.1']));
    await room.ask('POST', '/v1/bans', post(['203.0.113.7'], { target: 'THROTTLE' }));
    const answer = await room.ask('POST', '/v1/allowlist', post(['203.0.113.0/29', '192.0.2.1'], { durationSeconds: 3600, reason: 'guests' }));
    expect(answer.status).toBe(200);
    const until = new Date(room.clock.now() + HOUR).toISOString();
    expect(answer.body).toEqual({
      results: [
        { address: '203.0.113.0/29', outcome: 'allowed', until, unbanned: [{ address: '203.0.113.7', target: 'BLOCKER' }, { address: '203.0.113.7', target: 'THROTTLE' }], message: null },
        { address: '192.0.2.1', outcome: 'allowed', until, unbanned: [], message: null },
      ],
    });
    expect(room.banned().sort()).toEqual(['BLOCKER 198.51.100.1', 'BLOCKER 203.0.113.9']);
    expect([...(room.kernel.rows('BLOCKER') ?? [])].sort()).toEqual(['198.51.100.1', '203.0.113.9']);
    room.hear(...Array<string>(5).fill(failed('203.0.113.7')));
    expect(room.banned()).toHaveLength(2);
    room.clock.advance(HOUR);
    room.hear(...Array<string>(5).fill(failed('203.0.113.7')));
    expect(room.banned(), 'when its time is over it can be banned again').toContain('BLOCKER 203.0.113.7');
  });

  test('is for ever without a length, and says what was so already', async () => {
    const room = await controlRoom();
    expect((await room.ask('POST', '/v1/allowlist', post(['203.0.113.7'], { durationSeconds: 60 }))).body).toMatchObject({ results: [{ outcome: 'allowed' }] });
    expect((await room.ask('POST', '/v1/allowlist', post(['203.0.113.7']))).body).toMatchObject({ results: [{ outcome: 'extended', until: null }] });
    expect((await room.ask('POST', '/v1/allowlist', post(['203.0.113.7/32', '203.0.113.7']))).body).toMatchObject({ results: [{ address: '203.0.113.7', outcome: 'unchanged' }] });
  });

  test.each([
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['10.0.0.0/7', '10.0.0.0/7'],
    ['2001::/15', '2000::/15'],
  ])('of %s wants to be asked for by force', async (wide, shown) => {
    const room = await controlRoom();
    const refused = await room.ask('POST', '/v1/allowlist', post(['203.0.113.7', wide]));
    expect(refused.status).toBe(400);
    expect(refused.body).toMatchObject({ error: { code: 'bad_address', message: `${shown} would allow a large part of the Internet, of which nothing could ever be banned; say --force ("force": true) if that is meant; nothing was done` } });
    expect(room.engine.allowed.groups().size).toBe(0);
    expect((await room.ask('POST', '/v1/allowlist', post([wide], { force: true }))).body).toMatchObject({ results: [{ outcome: 'allowed' }] });
  });

  test('with one address that can’t be read does nothing', async () => {
    const room = await controlRoom();
    const answer = await room.ask('POST', '/v1/allowlist', post(['203.0.113.7', 'home.example.org']));
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ error: { code: 'bad_address', details: ['home.example.org'] } });
    expect(room.engine.allowed.groups().size).toBe(0);
  });

  test.each([{}, { addresses: [] , by: 'ann' }, { addresses: ['203.0.113.7'] }, { addresses: ['203.0.113.7'], by: 'ann', durationSeconds: 0 }, { addresses: ['203.0.113.7'], by: 'ann', target: 'BLOCKER' }, { addresses: ['203.0.113.7'], by: '' }])('of %j is refused', async (json) => {
    const room = await controlRoom();
    expect((await room.ask('POST', '/v1/allowlist', { json })).body).toMatchObject({ error: { code: 'bad_request' } });
  });

  test('does nothing while the database can’t be written, and says so', async () => {
    const room = await controlRoom();
    await room.ask('POST', '/v1/bans', post(['203.0.113.7']));
    const other = openRaw(room.path);
    onTestFinished(() => other.close());
    other.exec('BEGIN IMMEDIATE');
    for (const method of ['POST', 'DELETE']) {
      const answer = await room.ask(method, '/v1/allowlist', post(['203.0.113.7']));
      if (method === 'POST') expect(answer.body).toMatchObject({ error: { code: 'store_unavailable', message: expect.stringMatching(/is locked by another program.*; nothing was done$/) } });
      else expect(answer.body).toMatchObject({ results: [{ removed: false }] });
    }
    expect(room.banned()).toEqual(['BLOCKER 203.0.113.7']);
  });
});

describe('DELETE /v1/allowlist', () => {
  test('ends what people allowed, and says who else allows it', async () => {
    const room = await controlRoom({ allowlist: [prefix('192.0.2.0/24')] });
    await room.ask('POST', '/v1/allowlist', post(['203.0.113.7', '192.0.2.7']));
    room.engine.setAllowed('file /etc/banban/allow.txt', [prefix('192.0.2.0/24')]);
    expect((await room.ask('DELETE', '/v1/allowlist', post(['203.0.113.7', '192.0.2.7', '198.51.100.1']))).body).toEqual({
      results: [
        { address: '203.0.113.7', removed: true, allowedBy: null, groups: [] },
        { address: '192.0.2.7', removed: true, allowedBy: '192.0.2.0/24', groups: ['configuration', 'file /etc/banban/allow.txt'] },
        { address: '198.51.100.1', removed: false, allowedBy: null, groups: [] },
      ],
    });
    room.hear(...Array<string>(5).fill(failed('203.0.113.7')), ...Array<string>(5).fill(failed('192.0.2.7')));
    expect(room.banned()).toEqual(['BLOCKER 203.0.113.7']);
  });
});

describe('GET /v1/allowlist', () => {
  test('has every group with its entries, and of those by hand who and until when', async () => {
    const room = await controlRoom({ allowlist: [prefix('127.0.0.0/8')] });
    room.view.allow = { ...room.view.allow, checkedAt: (group) => (group.startsWith('host ') ? room.clock.now() : undefined), problems: () => ['away.example.org: the DNS has no address of it, so nothing of it is allowed'] };
    room.engine.setAllowed('host home.example.org', [prefix('203.0.113.9')]);
    await room.ask('POST', '/v1/allowlist', post(['203.0.113.7'], { durationSeconds: 3600, reason: 'a guest' }));
    const now = new Date(room.clock.now()).toISOString();
    const answer = await room.ask('GET', '/v1/allowlist');
    expect(answer.body).toEqual({
      groups: [
        { name: 'configuration', addresses: ['127.0.0.0/8'], checkedAt: null },
        { name: 'host home.example.org', addresses: ['203.0.113.9'], checkedAt: now },
        { name: 'by hand', addresses: ['203.0.113.7'], checkedAt: null },
      ],
      byHand: [{ address: '203.0.113.7', since: now, until: new Date(room.clock.now() + HOUR).toISOString(), reason: 'a guest', by: 'ann' }],
      problems: ['away.example.org: the DNS has no address of it, so nothing of it is allowed'],
    });
    expect((await room.ask('GET', '/v1/status')).body).toMatchObject({ problems: ['allow list: away.example.org: the DNS has no address of it, so nothing of it is allowed'] });
  });
});

test('why says by whose word an address is allowed', async () => {
  const room = await controlRoom({ allowlist: [prefix('203.0.113.0/24')] });
  room.engine.setAllowed('self', [prefix('203.0.113.0/24')]);
  expect((await room.ask('GET', '/v1/why?address=203.0.113.7')).body).toMatchObject({ allowedBy: '203.0.113.0/24', allowedGroups: ['configuration', 'self'] });
  expect((await room.ask('GET', '/v1/why?address=198.51.100.1')).body).toMatchObject({ allowedBy: null, allowedGroups: [] });
});
