/** Fetching lists from servers that do what servers on the Internet do. */
import { createServer, type AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect, describe, onTestFinished, test } from 'vitest';
import { ms } from 'banban-shared';
import { systemClock } from '../../packages/server/src/clock.ts';
import { fetchList, shownUrl, type Fetched, type FetchLimits, type Validators } from '../../packages/server/src/lists/fetch.ts';
import { listOf, listServer, type Serve } from '../support/list-server.ts';

const LIMITS: FetchLimits = { bytes: 1024 * 1024, idle: ms(400), total: ms(3000) };
const TWO = '192.0.2.1\n198.51.100.0/24\n';

const get = (url: string, known?: Validators, limits = LIMITS, signal = new AbortController().signal): Promise<Fetched> => fetchList({ clock: systemClock, url, known, most: 100_000, limits, signal });
const problem = async (url: string, limits?: FetchLimits): Promise<string> => {
  const fetched = await get(url, undefined, limits);
  return fetched.kind === 'failed' ? fetched.problem : fetched.kind;
};
const entries = (fetched: Fetched): string[] => (fetched.kind === 'list' ? fetched.list.entries.map(({ prefix }) => prefix) : [JSON.stringify(fetched)]);
const BOTH = ['192.0.2.1/32', '198.51.100.0/24'];

describe('a list', () => {
  test('is fetched once, and not again while it has not changed', async () => {
    const server = await listServer(listOf(TWO, '"v1"'));
    const first = await get(`${server.url}/drop.txt?key=secret`);
    expect(entries(first)).toEqual(BOTH);
    if (first.kind !== 'list') return;
    expect(first.validators).toEqual({ etag: '"v1"', modified: 'Sat, 21 Nov 2026 10:00:00 GMT' });
    expect(await get(`${server.url}/drop.txt`, first.validators)).toEqual({ kind: 'unchanged' });
    server.serve = listOf('192.0.2.9\n', '"v2"');
    expect(entries(await get(`${server.url}/drop.txt`, first.validators))).toEqual(['192.0.2.9/32']);
    expect(server.asked.map(({ path, headers }) => [path, headers['if-none-match'], headers['if-modified-since']])).toEqual([
      ['/drop.txt?key=secret', undefined, undefined],
      ['/drop.txt', '"v1"', 'Sat, 21 Nov 2026 10:00:00 GMT'],
      ['/drop.txt', '"v1"', 'Sat, 21 Nov 2026 10:00:00 GMT'],
    ]);
    expect(server.asked[0]?.headers['user-agent']).toMatch(/^banban\/\d/);
  });

  test('may be packed on the way, or lie packed on the server', async () => {
    const packed = await listServer((_, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(TWO)));
    expect(entries(await get(packed.url))).toEqual(BOTH);
    expect(packed.asked[0]?.headers['accept-encoding']).toBe('gzip');
    const file = await listServer((_, response) => void response.writeHead(200, { 'content-type': 'application/gzip' }).end(gzipSync(TWO)));
    expect(entries(await get(`${file.url}/list.gz`))).toEqual(BOTH);
  });

  test('may have moved, on the same machine', async () => {
    const server = await listServer((request, response) => (request.url === '/old' ? void response.writeHead(301, { location: '/new' }).end() : listOf(TWO)(request, response)));
    expect(entries(await get(`${server.url}/old`))).toEqual(BOTH);
    expect(server.asked.map(({ path }) => path)).toEqual(['/old', '/new']);
  });
});

