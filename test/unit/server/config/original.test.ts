import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../../../packages/server/src/config/load.ts';
import { compilePattern } from '../../../../packages/server/src/match/pattern.ts';
import { loadText, problemsOf, warningsOf } from '../../../support/configs/load-text.ts';

const FILE = join(import.meta.dirname, '../../../support/configs/original.yml');
const BLOCK = `blocktypes:
  probe:
    target: BLOCKER
    patterns: ['sshd\\[\\d+\\]: bad (?<ip>\\S+)$']
`;
const TARGETS = 'targets: { BLOCKER: { ban: 1h } }\n';

describe("the original's own file", () => {
  const { config, warnings } = loadConfig(FILE);

  test('means what it meant', () => {
    expect(config.sources).toMatchObject([{ type: 'unix', path: '/run/banban/log.sock', owner: undefined, group: undefined, mode: 0o660 }]);
    expect(config.allowlist).toEqual(['127.0.0.0/8', '192.0.2.0/24', '2001:db8:aa::1/128']);
    expect(config.goodPatterns).toHaveLength(2);
    expect(config.rules.map(({ name, target, occurrences, interval, resetconns, badPatterns }) => [name, target, occurrences, interval / 1000, resetconns, badPatterns.length])).toEqual([
      ['fullblock', 'BLOCKER', 2, 600, true, 2],
      ['slowblock', 'BLOCKER', 10, 86_400, false, 1],
      ['throttle', 'THROTTLE', 1, 60, false, 1],
      ['plain', 'THROTTLE', 3, 3600, false, 1],
    ]);
    expect(config.targets.map(({ name, ban }) => [name, ban])).toEqual([['BLOCKER', [172_800_000]], ['THROTTLE', [172_800_000]]]);
  });

  test('says once for each target that its bans now end after 48 hours, and how to choose', () => {
    expect(warnings.map(({ line, key }) => [line, key])).toEqual([[16, 'blocktypes.fullblock.target'], [31, 'blocktypes.throttle.target']]);
    expect(warnings[0]?.message).toMatch(/bans in BLOCKER last 48h, because banban ends them itself .*add targets: \{ BLOCKER: \{ ban: 48h \} \} to this file, with seconds:/);
  });

  test('keeps its patterns as they are, each with its line', () => {
    const lines = readFileSync(FILE, 'utf8').split('\n');
    const patterns = [...config.goodPatterns, ...config.rules.flatMap((rule) => rule.badPatterns)];
    for (const { source, place } of patterns) expect(lines[place.line - 1]).toContain(source);
    for (const { source } of patterns) expect(() => compilePattern(source)).not.toThrow();
    expect(patterns.map(({ place }) => place.key)).toContain('blocktypes.throttle.patterns');
  });
});

test.each([['1', true], ['true', true], ['yes', true], ['on', true], ["'1'", true], ['0', false], ['false', false], ['no', false], ["''", false], ['', false]])('resetconns: %s is %s', (written, read) => {
  expect(loadText(`${TARGETS}${BLOCK}    resetconns: ${written}\n`).config.rules[0]?.resetconns).toBe(read);
});

test('single values stand for lists of one, and missing keys for the defaults', () => {
  const { config } = loadText(`${TARGETS}goodpatterns: 'good (?<ip>\\S+)'\nignorenets: 192.0.2.0/24\n${BLOCK}    minocc:\n`);
  expect(config.goodPatterns.map((p) => p.source)).toEqual(['good (?<ip>\\S+)']);
  expect(config.allowlist).toEqual(['192.0.2.0/24']);
  expect(config.rules[0]).toMatchObject({ occurrences: 3, interval: 3_600_000, resetconns: false });
  expect(loadText(TARGETS + BLOCK).config.allowlist).toEqual(['127.0.0.0/8', '::1/128']);
});

