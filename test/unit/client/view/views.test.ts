import { instant } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import { banList, banOutcome } from '../../../../packages/client/src/view/ban.ts';
import { coloured, paintFor, plain } from '../../../../packages/client/src/view/paint.ts';
import { hitsCell, hitsWords } from '../../../../packages/client/src/view/hits.ts';
import { healthLine, statusPage } from '../../../../packages/client/src/view/status.ts';
import { ago, brief, until } from '../../../../packages/client/src/view/when.ts';
import { width } from '../../../../packages/client/src/view/width.ts';
import { whyPage } from '../../../../packages/client/src/view/why.ts';
import { bytes, compact, count } from '../../../../packages/client/src/view/size.ts';
import { unbanOutcome } from '../../../../packages/client/src/view/unban.ts';
import { FOREVER, ms } from 'banban-shared';
import { aBan, aBanResult, anUnbanResult, aStatus, aTarget, aWhy } from '../../../support/answers.ts';

const at = Date.UTC(2025, 0, 15, 12);
const now = instant(at);
/** Some time before `at`. */
const before = (milliseconds: number): string => new Date(at - milliseconds).toISOString();

/** All is in nftables, and the other one fails. */
const twoBackends = aTarget({
  state: 'failed', message: '/etc/hosts.deny: no space left on device', held: 5, capacity: null, notHeld: ['203.0.113.7', '203.0.113.9'],
  backends: [
    { backend: 'nftables', state: 'ok', message: null, bans: 7, held: 7, foreign: 0, capacity: null },
    { backend: 'hosts_deny', state: 'failed', message: '/etc/hosts.deny: no space left on device', bans: 7, held: 5, foreign: 0, capacity: null },
  ],
});

