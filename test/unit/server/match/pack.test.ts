import { describe, expect, test } from 'vitest';
import { createMatcher } from '../../../../packages/server/src/match/matcher.ts';
import { compilePack, type PackSource, type PatternSource } from '../../../../packages/server/src/match/pack.ts';
import { entryOf } from '../../../support/parsed.ts';

const TAG = String.raw`svc(?:\[\d+\])?: `;
const STAMP = String.raw`\d{4}-\d\d-\d\d `;
const A = '192.0.2.1';

const source = (given: Partial<PatternSource> = {}): PatternSource => ({
  name: 'refused',
  group: 'auth',
  begins: [TAG],
  match: 'refused (?<user>[^ ]+) from <ip>$',
  source: 'svc.c',
  samples: [{ line: `svc[1]: refused ann from ${A}`, address: A, user: 'ann' }],
  misses: [],
  ...given,
});
const pack = (...patterns: PatternSource[]): PackSource => ({
  name: 'svc',
  service: 'a service',
  source: 'its source',
  groups: [{ name: 'auth', about: 'wrong passwords', good: false, weak: false }, { name: 'accepted', about: 'logged in', good: true, weak: false }, { name: 'noise', about: 'of honest clients, too', good: false, weak: true }],
  patterns,
});
const faultsOf = (...patterns: PatternSource[]): string[] => compilePack(pack(...patterns)).faults.map(({ pattern, sample, miss, message }) => `${pattern}${sample === undefined ? '' : ` sample ${sample}`}${miss === undefined ? '' : ` miss ${miss}`}: ${message}`);

describe('a pack', () => {
  test('has its patterns under full names, with what their groups mean', () => {
    const { pack: made, faults } = compilePack(pack(source(), source({ name: 'in', group: 'accepted', match: 'accepted from <ip>$', samples: [{ line: `svc: accepted from ${A}`, address: A, user: undefined }] }), source({ name: 'hello', group: 'noise', match: 'hello from <ip>$', samples: [{ line: `svc: hello from ${A}`, address: A, user: undefined }] })));
    expect(faults).toEqual([]);
    expect(made.patterns.map((p) => [p.fullName, p.good, p.weak])).toEqual([['svc/refused', false, false], ['svc/in', true, false], ['svc/hello', false, true]]);
    expect(made.patterns.flatMap((p) => p.compiled.map((c) => c.name))).toEqual(['svc/refused', 'svc/in', 'svc/hello']);
  });

  test('has one expression for each way in which a line begins', () => {
    const { pack: made, faults } = compilePack(pack(source({ begins: [TAG, STAMP], samples: [{ line: `svc[1]: refused ann from ${A}`, address: A, user: 'ann' }, { line: `2026-01-02 refused bob from ${A}`, address: A, user: 'bob' }] })));
    expect(faults).toEqual([]);
    const [tagged, ofFile] = made.patterns[0]?.compiled ?? [];
    expect(tagged?.fileBegin).toBeUndefined();
    expect(tagged?.program?.test('svc')).toBe(true);
    expect(ofFile).toMatchObject({ fileBegin: STAMP, program: undefined });
    const matcher = createMatcher([], [made.patterns.flatMap((p) => p.compiled)]);
    expect(matcher.match(entryOf(`svc[1]: refused x from ${A}`)).hits).toHaveLength(1);
    expect(matcher.match(entryOf(`2026-01-02 refused x from ${A}`)).hits).toHaveLength(1);
    // The same text as somebody’s message is no line of the file.
    expect(matcher.match(entryOf(`cron[1]: 2026-01-02 refused x from ${A}`)).hits).toEqual([]);
  });

  test('keeps a choice in a beginning or a match to itself', () => {
    const choice = source({ begins: [String.raw`svc: |svc\[\d+\]: `], match: 'one <ip>$|no$', samples: [{ line: `svc: one ${A}`, address: A, user: undefined }, { line: `svc[7]: one ${A}`, address: A, user: undefined }], misses: ['one 192.0.2.1', 'x no'] });
    expect(faultsOf(choice)).toEqual([]);
  });
});

