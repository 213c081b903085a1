import { ms } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import type { PatternConfig, RuleConfig } from '../../../../packages/server/src/config/config.ts';
import { compilePolicy, type Packs } from '../../../../packages/server/src/engine/policy.ts';
import { compilePack, type PatternSource } from '../../../../packages/server/src/match/pack.ts';
import { config, pattern, policy, rule, target } from '../../../support/policies.ts';
import { entryOf } from '../../../support/parsed.ts';

describe('a policy', () => {
  test('has the targets in their order and the rules that run', () => {
    const p = policy({ targets: [target('B'), target('A')], rules: [rule('one', { target: 'B' }), rule('two', { target: 'A' })] });
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

/** Packs as a library has them: `svc` works, `half` has one faulty pattern, `broken` none that works. */
function packs(expression = 'refused <ip>$'): Packs {
  const one = (name: string, group: string, match: string): PatternSource => ({ name, group, begins: [String.raw`svc(?:\[\d+\])?: `], match, source: 'svc.c', samples: [{ line: `svc: ${match.replace('<ip>$', '192.0.2.1')}`, address: '192.0.2.1', user: undefined }], misses: [] });
  const make = (name: string, ...patterns: PatternSource[]): ReturnType<Packs['get']> => {
    const groups = [{ name: 'auth', about: '', good: false, weak: false }, { name: 'scan', about: '', good: false, weak: false }, { name: 'noise', about: '', good: false, weak: true }, { name: 'accepted', about: '', good: true, weak: false }];
    const { pack, faults } = compilePack({ name, service: '', source: '', groups, patterns });
    const issues = faults.map(({ pattern: which, message }) => ({ file: `${name}.yml`, line: 7, key: '', severity: 'error' as const, message: `${which}: ${message}` }));
    return { pack: pack.patterns.length === 0 ? undefined : pack, file: `${name}.yml`, issues };
  };
  const all: Readonly<Record<string, ReturnType<Packs['get']>>> = {
    svc: make('svc', one('refused', 'auth', expression), one('denied', 'auth', 'denied <ip>$'), one('probe', 'scan', 'probe <ip>$'), one('hello', 'noise', 'hello <ip>$'), one('in', 'accepted', 'in <ip>$')),
    half: make('half', one('works', 'auth', 'works <ip>$'), one('faulty', 'scan', 'x(?=y)<ip>$')),
    broken: make('broken', one('faulty', 'auth', 'no address')),
    innocent: make('innocent', one('in', 'accepted', 'in <ip>$')),
    banban: make('banban', { ...one('ban', 'auth', 'ban <ip>$'), begins: [String.raw`banband\[\d+\]: `], samples: [{ line: 'banband[1]: ban 192.0.2.1', address: '192.0.2.1', user: undefined }] }),
  };
  return { get: (name) => all[name], names: () => Object.keys(all) };
}
const use = (what: string, line = 1): PatternConfig => ({ source: `use: ${what}`, use: what, place: { file: 'banban.yml', line, key: 'k' } });
const compile = (given: { readonly good?: readonly PatternConfig[]; readonly bad?: readonly PatternConfig[] }, from = packs()) =>
  compilePolicy(config({ goodPatterns: given.good ?? [], rules: [rule('one', { badPatterns: given.bad ?? [pattern('x <ip>')] }), rule('two')] }), from);
const used = ({ policy: p }: ReturnType<typeof compile>): string[] => [...p.patterns.values()].filter((u) => u.pack !== undefined).map((u) => u.name);
const messages = ({ issues }: ReturnType<typeof compile>): string[] => issues.map((i) => i.message);

describe('use: takes of a pack', () => {
  test.each([
    ['svc', ['svc/refused', 'svc/denied', 'svc/probe']],
    ['svc/auth', ['svc/refused', 'svc/denied']],
    ['svc/scan', ['svc/probe']],
    ['svc/denied', ['svc/denied']],
    ['svc/noise', ['svc/hello']],
    ['svc/hello', ['svc/hello']],
  ])('%s, among bad patterns, %j', (what, names) => {
    const made = compile({ bad: [use(what)] });
    expect(messages(made)).toEqual([]);
    expect(used(made)).toEqual(names);
    for (const name of names) expect(made.policy.patterns.get(name)).toMatchObject({ good: false, rules: ['one'], packPattern: { fullName: name } });
  });
  test.each(['svc', 'svc/accepted', 'svc/in'])('%s, among good ones, those that pardon', (what) => {
    const made = compile({ good: [use(what)] });
    expect(messages(made)).toEqual([]);
    expect(used(made)).toEqual(['svc/in']);
    expect(made.policy.patterns.get('svc/in')).toMatchObject({ good: true, rules: [] });
  });
  test('what a rule has twice, and what two rules have, once under its name', () => {
    const { policy: p } = compilePolicy(config({ rules: [rule('one', { badPatterns: [use('svc'), use('svc/auth')] }), rule('two', { badPatterns: [use('svc/refused')] })] }), packs());
    expect(p.patterns.get('svc/refused')?.rules).toEqual(['one', 'two']);
    expect(p.patterns.get('svc/denied')?.rules).toEqual(['one']);
    expect(p.matcher.match(entryOf('svc: refused 192.0.2.1')).hits.map((h) => h.rule)).toEqual([0, 1]);
    expect(p.matcher.match(entryOf('svc: denied 192.0.2.1')).hits.map((h) => h.rule)).toEqual([0]);
  });
  test('nothing that a rule could not count: its pattern works beside those of the admin', () => {
    const { policy: p } = compile({ bad: [pattern('own <ip>'), use('svc/scan')], good: [use('svc')] });
    expect(p.matcher.match(entryOf('svc: probe 192.0.2.1')).hits[0]?.pattern.name).toBe('svc/probe');
    expect(p.matcher.match(entryOf('svc: own 192.0.2.1')).hits).toHaveLength(1);
    expect(p.matcher.match(entryOf('svc: in 192.0.2.1')).good?.pattern.name).toBe('svc/in');
  });
});

describe('use: of what can’t be used switches the rule off and says why:', () => {
  test.each([
    ['nothing', /^there is no pack nothing; there are svc, half, broken, innocent, banban$/],
    ['svc/nothing', /^the pack svc has no group or pattern nothing; it has the groups auth, scan, noise, accepted$/],
    ['svc/accepted', /^svc\/accepted is good: it can't get anybody banned; put it into goodpatterns$/],
    ['svc/in', /^svc\/in is good: /],
    ['innocent', /^the pack innocent has no bad patterns$/],
    ['half/scan', /^no pattern of half\/scan can be used$/],
    ['broken', /^the pack broken \(broken\.yml\) can't be used$/],
  ])('%s among bad patterns', (what, message) => {
    const made = compile({ bad: [use(what, 17)] });
    const own = made.issues.find((i) => i.file === 'banban.yml');
    expect(own).toMatchObject({ line: 17, severity: 'error' });
    expect(own?.message).toMatch(message);
    expect([...made.policy.disabled]).toEqual([['one', own?.message]]);
    expect(made.policy.rules.map((r) => r.config.name)).toEqual(['two']);
  });
  test.each([
    ['svc/auth', /^svc\/auth is bad: it can't pardon anybody; put it into the badpatterns of a rule$/],
    ['svc/refused', /^svc\/refused is bad: /],
    ['half', /^the pack half has no good patterns$/],
  ])('%s among good ones pardons nobody, and the rules run', (what, message) => {
    const made = compile({ good: [use(what)], bad: [use('svc')] });
    expect(messages(made).some((m) => message.test(m))).toBe(true);
    expect(made.policy.rules).toHaveLength(2);
    expect(made.policy.matcher.match(entryOf('svc: refused 192.0.2.1')).good).toBeUndefined();
  });
  test('where there are no packs at all', () => {
    const { issues } = compilePolicy(config({ rules: [rule('one', { badPatterns: [use('svc')] })] }));
    expect(issues[0]?.message).toBe('there is no pack svc; there are none');
  });
});

test('a faulty pattern of a pack is left out and said once, with its own file, and the rest of the pack works', () => {
  const { policy: p, issues } = compilePolicy(config({ rules: [rule('one', { badPatterns: [use('half')] }), rule('two', { badPatterns: [use('half/works')] })] }), packs());
  expect(issues).toMatchObject([{ file: 'half.yml', line: 7, message: expect.stringContaining("faulty: RE2 can't run it") }]);
  expect(p.disabled.size).toBe(0);
  expect([...p.patterns.keys()].filter((n) => n.startsWith('half'))).toEqual(['half/works']);
  expect(p.matcher.match(entryOf('svc: works 192.0.2.1')).hits).toHaveLength(2);
});

test('the fingerprint of a rule is another when the pack that it uses has changed, and the same when another has', () => {
  const of = (what: string, from: Packs): string | undefined => compile({ bad: [use(what)] }, from).policy.rules[0]?.fingerprint;
  expect(of('svc', packs())).toBe(of('svc', packs()));
  expect(of('svc', packs('refused: <ip>$'))).not.toBe(of('svc', packs()));
  expect(of('svc/auth', packs('refused: <ip>$'))).not.toBe(of('svc/auth', packs()));
  expect(of('svc/scan', packs('refused: <ip>$'))).toBe(of('svc/scan', packs()));
});

describe('banband’s own lines are watched', () => {
  test.each([
    ['when a rule uses the pack banban', { bad: [use('banban')] }, true],
    ['when a pattern of the admin’s names banband', { bad: [pattern(String.raw`^banband\[\d+\]: x <ip>`)] }, true],
    ['when a good one does', { good: [pattern(String.raw`^banband: x <ip>`)] }, true],
    ['not for patterns that any line will do', { bad: [pattern('x <ip>')] }, false],
    ['not for other programs', { bad: [use('svc')] }, false],
  ])('%s', (_, given, watches) => expect(compile(given).policy.watchesOwn).toBe(watches));
  test('not for a rule that is switched off', () => {
    expect(compile({ bad: [use('banban'), pattern('(')] }).policy.watchesOwn).toBe(false);
  });
});