test('targets, database and control of today stand beside it and win', () => {
  const text = `${BLOCK}targets: { BLOCKER: { ban: [1h, forever], seconds: 300 }, BYHAND: { ban: 1d } }\ndatabase: /tmp/x.db\ncontrol: { socket: /tmp/c.sock }\n`;
  const { config, warnings } = loadText(text);
  expect(warnings).toEqual([]);
  expect(config.targets.map(({ name, seconds }) => [name, seconds])).toEqual([['BLOCKER', 300_000], ['BYHAND', undefined]]);
  expect([config.database, config.control.socket]).toEqual(['/tmp/x.db', '/tmp/c.sock']);
  expect(config.rules[0]?.ban).toEqual([3_600_000, Infinity]);
});

test('a target that is missing from targets is made, and said to be missing', () => {
  expect(warningsOf(`targets: { BLOCKERS: {} }\n${BLOCK}`)).toEqual([expect.stringMatching(/^4: warning: blocktypes.probe.target: targets has no BLOCKER \(did you mean BLOCKERS\?\); bans in BLOCKER last 48h/)]);
});

describe("messages speak the file's own words", () => {
  test.each([
    [`${TARGETS}${BLOCK}    minoc: 3\n`, '6: blocktypes.probe.minoc: there is no key "minoc" here; did you mean "minocc"?'],
    [`${TARGETS}${BLOCK}    occurrences: 3\n`, '6: blocktypes.probe.occurrences: there is no key "occurrences" here; did you mean "minocc"?'],
    [`${TARGETS}${BLOCK}rules: {}\n`, '6: rules: there is no key "rules" here; did you mean "blocktypes"?'],
    [`${TARGETS}${BLOCK}ignorenet: []\n`, '6: ignorenet: there is no key "ignorenet" here; did you mean "ignorenets"?'],
    [`${TARGETS}${BLOCK}    minocc: many\n`, '6: blocktypes.probe.minocc: found the text "many", wanted a whole number from 1 to 1000'],
    [`${TARGETS}${BLOCK}    interval: [1]\n`, '6: blocktypes.probe.interval: found a list, wanted a duration such as 90s, 10m, 1h30m, 7d or 2w, more than nothing and at most 3650d'],
    [`${TARGETS}${BLOCK}    resetconns: perhaps\n`, '6: blocktypes.probe.resetconns: found the text "perhaps", wanted true or false'],
    [`${TARGETS}${BLOCK}ignorenets: [192.168.]\n`, '6: ignorenets[0]: found the text "192.168.", wanted an address, or a network such as 192.0.2.0/24 or 2001:db8::/32'],
    [`${TARGETS}${BLOCK}ignorenets: [home.example.org]\n`, '6: ignorenets[0]: found the text "home.example.org", wanted an address, or a network such as 192.0.2.0/24 or 2001:db8::/32; host names are not looked up here'],
    [`${TARGETS}${BLOCK}ignorenets: [{ file: /x }]\n`, '6: ignorenets[0]: found a map, wanted an address, or a network such as 192.0.2.0/24 or 2001:db8::/32'],
    [`${TARGETS}blocktypes: { a: 1 }\n`, '2: blocktypes.a: found the number 1, wanted a map with target and patterns'],
    [`${TARGETS}blocktypes: { a: { target: BLOCKER } }\n`, '2: blocktypes.a.patterns: is missing: a block type without patterns never does anything'],
    [`${TARGETS}blocktypes: { a: { patterns: x } }\n`, '2: blocktypes.a.target: is missing: the target in which it bans'],
    [`${TARGETS}blocktypes: [a]\n`, '2: blocktypes: found a list, wanted a map from names to what they stand for; leave out the dashes'],
    [`targets: [A]\n${BLOCK}`, '1: targets: found a list, wanted a map from names to what they stand for; leave out the dashes'],
  ])('%#', (text, says) => {
    expect(problemsOf(text)).toContainEqual(says);
  });
});