describe('a pattern is left out, and the others stay, when it', () => {
  const other = source({ name: 'other', match: 'other <ip>$', samples: [{ line: `svc: other ${A}`, address: A, user: undefined }] });
  test.each<[string, PatternSource, RegExp]>([
    ['does not match its sample', source({ match: 'denied from <ip>$' }), /^refused sample 0: it does not match its own sample$/],
    ['does not match its second sample', source({ samples: [...source().samples, { line: `svc: nothing ${A}`, address: A, user: undefined }] }), /^refused sample 1: it does not match its own sample$/],
    ['finds another address', source({ samples: [{ line: `svc: refused ann from ${A}`, address: '192.0.2.2', user: undefined }] }), /^refused sample 0: of its own sample it yields the address 192\.0\.2\.1, not 192\.0\.2\.2$/],
    ['finds another user', source({ samples: [{ line: `svc: refused ann from ${A}`, address: A, user: 'bob' }] }), /^refused sample 0: of its own sample it yields the user "ann", not "bob"$/],
    ['finds no user', source({ match: 'refused [^ ]+ from <ip>$' }), /^refused sample 0: of its own sample it yields no user, not "ann"$/],
    ['has a sample whose address is none', source({ samples: [{ line: 'svc: refused ann from x', address: 'x', user: undefined }] }), /^refused sample 0: the address "x" of its sample is none$/],
    ['matches what it must not', source({ misses: ['svc: nothing', `svc: refused eve from ${A}`] }), /^refused miss 1: it matches a line that it must not match$/],
    ['has lookaround', source({ match: '(?=x)<ip>' }), /^refused: RE2 can't run it: .*no lookaround/],
    ['has no place for an address', source({ match: 'refused' }), /^refused: it has no <ip>/],
    ['can’t be put together', source({ match: '(<ip>' }), /^refused: RE2 can't run it/],
    ['begins with what RE2 can’t run', source({ begins: ['(?=svc)'] }), /^refused: RE2 can't run its beginning /],
    ['begins with what RE2 can’t run alone', source({ begins: ['('], match: 'x) <ip>' }), /^refused: RE2 can't run its beginning "\(": /],
    ['has two places for one', source({ match: 'other <ip>$|refused (?<user>[^ ]+) from <ip>' }), /^refused: it has more than one <ip>/],
  ])('%s', (_, faulty, message) => {
    const { pack: made, faults } = compilePack(pack(faulty, other));
    expect(made.patterns.map((p) => p.name)).toEqual(['other']);
    expect(faults).toHaveLength(1);
    expect(faultsOf(faulty, other)[0]).toMatch(message);
  });
});

describe('two patterns of a pack may share a line, but not', () => {
  const one = source({ match: 'refused (?<user>[^ ]+) from <ip>' });
  test('when one of them is good and the other bad', () => {
    const good = source({ name: 'in', group: 'accepted', match: 'refused ann from <ip>$', samples: [{ line: `svc: refused ann from ${A}`, address: A, user: undefined }] });
    expect(faultsOf(one, good)).toEqual(['refused sample 0: its sample also matches svc/in, which is good', 'in sample 0: its sample also matches svc/refused, which is bad']);
  });
  test('when they name two addresses', () => {
    const line = `svc: refused ann from ${A} by 198.51.100.2`;
    const by = source({ name: 'by', match: '.* by <ip>$', samples: [{ line, address: '198.51.100.2', user: undefined }] });
    expect(faultsOf({ ...one, samples: [{ line, address: A, user: undefined }] }, by)).toEqual(['refused sample 0: of its sample svc/by yields another address, 198.51.100.2', `by sample 0: of its sample svc/refused yields another address, ${A}`]);
  });
  test('as long as they say the same', () => {
    expect(faultsOf(one, source({ name: 'again', match: 'refused ann from <ip>', samples: [{ line: `svc: refused ann from ${A}`, address: A, user: undefined }] }))).toEqual([]);
  });
});

test('a pack all of whose patterns are faulty has none', () => {
  const { pack: made, faults } = compilePack(pack(source({ match: 'x' })));
  expect(made.patterns).toEqual([]);
  expect(faults).toHaveLength(1);
});
