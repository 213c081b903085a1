import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createMatcher, type Matcher } from '../../../../packages/server/src/match/matcher.ts';
import { compilePattern } from '../../../../packages/server/src/match/pattern.ts';
import { entryOf } from '../../../support/parsed.ts';

// The package belongs to the server, so it is found from there.
const RE2 = createRequire(join(import.meta.dirname, '../../../../packages/server/package.json'))('re2') as { readonly Set: new (expressions: readonly string[]) => unknown };

const make = (good: readonly string[], ...rules: readonly (readonly string[])[]): Matcher => createMatcher(good.map((p) => compilePattern(p)), rules.map((patterns) => patterns.map((p) => compilePattern(p))));

/** `good address`, or `rule address` for each hit, and `nobody` where something matched and named nobody. */
function verdict(matcher: Matcher, line: string | Buffer): string[] {
  const { good, hits, notAnAddress } = matcher.match(entryOf(line));
  return [...(good === undefined ? [] : [`good ${good.address}`]), ...hits.map(({ rule, address }) => `${rule} ${address}`), ...(notAnAddress ? ['nobody'] : [])];
}

const A = '192.0.2.1';
const B = '198.51.100.2';

describe('good before bad', () => {
  test('a line that a good pattern matches counts in no rule', () => {
    const matcher = make(['ok <ip>$'], ['<ip>$'], ['ok <ip>$']);
    expect(verdict(matcher, `app[1]: ok ${A}`)).toEqual([`good ${A}`]);
    expect(verdict(matcher, `app[1]: bad ${A}`)).toEqual([`0 ${A}`]);
  });
  test('whichever of them is tied to the program', () => {
    const matcher = make(['ok <ip>$'], [String.raw`^app\[\d+\]: .* <ip>$`]);
    expect(verdict(matcher, `app[1]: ok ${A}`)).toEqual([`good ${A}`]);
    const other = make([String.raw`^app\[\d+\]: ok <ip>$`], ['<ip>$']);
    expect(verdict(other, `app[1]: ok ${A}`)).toEqual([`good ${A}`]);
    expect(verdict(other, `web[1]: ok ${A}`)).toEqual([`0 ${A}`]);
  });
  test('the first good pattern that names somebody decides', () => {
    expect(verdict(make([`to <ip>`, `from <ip>`], ['<ip>']), `app[1]: from ${A} to ${B}`)).toEqual([`good ${B}`]);
  });
  test('a good pattern that names nobody pardons nobody, and the rules have their say', () => {
    expect(verdict(make([String.raw`user (?<ip>\S+)`], ['from <ip>$']), `app[1]: user x from ${A}`)).toEqual([`0 ${A}`, 'nobody']);
  });
});

describe('rules', () => {
  test('a rule counts a line once, however many of its patterns match', () => {
    const matcher = make([], ['from <ip>', `bad .* <ip>`, '<ip> port']);
    expect(verdict(matcher, `app[1]: bad thing from ${A} port 1`)).toEqual([`0 ${A}`]);
  });
  test('and by the pattern that stands first', () => {
    const matcher = make([], ['to <ip>', 'from <ip>']);
    expect(verdict(matcher, `app[1]: from ${A} to ${B}`)).toEqual([`0 ${B}`]);
  });
  test('a pattern that names nobody leaves the line to the next one of the rule', () => {
    expect(verdict(make([], [String.raw`(?<ip>\S+) says`, 'from <ip>']), `app[1]: x says from ${A}`)).toEqual([`0 ${A}`, 'nobody']);
  });
  test('one line may count in several, with an address of its own in each', () => {
    const matcher = make([], ['from <ip>'], ['to <ip>'], ['nothing <ip>'], ['from <ip>']);
    expect(verdict(matcher, `app[1]: from ${A} to ${B}`).sort()).toEqual([`0 ${A}`, `1 ${B}`, `3 ${A}`]);
  });
  test('the same pattern twice in a rule, and in two rules, counts once in each', () => {
    expect(verdict(make([], ['from <ip>', 'from <ip>'], ['from <ip>']), `app[1]: from ${A}`)).toEqual([`0 ${A}`, `1 ${A}`]);
  });
  test('a pattern that two rules share counts only in the one that has not counted the line', () => {
    expect(verdict(make([], ['from <ip>', 'to <ip>'], ['to <ip>']), `app[1]: from ${A} to ${B}`)).toEqual([`0 ${A}`, `1 ${B}`]);
  });
  test('the next line is counted anew', () => {
    const matcher = make([], ['from <ip>']);
    for (let i = 0; i < 3; i++) expect(verdict(matcher, `app[1]: from ${A}`)).toEqual([`0 ${A}`]);
    expect(verdict(matcher, 'app[1]: nothing')).toEqual([]);
  });
  test('none, and nothing matches', () => {
    expect(verdict(make([]), `app[1]: from ${A}`)).toEqual([]);
    expect(verdict(make([], []), `app[1]: from ${A}`)).toEqual([]);
  });
});

