/** banctl lists, export and import, as built. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { userInfo } from 'node:os';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { BanResult } from 'banban-shared';
import { aBan, aBanResult, aList } from '../support/answers.ts';
import { banctl } from '../support/banctl.ts';
import { must, run } from '../support/child.ts';
import { describeE2e } from '../support/e2e-gate.ts';
import { fakeDaemon, type Asked, type FakeAnswer } from '../support/fake-daemon.ts';
import { tempDir } from '../support/temp-dir.ts';

const now = Date.now();
const person = process.env['SUDO_USER'] || userInfo().username;
const HOSTILE = 'a\x1b[2J\r\nb\x9b31m\u202ec';

async function ask(answer: FakeAnswer, args: readonly string[], input = '') {
  const daemon = await fakeDaemon(answer);
  return { ...(await banctl(args, { socket: daemon.socket, input })), asked: daemon.asked };
}

describe('lists', () => {
  test('shows a table, and below it what is wrong', async () => {
    const lists = [aList(now), aList(now, { name: 'own', kind: 'file', from: '/etc/own.txt', entries: 0, checkedAt: null, fetchedAt: null, error: '/etc/own.txt: there is no such file' }), aList(now, { name: 'old', skipped: 13, warnings: [`1 of its lines can’t be read: ${HOSTILE}`] })];
    const result = await ask({ body: { lists } }, ['lists']);
    expect(result).toMatchObject({ code: 0, stderr: '', asked: [{ method: 'GET', path: '/v1/lists' }] });
    expect(result.stdout.split('\n').map((line) => line.replace(/ {2,}/g, '  '))).toEqual([
      'LIST  FROM  TARGET  ENTRIES  SKIPPED  AGE  NEXT  STATE',
      expect.stringMatching(/^drop {2}https:\/\/lists\.example\/drop\.txt\?… {2}BLOCKER {2}1,391 {2}0 {2}3h12m {2}in 19h39m {2}ok$/),
      expect.stringMatching(/^own {2}\/etc\/own\.txt {2}BLOCKER {2}0 {2}0 {2}- {2}in 19h39m {2}FAILED$/),
      expect.stringMatching(/^old .* {2}13 {2}3h12m {2}in 19h39m {2}in part$/),
      '! own: /etc/own.txt: there is no such file',
      '! old: 1 of its lines can’t be read: a\\x1b[2J\\r\\nb\\x9b31m\\u{202e}c',
      '',
    ]);
    expect((await ask({ body: { lists: [] } }, ['lists'])).stdout).toBe('No lists are configured.\n');
    expect(JSON.parse((await ask({ body: { lists } }, ['lists', '--json'])).stdout)).toEqual({ lists });
  });

  test('refresh asks for those that are named, and ends with 1 when one could not be had', async () => {
    const good = await ask({ body: { lists: [aList(now)] } }, ['lists', 'refresh', 'drop', '--force']);
    expect(good).toMatchObject({ code: 0, stderr: '', stdout: 'drop: 1,391 entries of it are banned in BLOCKER\n' });
    expect(good.asked).toEqual([{ method: 'POST', path: '/v1/lists/refresh', body: { lists: ['drop'], force: true } }]);
    const bad = await ask({ body: { lists: [aList(now, { error: 'https://lists.example/drop.txt answers with status 500' })] } }, ['lists', 'refresh']);
    expect(bad).toMatchObject({ code: 1, stdout: '', stderr: 'banctl: drop: https://lists.example/drop.txt answers with status 500 (1,391 entries of it are banned in BLOCKER)\n' });
    expect(bad.asked[0]?.body).toEqual({});
  });

  test.each([[['lists', 'fetch']], [['lists', '--force']]])('%j is not understood', async (args) => {
    expect(await ask({ body: {} }, args)).toMatchObject({ code: 2, asked: [] });
  });
});

const bans = [
  aBan(now, { id: 1, address: '203.0.113.7', reason: '=1+1' }),
  aBan(now, { id: 2, address: '203.0.113.7', target: 'OTHER', until: null, remainingSeconds: null, origin: { kind: 'manual', name: 'anna' }, reason: HOSTILE }),
  aBan(now, { id: 3, address: '198.51.100.0/24', remainingSeconds: 90 }),
  aBan(now, { id: 4, address: '198.51.100.128/25', remainingSeconds: 9000 }),
  aBan(now, { id: 5, address: '2001:db8::1' }),
  aBan(now, { id: 6, address: '2001:db8:1::/48', target: '9drop' }),
];

describe('export', () => {
  test('plain is each address once', async () => {
    const result = await ask({ body: { bans } }, ['export', '--target', 'BLOCKER']);
    expect(result).toMatchObject({ code: 0, stderr: '', stdout: '203.0.113.7\n198.51.100.0/24\n198.51.100.128/25\n2001:db8::1\n2001:db8:1::/48\n' });
    expect(result.asked).toMatchObject([{ method: 'GET', path: '/v1/bans?target=BLOCKER' }]);
    expect(await ask({ body: { bans: [] } }, ['export'])).toMatchObject({ code: 0, stdout: '' });
  });

  test('csv holds no formula and no line break', async () => {
    const lines = (await ask({ body: { bans } }, ['export', '--format', 'csv'])).stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(bans.length + 1);
    expect(lines[0]).toBe('address,target,by,since,until,remaining_seconds,reason');
    expect(lines[1]).toMatch(/^203\.0\.113\.7,BLOCKER,rule fullblock,.*,"'=1\+1"$/);
    expect(lines[2]).toMatch(/^203\.0\.113\.7,OTHER,anna,[^,]*,forever,forever,a \[2J {2}b 31m/);
  });

  test.each(['json', 'csv'])('%s comes back by import, with target, reason and the time that was left', async (format) => {
    const text = (await ask({ body: { bans } }, ['export', '--format', format])).stdout;
    expect(text).not.toMatch(/[^\n\P{Cc}]|[\p{Cf}\p{Zl}\p{Zp}]/u);
    const file = join(tempDir(), 'bans');
    writeFileSync(file, text);
    const imported = await ask((asked: Asked, response) => response.end(JSON.stringify({ results: results(asked) })), ['import', file]);
    expect(imported).toMatchObject({ code: 0, stderr: '', stdout: '6 bans made.\n' });
    const bodies = imported.asked.map(({ body }) => body as { addresses: string[]; target: string; durationSeconds: number | null; reason?: string });
    expect(bodies.map(({ addresses, target, durationSeconds }) => [addresses, target, durationSeconds])).toEqual([
      [['203.0.113.7'], 'BLOCKER', Math.ceil((bans[0]?.remainingSeconds ?? 0) / 60) * 60],
      [['203.0.113.7'], 'OTHER', null],
      [['198.51.100.0/24'], 'BLOCKER', 90],
      [['198.51.100.128/25'], 'BLOCKER', 9000],
      [['2001:db8::1'], 'BLOCKER', expect.any(Number)],
      [['2001:db8:1::/48'], '9drop', expect.any(Number)],
    ]);
    expect(bodies[0]?.reason).toBe('=1+1');
    if (format === 'json') expect(bodies[1]?.reason).toBe(HOSTILE);
  });

  test('a form that there is not is named', async () => {
    expect(await ask({ body: { bans } }, ['export', '--format', 'jsn'])).toMatchObject({ code: 2, asked: [], stderr: expect.stringContaining('--format takes plain, nft, csv or json, and not "jsn"; did you mean "json"?') });
  });
});

describeE2e('export --format nft', () => {
  test('is what nft -f loads, twice if need be', async () => {
    const file = join(tempDir(), 'bans.nft');
    writeFileSync(file, (await ask({ body: { bans } }, ['export', '--format', 'nft'])).stdout);
    const listed = await must(['unshare', '-n', 'sh', '-c', 'nft -f "$1" && nft -f "$1" && nft list ruleset', 'sh', file]);
    for (const part of ['set BLOCKER_ipv4 {', 'set OTHER_ipv4 {', 'set BLOCKER_ipv4_networks {', 'set BLOCKER_ipv6 {', 'set _9drop_ipv6_networks {', '203.0.113.7 timeout', '198.51.100.0/24 timeout 1m30s', '2001:db8:1::/48 timeout']) expect(listed).toContain(part);
    expect(listed, 'a network inside of another').not.toContain('198.51.100.128/25');
    writeFileSync(file, (await ask({ body: { bans: [] } }, ['export', '--format', 'nft'])).stdout);
    expect(await run(['unshare', '-n', 'nft', '-f', file])).toMatchObject({ code: 0, stderr: '' });
  });
});

/** All are banned. */
const results = ({ body }: Asked): BanResult[] => (body as { addresses: string[] }).addresses.map((address) => aBanResult(now, { address }));

