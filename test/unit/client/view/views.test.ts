import { instant } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import { banList, banOutcome } from '../../../../packages/client/src/view/ban.ts';
import { coloured, paintFor, plain } from '../../../../packages/client/src/view/paint.ts';
import { healthLine, statusPage } from '../../../../packages/client/src/view/status.ts';
import { ago, brief, until } from '../../../../packages/client/src/view/when.ts';
import { width } from '../../../../packages/client/src/view/width.ts';
import { whyPage } from '../../../../packages/client/src/view/why.ts';
import { bytes, count } from '../../../../packages/client/src/view/size.ts';
import { FOREVER, ms } from 'banban-shared';
import { aBan, aBanResult, aStatus, aWhy } from '../../../support/answers.ts';

const at = Date.UTC(2025, 0, 15, 12);
const now = instant(at);
const target = aStatus(at).targets[0]!;

describe('status', () => {
  test('the first line says whether anything is enforced', () => {
    expect(healthLine(aStatus(at), plain)).toBe('banband 0.1.0 is enforcing, up 3d2h, pid 123');
    expect(healthLine(aStatus(at, { enforcing: false, simulatedBecause: 'not run as root' }), plain)).toBe('SIMULATING: banband 0.1.0 does not touch the kernel (not run as root), up 3d2h, pid 123');
    expect(healthLine(aStatus(at, { targets: [{ ...target, state: 'missing' }] }), plain)).toBe('NOT ENFORCING: banband 0.1.0, BLOCKER missing, up 3d2h, pid 123');
    expect(healthLine(aStatus(at, { targets: [target, { ...target, name: 'THROTTLE', state: 'failed' }] }), plain)).toBe('ENFORCING ONLY IN PART: banband 0.1.0, THROTTLE failed, up 3d2h, pid 123');
    expect(healthLine(aStatus(at, { targets: [{ ...target, state: 'full', held: 5 }] }), plain)).toBe('ENFORCING ONLY IN PART: banband 0.1.0, the kernel does not hold 2 of 7 bans, up 3d2h, pid 123');
  });

  test('problems come right after it', () => {
    expect(statusPage(aStatus(at, { problems: ['the database is full'] }), now, plain)).toMatch(/pid 123\n\nproblems\n {2}! the database is full\n\nsources\n/);
  });

  test('a simulating banband holds nothing and cuts nothing, and no missing program is blamed', () => {
    const page = statusPage(aStatus(at, { enforcing: false, targets: [{ ...target, state: 'simulated' }], connections: { ...aStatus(at).connections, available: false } }), now, plain);
    expect(page).toMatch(/BLOCKER {2}simulated {5}7 {5}- /);
    expect(page).toContain('connections  not cut: banband simulates\n');
    expect(statusPage(aStatus(at, { connections: { ...aStatus(at).connections, available: false } }), now, plain)).toContain('not cut: the conntrack program is not there');
  });

  test('what a problem says already is not said again', () => {
    const sentence = 'the kernel has no list BLOCKER';
    const missing = [{ ...target, state: 'missing' as const, message: sentence }];
    expect(statusPage(aStatus(at, { targets: missing, problems: [`target BLOCKER: ${sentence}`] }), now, plain).split(sentence)).toHaveLength(2);
    expect(statusPage(aStatus(at, { targets: missing }), now, plain).split(sentence)).toHaveLength(2);
  });

  test('a disabled rule says why, a short target which addresses', () => {
    const rule = { ...aStatus(at).rules[0]!, disabled: 'pattern 2 does not compile' };
    const page = statusPage(aStatus(at, { rules: [rule], targets: [{ ...target, state: 'full', held: 5, notHeld: ['192.0.2.1', '192.0.2.2'] }] }), now, plain);
    expect(page).toContain('OFF: pattern 2 does not compile');
    expect(page).toContain('! BLOCKER does not hold 192.0.2.1, 192.0.2.2');
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

test('on a narrow terminal the reason is cut, and nothing else', () => {
  const long = aBan(at, { reason: 'she tried every password that she could think of' });
  const wide = banList([long], now, plain);
  const [, row] = banList([long], now, plain, 100).split('\n');
  expect(row).toBe('203.0.113.7  BLOCKER  2h ago  in 1d22h      1  rule fullblock  held    she tried every password tha…');
  expect(row).toHaveLength(100);
  expect(banList([long], now, plain, 20).split('\n')[1]).toMatch(/rule fullblock {2}held {4}she tried e…$/);
  expect(banList([long], now, plain, 500)).toBe(wide);
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
  for (const enforcement of ['missing', 'waiting', 'failed', null] as const) expect(banOutcome(aBanResult(at, { enforcement }), now).kind).toBe('failed');
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
});

test('times have two units at most, and no time is no number', () => {
  expect([ms(0), ms(999), ms(61_000), ms(5_430_000), ms(93_784_000), ms(1_209_600_000), FOREVER].map(brief)).toEqual(['0s', '0s', '1m1s', '1h30m', '1d2h', '2w', 'for ever']);
  expect([ago(null, now), ago('garbage', now), ago(new Date(at + 60_000).toISOString(), now)]).toEqual(['-', '-', 'just now']);
  expect([until(null, now), until(new Date(at - 1).toISOString(), now)]).toEqual(['never', 'now']);
});

test('sizes and counts', () => {
  expect([bytes(512), bytes(86_016), bytes(88_080_384)]).toEqual(['512 B', '84.0 KiB', '84.0 MiB']);
  expect([count(7), count(1234), count(1_234_567)]).toEqual(['7', '1,234', '1,234,567']);
});

test('colour only on a terminal whose user did not say no', () => {
  const base = { terminal: true, noColor: false, env: {} };
  expect(paintFor(base)).toBe(coloured);
  expect(paintFor({ ...base, terminal: false })).toBe(plain);
  expect(paintFor({ ...base, noColor: true })).toBe(plain);
  expect(paintFor({ ...base, env: { NO_COLOR: '1' } })).toBe(plain);
  expect(paintFor({ ...base, env: { TERM: 'dumb' } })).toBe(plain);
});