describe('what is captured and is no address', () => {
  test.each(['999.1.1.1', '192.0.2.1.example.net', '192.0.2.01'])('%s is said, and counts for nobody', (text) => {
    expect(verdict(make([], ['from <ip>']), `app[1]: from ${text}`)).toEqual(['nobody']);
  });
  test('is not said of a line that matches nothing', () => {
    expect(verdict(make([], ['from <ip>']), 'app[1]: from nowhere')).toEqual([]);
  });
});

describe('the program of a line selects the patterns', () => {
  const matcher = make([], [String.raw`^sshd\[\d+\]: from <ip>`], [String.raw`^login(?:\[\d+\])?: from <ip>`], ['from <ip>']);
  test.each([
    [`sshd[1]: from ${A}`, [`0 ${A}`, `2 ${A}`]],
    [`login[1]: from ${A}`, [`1 ${A}`, `2 ${A}`]],
    [`login: from ${A}`, [`1 ${A}`, `2 ${A}`]],
    [`cron[1]: from ${A}`, [`2 ${A}`]],
    [`sshd2[1]: from ${A}`, [`2 ${A}`]],
    [`no tag from ${A}`, [`2 ${A}`]],
    [`<38>1 - host sshd 1 - - from ${A}`, [`0 ${A}`, `2 ${A}`]],
    [`<38>1 - host - 1 - - from ${A}`, [`2 ${A}`]],
  ])('%s', (line, says) => {
    // Twice: the second time the program is known.
    expect(verdict(matcher, line)).toEqual(says);
    expect(verdict(matcher, line)).toEqual(says);
  });
  test('a line without a program is tried against no pattern that has one', () => {
    expect(verdict(make([], [String.raw`sshd\[\d+\]: from <ip>`]), `no tag sshd[1]: from ${A}`)).toEqual([]);
  });
  test('a program that no pattern wants is not matched at all', () => {
    expect(verdict(make([], [String.raw`^sshd\[\d+\]: from <ip>`]), `cron[1]: sshd[1]: from ${A}`)).toEqual([]);
  });
  test.each([
    [String.raw`app\[\d+\]: \bclosed <ip>`, `app[1]: closed ${A}`],
    [String.raw`app\[\d+\]: \Qclosed\E <ip>`, `app[1]: closed ${A}`],
    [String.raw`app\[\d+\]: \x{63}losed <ip>`, `app[1]: closed ${A}`],
    [String.raw`app\[\d+\]: \pLlosed <ip>`, `app[1]: closed ${A}`],
    ['app: [öx]ffnet <ip>', `app: öffnet ${A}`],
    [String.raw`app: [\x{100}-\x{17f}] <ip>`, `app: ł ${A}`],
    ['^app: (?i)closed <ip>', `app: Closed ${A}`],
    ['^app(?i): closed <ip>', `app: Closed ${A}`],
    ['app:[ ]x: from <ip>', `app: x: from ${A}`],
    [String.raw`app\Q: x\E: from <ip>`, `app: x: from ${A}`],
  ])('and the first byte of its message does not lose one: %s', (pattern, line) => {
    // Behind a line that it does not match, as the plan of a program is made by the first that is seen.
    const matcher = make([], [pattern]);
    expect(verdict(matcher, `app: other ${A}`)).toEqual([]);
    expect(verdict(matcher, line)).toEqual([`0 ${A}`]);
  });
  test('a flood of forged names changes no answer', () => {
    const flooded = make([], [String.raw`^sshd\[\d+\]: from <ip>`], ['from <ip>']);
    for (let i = 0; i < 10_000; i++) {
      expect(verdict(flooded, `x${i}[1]: from ${A}`)).toEqual([`1 ${A}`]);
      if (i % 1000 === 0) expect(verdict(flooded, `sshd[1]: from ${A}`)).toEqual([`0 ${A}`, `1 ${A}`]);
    }
  });
  test('names that have the same hash are told apart', () => {
    const [one, other] = collision();
    const both = make([], [`^${one}: from <ip>`], [`^${other}: from <ip>`]);
    for (let i = 0; i < 2; i++) {
      expect(verdict(both, `${one}: from ${A}`)).toEqual([`0 ${A}`]);
      expect(verdict(both, `${other}: from ${A}`)).toEqual([`1 ${A}`]);
    }
  });
});

