import { linkSync, lstatSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { ApiError, errorBody, errorCodes, routes, type ErrorBody, type Route, type RouteName, type Schema } from 'banban-shared';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createApp } from '../../packages/server/src/control/app.ts';
import type { DaemonView } from '../../packages/server/src/control/daemon-view.ts';
import { listen } from '../../packages/server/src/control/listen.ts';
import { systemClock } from '../../packages/server/src/clock.ts';
import { startDaemon } from '../../packages/server/src/daemon.ts';
import { unixDatagramSource } from '../../packages/server/src/ingest/unix-datagram.ts';
import { Child } from '../support/child.ts';
import { controlRoom, throwing, type Answer, type Asking } from '../support/control-room.ts';
import { accepted, failed } from '../support/engine-room.ts';
import { HOUR, prefix, rule, target } from '../support/policies.ts';
import { quietLog } from '../support/quiet-log.ts';
import { openRaw } from '../support/raw-sqlite.ts';
import { address, nth, T0 } from '../support/records.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait-for.ts';

const X = '192.0.2.1';
const Y = '2001:db8::1';
const iso = (milliseconds: number): string => new Date(T0 + milliseconds).toISOString();

/** The first place where `value` is not exactly of `schema`: no key too few and none too many. */
function misfit(value: unknown, schema: Schema, path = '$'): string | undefined {
  if ('anyOf' in schema) return schema.anyOf.some((one) => misfit(value, one, path) === undefined) ? undefined : path;
  switch (schema.type) {
    case 'string':
      return typeof value === 'string' && (schema.enum?.includes(value) ?? true) ? undefined : path;
    case 'integer':
      return Number.isSafeInteger(value) ? undefined : path;
    case 'number':
    case 'boolean':
      return typeof value === schema.type ? undefined : path;
    case 'null':
      return value === null ? undefined : path;
    case 'array':
      if (!Array.isArray(value)) return path;
      return value.map((one, i) => misfit(one, schema.items, `${path}[${i}]`)).find((wrong) => wrong !== undefined);
    case 'object': {
      if (typeof value !== 'object' || value === null) return path;
      const object = value as Record<string, unknown>;
      const extra = Object.keys(object).find((key) => !Object.hasOwn(schema.properties, key));
      if (extra !== undefined) return `${path}.${extra} (not in the schema)`;
      const lacking = schema.required.find((key) => !Object.hasOwn(object, key));
      if (lacking !== undefined) return `${path}.${lacking} (missing)`;
      return Object.entries(object).map(([key, one]) => misfit(one, schema.properties[key] ?? { type: 'null' }, `${path}.${key}`)).find((wrong) => wrong !== undefined);
    }
  }
}

function errorOf({ status, body, type }: Answer): ErrorBody['error'] {
  expect(misfit(body, errorBody), JSON.stringify(body)).toBeUndefined();
  const { error } = body as ErrorBody;
  expect(status).toBe(errorCodes[error.code].status);
  expect(type).toMatch(/^application\/json/);
  return error;
}

/** The body of an answer that was sent on the bare connection. */
function bareError(text: string): ErrorBody['error'] {
  const [head = '', body = ''] = text.split('\r\n\r\n');
  expect(head, text).toMatch(/^HTTP\/1\.1 \d{3} /);
  return errorOf({ status: Number(head.slice(9, 12)), type: /content-type: (.*)/i.exec(head)?.[1], text: body, body: JSON.parse(body) as unknown });
}

