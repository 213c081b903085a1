import { instant, type MatchResponse, type PatternResponse, type PatternView, type RulesResponse } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import { matchPage } from '../../../../packages/client/src/view/match.ts';
import { coloured, plain } from '../../../../packages/client/src/view/paint.ts';
import { patternPage, rulesPage } from '../../../../packages/client/src/view/rules.ts';

const at = Date.UTC(2025, 0, 15, 12);
const now = instant(at);
const iso = (ms: number): string => new Date(at + ms).toISOString();
const HOSTILE = 'a\x1b[2J\x1b]0;owned\x07\r\nb\x7f\x9b31m\u202ec';
const anythingATerminalObeys = /[^\n\P{Cc}]|[\p{Cf}\p{Zl}\p{Zp}]/u;

const aPattern = (given: Partial<PatternView> = {}): PatternView => ({ name: 'sshd/failed-password', good: false, rules: ['fullblock'], pack: 'sshd', group: 'auth', matches: 12, bans: 3, pardoned: 0, cpuMilliseconds: 1.25, lastAt: iso(-60_000), switchedOff: null, ...given });
const some = (...patterns: PatternView[]): RulesResponse => ({ rules: [{ name: 'fullblock', target: 'BLOCKER', counts: 'lines', occurrences: 3, intervalSeconds: 600, matches: 12, offences: 4, bans: 3, disabled: null, stopped: null }], patterns });
const full = (given: Partial<PatternResponse> = {}): PatternResponse => ({ pattern: aPattern(), expressions: ['^sshd: x <ip>'], service: 'OpenSSH', about: 'wrong passwords', source: 'auth.c', samples: [{ line: 'sshd: x 192.0.2.1', address: '192.0.2.1', user: 'ann' }], misses: ['sshd: y'], ...given });
const aMatch = (given: Partial<MatchResponse> = {}): MatchResponse => ({
  program: 'sshd', text: 'sshd[1]: x', verdict: 'bad', address: '192.0.2.1', user: 'ann', pattern: 'sshd/x', notAnAddress: false, hostNames: [], times: 1,
  rules: [{ rule: 'fullblock', target: 'BLOCKER', pattern: 'sshd/x', address: '192.0.2.1', matches: 1, occurrences: 3, decision: 'counted', level: null, until: null, reason: null }],
  ...given,
});

describe('the page of rules', () => {
  test('begins with the patterns that hit the wrong people, then those that ban', () => {
    const page = rulesPage(some(aPattern({ name: 'cheap', bans: 0, matches: 99 }), aPattern({ name: 'blocks', bans: 9 }), aPattern({ name: 'harms', bans: 2, pardoned: 2 })), now, plain, undefined);
    expect(page).toMatch(/fullblock +BLOCKER +3 in 10m +12 +4 +3\n\n/);
    expect(page.indexOf('harms')).toBeLessThan(page.indexOf('blocks'));
    expect(page.indexOf('blocks')).toBeLessThan(page.indexOf('cheap'));
    expect(page).toMatch(/\nharms +12 +2 +2 +1\.3 ms +1m ago/);
  });
  test('sums up those that never matched, by pack', () => {
    const silent = (name: string, pack: string | null) => aPattern({ name, pack, matches: 0, lastAt: null });
    expect(rulesPage(some(aPattern(), silent('sshd/a', 'sshd'), silent('sshd/b', 'sshd'), silent('rules.own.badpatterns[0]', null)), now, plain, undefined)).toMatch(/\n\n3 patterns have not matched: sshd \(2\), rules\.own\.badpatterns\[0\]$/);
    expect(rulesPage(some(silent('sshd/a', 'sshd')), now, plain, undefined)).toMatch(/\n\nno pattern has matched yet: sshd \(1\)$/);
    expect(rulesPage(some(), now, plain, undefined)).not.toContain('\n\n');
  });
  test('says why one was switched off, though it never matched', () => {
    const page = rulesPage(some(aPattern({ matches: 0, lastAt: null, switchedOff: 'it took 90 % of one CPU' })), now, plain, undefined);
    expect(page).toContain('sshd/failed-password (off)');
    expect(page).toMatch(/\n\nit took 90 % of one CPU$/);
  });
  test('fits a narrow terminal', () => {
    const rows = rulesPage(some(aPattern({ name: 'x'.repeat(150) })), now, plain, 80).split('\n');
    expect(Math.max(...rows.map((row) => row.length))).toBeLessThanOrEqual(80);
  });
});

