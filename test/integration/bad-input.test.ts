/** What the two sockets of the built daemon may get from careless and hostile programs: it goes on, says so, and bans as before (I7). */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ErrorBody } from 'banban-shared';
import { failed, LocalBanban } from '../support/local-banban.ts';
import { mutated } from '../support/datagrams.ts';
import { seededRandom } from '../support/random.ts';
import { waitFor } from '../support/wait-for.ts';

const ATTACKER = '203.0.113.66';
const INNOCENT = '198.51.100.1';

/** A real attack after what the test did is banned, by the lines that it wrote, and nobody else is. */
async function stillBans(banban: LocalBanban, others: readonly string[] = []): Promise<void> {
  await banban.attack(ATTACKER);
  expect(await banban.banned()).toEqual([ATTACKER, ...others].sort());
  const { offences } = await banban.why(ATTACKER);
  expect(offences).toMatchObject([{ rule: 'ssh', decision: 'banned', lines: [expect.stringContaining(ATTACKER), expect.anything(), expect.anything()] }]);
  expect(banban.child.stderr).toBe('');
}

describe('into the log socket', () => {
  test('random bytes of every length are counted, and nothing is made of them', async () => {
    const banban = await LocalBanban.start();
    const noise = Array.from({ length: 400 }, (_, i) => randomBytes((i * 37) % 4096));
    // The longest that the kernel's default buffers carry, the empty one, and one of nothing but line ends.
    noise.push(randomBytes(65_536), Buffer.alloc(0), Buffer.alloc(65_535, '\n'), Buffer.alloc(65_535), Buffer.from('\0'));
    await banban.hears(...noise);
    const [source] = (await banban.status()).sources;
    expect(source).toMatchObject({ datagrams: noise.length, bytes: noise.reduce((sum, { length }) => sum + length, 0), dropped: 0, cut: 1, error: null });
    expect(source?.lines).toBeGreaterThan(400);
    expect(source?.unparsed).toBeGreaterThan(200);
    await stillBans(banban);
  });

  test('thousands of changed lines do not stop it', async () => {
    const banban = await LocalBanban.start();
    const random = seededRandom(7);
    const changed = Array.from({ length: 5000 }, () => mutated(random));
    await banban.hears(...changed);
    expect((await banban.status()).sources[0]).toMatchObject({ datagrams: changed.length, dropped: 0, error: null });
    await banban.attack(ATTACKER);
    expect(await banban.banned()).toContain(ATTACKER);
    expect(banban.child.stderr).toBe('');
  });

  test('lines of 64 KiB are read as far as they came; one that was cut is counted, and bans nobody by what is in it', async () => {
    const banban = await LocalBanban.start();
    const whole = failed(INNOCENT, 'x'.repeat(65_000));
    const cut = failed(INNOCENT, 'x'.repeat(70_000));
    // The end of the line, with the address that the service wrote, is missing: a chosen one in front of it is not taken for it.
    const forged = failed(ATTACKER, `x from ${INNOCENT} port 22 ssh2 ${'x'.repeat(70_000)}`);
    await banban.hears(whole, whole, cut, cut, cut, forged, forged, forged);
    expect(await banban.status()).toMatchObject({ sources: [{ datagrams: 8, lines: 8, cut: 6 }], rules: [{ name: 'ssh', matches: 2, bans: 0 }] });
    await banban.hears(whole);
    // The evidence is kept short.
    const [offence] = (await banban.why(INNOCENT)).offences;
    expect(offence?.lines.every((line) => line.length < 3000)).toBe(true);
    await stillBans(banban, [INNOCENT]);
  });

  test('a thousand addresses in a line: only the one that the service wrote counts', async () => {
    const banban = await LocalBanban.start();
    const thousand = Array.from({ length: 1000 }, (_, i) => `from 192.0.${i >> 8}.${i & 255} port 22 ssh2`).join(' ');
    await banban.hears(...Array.from({ length: 3 }, () => failed(INNOCENT, thousand)), `<38>Mar  3 03:00:00 host sshd[811]: ${thousand}`);
    expect(await banban.banned()).toEqual([INNOCENT]);
    expect((await banban.status()).windows.open).toBe(0);
    await stillBans(banban, [INNOCENT]);
  });

  test('several lines in one datagram are several lines, and the rest of a message with a line break is none', async () => {
    const banban = await LocalBanban.start();
    await banban.hears(`${failed('192.0.2.1')}\n${failed('192.0.2.1')}\r\n\n${failed('192.0.2.1')}\0\n`);
    expect((await banban.status()).sources).toMatchObject([{ datagrams: 1, lines: 3 }]);
    // Without a PRI of its own it was part of what somebody said.
    const injected = `sshd[811]: Failed password for root from ${INNOCENT} port 22 ssh2`;
    await banban.hears(...Array.from({ length: 3 }, () => `<38>Mar  3 03:00:00 host app: hello\n${injected}\n`));
    expect(await banban.status()).toMatchObject({ sources: [{ lines: 9, unparsed: 3 }], matching: { bad: 3 } });
    await stillBans(banban, ['192.0.2.1']);
  });

  test('broken UTF-8 hides nobody', async () => {
    const banban = await LocalBanban.start();
    const names = [Buffer.from([0xff, 0xfe]), Buffer.from([0xc0, 0xaf]), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from([0xf4])];
    await banban.hears(...names.slice(0, 3).map((name) => Buffer.from(failed('192.0.2.1', `a\u0001${name.toString('latin1')}z`), 'latin1')));
    await banban.hears(...Array.from({ length: 3 }, () => Buffer.concat([Buffer.from(failed('2001:db8::7')), names[3] ?? Buffer.alloc(0)])));
    // The last three end in a broken byte, so the pattern's $ is not where the line ends: that is the rule's word, not an accident.
    await stillBans(banban, ['192.0.2.1']);
  });

  test('a flood of 70 MB: each line is matched or counted as dropped, memory stays bounded, and banctl is answered in the middle of it', async () => {
    const banban = await LocalBanban.start();
    const lines = Array.from({ length: 100 }, (_, i) => failed(`10.0.0.${i}`, 'x'.repeat(550)));
    const datagrams = 1100;
    let flooding = true;
    const flood = banban.hears(...Array.from({ length: datagrams }, () => lines.join('\n'))).finally(() => (flooding = false));
    let slowest = 0;
    while (flooding) {
      const begun = performance.now();
      expect((await banban.ask('GET', '/v1/status')).status).toBe(200);
      slowest = Math.max(slowest, performance.now() - begun);
    }
    await flood;
    expect(slowest).toBeLessThan(2000);
    const { sources: [source], memory, problems } = await banban.status();
    expect(source).toMatchObject({ datagrams, cut: 0, lines: (datagrams - (source?.dropped ?? 0)) * lines.length });
    expect(problems.some((problem) => problem.includes('datagrams were dropped'))).toBe(source?.dropped !== 0);
    // 64 MiB of queue at most, and what any node process has.
    expect(memory.rssBytes).toBeLessThan(300 * 1024 * 1024);
    await banban.attack(ATTACKER);
    expect((await banban.why(ATTACKER)).bans).toHaveLength(1);
  });
});

