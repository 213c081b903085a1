import { describe, expect, test } from 'vitest';
import { globMatcher, isGlob } from '../../../../packages/server/src/ingest/glob.ts';

describe('a part of a path with signs in it', () => {
  test.each([
    ['*.log', 'access.log', true],
    ['*.log', '.log', false],
    ['*.log', '.hidden.log', false],
    ['.*.log', '.hidden.log', true],
    ['*.log', 'access.log.1', false],
    ['*', 'x', true],
    ['*', '', true],
    ['a*b*c', 'a-b-b-c', true],
    ['a*b*c', 'a-b-b-d', false],
    ['a**c', 'abc', true],
    ['?.log', 'a.log', true],
    ['?.log', '.log', false],
    ['?.log', 'ab.log', false],
    ['[abc].log', 'b.log', true],
    ['[a-c].log', 'd.log', false],
    ['[!a-c].log', 'd.log', true],
    ['[^a-c].log', 'a.log', false],
    ['[a-].log', '-.log', true],
    ['[]x].log', '].log', true],
    ['[.log', '[.log', true],
    ['a.log', 'aXlog', false],
    ['(a+)+$', '(a+)+$', true],
  ])('%s and %s: %s', (part, name, is) => {
    expect(globMatcher(part)(name)).toBe(is);
  });

  test('is told from a name', () => {
    expect(['a*', '?', '[ab]'].map(isGlob)).toEqual([true, true, true]);
    expect(['a', '[', 'a]', '[]', 'a.b'].map(isGlob)).toEqual([false, false, false, false, false]);
  });

  test('takes no longer for being written to be slow', () => {
    const began = performance.now();
    expect(globMatcher('*a'.repeat(100))(`${'a'.repeat(255)}b`)).toBe(false);
    expect(performance.now() - began).toBeLessThan(200);
  });
});