describe('status', () => {
  test('the first line says whether anything is enforced', () => {
    expect(healthLine(aStatus(at), plain)).toBe('banband 0.1.0 is enforcing, up 3d2h, pid 123');
    expect(healthLine(aStatus(at, { enforcing: false, simulatedBecause: 'not run as root' }), plain)).toBe('SIMULATING: banband 0.1.0 does not touch the kernel (not run as root), up 3d2h, pid 123');
    expect(healthLine(aStatus(at, { targets: [aTarget({ state: 'missing' })] }), plain)).toBe('NOT ENFORCING: banband 0.1.0, BLOCKER missing, up 3d2h, pid 123');
    expect(healthLine(aStatus(at, { targets: [aTarget({ state: 'unread' })] }), plain)).toBe('NOT ENFORCING: banband 0.1.0, BLOCKER unread, up 3d2h, pid 123');
    expect(healthLine(aStatus(at, { targets: [aTarget(), aTarget({ name: 'THROTTLE', state: 'failed' })] }), plain)).toBe('ENFORCING ONLY IN PART: banband 0.1.0, THROTTLE failed, up 3d2h, pid 123');
    expect(healthLine(aStatus(at, { targets: [aTarget({ state: 'full', held: 5 })] }), plain)).toBe('ENFORCING ONLY IN PART: banband 0.1.0, the kernel does not hold 2 of 7 bans, up 3d2h, pid 123');
  });

  test('one of several backends that fails is named, and the others go on', () => {
    expect(healthLine(aStatus(at, { targets: [twoBackends] }), plain)).toBe('ENFORCING ONLY IN PART: banband 0.1.0, BLOCKER (hosts_deny) failed, up 3d2h, pid 123');
    const both = { ...twoBackends, backends: twoBackends.backends.map((one) => ({ ...one, state: 'unread' as const })) };
    expect(healthLine(aStatus(at, { targets: [both] }), plain)).toBe('NOT ENFORCING: banband 0.1.0, BLOCKER (nftables) unread, BLOCKER (hosts_deny) unread, up 3d2h, pid 123');
  });

  test('host names are counted where a rule wants them', () => {
    expect(statusPage(aStatus(at), now, plain)).not.toContain('host names');
    const page = statusPage(aStatus(at, { hostNames: { seen: 1200, lookedUp: 4, failed: 3, spared: 2, dropped: 1 } }), now, plain);
    expect(page).toContain('\nhost names   1,200 lines with one in place of the address, 4 looked up, 3 unknown, 2 spared, 1 dropped\n');
  });

  test('what is being written is not called a failure', () => {
    const page = statusPage(aStatus(at, { targets: [aTarget({ state: 'pending', held: 5, notHeld: ['192.0.2.1', '192.0.2.2'] })] }), now, plain);
    expect(page).toMatch(/^banband 0\.1\.0 is enforcing, /);
    expect(page).toMatch(/BLOCKER {6}pending {5}7 {5}5 /);
  });

  test('each backend has a row where there are several, or where the one is not well', () => {
    const page = statusPage(aStatus(at, { targets: [twoBackends, aTarget({ name: 'THROTTLE', state: 'missing', message: 'no such list', held: 0 })] }), now, plain);
    expect(page).toContain(`targets
  TARGET        STATE    BANS  HELD  FOREIGN  CAPACITY
  BLOCKER       failed      7     5        0         -
    nftables    ok          7     7        0         -
    hosts_deny  failed      7     5        0         -
  THROTTLE      missing     7     0        0       100
    xt_recent   missing     7     0        0       100
  ! BLOCKER (hosts_deny): /etc/hosts.deny: no space left on device
  ! BLOCKER does not hold 203.0.113.7, 203.0.113.9
  ! THROTTLE: no such list
`);
    expect(statusPage(aStatus(at), now, plain)).not.toContain('xt_recent');
  });

  test('rows that are not banban\'s are named, a few of them', () => {
    const foreignNamed = Array.from({ length: 100 }, (_, i) => `198.51.100.${i}`);
    const page = (change: object): string => statusPage(aStatus(at, { targets: [aTarget(change)] }), now, plain);
    expect(page({ foreign: 2, foreignNamed: foreignNamed.slice(0, 2) })).toContain('    BLOCKER also has 198.51.100.0, 198.51.100.1, which banban did not put there and leaves alone\n');
    expect(page({ foreign: 1234, foreignNamed })).toContain('198.51.100.4 and 1,229 more, which banban');
  });

  test('problems come right after it', () => {
    expect(statusPage(aStatus(at, { problems: ['the database is full'] }), now, plain)).toMatch(/pid 123\n\nproblems\n {2}! the database is full\n\nsources\n/);
  });

  test('a simulating banband holds nothing and cuts nothing, and no missing program is blamed', () => {
    const page = statusPage(aStatus(at, { enforcing: false, targets: [aTarget({ state: 'simulated' })], connections: { ...aStatus(at).connections, available: false } }), now, plain);
    expect(page).toMatch(/BLOCKER {2}simulated {5}7 {5}- /);
    expect(page).toContain('connections  not cut: banband simulates\n');
    expect(statusPage(aStatus(at, { connections: { ...aStatus(at).connections, available: false } }), now, plain)).toContain('not cut: there is no conntrack');
  });

  test('what a problem says already is not said again', () => {
    const sentence = 'the kernel has no list BLOCKER';
    const missing = [aTarget({ state: 'missing', message: sentence })];
    expect(statusPage(aStatus(at, { targets: missing, problems: [`target BLOCKER: ${sentence}`] }), now, plain).split(sentence)).toHaveLength(2);
    expect(statusPage(aStatus(at, { targets: missing }), now, plain).split(sentence)).toHaveLength(2);
  });

  test('a disabled rule says why, a short target which addresses', () => {
    const rule = { ...aStatus(at).rules[0]!, disabled: 'pattern 2 does not compile' };
    const page = statusPage(aStatus(at, { rules: [rule], targets: [aTarget({ state: 'full', held: 5, notHeld: ['192.0.2.1', '192.0.2.2'] })] }), now, plain);
    expect(page).toContain('OFF: pattern 2 does not compile');
    expect(page).toContain('! BLOCKER does not hold 192.0.2.1, 192.0.2.2');
  });

  test('a rule that counts bans says so', () => {
    const rule = { ...aStatus(at).rules[0]!, counts: 'bans' as const, intervalSeconds: 86_400 };
    expect(statusPage(aStatus(at, { rules: [rule] }), now, plain)).toContain('  3 bans in 1d  ');
  });

  test('a rule that the circuit breaker has stopped is not on', () => {
    const rule = { ...aStatus(at).rules[0]!, stopped: { since: before(60_000), reason: 'more than 5 new bans within a minute' } };
    expect(statusPage(aStatus(at, { rules: [rule] }), now, plain)).toMatch(/fullblock {2}.* 7 {2}STOPPED\n/);
  });

  test('a source says what it refused, and what the kernel dropped before it', () => {
    const page = (change: object): string => statusPage(aStatus(at, { sources: [{ ...aStatus(at).sources[0]!, type: 'syslog', path: 'udp 192.0.2.1:514', ...change }] }), now, plain);
    expect(page({ refused: { count: 1200, last: '198.51.100.7' }, lost: 12 })).toMatch(/\n {4}udp 192\.0\.2\.1:514 refused 1,200 connections or datagrams, the last of 198\.51\.100\.7\n {2}! udp 192\.0\.2\.1:514 lost 12 datagrams, dropped by the kernel because they came too fast\n/);
    expect(page({ refused: { count: 0, last: null }, lost: 0 })).not.toMatch(/refused|lost/);
  });

  test('a terminal of 80 columns has every table, and loses no trouble', () => {
    const status = aStatus(at);
    const source = { ...status.sources[0]!, path: '/var/www/customers/shop.example.org/log/access.log', lagBytes: 10_240, dropped: 7, cut: 0, unparsed: 3 };
    const receiver = { name: 'mail administrators@example.org', kind: 'mail' as const, on: ['ban', 'refused', 'breakin', 'breaker', 'list', 'error'], sent: 3, failed: 1, waiting: 14, dropped: 2, lastAt: before(1000), error: null };
    const tables = /^sources\n[^!]*?\n\nbans /m;
    const page = statusPage(aStatus(at, { sources: [source], notify: [receiver] }), now, plain, 80);
    const shown = tables.exec(page)?.[0].split('\n') ?? [];
    expect(shown.length).toBeGreaterThan(8);
    for (const line of shown) expect(width(line)).toBeLessThanOrEqual(80);
    expect(page).toMatch(/LINES {2}MATCHED .*DROPPED .*LAST/);
    expect(page).toMatch(/SENT {2}FAILED {2}WAITING {2}DROPPED/);
    expect(statusPage(aStatus(at, { sources: [source], notify: [receiver] }), now, plain)).toContain('CUT  UNPARSED  LAST');
  });
});