/** Two names with one FNV-1a hash; by the birthday paradox, some 80,000 names suffice. */
function collision(): readonly [string, string] {
  const seen = new Map<number, string>();
  for (let n = 0; ; n++) {
    const name = `p${n.toString(36)}x`;
    let hash = 0x811c9dc5;
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
    const same = seen.get(hash);
    if (same !== undefined) return [same, name];
    seen.set(hash, name);
  }
}

describe('bytes', () => {
  test('before the text, stamp and host, are not matched', () => {
    const matcher = make([], ['^from <ip>'], ['^app: from <ip>'], ['host .* <ip>']);
    expect(verdict(matcher, `Mar  3 03:00:00 host app: from ${A}`)).toEqual([`1 ${A}`]);
  });
  test('that are several to a character do not shift the address', () => {
    expect(verdict(make([], ['from <ip>']), `app[1]: Ünïcödé 😀 from ${A}.`)).toEqual([`0 ${A}`]);
    expect(verdict(make([], ['from <ip>']), `app[1]: Ünïcödé 😀 from ${A}é`)).toEqual(['nobody']);
    expect(verdict(make([], [`😀<ip>é`]), `app[1]: 😀${A}é`)).toEqual(['nobody']);
  });
});

describe('lines without a program', () => {
  const fileLine = (begin: string, text: string): ReturnType<typeof compilePattern> => compilePattern(`^${begin}${text}`, { name: text, fileBegin: begin });
  const STAMP = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d `;
  const matcher = createMatcher([fileLine(STAMP, 'ok <ip>$')], [[fileLine(STAMP, 'bad <ip>$')], [fileLine(String.raw`\[error\] `, 'bad <ip>$')], [compilePattern('bad <ip>$')], [compilePattern(String.raw`app\[\d+\]: bad <ip>$`)]]);
  test.each([
    ['2026-01-02 03:04:05 bad', ['0', '2']],
    ['[error] bad', ['1', '2']],
    ['bad', ['2']],
    ['x 2026-01-02 03:04:05 bad', ['2']],
  ])('are tried against the patterns for lines that begin so, and those that any line will do: %s', (line, rules) => {
    for (let i = 0; i < 2; i++) expect(verdict(matcher, `${line} ${A}`)).toEqual(rules.map((rule) => `${rule} ${A}`));
  });
  test('are pardoned by a good pattern before all', () => expect(verdict(matcher, `2026-01-02 03:04:05 ok ${A}`)).toEqual([`good ${A}`]));
  test('with a program are no lines of such a file, whatever their message begins with', () => {
    expect(verdict(matcher, `app[1]: 2026-01-02 03:04:05 bad ${A}`)).toEqual([`2 ${A}`]);
    expect(verdict(matcher, `app[1]: bad ${A}`)).toEqual([`2 ${A}`, `3 ${A}`]);
  });
  test('that begin in two ways at once are tried against both', () => {
    const both = createMatcher([], [[fileLine('a.?', ' <ip>')], [fileLine('.b', ' <ip>')], [fileLine('[ac]', 'x <ip>')]]);
    expect(verdict(both, `ab ${A}`)).toEqual([`0 ${A}`, `1 ${A}`]);
    expect(verdict(both, `xb ${A}`)).toEqual([`1 ${A}`]);
    expect(verdict(both, `ax ${A}`)).toEqual([`0 ${A}`, `2 ${A}`]);
  });
  test('with one expression for two beginnings count once in a rule, by whichever fits', () => {
    const two = createMatcher([], [[fileLine('one: ', 'bad <ip>'), fileLine(String.raw`\[two\] `, 'bad <ip>')]]);
    expect(verdict(two, `[two] bad ${A}`)).toEqual([`0 ${A}`]);
  });
});

describe('a pattern with one name and several expressions', () => {
  const named = (name: string, source: string) => compilePattern(source, { name });
  const ways = [named('sshd/x', String.raw`^sshd\[\d+\]: x <ip>`), named('sshd/x', 'y <ip>')];
  test('counts in each rule that has it, with the one that matched', () => {
    const matcher = createMatcher([], [ways, [...ways, named('own', 'z <ip>')]]);
    const { hits } = matcher.match(entryOf(`sshd[1]: x ${A}`));
    expect(hits.map(({ rule, pattern }) => [rule, pattern.name])).toEqual([[0, 'sshd/x'], [1, 'sshd/x']]);
    expect(verdict(matcher, `cron[1]: y ${A}`)).toEqual([`0 ${A}`, `1 ${A}`]);
    expect(verdict(matcher, `cron[1]: z ${A}`)).toEqual([`1 ${A}`]);
  });
  test('is switched off with all of them, everywhere, also for programs that were seen before', () => {
    const matcher = createMatcher([], [ways, [...ways, named('own', 'z <ip>')]]);
    expect(verdict(matcher, `sshd[1]: x ${A}`)).toEqual([`0 ${A}`, `1 ${A}`]);
    matcher.switchOff(ways[0]!);
    expect(verdict(matcher, `sshd[1]: x ${A}`)).toEqual([]);
    expect(verdict(matcher, `cron[1]: y ${A}`)).toEqual([]);
    expect(verdict(matcher, `no tag y ${A}`)).toEqual([]);
    expect(verdict(matcher, `cron[1]: z ${A}`)).toEqual([`1 ${A}`]);
  });
  test('that is good and switched off leaves the word to the rules', () => {
    const good = named('good', 'x <ip>');
    const matcher = createMatcher([good], [[named('bad', '<ip>')]]);
    expect(verdict(matcher, `app[1]: x ${A}`)).toEqual([`good ${A}`]);
    matcher.switchOff(good);
    expect(verdict(matcher, `app[1]: x ${A}`)).toEqual([`0 ${A}`]);
  });
});

describe('more patterns than RE2 takes in one set', () => {
  // Each takes a good part of a megabyte, and a set may take eight.
  const many = Array.from({ length: 40 }, (_, i) => compilePattern(String.raw`^app\[\d+\]: .{0,500}[\pL\d]{1,50} word${i} from <ip>$`));
  test('are several sets, with the same answers in the same order', () => {
    expect(() => new RE2.Set(many.map((p) => p.finder))).toThrow();
    const matcher = createMatcher(many.slice(30), [...many.slice(0, 30).map((p) => [p]), [compilePattern('from <ip>$')]]);
    for (const i of [0, 1, 14, 15, 29]) expect(verdict(matcher, `app[1]: x word${i} from ${A}`)).toEqual([`${i} ${A}`, `30 ${A}`]);
    for (const i of [30, 39]) expect(matcher.match(entryOf(`app[1]: x word${i} from ${A}`)).good?.pattern).toBe(many[i]);
    expect(verdict(matcher, 'app[1]: x word7')).toEqual([]);
  });
});

describe('what a pattern costs', () => {
  /** A clock that goes on by one each time somebody looks. */
  const ticking = (): { readonly now: () => number; readonly looks: () => number } => {
    let t = 0;
    return { now: () => ++t, looks: () => t };
  };
  const x = compilePattern('x <ip>', { name: 'x' });
  const y = compilePattern('y <ip>', { name: 'y' });
  test('is looked at on every 64th line, and stands for the other 63', () => {
    const clock = ticking();
    const matcher = createMatcher([], [[x], [y]], clock.now);
    for (let i = 0; i < 63; i++) matcher.match(entryOf(`app[1]: x ${A}`));
    expect(clock.looks()).toBe(0);
    matcher.match(entryOf(`app[1]: x ${A}`));
    // One look at the beginning, one behind the search that both share, one behind the address.
    expect(clock.looks()).toBe(3);
    expect(matcher.costOf(x)).toBe(64 / 2 + 64);
    expect(matcher.costOf(y)).toBe(64 / 2);
  });
  test('is nothing for a pattern that the line’s program never meets', () => {
    const clock = ticking();
    const tied = compilePattern(String.raw`^sshd\[\d+\]: <ip>`, { name: 'tied' });
    const matcher = createMatcher([], [[tied], [y]], clock.now);
    for (let i = 0; i < 640; i++) matcher.match(entryOf(`app[1]: y ${A}`));
    expect(matcher.costOf(tied)).toBe(0);
    expect(matcher.costOf(y)).toBe(10 * 2 * 64);
  });
  test('is that of all its expressions, by the name', () => {
    const clock = ticking();
    const matcher = createMatcher([], [[compilePattern('one <ip>', { name: 'n' }), compilePattern('two <ip>', { name: 'n' })]], clock.now);
    for (let i = 0; i < 64; i++) matcher.match(entryOf(`app[1]: nothing ${A}`));
    expect(matcher.costOf(compilePattern('<ip>', { name: 'n' }))).toBe(64);
    expect(matcher.costOf(x)).toBe(0);
  });
});

describe('banband’s own lines', () => {
  test('are for patterns that name banband, and for no others', () => {
    const matcher = make(['ok <ip>'], ['<ip>'], [String.raw`^banband\[\d+\]: .* <ip>`], [String.raw`^banband?(?:\[\d+\])?: .*<ip>`], ['.*: ban <ip>']);
    expect(verdict(matcher, `banband[1]: ban ${A}`)).toEqual([`1 ${A}`, `2 ${A}`]);
    expect(verdict(matcher, `banband[1]: ok ${A}`)).toEqual([`1 ${A}`, `2 ${A}`]);
    expect(verdict(matcher, `banbandx[1]: ban ${A}`)).toEqual([`0 ${A}`, `3 ${A}`]);
    expect(verdict(matcher, `banban[1]: ban ${A}`)).toEqual([`0 ${A}`, `2 ${A}`, `3 ${A}`]);
  });
  test('are known by their whole name only', () => {
    const matcher = make([], ['<ip>']);
    expect(verdict(matcher, `banband: ${A}`)).toEqual([]);
    expect(verdict(matcher, `banban: ${A}`)).toEqual([`0 ${A}`]);
    expect(verdict(matcher, `x banband: ${A}`)).toEqual([`0 ${A}`]);
  });
});