const requests: { readonly [N in RouteName]: readonly [path: string, asking?: Asking] } = {
  status: ['/v1/status'],
  bans: ['/v1/bans?target=BLOCKER'],
  ban: ['/v1/bans', { json: { addresses: [X, nth(7)], target: 'BLOCKER', durationSeconds: 60, reason: 'scans', by: 'ann' } }],
  unban: ['/v1/bans', { json: { addresses: [X, nth(99)], by: 'ann' } }],
  why: [`/v1/why?address=${X}`],
  allowlist: ['/v1/allowlist'],
  allow: ['/v1/allowlist', { json: { addresses: [X, nth(99)], durationSeconds: 60, reason: 'a guest', by: 'ann' } }],
  disallow: ['/v1/allowlist', { json: { addresses: [nth(7)], by: 'ann' } }],
  notifyTest: ['/v1/notify/test', { json: { by: 'ann' } }],
  rules: ['/v1/rules'],
  resume: ['/v1/rules/resume', { json: { rule: 'ssh', by: 'ann' } }],
  pattern: [`/v1/pattern?name=${encodeURIComponent(rule('ssh').badPatterns[0]?.source ?? '')}`],
  match: ['/v1/match', { json: { line: `sshd[7]: ${failed(X)}` } }],
  lists: ['/v1/lists'],
  refreshLists: ['/v1/lists/refresh', { json: { lists: ['drop'], force: true } }],
  reload: ['/v1/reload'],
  reconcile: ['/v1/reconcile'],
  firewall: ['/v1/firewall'],
  firewallCheck: ['/v1/firewall/check'],
  firewallInstall: ['/v1/firewall'],
  firewallRemove: ['/v1/firewall'],
  doctor: ['/v1/doctor'],
  canary: ['/v1/canary', { json: { by: 'ann' } }],
};
const all = Object.entries(routes) as [RouteName, Route][];

describe('every route', () => {
  test.each(all)('%s answers exactly what its schema says, with something in it', async (name, route) => {
    const room = await controlRoom({ targets: [target('BLOCKER'), target('THROTTLE')], allowlist: [prefix('10.0.0.7/32')] });
    room.hear(failed(X), failed(X), failed(X), failed(X), accepted(X), failed(X), failed(X), failed(X), failed(X), failed(Y));
    room.engine.ban({ subjects: [nth(3)], target: 'THROTTLE', length: undefined, reason: undefined, by: 'ann' });
    room.kernel.vanish('THROTTLE');
    const [path, asking] = requests[name];
    const answer = await room.ask(route.method, path, asking);
    expect(answer.status).toBe(200);
    expect(answer.type).toBe('application/json; charset=utf-8');
    expect(misfit(answer.body, route.response), answer.text).toBeUndefined();
    // What is compared is not empty.
    expect(answer.text).toMatch(name === 'allowlist' || name === 'disallow' ? /10\.0\.0\.7/ : name === 'resume' ? /"rule":"ssh"/ : name === 'reload' ? /rule ssh changed/ : name === 'pattern' ? /Failed/ : /BLOCKER/);
  });

  test.each(all)('%s refuses an unknown key and names it', async (name, route) => {
    const room = await controlRoom();
    const [path, asking] = requests[name];
    const inQuery = errorOf(await room.ask(route.method, `${path}${path.includes('?') ? '&' : '?'}colour=red`, asking));
    expect(inQuery).toMatchObject({ code: 'bad_request', message: expect.stringContaining('unknown key "colour"') });
    if (route.method === 'GET') return;
    const inBody = errorOf(await room.ask(route.method, path, { json: { ...(asking?.json as object | undefined), colour: 'red' } }));
    expect(inBody.code).toBe('bad_request');
    expect(inBody.message).toMatch(route.body === undefined ? /takes no body/ : /unknown key "colour"/);
    expect(room.banned()).toEqual([]);
  });

  test.each(all)('%s refuses requests from web pages, and does nothing', async (name, route) => {
    const room = await controlRoom();
    room.hear(failed(X), failed(X), failed(X));
    const [path, asking] = requests[name];
    for (const header of ['origin', 'referer']) {
      const answer = await room.ask(route.method, path, { ...asking, headers: { [header]: 'http://evil.example/' } });
      expect(errorOf(answer).code).toBe('forbidden_origin');
    }
    expect(room.banned()).toEqual([`BLOCKER ${X}`]);
  });

  test('with another method, or another path, is none', async () => {
    const room = await controlRoom();
    const known = new Set(all.map(([, r]) => `${r.method} ${r.path}`));
    const paths = [...new Set(all.map(([, r]) => r.path)), '/', '/v1', '/v1/', '/v2/status', '/v1/status/', '/v1/Status', '/v1/bans/192.0.2.1', '/v1//status', '/v1/status/../bans'];
    for (const path of paths) {
      for (const method of ['GET', 'POST', 'DELETE', 'PUT', 'PATCH', 'OPTIONS', 'TRACE']) {
        if (known.has(`${method} ${path}`)) continue;
        const error = errorOf(await room.ask(method, path));
        expect(error).toMatchObject({ code: 'unknown_route', message: `there is no ${method} ${path}; the routes are under /v1` });
      }
    }
    expect((await room.ask('HEAD', '/v1/status')).status).toBe(404);
    expect(errorOf(await room.ask('GET', '/v1/nothing', { headers: { origin: 'http://evil.example' } })).code).toBe('forbidden_origin');
  });
});