describe('into the control socket', () => {
  const statusIn = async (banban: LocalBanban): Promise<number> => {
    const result = await banban.banctl('status', '--json');
    expect(result).toMatchObject({ code: 0, stderr: '' });
    return result.ms;
  };

  test('half a request and then the end, ten ways, a hundred times each', async () => {
    const banban = await LocalBanban.start();
    const whole = 'POST /v1/bans HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60\r\n\r\n{"addresses":["192.0.2.1"],';
    const halves = Array.from({ length: 10 }, (_, i) => whole.slice(0, Math.ceil((whole.length * (i + 1)) / 10)));
    for (const half of halves) {
      await Promise.all(Array.from({ length: 100 }, (_, i) => new Promise<void>((resolve) => {
        const one = connect(banban.controlSocket, () => one.write(half, () => (i % 2 === 0 ? one.destroy() : one.end())));
        one.on('error', () => undefined).on('close', () => resolve()).resume();
      })));
    }
    await statusIn(banban);
    await stillBans(banban);
  });

  test.each([['announced', `Content-Length: ${100 * 1024 * 1024}`], ['in chunks', 'Transfer-Encoding: chunked']])('a body of 100 MB, %s, is refused as too large and never kept', async (_, header) => {
    const banban = await LocalBanban.start();
    const before = (await banban.status()).memory.rssBytes;
    const mebibyte = Buffer.alloc(1024 * 1024, 'x');
    const piece = header.startsWith('T') ? Buffer.concat([Buffer.from('100000\r\n'), mebibyte, Buffer.from('\r\n')]) : mebibyte;
    const heard: Buffer[] = [];
    await new Promise<void>((resolve) => {
      const one = connect(banban.controlSocket);
      one.on('data', (chunk) => heard.push(chunk)).on('error', () => undefined).on('close', () => resolve());
      one.write(`POST /v1/bans HTTP/1.1\r\nContent-Type: application/json\r\n${header}\r\n\r\n`);
      let sent = 0;
      const more = (): void => {
        if (one.destroyed) return;
        if (sent++ === 100) return void one.end();
        one.write(piece, more);
      };
      more();
    });
    expect(Buffer.concat(heard).toString()).toMatch(/^HTTP\/1\.1 413 [^]*"code":"too_large"/);
    expect(peakBytes(banban.pid) - before).toBeLessThan(64 * 1024 * 1024);
    await stillBans(banban);
  });

  test('a thousand clients that say nothing or half a request, and then stay silent: banctl is answered as quickly as before, they are told so and let go', async () => {
    const banban = await LocalBanban.start();
    const half = Array.from({ length: 10 }, () => banban.send('POST /v1/bans HTTP/1.1\r\nContent-Type: appli'));
    const idle: Socket[] = [];
    onTestFinished(() => idle.forEach((one) => one.destroy()));
    while (idle.filter((one) => !one.destroyed).length < 990) {
      // EAGAIN: the kernel's queue of connections that wait to be accepted is full for the moment.
      await waitFor('a place in the queue', () => new Promise<boolean>((resolve) => {
        const one = connect(banban.controlSocket, () => resolve(true)).on('error', () => resolve(false)).on('data', () => undefined);
        idle.push(one);
      }), { everyMs: 1 });
    }
    expect(await statusIn(banban)).toBeLessThan(3000);
    await stillBans(banban);
    for (const answer of await Promise.all(half)) {
      expect(answer).toMatch(/^HTTP\/1\.1 400 /);
      expect((JSON.parse(answer.split('\r\n\r\n')[1] ?? '') as ErrorBody).error).toMatchObject({ code: 'bad_request', message: expect.stringContaining('was not complete within') });
    }
    await waitFor('the idle to be let go', () => idle.every((one) => one.destroyed || one.readableEnded), { timeoutMs: 15_000 });
  });

  test('more clients than it may have files: lines are matched and bans are stored meanwhile, and banctl is answered as soon as the idle are let go', async () => {
    const banban = await LocalBanban.start({ through: ['sh', '-c', 'ulimit -n 200; exec "$@"', 'sh'] });
    const idle = Array.from({ length: 400 }, () => connect(banban.controlSocket).on('error', () => undefined).on('data', () => undefined));
    onTestFinished(() => idle.forEach((one) => one.destroy()));
    await waitFor('all to have tried', () => idle.every((one) => !one.connecting));
    await banban.isSent(failed(INNOCENT), failed(INNOCENT), failed(INNOCENT));
    expect(await banban.logs('ban')).toMatchObject({ address: INNOCENT });
    expect((await banban.banctl('status')).code).not.toBe(0);
    await waitFor('banctl to be answered', async () => (await banban.banctl('status')).code === 0, { timeoutMs: 15_000 });
    await stillBans(banban, [INNOCENT]);
  });

  test.each<[string, string | Buffer]>([
    ['random bytes', Buffer.concat([randomBytes(2000), Buffer.from('\r\n\r\n')])],
    ['a log line', `${failed(INNOCENT)}\n`],
    ['TLS', Buffer.from('16030100c8010000c40303'.padEnd(400, 'ab'), 'hex')],
    ['a megabyte of spaces', Buffer.alloc(1024 * 1024, ' ')],
    ['a header without an end', `GET /v1/status HTTP/1.1\r\nx: ${'y'.repeat(1024 * 1024)}`],
    ['a length that is none', 'POST /v1/reload HTTP/1.1\r\nContent-Length: -1\r\n\r\n'],
    ['a thousand requests in one write, the last of them broken', `${'GET /v1/bans HTTP/1.1\r\n\r\n'.repeat(1000)}GARBAGE\r\n\r\n`],
  ])('instead of HTTP: %s', async (_, bytes) => {
    const banban = await LocalBanban.start();
    const answer = await banban.send(bytes);
    expect(answer).toMatch(/HTTP\/1\.1 400 Bad Request\r\n[^]*"code":"bad_request","message":"[^"]{20,}/);
    await statusIn(banban);
    await stillBans(banban);
  });

  test('from a web page, with unknown keys, or of the wrong type: each is an error of the one form, and nothing is done', async () => {
    const banban = await LocalBanban.start();
    const good = { addresses: [INNOCENT], by: 'ann' };
    const cases: [number, RegExp, Parameters<LocalBanban['ask']>][] = [
      [403, /web pages/, ['GET', '/v1/status', { headers: { origin: 'http://evil.example' } }]],
      [403, /web pages/, ['POST', '/v1/bans', { json: good, headers: { referer: 'http://evil.example/x' } }]],
      [403, /web pages/, ['POST', '/v1/bans', { json: good, headers: { origin: 'null' } }]],
      [400, /unknown key "colour"/, ['POST', '/v1/bans', { json: { ...good, colour: 'red' } }]],
      [400, /unknown key "colour"/, ['GET', '/v1/bans?colour=red']],
      [400, /addresses/, ['POST', '/v1/bans', { json: { ...good, addresses: INNOCENT } }]],
      [400, /durationSeconds/, ['POST', '/v1/bans', { json: { ...good, durationSeconds: '60' } }]],
      [400, /durationSeconds/, ['POST', '/v1/bans', { raw: `{"addresses":["${INNOCENT}"],"by":"ann","durationSeconds":1e400}`, headers: { 'content-type': 'application/json' } }]],
      [400, /not addresses|not an address/, ['POST', '/v1/bans', { json: { ...good, addresses: ['010.0.0.1'] } }]],
      [404, /no target "NOWHERE"; configured are BLOCKER/, ['POST', '/v1/bans', { json: { ...good, target: 'NOWHERE' } }]],
      [400, /body can't be read/, ['POST', '/v1/bans', { raw: `{"addresses":["${INNOCENT}"],`, headers: { 'content-type': 'application/json' } }]],
      [400, /body can't be read/, ['POST', '/v1/bans', { raw: 'addresses=198.51.100.1', headers: { 'content-type': 'application/x-www-form-urlencoded' } }]],
      [400, /object|shape|body/, ['POST', '/v1/bans', { raw: '[]'.padStart(900_000, '['), headers: { 'content-type': 'application/json' } }]],
      [404, /there is no PUT \/v1\/bans; the routes are under \/v1/, ['PUT', '/v1/bans', { json: good }]],
    ];
    for (const [status, message, asking] of cases) {
      const answer = await banban.ask(...asking);
      expect(answer.type, answer.text).toMatch(/^application\/json/);
      expect(answer.status, answer.text).toBe(status);
      const { error } = answer.body as ErrorBody;
      expect(error).toEqual({ code: expect.stringMatching(/^[a-z_]+$/), message: expect.stringMatching(message), details: expect.any(Array) });
      expect(error.message).not.toMatch(/\n|at .*\.js:/);
    }
    expect(await banban.banned()).toEqual([]);
    expect(banban.logged('control_fault')).toEqual([]);
    await stillBans(banban);
  });
});

/** The most memory that the process has ever had (proc_pid_status(5)). */
function peakBytes(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}