describe('import', () => {
  const banAll = (asked: Asked, response: { end(text: string): unknown }): void => void response.end(JSON.stringify({ results: results(asked) }));

  test('takes old bans of fail2ban from standard input', async () => {
    const result = await ask(banAll, ['import', '-', '--for', '7d', '--target', 'BLOCKER', '--reason', 'moved'], "[{'sshd': ['192.0.2.1', '192.0.2.2']}, {'recidive': ['192.0.2.1']}]\n");
    expect(result).toMatchObject({ code: 0, stderr: '', stdout: '2 bans made.\n' });
    expect(result.asked.map(({ body }) => body)).toEqual([{ addresses: ['192.0.2.1', '192.0.2.2'], by: person, reason: 'moved', target: 'BLOCKER', durationSeconds: 604_800 }]);
  });

  test('asks for 10,000 at once, and says where they came from', async () => {
    const file = join(tempDir(), 'many.txt');
    writeFileSync(file, Array.from({ length: 25_000 }, (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`).join('\n'));
    const result = await ask(banAll, ['import', file]);
    expect(result).toMatchObject({ code: 0, stderr: '', stdout: '25,000 bans made.\n' });
    expect(result.asked.map(({ body }) => [(body as { addresses: string[] }).addresses.length, (body as { reason: string }).reason])).toEqual([[10_000, 'imported from many.txt'], [10_000, 'imported from many.txt'], [5_000, 'imported from many.txt']]);
  });

  test('says what was refused and why, what is too wide, and what can’t be read, and ends with 1', async () => {
    const refusing: FakeAnswer = (asked, response) =>
      void response.end(JSON.stringify({ results: results(asked).map((one) => (one.address === '192.0.2.1' ? { ...one, outcome: 'refused', enforcement: null, until: null, message: 'the allow list has 192.0.2.1' } : one)) }));
    const result = await ask(refusing, ['import', '-'], '192.0.2.1\n192.0.2.2\n0.0.0.0/0\nexample.org\n192.0.2.3\n');
    expect(result).toMatchObject({ code: 1, stdout: '2 bans made.\n' });
    expect(result.stderr.split('\n')).toEqual([
      'banctl: 192.0.2.1 was refused: the allow list has 192.0.2.1',
      'banctl: 0.0.0.0/0 was left out: too wide, the widest network that can be banned is a /8 of IPv4 or a /16 of IPv6.',
      'banctl: 1 line could not be read and was left out: line 4 "example.org"',
      '',
    ]);
    expect(result.asked.map(({ body }) => (body as { addresses: string[] }).addresses)).toEqual([['192.0.2.1', '192.0.2.2', '192.0.2.3']]);
  });

  test('refuses what is no list, and asks nobody', async () => {
    const dir = tempDir();
    const page = join(dir, 'page');
    writeFileSync(page, '<html><body>login</body></html>');
    const packed = join(dir, 'packed');
    writeFileSync(packed, gzipSync('192.0.2.1\n'));
    for (const [file, said] of [[page, 'it is a web page'], [packed, 'was not imported'], [dir, 'could not be read'], [join(dir, 'none'), 'could not be read']] as const) {
      expect(await ask(banAll, ['import', file])).toMatchObject({ code: 2, asked: [], stderr: expect.stringContaining(said) });
    }
    expect(readFileSync(page, 'utf8')).toContain('login');
  });

  test('an empty list is nothing to do', async () => {
    expect(await ask(banAll, ['import', '-'], '# nothing\n')).toMatchObject({ code: 0, stdout: 'The list is empty: nothing to do.\n', asked: [] });
  });
});