test('a list has one aligned line a ban, and its count', () => {
  const page = banList([aBan(at), aBan(at, { id: 2, address: '2001:db8::7', until: null, level: null, origin: { kind: 'manual', name: 'anna' }, enforcement: 'waiting', reason: null })], now, plain);
  expect(page.split('\n')).toEqual([
    'ADDRESS      TARGET   SINCE   ENDS      LEVEL  BY              KERNEL               REASON',
    '203.0.113.7  BLOCKER  2h ago  in 1d22h      1  rule fullblock  held                 3 matches in 1h',
    '2001:db8::7  BLOCKER  2h ago  never         -  anna            NOT HELD: list full',
    '2 active bans',
  ]);
});

test('a list shows what met a ban and what died of it, where some ban has that', () => {
  const hits = { packets: 1234, bytes: 74_040, lastAt: null };
  const seen = { packets: null, bytes: null, lastAt: before(180_000) };
  const page = banList([aBan(at, { hits, connections: 2 }), aBan(at, { id: 2, hits: seen }), aBan(at, { id: 3, enforcement: 'pending' })], now, plain);
  expect(page.split('\n')).toEqual([
    'ADDRESS      TARGET   SINCE   ENDS      LEVEL  BY              KERNEL               HITS  CUT  REASON',
    '203.0.113.7  BLOCKER  2h ago  in 1d22h      1  rule fullblock  held            1.2k pkts    2  3 matches in 1h',
    '203.0.113.7  BLOCKER  2h ago  in 1d22h      1  rule fullblock  held           hit 3m ago    -  3 matches in 1h',
    '203.0.113.7  BLOCKER  2h ago  in 1d22h      1  rule fullblock  being written           -    -  3 matches in 1h',
    '3 active bans',
  ]);
  expect(hitsCell(aBan(at, { hits: { packets: 0, bytes: 0, lastAt: null } }), now)).toBe('0 pkts');
  expect(hitsCell(aBan(at, { hits: { packets: 1, bytes: 60, lastAt: null } }), now)).toBe('1 pkt');
  expect(hitsCell(aBan(at, { hits: { packets: null, bytes: null, lastAt: null } }), now)).toBe('-');
});

