import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { recentLists } from '../../../../../packages/server/src/enforce/ruleset/recent-lists.ts';
import { harmlessMask } from '../../../../../packages/server/src/enforce/ruleset/recent-masks.ts';
import { target } from '../../../../support/policies.ts';
import { tempDir } from '../../../../support/temp-dir.ts';

const X = target('X', { ipv6Prefix: 64 });

function made(content: string | undefined) {
  const procNet = tempDir();
  mkdirSync(join(procNet, 'xt_recent'));
  const file = join(procNet, 'xt_recent', 'X');
  const write = (text: string): void => writeFileSync(file, text);
  if (content !== undefined) write(content);
  const lists = recentLists(procNet);
  onTestFinished(() => lists.close());
  return { lists, write, remove: () => rmSync(file) };
}

test('a list that is not there will be made right', () => {
  const { lists } = made(undefined);
  expect([lists.exists(X), lists.isKnown(X), lists.isTrusted(X, false)]).toEqual([false, true, true]);
});

test('a list that was there before is trusted where it has rows and the rules are banban’s', () => {
  const { lists, write } = made('');
  expect([lists.isKnown(X), lists.isTrusted(X, true)]).toEqual([false, false]);
  write('src=192.0.2.1 ttl: 0\n');
  expect([lists.isKnown(X), lists.isTrusted(X, true), lists.isTrusted(X, false)]).toEqual([false, true, false]);
});

test('a list that is trusted is known as long as it is the same, for the same length of prefix', () => {
  const { lists, write, remove } = made('');
  lists.trust([X, target('Y'), target('Z', { backends: ['ipset'] })]);
  expect(lists.isKnown(X)).toBe(true);
  expect(lists.isTrusted(target('X', { ipv6Prefix: 56 }), true)).toBe(false);
  remove();
  expect(lists.isKnown(X)).toBe(true);
  // Held open, its number is not given to the next.
  write('src=192.0.2.1 ttl: 0\n');
  expect([lists.isKnown(X), lists.isTrusted(X, true)]).toEqual([false, false]);
  lists.trust([X]);
  expect(lists.isKnown(X)).toBe(true);
});

test('masks of rules for IPv4 are harmless where they are those of IPv6, all 16 bytes', () => {
  const masks = (...found: string[]) => new Map([['X', new Set(found)]]);
  const [whole, part] = ['f'.repeat(32), `${'f'.repeat(8)}${'0'.repeat(24)}`];
  expect(harmlessMask(target('X'), masks(whole))).toBe(true);
  expect(harmlessMask(target('X'), masks(whole, part))).toBe(false);
  expect(harmlessMask(X, masks(whole))).toBe(false);
  expect(harmlessMask(target('X', { ipv6Prefix: 32 }), masks(part))).toBe(true);
  expect(harmlessMask(target('X'), new Map())).toBe(false);
  expect(harmlessMask(target('X'), undefined)).toBe(false);
});