describe('what can’t be read is refused in the one form, and changes nothing', () => {
  const good = { addresses: [X], by: 'ann' };
  test.each<[string, object, RegExp]>([
    ['a number as text', { ...good, durationSeconds: '60' }, /durationSeconds/],
    ['a fraction of a second', { ...good, durationSeconds: 1.5 }, /durationSeconds/],
    ['no time at all', { ...good, durationSeconds: 0 }, /durationSeconds/],
    ['more than ten years', { ...good, durationSeconds: 315_360_001 }, /durationSeconds/],
    ['an address that is no list', { ...good, addresses: X }, /addresses/],
    ['a number as address', { ...good, addresses: [1] }, /addresses/],
    ['no address', { ...good, addresses: [] }, /addresses/],
    ['10,001 addresses', { ...good, addresses: Array.from({ length: 10_001 }, () => '::') }, /addresses/],
    ['nobody', { addresses: [X] }, /'by'/],
    ['a person without a name', { ...good, by: '' }, /by/],
    ['a person that is null', { ...good, by: null }, /by/],
    ['an empty reason', { ...good, reason: '' }, /reason/],
    ['a reason of 501 characters', { ...good, reason: 'x'.repeat(501) }, /reason/],
    ['a list instead of an object', [good], /object/],
  ])('%s', async (_, json, message) => {
    const room = await controlRoom();
    const error = errorOf(await room.ask('POST', '/v1/bans', { json }));
    expect(error.code).toBe('bad_request');
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/^the request is not of the right shape: /);
    expect(room.banned()).toEqual([]);
  });

  test.each<[string, string, object]>([
    ['neither addresses nor all', 'DELETE', { by: 'ann' }],
    ['both', 'DELETE', { by: 'ann', addresses: [X], all: true }],
    ['all that is not true', 'DELETE', { by: 'ann', all: false }],
    ['all as text', 'DELETE', { by: 'ann', all: 'true' }],
  ])('an unban of %s', async (_, method, json) => {
    const room = await controlRoom();
    room.hear(failed(X), failed(X), failed(X));
    expect(errorOf(await room.ask(method, '/v1/bans', { json })).code).toBe('bad_request');
    expect(room.banned()).toEqual([`BLOCKER ${X}`]);
  });

  test.each<[string, string, string]>([
    ['half of an object', '{"addresses":["192.0.2.1"],', 'application/json'],
    ['nothing', '', 'application/json'],
    ['two values', '{} {}', 'application/json'],
    ['a key that poisons', '{"by":"ann","addresses":["192.0.2.1"],"__proto__":{"x":1}}', 'application/json'],
    ['a form', 'addresses=192.0.2.1&by=ann', 'application/x-www-form-urlencoded'],
    ['JSON that calls itself text', '{"addresses":["192.0.2.1"],"by":"ann"}', 'text/plain'],
    ['JSON that calls itself nothing', '{"addresses":["192.0.2.1"],"by":"ann"}', ''],
    ['bytes', '\u0000\u0001', 'application/octet-stream'],
  ])('a body that is %s', async (_, raw, type) => {
    const room = await controlRoom();
    const error = errorOf(await room.ask('POST', '/v1/bans', { raw, headers: type === '' ? {} : { 'content-type': type } }));
    expect(error.code).toBe('bad_request');
    expect(room.banned()).toEqual([]);
  });

  test('a query that says a key twice, or that is no query', async () => {
    const room = await controlRoom();
    expect(errorOf(await room.ask('GET', '/v1/bans?target=BLOCKER&target=BLOCKER'))).toMatchObject({ code: 'bad_request', message: expect.stringContaining('target') });
    expect(errorOf(await room.ask('GET', '/v1/why')).message).toContain('address');
    expect(errorOf(await room.ask('GET', `/v1/why?address=${'1'.repeat(65)}`)).code).toBe('bad_request');
    expect(errorOf(await room.ask('GET', '/v1/why?address')).code).toBe('bad_address');
  });

  test('a key of a million characters is not sent back whole', async () => {
    const room = await controlRoom();
    const error = errorOf(await room.ask('POST', '/v1/bans', { json: { ['k'.repeat(1_000_000)]: 1, by: 'ann', addresses: [X] } }));
    expect(error.message.length).toBeLessThan(400);
  });

  test('addresses that are none are named, all of them, and the others are not banned', async () => {
    const room = await controlRoom();
    const error = errorOf(await room.ask('POST', '/v1/bans', { json: { addresses: [X, '010.0.0.1', 'fe80::1%eth0', '10.0.0.0/33', '\u001b[31m'], by: 'ann' } }));
    expect(error).toMatchObject({ code: 'bad_address', details: ['010.0.0.1', 'fe80::1%eth0', '10.0.0.0/33', '\u001b[31m'] });
    expect(error.message).toMatch(/^"010\.0\.0\.1", .* are not addresses or networks; .*; nothing was done$/);
    expect(room.banned()).toEqual([]);
    const many = errorOf(await room.ask('POST', '/v1/bans', { json: { addresses: Array.from({ length: 500 }, (_, i) => `x${i}`), by: 'ann' } }));
    expect(many.details).toHaveLength(20);
    expect(many.message).toContain('and 480 more');
    expect(errorOf(await room.ask('GET', '/v1/bans?address=x')).code).toBe('bad_address');
    expect(errorOf(await room.ask('DELETE', '/v1/bans', { json: { addresses: ['x'], by: 'ann' } })).code).toBe('bad_address');
  });

  test('a target that nobody configured is named, with those that there are', async () => {
    const room = await controlRoom({ targets: [target('BLOCKER'), target('THROTTLE')] });
    for (const answer of [
      await room.ask('POST', '/v1/bans', { json: { ...good, target: 'blocker' } }),
      await room.ask('DELETE', '/v1/bans', { json: { ...good, target: 'blocker' } }),
      await room.ask('GET', '/v1/bans?target=blocker'),
    ]) expect(errorOf(answer)).toMatchObject({ code: 'unknown_target', message: 'there is no target "blocker"; configured are BLOCKER, THROTTLE' });
    const none = await controlRoom({ targets: [], rules: [] });
    expect(errorOf(await none.ask('POST', '/v1/bans', { json: good })).code).toBe('unknown_target');
  });
});