describe('the page of a pattern', () => {
  test('has its word, its numbers, its expressions and its evidence', () => {
    expect(patternPage(full(), now, plain)).toBe(
      'sshd/failed-password  counts in fullblock\n  of OpenSSH; auth: wrong passwords\n  from auth.c\n  12 matches, last 1m ago; 3 bans, 0 of them pardoned; 1.3 ms of CPU\n\nexpressions\n  ^sshd: x <ip>\n\nmust match\n  sshd: x 192.0.2.1\n    => 192.0.2.1, user ann\n\nmust not match\n  sshd: y',
    );
  });
  test('of the admin’s own has no evidence', () => {
    expect(patternPage(full({ pattern: aPattern({ good: true, rules: [], pack: null, group: null, lastAt: null, matches: 0 }), service: null, about: null, source: null, samples: [], misses: [] }), now, plain)).toBe('sshd/failed-password  good: it pardons\n  0 matches, last -; 3 bans, 0 of them pardoned; 1.3 ms of CPU\n\nexpressions\n  ^sshd: x <ip>');
  });
});

describe('the page of a line', () => {
  test.each<[string, Partial<MatchResponse>, RegExp]>([
    ['counted', {}, /^program: sshd\ntext: {4}sshd\[1\]: x\nverdict: bad: 192\.0\.2\.1 \(user ann\) by sshd\/x\n {2}rule fullblock, BLOCKER: 1 of 3 matches of 192\.0\.2\.1, so it would only be counted$/],
    ['banned', { rules: [{ ...aMatch().rules[0]!, matches: 3, decision: 'ban', level: 2, until: iso(3_600_000) }] }, /: it would be banned for 1h \(level 2\)$/],
    ['banned for ever', { rules: [{ ...aMatch().rules[0]!, decision: 'ban', level: 3, until: null }] }, /: it would be banned for ever \(level 3\)$/],
    ['extended', { rules: [{ ...aMatch().rules[0]!, decision: 'extend', level: 2, until: iso(3_600_000) }] }, /for 1h, longer than it is \(level 2\)$/],
    ['spared', { rules: [{ ...aMatch().rules[0]!, decision: 'none', reason: 'allowed by 192.0.2.0/24' }] }, /: nothing would be done, allowed by 192\.0\.2\.0\/24$/],
    ['good', { verdict: 'good', user: null, rules: [] }, /verdict: good: pardons 192\.0\.2\.1 by sshd\/x$/],
    ['own', { verdict: 'own', rules: [] }, /verdict: it is a line of banband’s own, which is dropped$/],
    ['nothing', { verdict: null, program: null, rules: [] }, /^program: none\n.*\nverdict: none: no pattern matches$/],
    ['a name', { verdict: null, rules: [], hostNames: (['no', 'warn', 'yes'] as const).map((usedns) => ({ name: 'host.example.com', rule: usedns, pattern: 'sshd/x', usedns })) }, /verdict: none: a host name stands where the address should be\n {2}rule no: host\.example\.com stands where the address should be; nothing is done about it \(usedns: no\)\n {2}rule warn: .*said in the log.*\n {2}rule yes: .*would be looked up, .* unless one is allowed or guarded \(usedns: yes\)$/],
    ['no address', { verdict: null, notAnAddress: true, rules: [] }, /verdict: none: a pattern matches, but what stands where the address should be is none$/],
    ['folded', { times: 7 }, /\nit stands for 7 lines\n/],
  ])('%s', (_, given, page) => expect(matchPage(aMatch(given), now, plain)).toMatch(page));
});

test('no text of a log, a pack or a configuration reaches the terminal as it is', () => {
  const pattern = aPattern({ name: HOSTILE, rules: [HOSTILE], pack: HOSTILE, group: HOSTILE, switchedOff: HOSTILE });
  const ownRule = { ...aMatch().rules[0]!, rule: HOSTILE, target: HOSTILE, reason: HOSTILE, address: HOSTILE, decision: 'none' as const };
  const pages = [
    rulesPage({ rules: [{ ...some().rules[0]!, name: HOSTILE, target: HOSTILE, disabled: HOSTILE }], patterns: [pattern, aPattern({ name: HOSTILE, pack: null, matches: 0 }), aPattern({ pack: HOSTILE, matches: 0 })] }, now, plain, 100),
    patternPage(full({ pattern, expressions: [HOSTILE], service: HOSTILE, about: HOSTILE, source: HOSTILE, samples: [{ line: HOSTILE, address: HOSTILE, user: HOSTILE }], misses: [HOSTILE] }), now, plain),
    matchPage(aMatch({ program: HOSTILE, text: HOSTILE, user: HOSTILE, pattern: HOSTILE, address: HOSTILE, rules: [ownRule] }), now, plain),
  ];
  for (const page of pages) {
    expect(page).not.toMatch(anythingATerminalObeys);
    expect(page).toContain('\\x1b');
  }
  expect(rulesPage(some(aPattern({ pardoned: 1 })), now, coloured, undefined)).toContain('\x1b[33m1\x1b[39m');
});
