import { expect, test } from 'vitest';
import { suggest } from '../../../../packages/server/src/config/suggest.ts';

const keys = ['socket', 'database', 'control', 'allowlist', 'targets', 'defaults', 'goodpatterns', 'rules'];

test.each([
  ['alowlist', 'allowlist'],
  ['allowlsit', 'allowlist'],
  ['TARGETS', 'targets'],
  ['target', 'targets'],
  ['ruls', 'rules'],
  ['good-patterns', 'goodpatterns'],
  ['databse', 'database'],
])('%s is meant to be %s', (word, meant) => {
  expect(suggest(word, keys)).toBe(meant);
});

test.each(['', 'x', 'notify', 'sources', 'y'.repeat(1_000_000)])('nothing is meant by %.20s', (word) => {
  expect(suggest(word, keys)).toBeUndefined();
});

test('the nearest of several wins', () => {
  expect(suggest('BLOCKER3', ['BLOCKER', 'BLOCKER33', 'BLOCKER2'])).toBeDefined();
  expect(suggest('abcdef', ['abxxef', 'abcdeg'])).toBe('abcdeg');
});