describe('what is not even a request', () => {
  test.each<[string, string | Buffer, RegExp]>([
    ['noise', Buffer.from([0, 255, 13, 10, 13, 10]), /not HTTP\/1\.1/],
    ['a path with a broken escape', 'GET /v1/%zz HTTP/1.1\r\nConnection: close\r\n\r\n', /^"\/v1\/%zz" can't be read as a path/],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', /not HTTP\/1\.1/],
    ['two lengths', 'POST /v1/reload HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', /not HTTP\/1\.1/],
    ['headers of 20 KiB', `GET /v1/status HTTP/1.1\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`, /headers of the request are over 16 KiB/],
  ])('%s gets a clear error of the one form, and the connection is closed', async (_, bytes, message) => {
    const room = await controlRoom();
    const error = bareError(await room.send(bytes));
    expect(error.code).toBe('bad_request');
    expect(error.message).toMatch(message);
    expect((await room.ask('GET', '/v1/status')).status).toBe(200);
  });

  test('no Host header is needed on a UNIX socket', async () => {
    const room = await controlRoom();
    expect(await room.send('GET /v1/bans HTTP/1.1\r\nConnection: close\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 OK[^]*\{"bans":\[\]\}$/);
  });

  test('half a request is told so after five seconds, and let go', async () => {
    const room = await controlRoom();
    const begun = performance.now();
    expect(bareError(await room.send('GET /v1/status HTTP/1.1\r\nx: y')).message).toContain('was not complete within 15 s, its headers within 5 s');
    expect(performance.now() - begun).toBeLessThan(10_000);
  });

  test('a thousand clients that say nothing keep nobody out', async () => {
    const room = await controlRoom();
    const idle: Socket[] = [];
    onTestFinished(() => idle.forEach((one) => one.destroy()));
    for (let i = 0; i < 1000; i++) {
      await new Promise<void>((resolve, reject) => {
        const one = connect(room.socket, resolve);
        one.on('error', reject);
        idle.push(one);
      });
    }
    expect((await room.ask('GET', '/v1/status')).status).toBe(200);
    expect(idle.filter((one) => !one.destroyed)).toHaveLength(1000);
  });
});

describe('a body', () => {
  test('of 10,000 of the longest addresses is taken', async () => {
    const room = await controlRoom();
    const addresses = Array.from({ length: 10_000 }, (_, i) => `2001:0db8:0000:0000:0000:0000:${(i >> 8).toString(16).padStart(4, '0')}:${(i & 255).toString(16).padStart(4, '0')}`);
    const answer = await room.ask('POST', '/v1/bans', { json: { addresses, durationSeconds: null, by: 'ann' } });
    expect(answer.status).toBe(200);
    expect(room.engine.bans()).toHaveLength(10_000);
  });

  test('over a mebibyte is refused at its announcement, and in pieces as soon as it is over it', async () => {
    const room = await controlRoom();
    const announced = bareError(await room.send('POST /v1/bans HTTP/1.1\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 104857600\r\n\r\n{'));
    expect(announced).toMatchObject({ code: 'too_large', message: 'the request body is over 1 MiB; send at most 10,000 addresses at once' });
    const piece = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
    const pieces = bareError(await room.send(`POST /v1/bans HTTP/1.1\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${piece.repeat(17)}`));
    expect(pieces.code).toBe('too_large');
    expect(room.banned()).toEqual([]);
  });
});

describe('POST bans', () => {
  const post = async (room: Awaited<ReturnType<typeof controlRoom>>, json: object): Promise<unknown> => {
    const answer = await room.ask('POST', '/v1/bans', { json: { by: 'ann', ...json } });
    expect(answer.status).toBe(200);
    return (answer.body as { results: unknown }).results;
  };

  test('says held when the kernel has the address: in the first target, for its first length, unless told otherwise', async () => {
    const room = await controlRoom({ targets: [target('FIRST'), target('SECOND')] , rules: [] });
    expect(await post(room, { addresses: ['2001:DB8:0:0::1'] })).toEqual([{ address: Y, target: 'FIRST', outcome: 'banned', until: iso(HOUR), enforcement: 'held', heldIn: [], message: null }]);
    expect(room.kernel.rows('FIRST')).toEqual(new Set([Y]));
    expect(await post(room, { addresses: [Y], target: 'SECOND', durationSeconds: 60 })).toMatchObject([{ target: 'SECOND', outcome: 'banned', until: iso(60_000) }]);
    expect(await post(room, { addresses: [Y], durationSeconds: 60 })).toMatchObject([{ outcome: 'unchanged', until: iso(HOUR), enforcement: 'held' }]);
    expect(await post(room, { addresses: [Y], durationSeconds: null })).toMatchObject([{ outcome: 'extended', until: null }]);
  });

  test('says plainly where a ban is stored but not enforced, and why', async () => {
    const room = await controlRoom({}, 1);
    room.kernel.vanish('BLOCKER');
    expect(await post(room, { addresses: [X], durationSeconds: null })).toEqual([
      { address: X, target: 'BLOCKER', outcome: 'banned', until: null, enforcement: 'missing', heldIn: [], message: expect.stringContaining('the list BLOCKER') },
    ]);
    room.kernel.comeBack('BLOCKER');
    expect(await post(room, { addresses: [Y] })).toMatchObject([{ outcome: 'banned', enforcement: 'waiting', message: expect.stringContaining('has 1 places and 2 bans want one') }]);
    room.engine.unban({ subjects: [address(X)], target: undefined, by: 'ann' });
    room.kernel.setDeaf(true);
    room.kernel.evict('BLOCKER', address(Y));
    expect(await post(room, { addresses: [Y] })).toMatchObject([{ outcome: 'unchanged', enforcement: 'failed', message: expect.stringContaining('Input/output error') }]);
    expect(room.store.activeBans()).toHaveLength(1);
  });

  test('says which entry of the allow list refuses an address, and bans the others', async () => {
    const room = await controlRoom({ allowlist: [prefix('192.0.2.0/24')] });
    expect(await post(room, { addresses: [X, Y] })).toEqual([
      { address: X, target: 'BLOCKER', outcome: 'refused', until: null, enforcement: null, heldIn: [], message: 'the allow list has 192.0.2.0/24: an allowed address is never banned' },
      { address: Y, target: 'BLOCKER', outcome: 'banned', until: iso(HOUR), enforcement: 'held', heldIn: [], message: null },
    ]);
    expect(room.banned()).toEqual([`BLOCKER ${Y}`]);
  });

  test('while the database can’t be written does nothing and says so', async () => {
    const room = await controlRoom();
    room.hear(failed(X), failed(X), failed(X));
    const other = openRaw(room.path);
    onTestFinished(() => other.close());
    other.exec('BEGIN IMMEDIATE');
    const answers = [await room.ask('POST', '/v1/bans', { json: { addresses: [Y], by: 'ann' } }), await room.ask('DELETE', '/v1/bans', { json: { all: true, by: 'ann' } })];
    for (const answer of answers) expect(errorOf(answer)).toMatchObject({ code: 'store_unavailable', message: expect.stringMatching(/is locked by another program.*; nothing was done$/) });
    expect(room.banned()).toEqual([`BLOCKER ${X}`]);
    expect(room.kernel.rows('BLOCKER')).toEqual(new Set([X]));
  });
});

describe('DELETE bans', () => {
  test('says in which targets bans were ended, and is content where there was none', async () => {
    const room = await controlRoom({ targets: [target('BLOCKER'), target('THROTTLE')], rules: [rule('ssh'), rule('quick', { target: 'THROTTLE', occurrences: 1 })] });
    room.hear(failed(X), failed(X), failed(X));
    const answer = await room.ask('DELETE', '/v1/bans', { json: { addresses: [X, Y], by: 'ann' } });
    expect(answer.body).toEqual({ results: [
      { address: X, targets: ['THROTTLE', 'BLOCKER'], released: true, heldBy: [], message: null },
      { address: Y, targets: [], released: true, heldBy: [], message: null },
    ] });
    expect((await room.ask('DELETE', '/v1/bans', { json: { all: true, by: 'ann' } })).body).toEqual({ results: [] });
  });

  test('says so when the kernel keeps the address', async () => {
    const room = await controlRoom();
    room.hear(failed(X), failed(X), failed(X));
    room.kernel.setDeaf(true);
    expect((await room.ask('DELETE', '/v1/bans', { json: { all: true, by: 'ann' } })).body).toEqual({ results: [
      { address: X, targets: ['BLOCKER'], released: false, heldBy: [], message: `the list BLOCKER could not be freed of ${X}; banband goes on trying` },
    ] });
  });
});

describe('GET', () => {
  test('bans has those of an address or a target, the longest-standing first, with what the kernel does now', async () => {
    const room = await controlRoom({ targets: [target('BLOCKER'), target('THROTTLE')] });
    room.engine.ban({ subjects: [nth(2)], target: 'THROTTLE', length: undefined, reason: undefined, by: 'ann' });
    room.clock.advance(1500);
    room.hear(failed(X), failed(X), failed(X));
    room.kernel.vanish('THROTTLE');
    const shown = async (path: string): Promise<unknown[]> => ((await room.ask('GET', path)).body as { bans: unknown[] }).bans;
    expect(await shown('/v1/bans')).toMatchObject([{ address: nth(2), enforcement: 'missing' }, { address: X, enforcement: 'held' }]);
    expect(await shown(`/v1/bans?address=::ffff:${X}`)).toEqual([{
      id: 2, address: X, target: 'BLOCKER', origin: { kind: 'rule', name: 'ssh' }, level: 1, reason: null,
      since: iso(1500), until: iso(1500 + HOUR), remainingSeconds: 3600, enforcement: 'held', connections: 0, hits: { packets: 1, bytes: null, lastAt: null },
    }]);
    expect(await shown('/v1/bans?target=THROTTLE')).toHaveLength(1);
    expect(await shown(`/v1/bans?target=THROTTLE&address=${X}`)).toEqual([]);
  });

  test('why has the offences with their lines, bans, ended bans and open windows', async () => {
    const room = await controlRoom();
    room.hear(failed(X), failed(X), failed(X), accepted(X), failed(X));
    expect((await room.ask('GET', `/v1/why?address=${X}`)).body).toMatchObject({
      address: X, allowedBy: null, guarded: [], bans: [],
      endedBans: [{ endedBy: 'pardoned', endedName: null, endedAt: iso(0) }],
      offences: [{ rule: 'ssh', level: 1, decision: 'banned', lines: { length: 3 } }],
      windows: [{ rule: 'ssh', matches: 1, occurrences: 3, intervalSeconds: 3600, lastAt: iso(0) }],
    });
  });

  test('status names everything that wants attention, a sentence each', async () => {
    const room = await controlRoom({ rules: [rule('ssh', { resetconns: true })] }, 1);
    expect((await room.ask('GET', '/v1/status')).body).toMatchObject({ enforcing: true, problems: [] });
    room.engine.ban({ subjects: [nth(1), nth(2)], target: 'BLOCKER', length: undefined, reason: undefined, by: 'ann' });
    room.view.cutter = () => ({ available: false, queued: 0, cut: 0, failed: 2, lastError: 'conntrack failed', dropped: 3 });
    room.view.config = () => ({ path: 'x', loadedAt: T0, error: 'x:3 rules: nonsense', warnings: [] });
    const status = (await room.ask('GET', '/v1/status')).body as { problems: string[]; targets: unknown[] };
    expect(status.targets).toMatchObject([{ state: 'full', held: 1, bans: 2, capacity: 1, notHeld: { length: 1 } }]);
    expect(status.problems).toEqual([
      expect.stringContaining('target BLOCKER: the kernel\'s list has 1 places and 2 bans want one'),
      expect.stringContaining('the last reload was refused'),
      expect.stringContaining('conntrack is missing'),
      expect.stringContaining('the connections of 3 addresses were not cut'),
      expect.stringContaining('cutting connections failed 2 times, last: conntrack failed'),
    ]);
    room.view.notEnforcing = () => 'started with --simulate';
    expect((await room.ask('GET', '/v1/status')).body).toMatchObject({ enforcing: false, simulatedBecause: 'started with --simulate' });
    room.kernel.vanish('BLOCKER');
    room.view.notEnforcing = () => undefined;
    room.clock.advance(100);
    expect(((await room.ask('GET', '/v1/status')).body as { problems: string[] }).problems[0]).toContain('target BLOCKER: 2 bans are not enforced: the list BLOCKER');
  });
});

describe('a failure inside', () => {
  test('that is an error of the API has its own code', async () => {
    const room = await controlRoom();
    room.view.reload = throwing(new ApiError('bad_config', 'banban.yml has an error', ['banban.yml:3 rules: nonsense']));
    expect(errorOf(await room.ask('POST', '/v1/reload'))).toEqual({ code: 'bad_config', message: 'banban.yml has an error', details: ['banban.yml:3 rules: nonsense'] });
  });

  test('that is a fault of ours is said to be one, shows no inside, and is in the log', async () => {
    const room = await controlRoom();
    room.view.reload = throwing(new TypeError('secret'));
    const answer = await room.ask('POST', '/v1/reload');
    expect(errorOf(answer)).toEqual({ code: 'internal', message: 'a fault in banband; its log has the details', details: [] });
    expect(room.log.said.filter((s) => s.event === 'control_fault')).toMatchObject([{ level: 'error', fields: { message: expect.stringContaining('TypeError: secret') } }]);
    expect((await room.ask('GET', '/v1/status')).status).toBe(200);
  });
});

describe('the socket', () => {
  const app = () => {
    // Nobody asks it anything.
    const made = createApp({} as DaemonView, quietLog());
    onTestFinished(() => made.close());
    return made;
  };
  const isRoot = process.geteuid?.() === 0;
  /** A group that is not our own, where we may give files away. */
  const gid = isRoot ? 54_321 : (process.getgid?.() ?? 0);

  test.each([0o660, 0o600])('has the group and the mode %o that were asked for, whatever the umask, which stays', async (mode) => {
    const path = join(tempDir(), 'below', 'control.sock');
    const before = process.umask(0o027);
    onTestFinished(() => void process.umask(before));
    await listen(app(), { path, gid, mode });
    const stat = lstatSync(path);
    expect(stat.isSocket()).toBe(true);
    expect(stat.mode & 0o7777).toBe(mode);
    expect(stat.gid).toBe(gid);
    expect(process.umask()).toBe(0o027);
  });

  test('is gone when it was closed', async () => {
    const path = join(tempDir(), 'control.sock');
    const one = app();
    await listen(one, { path, gid: undefined, mode: 0o600 });
    await one.close();
    expect(lstatSync(path, { throwIfNoEntry: false })).toBeUndefined();
  });

  test('that a crash left behind is replaced', async () => {
    const dir = tempDir();
    const gone = createServer();
    await new Promise<void>((resolve) => gone.listen(join(dir, 'old.sock'), resolve));
    const path = join(dir, 'control.sock');
    linkSync(join(dir, 'old.sock'), path);
    await new Promise((resolve) => gone.close(resolve));
    expect(lstatSync(path).isSocket()).toBe(true);
    await listen(app(), { path, gid: undefined, mode: 0o600 });
    await new Promise<void>((resolve, reject) => {
      const connection = connect(path, () => {
        connection.destroy();
        resolve();
      });
      connection.on('error', reject);
    });
  });

  test('that a live one answers on is refused, and goes on answering', async () => {
    const room = await controlRoom();
    const { ino } = lstatSync(room.socket);
    await expect(listen(app(), { path: room.socket, gid: undefined, mode: 0o600 })).rejects.toThrow(/control\.sock is in use: .*; stop that one first, or choose another path for control\.socket$/);
    expect(lstatSync(room.socket).ino).toBe(ino);
    expect((await room.ask('GET', '/v1/status')).status).toBe(200);
  });

  test('that a live one has open but is too busy to answer on is refused as well', async () => {
    const path = join(tempDir(), 'control.sock');
    const child = Child.start([process.execPath, '-e', 'require("node:net").createServer().listen({ path: process.argv[1], backlog: 1 }, () => console.log("up"))', path]);
    onTestFinished(async () => void (await child.stop('SIGKILL')));
    await child.says(/up/);
    child.signal('SIGSTOP');
    const waiting: Socket[] = [];
    onTestFinished(() => waiting.forEach((one) => one.destroy()));
    let refused = '';
    await waitFor('its queue to be full', () => {
      const one = connect(path);
      one.on('error', (error: NodeJS.ErrnoException) => (refused = error.code ?? ''));
      waiting.push(one);
      return refused !== '';
    });
    expect(refused).toBe('EAGAIN');
    await expect(listen(app(), { path, gid: undefined, mode: 0o600 })).rejects.toThrow('is in use');
    expect(lstatSync(path).isSocket()).toBe(true);
  });

  test('that is for log lines is refused', async () => {
    const path = join(tempDir(), 'log.sock');
    const source = unixDatagramSource({ path, uid: undefined, gid: undefined, mode: 0o600 }, systemClock);
    await source.start(() => undefined);
    onTestFinished(() => source.stop());
    await expect(listen(app(), { path, gid: undefined, mode: 0o600 })).rejects.toThrow('is in use');
    expect(lstatSync(path).isSocket()).toBe(true);
  });

  test('can’t be in a state directory whose path is too long, and nothing is made there', async () => {
    const dir = tempDir();
    const stateDir = join(dir, 'x'.repeat(100));
    const configPath = join(dir, 'banban.yml');
    writeFileSync(configPath, 'targets:\n  BLOCKER: { ban: 1h }\n');
    await expect(startDaemon({ configPath, stateDir, simulate: true, log: quietLog() })).rejects.toThrow(/^the state can't be in .*: the path of a socket may have 107 bytes/);
    expect(readdirSync(dir)).toEqual(['banban.yml']);
  });

  test('is nothing else: a file, a directory, a link or a path too long is left as it is, with a clear error', async () => {
    const dir = tempDir();
    const file = join(dir, 'file');
    writeFileSync(file, 'precious');
    const link = join(dir, 'link');
    symlinkSync(file, link);
    for (const path of [file, dir, link]) await expect(listen(app(), { path, gid: undefined, mode: 0o600 })).rejects.toThrow(`${path} exists and is not a socket; remove it or choose another path for control.socket`);
    expect(lstatSync(file).size).toBe(8);
    const long = join(dir, 'x'.repeat(108 - dir.length));
    expect(Buffer.byteLength(long)).toBe(109);
    await expect(listen(app(), { path: long, gid: undefined, mode: 0o600 })).rejects.toThrow(`can't listen on ${long}: the path of a socket may have 107 bytes, and this one has 109`);
    expect(readdirSync(dir).sort(), 'nor is a socket made at a part of it').toEqual(['file', 'link']);
  });
});
