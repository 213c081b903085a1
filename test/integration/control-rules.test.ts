/** What the control API says of rules and patterns, and what it foresees of a line. */
import type { ErrorBody, MatchResponse, PatternResponse, RulesResponse } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import { controlRoom, type ControlRoom } from '../support/control-room.ts';
import { accepted, failed } from '../support/engine-room.ts';
import { pattern, policy, prefix, rule, target } from '../support/policies.ts';
import { T0 } from '../support/records.ts';

const X = '192.0.2.1';
const iso = (milliseconds: number): string => new Date(T0 + milliseconds).toISOString();
const named = (source: string, key: string) => ({ ...pattern(source), place: { file: 'test.yml', line: 1, key } });
const BAD = String.raw`sshd\[\d+\]: Failed \S+ for (?<user>.*) from <ip> port \d+ ssh2$`;
const given = {
  targets: [target('BLOCKER'), target('THROTTLE')],
  goodPatterns: [named(String.raw`sshd\[\d+\]: Accepted \S+ for (?<user>\S+) from <ip> port \d+ ssh2$`, 'goodpatterns[0]')],
  rules: [rule('ssh', { badPatterns: [named(BAD, 'rules.ssh.badpatterns[0]')] }), rule('quick', { target: 'THROTTLE', occurrences: 1, badPatterns: [named('never <ip>', 'rules.quick.badpatterns[0]')] })],
};
const room = (): Promise<ControlRoom> => controlRoom(given);
const line = (message: string): string => `<38>Jan  2 03:04:05 host sshd[1]: ${message}`;
const match = async (r: ControlRoom, text: string): Promise<MatchResponse> => (await r.ask('POST', '/v1/match', { json: { line: text } })).body as MatchResponse;

describe('GET /v1/rules', () => {
  test('has the rules in the order of the file and the patterns by name, each with what it did', async () => {
    const r = await room();
    r.hear(failed(X), failed(X), failed(X), accepted(X));
    const { status, body } = await r.ask('GET', '/v1/rules');
    expect(status).toBe(200);
    const { rules, patterns } = body as RulesResponse;
    expect(rules).toEqual([
      { name: 'ssh', target: 'BLOCKER', counts: 'lines', occurrences: 3, intervalSeconds: 3600, matches: 3, offences: 1, bans: 1, disabled: null, stopped: null },
      { name: 'quick', target: 'THROTTLE', counts: 'lines', occurrences: 1, intervalSeconds: 3600, matches: 0, offences: 0, bans: 0, disabled: null, stopped: null },
    ]);
    expect(patterns).toEqual([
      { name: 'goodpatterns[0]', good: true, rules: [], pack: null, group: null, matches: 1, bans: 0, pardoned: 0, cpuMilliseconds: 0, lastAt: iso(0), switchedOff: null },
      { name: 'rules.quick.badpatterns[0]', good: false, rules: ['quick'], pack: null, group: null, matches: 0, bans: 0, pardoned: 0, cpuMilliseconds: 0, lastAt: null, switchedOff: null },
      { name: 'rules.ssh.badpatterns[0]', good: false, rules: ['ssh'], pack: null, group: null, matches: 3, bans: 1, pardoned: 1, cpuMilliseconds: 0, lastAt: iso(0), switchedOff: null },
    ]);
  });
  test('is empty where nothing is configured', async () => {
    const r = await controlRoom({ targets: [], goodPatterns: [], rules: [] });
    expect((await r.ask('GET', '/v1/rules')).body).toEqual({ rules: [], patterns: [] });
  });
  test('is of the configuration that runs now', async () => {
    const r = await room();
    r.engine.reload(policy({ ...given, rules: [rule('other', { badPatterns: [named('x <ip>', 'x')] })] }));
    const { rules, patterns } = (await r.ask('GET', '/v1/rules')).body as RulesResponse;
    expect(rules.map((one) => one.name)).toEqual(['other']);
    expect(patterns.map((one) => one.name)).toEqual(['goodpatterns[0]', 'x']);
  });
});

