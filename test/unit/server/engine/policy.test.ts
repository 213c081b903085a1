import { ms } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import type { RuleConfig } from '../../../../packages/server/src/config/config.ts';
import { compilePolicy } from '../../../../packages/server/src/engine/policy.ts';
import { config, pattern, policy, prefix, rule, target } from '../../../support/policies.ts';
import { address } from '../../../support/records.ts';

describe('a policy', () => {
  test('has the allow list, the targets in their order and the rules that run', () => {
    const p = policy({ allowlist: [prefix('192.0.2.0/24')], targets: [target('B'), target('A')], rules: [rule('one', { target: 'B' }), rule('two', { target: 'A' })] });
    expect(p.allowlist.find(address('192.0.2.7'))).toBe('192.0.2.0/24');
    expect(p.allowlist.find(address('198.51.100.1'))).toBeUndefined();
    expect([...p.targets.keys()]).toEqual(['B', 'A']);
    expect(p.rules.map((r) => r.threshold)).toEqual([{ rule: 'one', occurrences: 3, interval: 3_600_000 }, { rule: 'two', occurrences: 3, interval: 3_600_000 }]);
    expect(p.disabled.size).toBe(0);
  });

  test('without rules and patterns is one, too', () => {
    const { policy: empty, issues } = compilePolicy(config({ rules: [], goodPatterns: [], targets: [] }));
    expect(issues).toEqual([]);
    expect(empty.rules).toEqual([]);
  });
});

describe('a pattern that can’t be used', () => {
  const bad = { ...pattern('sshd: (?=x)<ip>'), place: { file: 'banban.yml', line: 17, key: 'rules.two.badpatterns[1]' } };
  test('switches its rule off, says where and why, and leaves the others alone', () => {
    const { policy: p, issues } = compilePolicy(config({ rules: [rule('one'), rule('two', { badPatterns: [pattern('sshd: x <ip>'), bad] }), rule('three')] }));
    expect(p.rules.map((r) => r.config.name)).toEqual(['one', 'three']);
    expect([...p.disabled.keys()]).toEqual(['two']);
    expect(issues).toHaveLength(1);
    expect(issues[0]).toMatchObject({ file: 'banban.yml', line: 17, key: 'rules.two.badpatterns[1]', severity: 'error' });
    expect(issues[0]?.message).toContain('"sshd: (?=x)<ip>" can\'t be used: ');
    expect(p.disabled.get('two')).toBe(issues[0]?.message);
  });
  test('is told of for each of them, also where they are of one rule', () => {
    const { issues, policy: p } = compilePolicy(config({ goodPatterns: [pattern('no address')], rules: [rule('one', { badPatterns: [bad, pattern('(')] })] }));
    expect(issues).toHaveLength(3);
    expect(p.rules).toEqual([]);
  });
  test('is not shown whole when it is huge', () => {
    const { issues } = compilePolicy(config({ rules: [rule('one', { badPatterns: [pattern(`(${'x'.repeat(100_000)}`)] })] }));
    expect(issues[0]?.message.length).toBeLessThan(1000);
  });
});

describe('the fingerprint of a rule, by which windows are kept over a reload,', () => {
  const of = (given: Partial<RuleConfig>): string | undefined => policy({ targets: [target('BLOCKER'), target('B')], rules: [rule('one', given)] }).rules[0]?.fingerprint;
  const same = of({});
  test.each<[string, Partial<RuleConfig>]>([
    ['its lengths of ban', { ban: [ms(1000)] }],
    ['its memory', { memory: ms(1000) }],
    ['resetconns', { resetconns: true }],
    ['its place in the file', { place: { file: 'x', line: 99, key: 'y' } }],
  ])('is the same whatever %s', (_, given) => expect(of(given)).toBe(same));
  test.each<[string, Partial<RuleConfig>]>([
    ['its occurrences', { occurrences: 4 }],
    ['its interval', { interval: ms(1000) }],
    ['its target', { target: 'B' }],
    ['its patterns', { badPatterns: [pattern('sshd: <ip>')] }],
    ['its name', { name: 'two' }],
  ])('is another with %s', (_, given) => expect(of(given)).not.toBe(same));
});
