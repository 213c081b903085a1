import { ms, parseSubject, type Subject } from 'banban-shared';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../../../packages/server/src/clock.ts';
import { lines, oneByOne, problemOf, textFinder } from '../../../../../packages/server/src/enforce/connections/programs.ts';
import { tempDir } from '../../../../support/temp-dir.ts';

const subjects = ['192.0.2.1', '192.0.2.0/24', '192.0.0.0/16', '2001:db8::1', '2001:db8:1::/48', '64:ff9b::c000:221'].map((text) => parseSubject(text)).filter((one): one is Subject => one !== undefined);

describe('output', () => {
  const cut = (chunks: readonly Buffer[]): string[] => {
    const found: string[] = [];
    const take = lines((line) => found.push(line));
    for (const chunk of chunks) take(chunk);
    return found;
  };

  test('is lines, wherever the pieces are cut', () => {
    const text = Buffer.from('one\ntwo\n\nthree and more\nno end');
    for (const size of [1, 2, 5, 100]) {
      const chunks = Array.from({ length: Math.ceil(text.length / size) }, (_, i) => text.subarray(i * size, (i + 1) * size));
      expect(cut(chunks)).toEqual(['one', 'two', '', 'three and more']);
    }
  });

  test('without an end of line is neither kept nor taken for one when it ends', () => {
    const long = Buffer.alloc(1_000_000, 'x');
    expect(cut([long, long, Buffer.from('tail\nnext\n')])).toEqual(['next']);
    expect(cut([Buffer.concat([long, Buffer.from('\nnext\n')])])).toEqual(['next']);
  });
});

test('an address as a program prints it is found in the narrowest subject', () => {
  const find = textFinder(subjects);
  expect(['192.0.2.1', '192.0.2.2', '192.0.3.1', '193.0.2.1', '2001:db8::1', '2001:db8:1::ffff', '64:ff9b::192.0.2.33', '::ffff:192.0.2.1', 'x', ''].map(find)).toEqual([
    '192.0.2.1', '192.0.2.0/24', '192.0.0.0/16', undefined, '2001:db8::1', '2001:db8:1::/48', '64:ff9b::c000:221', '192.0.2.1', undefined, undefined,
  ]);
});

test('children run one at a time, whoever asks, and a program is looked for on every use', async () => {
  const directory = tempDir();
  const bin = join(directory, 'bin');
  const runner = oneByOne(systemClock, bin);
  expect(runner.missing('one')).toBe(bin);
  mkdirSync(bin);
  writeFileSync(join(bin, 'one'), `#!/bin/sh\n/bin/mkdir ${directory}/running || echo twice >> ${directory}/twice\n/bin/rmdir ${directory}/running\necho "$1" >> ${directory}/log\n`, { mode: 0o755 });
  expect(runner.missing('one')).toBeUndefined();
  const signal = new AbortController().signal;
  const results = await Promise.all(['a', 'b', 'c', 'd'].map((word) => runner.run('one', [word], ms(10_000), signal, () => undefined)));
  expect(results.map(({ kind }) => kind)).toEqual(['ended', 'ended', 'ended', 'ended']);
  expect(readFileSync(join(directory, 'log'), 'utf8')).toBe('a\nb\nc\nd\n');
});

test('what went wrong is said in the program’s own words, without its control bytes', () => {
  const ended = { kind: 'ended', code: 1, signal: undefined, stdout: '' } as const;
  expect(problemOf('conntrack', '-L', { ...ended, stderr: 'Operation failed:\x1b[31m not permitted\n' })).toBe('conntrack -L failed (exit 1): Operation failed: [31m not permitted');
  expect(problemOf('ss', '-K', { ...ended, code: undefined, signal: 'SIGSEGV', stderr: '' })).toBe('ss -K failed (SIGSEGV): no message');
  expect(problemOf('ss', '-K', { kind: 'timeout', message: 'too long' })).toBe('too long');
  expect(problemOf('ss', '-K', { kind: 'stopped', message: 'ss was stopped' })).toBeUndefined();
});