describe('GET /v1/pattern', () => {
  test('has all of one', async () => {
    const r = await room();
    const { status, body } = await r.ask('GET', `/v1/pattern?name=${encodeURIComponent('rules.ssh.badpatterns[0]')}`);
    expect(status).toBe(200);
    expect(body as PatternResponse).toMatchObject({ pattern: { name: 'rules.ssh.badpatterns[0]', rules: ['ssh'], matches: 0 }, expressions: [BAD], service: null, about: null, source: null, samples: [], misses: [] });
  });
  test.each([['nothing', 404], ['', 400], ['x'.repeat(201), 400], ['__proto__', 404], ['\x1b[2J', 404]])('of the name %j is refused', async (name, status) => {
    const answer = await (await room()).ask('GET', `/v1/pattern?name=${encodeURIComponent(name)}`);
    expect(answer.status).toBe(status);
    expect((answer.body as ErrorBody).error.code).toBe(status === 404 ? 'unknown_pattern' : 'bad_request');
  });
  test('wants one name', async () => {
    const r = await room();
    expect((await r.ask('GET', '/v1/pattern')).status).toBe(400);
    expect((await r.ask('GET', '/v1/pattern?name=a&name=b')).status).toBe(400);
  });
});

describe('POST /v1/match', () => {
  test('says what a line would do, step by step, and does none of it', async () => {
    const r = await room();
    const text = line(failed(X, 'ann'));
    expect(await match(r, text)).toEqual({
      program: 'sshd', text: `sshd[1]: ${failed(X, 'ann')}`, verdict: 'bad', address: X, user: 'ann', pattern: 'rules.ssh.badpatterns[0]', notAnAddress: false, hostNames: [], times: 1,
      rules: [{ rule: 'ssh', target: 'BLOCKER', pattern: 'rules.ssh.badpatterns[0]', address: X, matches: 1, occurrences: 3, decision: 'counted', level: null, until: null, reason: null }],
    });
    for (let i = 0; i < 5; i++) await match(r, text);
    expect(r.engine.counters().lines).toBe(0);
    expect(r.engine.windows().open).toBe(0);
    r.hear(failed(X), failed(X));
    expect((await match(r, text)).rules).toMatchObject([{ matches: 3, decision: 'ban', level: 1, until: iso(3_600_000), reason: null }]);
    expect(r.banned()).toEqual([]);
  });
  test('of a good line names whom it pardons, and no rules', async () => {
    expect(await match(await room(), line(accepted(X)))).toMatchObject({ verdict: 'good', address: X, user: 'anna', pattern: 'goodpatterns[0]', rules: [] });
  });
  test('of nothing, of banband’s own, of what is no address', async () => {
    const r = await room();
    expect(await match(r, 'nothing')).toEqual({ program: null, text: 'nothing', verdict: null, address: null, user: null, pattern: null, notAnAddress: false, hostNames: [], times: 1, rules: [] });
    expect(await match(r, '<38>Jan  2 03:04:05 host banband[1]: ban 192.0.2.1')).toMatchObject({ program: 'banband', verdict: 'own', rules: [] });
    expect(await match(r, line(failed('999.0.2.1')))).toMatchObject({ verdict: null, notAnAddress: true });
  });
  test('of an allowed address says why nothing would be done', async () => {
    const r = await controlRoom({ ...given, allowlist: [prefix('192.0.2.0/24')], rules: [rule('ssh', { occurrences: 1 })] });
    expect((await match(r, line(failed(X)))).rules).toMatchObject([{ decision: 'none', until: null, reason: expect.stringContaining('192.0.2.0/24') }]);
  });
  test('takes any text of a datagram’s size, and no other', async () => {
    const r = await room();
    for (const text of ['\0', '\ud800', '\x1b[2J\u202e', 'ä'.repeat(60_000), `<38>1 - - - - - - ${'['.repeat(60_000)}`, 'x\ny']) expect((await r.ask('POST', '/v1/match', { json: { line: text } })).status).toBe(200);
    for (const json of [{}, { line: '' }, { line: 7 }, { line: null }, { line: ['x'] }, { line: 'x'.repeat(65_537) }, 'x', []]) expect((await r.ask('POST', '/v1/match', { json })).status, JSON.stringify(json).slice(0, 40)).toBe(400);
  });
});
