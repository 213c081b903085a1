import { describe, expect, test } from 'vitest';
import { closeOf, cut, groupName, isChoice, isPassedOnce } from '../../../../packages/server/src/match/pieces.ts';

const kinds = (source: string): string => cut(source).map((p) => `${p.kind} ${p.text}`).join(' | ');

describe('an expression is cut into', () => {
  test.each([
    ['characters', 'a<b', 'literal a | literal < | literal b'],
    ['the place of the address', '<ip>', 'ip <ip>'],
    ['escapes', String.raw`\[\d\x41\x{263a}\pL\p{Greek}`, String.raw`escape \[ | escape \d | escape \x41 | escape \x{263a} | escape \p | literal L | escape \p{Greek}`],
    ['what is quoted, as one', String.raw`\Q<ip>(\Ex`, String.raw`escape \Q<ip>(\E | literal x`],
    ['what is quoted to the end', String.raw`\Q<ip>(`, String.raw`escape \Q<ip>(`],
    ['classes with brackets in them', String.raw`[]a][^]a][\]a][[:alpha:]\d]x`, String.raw`class []a] | class [^]a] | class [\]a] | class [[:alpha:]\d] | literal x`],
    ['a class that is not closed', '[ab', 'class [ab'],
    ['groups', '(a)(?:b)(?i:c)(?<n>d)(?P<n>e)', 'open ( | literal a | close ) | open (?: | literal b | close ) | open (?i: | literal c | close ) | open (?<n> | literal d | close ) | open (?P<n> | literal e | close )'],
    ['flags, which are no group', '(?i)a', 'anchor (?i) | literal a'],
    ['lookaround', '(?=a)(?<!b)', 'open (?= | literal a | close ) | open (?<! | literal b | close )'],
    ['quantifiers', 'a*b+c?d{2}e{2,}f{2,3}', 'literal a | quantifier * | literal b | quantifier + | literal c | quantifier ? | literal d | quantifier {2} | literal e | quantifier {2,} | literal f | quantifier {2,3}'],
    ['braces that count nothing', 'a{b}', 'literal a | literal { | literal b | literal }'],
    ['the rest', '^a.|$', 'anchor ^ | literal a | dot . | or | | anchor $'],
    ['nothing', '', ''],
    ['a backslash at the end', 'a\\', 'literal a | escape \\'],
  ])('%s', (_, source, pieces) => expect(kinds(source)).toBe(pieces));

  test('whatever it is, its pieces are the expression', () => {
    for (const source of ['(?P<ip>.*', '[', '\\Q', '((((', '{1}', '(?x', ')|*', '[^]', String.raw`(?'n'x)`, 'é😀<ip>', '[[:', '(?<ip>[)]*)']) expect(cut(source).map((p) => p.text).join('')).toBe(source);
  });
});

describe('a group ends', () => {
  const closed = (source: string): string => {
    const pieces = cut(source);
    return pieces.slice(0, closeOf(pieces, 0) + 1).map((p) => p.text).join('');
  };
  test('where its own bracket closes', () => expect(closed('(a(b)c)d')).toBe('(a(b)c)'));
  test('not in a class and not behind a backslash', () => expect(closed(String.raw`([)]\)x)y`)).toBe(String.raw`([)]\)x)`));
  test('at the end where nothing closes it', () => expect(closed('(a(b)c')).toBe('(a(b)c'));
});

test('an expression is a choice only by a bar outside of all groups', () => {
  for (const choice of ['a|b', '(a)|(b)', '|', '(?i)a|b']) expect(isChoice(cut(choice)), choice).toBe(true);
  for (const none of ['a', '(a|b)', '(?:a|b)c', String.raw`a\|b`, '[|]', '', String.raw`\Qa|b\E`]) expect(isChoice(cut(none)), none).toBe(false);
});

test('a group has a name when it captures under one', () => {
  expect(['(?<user>', '(?P<user2>', '(', '(?:', '(?=', '(?<1>'].map(groupName)).toEqual(['user', 'user2', undefined, undefined, undefined, undefined]);
});

describe('the address is passed once in every match', () => {
  const once = (source: string): boolean => {
    const pieces = cut(source);
    return isPassedOnce(pieces, pieces.findIndex((p) => p.kind === 'ip'));
  };
  test.each(['<ip>', 'from <ip>$', '(?:from|by) <ip>', '(?:a|b)*<ip>(?:c|d)?', '((?:x <ip>) y)', '(?i)<ip>x?', '<ip>(?:a|b)', '(a)?(<ip>)(b)*', String.raw`a\|<ip>`])('in %s', (source) => expect(once(source)).toBe(true));
  test.each(['from <ip>|reset', 'reset|from <ip>', '(?:from <ip>|reset)', '(?:reset|(?:from <ip>))', '(?: from <ip>)?', '(?:<ip> )*', '(?:<ip> )+', '(?:(?:<ip>) )+', '(?:<ip> ){2}', '<ip>?', '(?:(?:<ip>|x) y)', '(x|(<ip>))y'])('not in %s', (source) => expect(once(source)).toBe(false));
});