describe('a server that', () => {
  const bad: readonly (readonly [what: string, serve: Serve, said: RegExp])[] = [
    ['fails', (_, response) => void response.writeHead(500).end('192.0.2.1'), /\/ answers with status 500$/],
    ['has it no more', (_, response) => void response.writeHead(404).end(), /answers with status 404; see whether the list has moved$/],
    ['was asked too often', (_, response) => void response.writeHead(429).end(), /429: it was asked too often; raise refresh$/],
    ['says 304 to who has nothing', (_, response) => void response.writeHead(304).end(), /answers with status 304$/],
    ['sends a web page', (_, response) => void response.writeHead(200).end('<!doctype html><p>Log in'), /can’t be used: it is a web page/],
    ['sends less than it says', (_, response) => { response.writeHead(200, { 'content-length': '1000' }).write(TWO); response.socket?.end(); }, /was cut off before its end$/],
    ['breaks off a body in chunks', (_, response) => { response.writeHead(200).write(TWO); setImmediate(() => response.socket?.destroy()); }, /was cut off before its end$/],
    ['packs half of it', (_, response) => { const whole = gzipSync(TWO.repeat(100)); response.writeHead(200, { 'content-encoding': 'gzip' }).end(whole.subarray(0, whole.length - 12)); }, /was cut off before its end$/],
    ['packs it otherwise', (_, response) => void response.writeHead(200, { 'content-encoding': 'br' }).end('x'), /is packed by other means than gzip$/],
    ['says nothing', () => undefined, /stalled: nothing came for 0.4 s$/],
    ['stops in the middle', (_, response) => void response.writeHead(200).write(TWO), /stalled: nothing came for 0.4 s$/],
    ['goes in circles', (_, response) => void response.writeHead(302, { location: '/' }).end(), /sends on more than 5 times$/],
    ['sends on to nowhere', (_, response) => void response.writeHead(302).end(), /answers 302 and does not say where to go$/],
    ['sends on to plain http elsewhere', (_, response) => void response.writeHead(302, { location: 'http://lists.example/?key=1' }).end(), /sends on to "http:\/\/lists.example\/\?…", which is not https and is not followed/],
    ['sends on to a file', (_, response) => void response.writeHead(302, { location: 'file:///etc/passwd' }).end(), /which is not https/],
    ['sends a header beyond measure', (_, response) => void response.writeHead(200, { x: 'x'.repeat(100_000) }).end(TWO), /can’t be fetched: /],
  ];
  test.each(bad)('%s is told in a sentence', async (_, serve, said) => {
    const server = await listServer(serve);
    expect(await problem(`${server.url}/`)).toMatch(said);
  });

  /** 100,000 networks in 4 KB, which took a second to work out. */
  const work = '::1-f::e\n'.repeat(420);
  test.each<readonly [what: string, serve: Serve, said: RegExp, turns: number]>([
    ['as it is', (_, response) => void response.writeHead(200).end(work.repeat(5)), /more than 100000 entries/, 40],
    ['packed', (_, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(work.repeat(5))), /more than 100000 entries/, 40],
    ['and less of it than it says', (_, response) => { response.writeHead(200, { 'content-length': '100000' }).write(work.slice(0, 1800).padEnd(40_000, '\n')); response.socket?.end(); }, /was cut off before its end$/, 1],
  ])('sends what is much work (%s) does not hold the loop', async (_, serve, said, least) => {
    const server = await listServer(serve);
    let turns = 0;
    let over = false;
    const turn = (): void => {
      turns++;
      if (!over) setImmediate(turn);
    };
    turn();
    expect(await problem(`${server.url}/`)).toMatch(said);
    over = true;
    expect(turns).toBeGreaterThan(least);
  });

  test('sends byte by byte is not waited for beyond the whole time', async () => {
    const server = await listServer((_, response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write('1'), 50);
      response.on('close', () => clearInterval(timer));
    });
    expect(await problem(server.url, { ...LIMITS, total: ms(900) })).toMatch(/took longer than 0.9 s$/);
  });

  test.each([['addresses', '192.0.2.1\n'.repeat(6000)], ['zeros', '\n'.repeat(65_536)]])('sends 2 GB of %s is cut off at the limit', async (_, piece) => {
    let sent = 0;
    const server = await listServer((_request, response) => {
      response.writeHead(200, { 'content-length': String(2 ** 31) });
      const more = (): void => {
        while (!response.destroyed && sent < 2 ** 31) {
          sent += piece.length;
          if (!response.write(piece)) return void response.once('drain', more);
        }
      };
      more();
    });
    const said = await fetchList({ clock: systemClock, url: server.url, known: undefined, most: 1_000_000, limits: { ...LIMITS, total: ms(20_000) }, signal: new AbortController().signal });
    expect(said).toMatchObject({ kind: 'failed', problem: expect.stringContaining('has more than 1 MiB') });
    expect(sent).toBeLessThan(64 * 1024 * 1024);
  });

  test('sends 2 GB packed into little is cut off at the limit', async () => {
    const bomb = gzipSync('\n'.repeat(32 * 1024 * 1024));
    const server = await listServer((_, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb));
    expect(bomb.length).toBeLessThan(LIMITS.bytes);
    expect(await problem(server.url)).toContain('has more than 1 MiB');
  });

  test('has a certificate that nobody vouches for is not believed', async () => {
    const server = await listServer(listOf(TWO), true);
    expect(await problem(server.url)).toMatch(/^https:\/\/localhost:\d+ can’t be fetched: the certificate or TLS of localhost:\d+ is not good \(\w+\)$/);
  });

  test('speaks something else is told so', async () => {
    const other = createServer((socket) => void socket.end('220 mail.example ESMTP\r\n'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void other.close());
    expect(await problem(`http://127.0.0.1:${(other.address() as AddressInfo).port}/`)).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/ (?:can’t be fetched|was cut off)/);
  });

  test('is not there, or has a name that nobody knows', async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise<void>((resolve) => void closed.close(() => resolve()));
    expect(await problem(`http://127.0.0.1:${port}/`)).toMatch(/does not take connections$/);
    expect(await problem('http://nobody.invalid/', { ...LIMITS, idle: ms(20_000), total: ms(20_000) })).toMatch(/the name nobody.invalid can’t be resolved/);
  });
});

test('a fetch that nobody waits for any more ends at once', async () => {
  const server = await listServer(() => undefined);
  const controller = new AbortController();
  const fetched = get(server.url, undefined, { ...LIMITS, idle: ms(60_000), total: ms(60_000) }, controller.signal);
  controller.abort();
  expect(await fetched).toMatchObject({ kind: 'failed' });
});

test('a URL is shown without its key', () => {
  expect(shownUrl('https://lists.example/drop.txt?key=secret&x=1')).toBe('https://lists.example/drop.txt?…');
});
