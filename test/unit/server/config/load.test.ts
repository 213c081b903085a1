import { execFileSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../../../packages/server/src/config/config-error.ts';
import { loadConfig } from '../../../../packages/server/src/config/load.ts';
import { MINIMAL, loadText, problemsOf, writeConfig } from '../../../support/configs/load-text.ts';
import { tempDir } from '../../../support/temp-dir.ts';

const refusal = (path: string): string => {
  try {
    loadConfig(path);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('accepted');
};

describe('a file that is no configuration is refused with one sentence', () => {
  test('missing', () => {
    expect(refusal('/nonexistent/banban.yml')).toBe('/nonexistent/banban.yml: there is no such file; give the path with --config, or copy config/banban.yml there');
  });
  test('a directory', () => {
    expect(refusal(tempDir())).toMatch(/: it is a directory; give the path of the file itself$/);
  });
  test('a path through a file', () => {
    expect(refusal(join(writeConfig(MINIMAL), 'x'))).toMatch(/a part of its path is not a directory$/);
  });
  test('a pipe, without waiting for a writer', () => {
    const path = join(tempDir(), 'pipe');
    execFileSync('mkfifo', [path]);
    expect(refusal(path)).toMatch(/it is not a regular file$/);
  });
  test('unreadable', () => {
    const path = writeConfig(MINIMAL);
    chmodSync(path, 0);
    const isRoot = process.geteuid?.() === 0;
    try {
      // Root may read everything, so it becomes nobody for a moment.
      if (isRoot) process.seteuid?.(65_534);
      expect(refusal(path)).toMatch(/: this user may not read it; run as root, or change its permissions$/);
    } finally {
      if (isRoot) process.seteuid?.(0);
    }
  });
  test.each([['nothing', ''], ['only comments', '# nothing yet\n\n'], ['an empty document', '---\n'], ['null', '~\n']])('empty: %s', (_, text) => {
    expect(problemsOf(text)).toEqual(['the file is empty; begin with a copy of config/banban.yml']);
  });
  test('over 1 MiB', () => {
    expect(problemsOf(`${MINIMAL}#${'x'.repeat(2 * 1024 * 1024)}\n`)).toEqual(['it is larger than 1 MiB, which no configuration of banban is; is it the right file?']);
  });
  test('of exactly 1 MiB it is read', () => {
    const text = `${MINIMAL}#`;
    expect(loadText(text + 'x'.repeat(1024 * 1024 - text.length)).config.rules).toHaveLength(1);
  });
  test('binary garbage', () => {
    expect(problemsOf(Uint8Array.from({ length: 4096 }, (_, i) => (i * 7919) % 256))).toEqual(['it is not UTF-8 text; is it the right file?']);
  });
  test('a NUL in the middle', () => {
    expect(problemsOf(`${MINIMAL}\0`)).toEqual([expect.stringContaining('this is not YAML: null byte is not allowed in input')]);
  });
  test.each([['a list', '- a\n- b\n', 'found a list'], ['a word', 'hello\n', 'found the text "hello"'], ['a number', '42\n', 'found the number 42']])('whose top is %s', (_, text, says) => {
    expect(problemsOf(text)).toEqual([`${says}, wanted a map with keys such as targets and rules; is it the right file?`]);
  });
});

describe('YAML errors have their line', () => {
  test.each([
    ['a tab as indentation', 'targets:\n\tBLOCKER: {}\n', /^2: this is not YAML: .*tab.*/],
    ['an unclosed bracket', 'targets: { BLOCKER: { ban: 48h }\n', /^\d: this is not YAML: /],
    ['a pattern in double quotes', `${MINIMAL}goodpatterns:\n  - "sshd\\[\\d+\\]"\n`, /^7: this is not YAML: unknown escape sequence; write patterns in single quotes/],
    ['two documents', `${MINIMAL}---\n${MINIMAL}`, /^this is not YAML: .*single document.*; remove what follows the second ---$/],
    ['an unknown tag', 'socket: !!js/function x\n', /^1: this is not YAML: unknown tag/],
    ['an alias of nothing', 'socket: *x\n', /^1: this is not YAML: unidentified alias/],
    ['very deep nesting', `targets: ${'['.repeat(100_000)}\n`, /^1: this is not YAML: nesting exceeded/],
  ])('%s', (_, text, says) => {
    expect(problemsOf(text)).toEqual([expect.stringMatching(says)]);
  });
});

describe('YAML that means the same loads the same', () => {
  const plain = (text: string) => JSON.parse(JSON.stringify(loadText(text).config, (key, value: unknown) => (key === 'place' || key === 'path' ? undefined : value))) as unknown;

  test('flow style, block style, quotes, explicit keys, a byte order mark, CRLF, a document start', () => {
    const expected = plain(MINIMAL);
    const block = `targets:\n  BLOCKER:\n    ban:\n      48h\nrules:\n  probe:\n    target: BLOCKER\n    badpatterns:\n    - 'sshd\\[\\d+\\]: bad <ip>$'\n`;
    expect(plain(block)).toEqual(expected);
    expect(plain(`---\n${block}...\n`)).toEqual(expected);
    expect(plain(`\uFEFF${block}`)).toEqual(expected);
    expect(plain(block.replaceAll('\n', '\r\n'))).toEqual(expected);
    expect(plain(`{"targets": {"BLOCKER": {"ban": "48h"}}, "rules": {"probe": {"target": "BLOCKER", "badpatterns": ["sshd\\\\[\\\\d+\\\\]: bad <ip>$"]}}}`)).toEqual(expected);
    expect(plain(`? targets\n: ? BLOCKER\n  : ban: 48h\n${MINIMAL.slice(MINIMAL.indexOf('rules'))}`)).toEqual(expected);
  });
  test('anchors, aliases and merge keys', () => {
    const { config } = loadText(`targets:
  A: &a { ban: &long [1h, 2h] }
  B: *a
  C: { ban: *long }
rules:
  one: &rule
    target: A
    occurrences: &n 7
    badpatterns: &p ['x <ip>']
  two: { <<: *rule, target: B }
  three: { target: C, occurrences: *n, badpatterns: *p }
  four: { <<: [{ target: C }, *rule] }
`);
    expect(config.targets.map((t) => t.ban)).toEqual([[3_600_000, 7_200_000], [3_600_000, 7_200_000], [3_600_000, 7_200_000]]);
    expect(config.rules.map((r) => [r.target, r.occurrences, r.badPatterns.length])).toEqual([['A', 7, 1], ['B', 7, 1], ['C', 7, 1], ['C', 7, 1]]);
  });
  test('targets keep the order of the file even when they look like numbers', () => {
    expect(loadText('targets: { ZZ: {}, 20: {}, 3: {}, 1.20: {} }\nrules: {}\n').config.targets.map((t) => t.name)).toEqual(['ZZ', '20', '3', '1.20']);
  });
});

describe('every thing knows its line and key', () => {
  test('patterns, targets and rules', () => {
    const { config } = loadText(`# a comment
goodpatterns:

  - 'good <ip>'
targets:
  A:
    ban: 1h
  B: {}
rules:
  first:
    target: A
    badpatterns:
      - 'one <ip>'
      # between them
      - >-
        two
        <ip>
      -
        'three <ip>'
  second: { target: B, badpatterns: ['four <ip>',
    'five <ip>'] }
`);
    const of = (things: readonly { place: { line: number; key: string } }[]) => things.map(({ place }) => `${place.line} ${place.key}`);
    expect(of(config.goodPatterns)).toEqual(['4 goodpatterns[0]']);
    expect(of(config.targets)).toEqual(['6 targets.A', '8 targets.B']);
    expect(of(config.rules)).toEqual(['10 rules.first', '20 rules.second']);
    expect(config.rules.flatMap((rule) => of(rule.badPatterns))).toEqual([
      '13 rules.first.badpatterns[0]',
      '15 rules.first.badpatterns[1]',
      '19 rules.first.badpatterns[2]',
      '20 rules.second.badpatterns[0]',
      '21 rules.second.badpatterns[1]',
    ]);
    expect(config.rules[0]?.badPatterns.map((p) => p.source)).toEqual(['one <ip>', 'two <ip>', 'three <ip>']);
  });
});

describe('documents made to hurt', () => {
  test('a key given twice names both lines', () => {
    expect(problemsOf(`${MINIMAL}targets: {}\n`)).toEqual(['6: targets: is given twice; the first is in line 1']);
    expect(problemsOf('targets: { A: { ban: 1h, ban: 2h } }\nrules: {}\n')).toContain('1: targets.A.ban: is given twice; the first is in line 1');
  });
  test('names that mean something to JavaScript mean nothing here', () => {
    expect(problemsOf(`${MINIMAL}__proto__: { polluted: 1 }\nconstructor: 1\ntoString: 1\nhasOwnProperty: 1\n`)).toEqual([
      expect.stringMatching(/^6: __proto__: there is no key "__proto__" here/),
      expect.stringMatching(/^7: constructor: there is no key "constructor" here/),
      expect.stringMatching(/^8: toString: there is no key "toString" here/),
      expect.stringMatching(/^9: hasOwnProperty: there is no key "hasOwnProperty" here/),
    ]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(loadText('targets: { constructor: {}, toString: {} }\nrules: {}\n').config.targets.map((t) => t.name)).toEqual(['constructor', 'toString']);
    expect(problemsOf('targets: { A: {} }\nrules: { x: { target: constructor, badpatterns: [a] } }\n')).toEqual([expect.stringMatching(/there is no target constructor/)]);
    expect(problemsOf('targets: { __proto__: {} }\nrules: {}\n')).toContainEqual(expect.stringMatching(/targets.__proto__: the name "__proto__" can't be used/));
  });
  test('an alias bomb', () => {
    const bomb = ['a: &a [x,x,x,x,x,x,x,x,x,x]', ...Array.from({ length: 20 }, (_, i) => `${'bcdefghijklmnopqrstu'[i] ?? ''}: &${'bcdefghijklmnopqrstu'[i] ?? ''} [${`*${'abcdefghijklmnopqrst'[i] ?? ''},`.repeat(9)}]`)];
    const began = performance.now();
    expect(problemsOf(bomb.join('\n'))).toEqual([expect.stringMatching(/more than 300000 parts once its aliases \(\*\) are written out/)]);
    expect(performance.now() - began).toBeLessThan(5000);
  });
  test('an alias that contains itself', () => {
    expect(problemsOf('targets: &t { A: *t }\n')).toEqual([expect.stringMatching(/nested more than 100 deep/)]);
    expect(problemsOf('goodpatterns: &t [*t, *t]\n')).toEqual([expect.stringMatching(/nested more than 100 deep/)]);
    expect(problemsOf('targets: &t { <<: *t }\n')).toEqual([expect.stringMatching(/nested more than 100 deep/)]);
  });
  test('keys that are no words', () => {
    expect(problemsOf('? [a, b]\n: 1\n')).toContainEqual('1: a key has to be a word');
    expect(problemsOf('? {a: b}\n: 1\n')).toContainEqual('1: a key has to be a word');
    expect(problemsOf(': 1\n').length).toBeGreaterThan(0);
    expect(problemsOf('{ ? , : 2 }\n').length).toBeGreaterThan(0);
  });
  test('ten thousand errors are a hundred and a count', () => {
    const problems = problemsOf(`${MINIMAL}${Array.from({ length: 10_000 }, (_, i) => `wrong${i}: 1\n`).join('')}`);
    expect(problems).toHaveLength(101);
    expect(problems.at(-1)).toBe('and 9900 more errors');
  });
  test('ten thousand rules with targets that do not exist, in seconds', () => {
    const targets = Array.from({ length: 10_000 }, (_, i) => `  some-target-name-${i}: {}\n`).join('');
    const rules = Array.from({ length: 10_000 }, (_, i) => `  r${i}: {target: sume-target-name-${i}x, badpatterns: [a]}\n`).join('');
    const began = performance.now();
    expect(problemsOf(`targets:\n${targets}rules:\n${rules}`).at(-1)).toBe('and 9900 more errors');
    expect(performance.now() - began).toBeLessThan(10_000);
  });
  test('control and direction characters of the file do not reach the terminal', () => {
    const text = problemsOf(`${MINIMAL}"\\e[31mred\\x9b\\u202e": "\\e]0;title\\a"\n`).join('\n');
    // eslint-disable-next-line no-control-regex
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(text).toContain('\\u{1b}[31mred');
  });
  test('a directory where a file is wanted', () => {
    expect(problemsOf(`${MINIMAL}database: /var/lib/banban/\n`)).toEqual([expect.stringMatching(/^6: database: found the text ".*", wanted a path of a file, not of a directory$/)]);
  });
});