describe('on a narrow terminal', () => {
  const long = aBan(at, { reason: 'she tried every password that she could think of', connections: 2, hits: { packets: 1234, bytes: 1, lastAt: null } });
  const rowAt = (columns: number, ban = long): string => banList([ban], now, plain, columns).split('\n')[1] ?? '';

  test('the reason is cut, and what is least needed is left out', () => {
    expect(rowAt(120)).toBe('203.0.113.7  BLOCKER  2h ago  in 1d22h      1  rule fullblock  held    1.2k pkts    2  she tried every password that sh…');
    expect(rowAt(120)).toHaveLength(120);
    expect(rowAt(100)).toBe('203.0.113.7  BLOCKER  2h ago  in 1d22h      1  rule fullblock  held    1.2k pkts    2  she tried ev…');
    expect(rowAt(96)).toBe('203.0.113.7  BLOCKER  2h ago  in 1d22h      1  rule fullblock  held    1.2k pkts  she tried eve…');
    expect(rowAt(80)).toBe('203.0.113.7  BLOCKER  2h ago  in 1d22h  rule fullblock  held    1.2k pkts');
    expect(banList([long], now, plain, 500)).toBe(banList([long], now, plain));
  });

  test.each([80, 100, 120, 200])('of %i columns no row is longer, with any IPv4 address and what is not held', (columns) => {
    const worst = aBan(at, { ...long, address: '203.111.113.107', enforcement: 'unread' });
    for (const line of banList([long, worst], now, plain, columns).split('\n')) expect(width(line)).toBeLessThanOrEqual(columns);
    expect(rowAt(columns, worst)).toContain('NOT HELD: n');
  });

  test('address, target, times, origin and the kernel\'s word stay whatever it costs', () => {
    expect(rowAt(20)).toBe('203.0.113.7  BLOCKER  2h ago  in 1d22h  rule fullblock  held');
  });
});

test('columns line up below and above wide characters', () => {
  const name = { kind: 'manual' as const, name: '山田太郎' };
  const rows = banList([aBan(at, { origin: name }), aBan(at, { origin: { kind: 'manual', name: 'Jose\u0301' } })], now, plain).split('\n').slice(1, 3);
  expect(rows.map((row) => width(row.slice(0, row.indexOf('held'))))).toEqual([57, 57]);
});

