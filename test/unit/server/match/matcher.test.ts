import { describe, expect, test } from 'vitest';
import { createMatcher, type Matcher } from '../../../../packages/server/src/match/matcher.ts';
import { compilePattern } from '../../../../packages/server/src/match/pattern.ts';
import { entryOf } from '../../../support/parsed.ts';

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
