import { describe, expect, test } from 'vitest';
import { complaintOf, filledIn } from '../../../../packages/server/src/enforce/command.ts';

describe('an argument', () => {
  const values = { address: '203.0.113.0/24', target: 'BLOCKER' };

  test.each([
    ['{address}', '203.0.113.0/24'],
    ['--source={address},{address}', '--source=203.0.113.0/24,203.0.113.0/24'],
    ['ban:{target}:{address}', 'ban:BLOCKER:203.0.113.0/24'],
    ['{"a": "{address}"}', '{"a": "203.0.113.0/24"}'],
    ['{ip} {Address} {address} {} ${address}', '{ip} {Address} 203.0.113.0/24 {} $203.0.113.0/24'],
    ['', ''],
  ])('%j becomes %j', (arg, filled) => {
    expect(filledIn([arg], values)).toEqual([filled]);
  });

  test('stays one argument, and what is filled in is not looked at again', () => {
    expect(filledIn(['-t', '{target}'], { address: 'x y', target: '{address} $& $1 "\'' })).toEqual(['-t', '{address} $& $1 "\'']);
  });

  test('keeps {address} where there is none: a flush is of no address', () => {
    expect(filledIn(['{target}', '{address}'], { target: 'X' })).toEqual(['X', '{address}']);
  });
});

describe('what a program complains of', () => {
  const ended = (code: number | undefined, stderr = '', signal?: string) => complaintOf('block', { kind: 'ended', code, signal, stdout: 'not this', stderr });

  test('is nothing where it ended with 0, whatever it printed', () => {
    expect(ended(0, 'warning')).toBeUndefined();
  });

  test.each([
    [1, 'no such host\nusage: block ADDRESS\n', 'block ended with exit code 1: no such host'],
    [3, '', 'block ended with exit code 3'],
    [3, ' \n\n\t\n', 'block ended with exit code 3'],
    [1, '\n  Übel \u001b[31mrot\u0007\u202e\r\n', 'block ended with exit code 1: Übel [31mrot'],
    [1, `\0${'x'.repeat(500)}`, `block ended with exit code 1: ${'x'.repeat(200)}`],
  ])('is its exit code %j and the first line of %j', (code, stderr, words) => {
    expect(ended(code, stderr)).toBe(words);
  });

  test('is the signal that ended it', () => {
    expect(ended(undefined, '', 'SIGSEGV')).toBe('block was ended by SIGSEGV');
  });

  test('is the sentence of why it did not run', () => {
    expect(complaintOf('block', { kind: 'missing', message: 'the program block is not installed' })).toBe('the program block is not installed');
  });
});