test('colour does not move the columns', () => {
  const bare = banList([aBan(at)], now, coloured).replace(/\x1b\[\d+m/g, '');
  expect(bare).toBe(banList([aBan(at)], now, plain));
});

test('a ban is done only when the kernel holds it or banband simulates', () => {
  expect(banOutcome(aBanResult(at), now)).toEqual({ kind: 'done', text: '203.0.113.7 is banned in BLOCKER for 2d' });
  expect(banOutcome(aBanResult(at, { outcome: 'unchanged' }), now).text).toBe('203.0.113.7 is banned in BLOCKER already, for 2d');
  expect(banOutcome(aBanResult(at, { outcome: 'extended', until: null }), now).text).toBe('203.0.113.7 was banned in BLOCKER already, and now is for ever');
  expect(banOutcome(aBanResult(at, { enforcement: 'simulated' }), now).kind).toBe('note');
  expect(banOutcome(aBanResult(at, { enforcement: 'pending', message: 'it is being written to BLOCKER' }), now)).toEqual({ kind: 'done', text: '203.0.113.7 is banned in BLOCKER for 2d (it is being written to BLOCKER)' });
  expect(banOutcome(aBanResult(at, { enforcement: 'failed', heldIn: ['nftables'], message: 'hosts_deny: no space left on device' }), now)).toEqual({
    kind: 'failed', text: '203.0.113.7 is banned in BLOCKER for 2d, but IS NOT ENFORCED EVERYWHERE, only by nftables: hosts_deny: no space left on device',
  });
  for (const enforcement of ['unread', 'missing', 'waiting', 'failed', null] as const) expect(banOutcome(aBanResult(at, { enforcement }), now).kind).toBe('failed');
});

test('an unban is done only when nothing holds the address any more', () => {
  const said = (change: Parameters<typeof anUnbanResult>[0]) => unbanOutcome(anUnbanResult(change));
  expect(said({})).toEqual({ kind: 'done', text: '203.0.113.7 is free again (was in BLOCKER)' });
  expect(said({ targets: [] })).toEqual({ kind: 'note', text: '203.0.113.7 was not banned: nothing to do' });
  const heldBy = [{ address: '203.0.113.0/24', target: 'BLOCKER' }];
  const message = '203.0.113.7 is still held by the ban of 203.0.113.0/24 in BLOCKER (banctl unban 203.0.113.0/24 ends that)';
  expect(said({ targets: [], heldBy, message })).toEqual({ kind: 'failed', text: message });
  expect(said({ targets: ['THROTTLE'], heldBy, message })).toEqual({ kind: 'failed', text: `the ban of 203.0.113.7 in THROTTLE is ended, but ${message}` });
  expect(said({ targets: [], heldBy })).toEqual({ kind: 'failed', text: '203.0.113.7 is still held by the ban of 203.0.113.0/24 in BLOCKER' });
});

test('why tells of networks around the address, of what met them and what died', () => {
  const network = aBan(at, { address: '203.0.113.0/24', connections: 2, hits: { packets: 1234, bytes: 74_040, lastAt: before(180_000) } });
  const page = whyPage(aWhy(at, { bans: [network], endedBans: [], offences: [], windows: [] }), now, plain);
  expect(page).toBe(`203.0.113.7 is banned in BLOCKER for 1d22h (with all of 203.0.113.0/24)

active bans
  BLOCKER  203.0.113.0/24, since 2h ago, ends in 1d22h, level 1, by rule fullblock, kernel: held: 3 matches in 1h
    it met 1,234 packets (72.3 KiB), the last 3m ago; 2 connections were cut`);
  const words = (change: object): string[] => hitsWords(aBan(at, change), now);
  expect(words({})).toEqual([]);
  expect(words({ hits: { packets: 0, bytes: 0, lastAt: null }, connections: 1 })).toEqual(['it met no packet', '1 connection was cut']);
  expect(words({ hits: { packets: null, bytes: null, lastAt: before(60_000) } })).toEqual(['it met packets, the last 1m ago']);
  expect(words({ hits: { packets: null, bytes: null, lastAt: null } })).toEqual([]);
});

test('why tells the present before the past', () => {
  expect(whyPage(aWhy(at), now, plain)).toBe(`203.0.113.7 is banned in BLOCKER for 1d22h

active bans
  BLOCKER  since 2h ago, ends in 1d22h, level 1, by rule fullblock, kernel: held: 3 matches in 1h

open windows
  briefthrottle  1 of 3 within 10m, last 5s ago

offences
  2h ago  rule fullblock, BLOCKER, level 1, banned
    | sshd[7]: Failed password for root from 203.0.113.7 port 4242 ssh2

ended bans
  THROTTLE  10d ago to 5d ago, by anna: scans; ended: by hand (bert)`);
  const nothing = { bans: [], endedBans: [], offences: [], windows: [] };
  expect(whyPage(aWhy(at, nothing), now, plain)).toBe('203.0.113.7 is not banned, and banban knows nothing of it');
  expect(whyPage(aWhy(at, { ...nothing, allowedBy: '203.0.113.0/24' }), now, plain)).toBe('203.0.113.7 is not banned: it is never banned, because 203.0.113.0/24 is on the allow list');
  const guarded = [{ address: '203.0.113.7', why: 'root is logged in from there (pts/0)' }];
  expect(whyPage(aWhy(at, { ...nothing, guarded }), now, plain)).toBe('203.0.113.7 is not banned\n\nguarded\n  no rule may ban it now, because root is logged in from there (pts/0)');
  expect(whyPage(aWhy(at, { ...nothing, address: '203.0.113.0/24', guarded }), now, plain)).toContain('  203.0.113.7: no rule may ban it now, because root');
});

test('times have two units at most, and no time is no number', () => {
  expect([ms(0), ms(999), ms(61_000), ms(5_430_000), ms(93_784_000), ms(1_209_600_000), FOREVER].map(brief)).toEqual(['0s', '0s', '1m1s', '1h30m', '1d2h', '2w', 'for ever']);
  expect([ago(null, now), ago('garbage', now), ago(new Date(at + 60_000).toISOString(), now)]).toEqual(['-', '-', 'just now']);
  expect([until(null, now), until(new Date(at - 1).toISOString(), now)]).toEqual(['never', 'now']);
});

test('sizes and counts', () => {
  expect([bytes(512), bytes(86_016), bytes(88_080_384)]).toEqual(['512 B', '84.0 KiB', '84.0 MiB']);
  expect([count(7), count(1234), count(1_234_567)]).toEqual(['7', '1,234', '1,234,567']);
  expect([0, 999, 1000, 1299, 9999, 10_000, 999_999, 3_450_000, 7e9, 2e13].map(compact)).toEqual(['0', '999', '1.0k', '1.2k', '9.9k', '10k', '999k', '3.4M', '7.0G', '20T']);
});

test('colour only on a terminal whose user did not say no', () => {
  const base = { terminal: true, noColor: false, env: {} };
  expect(paintFor(base)).toBe(coloured);
  expect(paintFor({ ...base, terminal: false })).toBe(plain);
  expect(paintFor({ ...base, noColor: true })).toBe(plain);
  expect(paintFor({ ...base, env: { NO_COLOR: '1' } })).toBe(plain);
  expect(paintFor({ ...base, env: { TERM: 'dumb' } })).toBe(plain);
});
