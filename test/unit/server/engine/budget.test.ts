import { ms } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import { createBudget } from '../../../../packages/server/src/engine/budget.ts';
import { compilePolicy, type Policy } from '../../../../packages/server/src/engine/policy.ts';
import { config, pattern, rule } from '../../../support/policies.ts';
import { engineRoom, failed } from '../../../support/engine-room.ts';

const MINUTE = ms(60_000);

/** A policy of patterns whose cost the test says: all of it since the start, in milliseconds. */
function priced(costs: Readonly<Record<string, number>>): { readonly policy: Policy; readonly costs: Record<string, number> } {
  const given = { ...costs };
  const badPatterns = Object.keys(costs).map((key) => ({ ...pattern(`${key} <ip>`), place: { file: 'f', line: 1, key } }));
  const { policy } = compilePolicy(config({ goodPatterns: [], rules: [rule('r', { badPatterns })] }));
  return { costs: given, policy: { ...policy, matcher: { ...policy.matcher, costOf: (p) => given[p.name] ?? 0 } } };
}
const over = (budget: ReturnType<typeof createBudget>, policy: Policy): string[] => budget.overdrawn(policy, MINUTE).map(({ pattern: p }) => p.name);

describe('the budget of patterns', () => {
  test('lets all of them be as long as none takes a quarter of a CPU', () => {
    const { policy } = priced({ a: 14_999, b: 0, c: 1 });
    expect(over(createBudget(), policy)).toEqual([]);
  });
  test('names what takes a quarter or more and ten times as much as the one in the middle, with a sentence', () => {
    const { policy } = priced({ a: 15_000, b: 100, c: 1 });
    const budget = createBudget();
    const [found, ...more] = budget.overdrawn(policy, MINUTE);
    expect(more).toEqual([]);
    expect(found?.message).toMatch(/^the pattern a took 25 % of one CPU in the last minute, so it is switched off until the next reload; make it begin with \^/);
    expect([...budget.switchedOff()]).toEqual([['a', found?.message]]);
  });
  test('blames nobody for a flood that makes all of them dear', () => {
    const { policy } = priced({ a: 20_000, b: 19_000, c: 18_000 });
    expect(over(createBudget(), policy)).toEqual([]);
  });
  test('blames the only one', () => expect(over(createBudget(), priced({ a: 30_000 }).policy)).toEqual(['a']));
  test('blames the dear one of two', () => expect(over(createBudget(), priced({ a: 30_000, b: 10 }).policy)).toEqual(['a']));
  test('counts what was spent since the last time, not since the start', () => {
    const { policy, costs } = priced({ a: 14_000, b: 1, c: 1 });
    const budget = createBudget();
    expect(over(budget, policy)).toEqual([]);
    costs['a'] = 28_000;
    expect(over(budget, policy)).toEqual([]);
    costs['a'] = 28_000 + 15_000;
    expect(over(budget, policy)).toEqual(['a']);
  });
  test('names each once, until it begins anew', () => {
    const { policy, costs } = priced({ a: 20_000, b: 1, c: 1 });
    const budget = createBudget();
    expect(over(budget, policy)).toEqual(['a']);
    costs['a'] = 60_000;
    expect(over(budget, policy)).toEqual([]);
    budget.reset();
    expect(budget.switchedOff().size).toBe(0);
    expect(over(budget, policy)).toEqual(['a']);
  });
});

describe('the engine', () => {
  test('switches off what is dear, says so, and goes on with the others', () => {
    const r = engineRoom();
    const badPatterns = ['dear .* <ip>', 'from <ip> port', 'never <ip>'].map((source, i) => ({ ...pattern(source), place: { file: 'f', line: 1, key: `p${i}` } }));
    let now = 0;
    const { policy } = compilePolicy(config({ goodPatterns: [], rules: [rule('ssh', { badPatterns })] }), undefined);
    const costOf = policy.matcher.costOf.bind(policy.matcher);
    r.engine.reload({ ...policy, matcher: { ...policy.matcher, costOf: (p) => (p.name === 'p0' ? now : costOf(p)) } });
    r.hear(`dear x 192.0.2.9`);
    expect(r.engine.patternCounters('p0').matches).toBe(1);
    now = 30_000;
    r.clock.advance(61_000);
    expect([...r.engine.switchedOff().keys()]).toEqual(['p0']);
    expect(r.log.said.find((s) => s.event === 'pattern_switched_off')).toMatchObject({ level: 'error', fields: { pattern: 'p0' } });
    r.hear(`dear x 192.0.2.9`, failed('192.0.2.1'), failed('192.0.2.1'), failed('192.0.2.1'));
    expect(r.engine.patternCounters('p0').matches).toBe(1);
    expect(r.banned()).toEqual(['BLOCKER 192.0.2.1']);
    // A reload makes all of them work again.
    r.engine.reload(compilePolicy(config({ goodPatterns: [], rules: [rule('ssh', { badPatterns })] })).policy);
    expect(r.engine.switchedOff().size).toBe(0);
    r.hear(`dear x 192.0.2.9`);
    expect(r.engine.patternCounters('p0').matches).toBe(2);
  });
});
