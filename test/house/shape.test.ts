/** What a file looks like: its name, its length, its first words, its exports and what it claims about types. */
import { basename } from 'node:path';
import { describe, expect, test } from 'vitest';
import { codeBelow, codeFile, filesBelow, type CodeFile } from '../support/house-files.ts';
import {
  anyTypes, assertions, defaultExports, isKebabCase, LONG, longWithoutReason, openingComment, reExports, saysNothing, silenced, undocumentedExports, unusedExports,
} from '../support/house-shape.ts';

const programs = codeBelow('packages/shared/src', 'packages/server/src', 'packages/client/src');
const all = [...codeBelow('packages/server/bin', 'packages/client/bin', 'scripts', 'test'), ...programs];
const snippet = (code: string, path = 'packages/server/src/engine/x.ts'): CodeFile => codeFile(path, code);

describe('exports', () => {
  /** Files that a tool or another package's types make export a default. */
  const defaults = ['packages/client/src/undici-client.d.ts', 'packages/server/src/ingest/unix-dgram.d.ts', 'scripts/ascii-width.mjs'];

  test('have a name', () => {
    const found = all.filter((file) => !defaults.includes(file.path)).flatMap(defaultExports);
    expect(found, 'a default export has as many names as importers, and none that can be searched for').toEqual([]);
  });

  test.each(['export default 1', 'export default function f() {}', 'const x = 1; export { x as default }'])('%s is caught', (code) => {
    expect(defaultExports(snippet(code))).toHaveLength(1);
  });

  test('are a file’s own: only a package’s index passes on', () => {
    const found = programs.filter((file) => !/^packages\/\w+\/src\/index\.ts$/.test(file.path)).flatMap(reExports);
    expect(found, 'a thing has one place to be imported from; the folder’s name is in its path').toEqual([]);
    expect(reExports(snippet(`export * from './y.ts'`))).toHaveLength(1);
  });

  test('have a docstring', () => {
    expect(programs.flatMap(undocumentedExports), 'it says what is promised: shapes, units, what undefined means, which errors').toEqual([]);
  });

  test.each(['export const x = 1;', '// Words.\nexport type X = 1;', '/** A file. */\n\nexport interface X {}', '/** A file. */\nimport y from "y";\nexport function x() {}', 'const x = 1;\nexport { x };'])('%j has none', (code) => {
    expect(undocumentedExports(snippet(code))).toHaveLength(1);
  });

  test.each(['/** One. */\nexport const x = 1;', '/** A route. */\nexport const route = record({});\nexport type Route = Infer<typeof route>;'])('%j has one', (code) => {
    expect(undocumentedExports(snippet(code))).toEqual([]);
  });

  test('are used elsewhere', () => {
    expect(unusedExports(programs, all), 'what nobody imports is private: take the `export` away, or the whole').toEqual([]);
  });

  test('that nobody uses are caught', () => {
    const file = snippet('export const alone = 1;\nexport interface Alone {}\nexport interface Part {}\nexport const make = (): Part => alone;');
    const user = snippet(`import { make } from './x.ts'`, 'packages/server/src/engine/y.ts');
    expect(unusedExports([file], [file, user])).toEqual(['packages/server/src/engine/x.ts:1 alone', 'packages/server/src/engine/x.ts:2 Alone']);
  });
});

describe('types', () => {
  /** Who may tell the compiler what it can't see. */
  const parsers: Readonly<Record<string, string>> = {
    'packages/shared/src/address.ts': 'makes Address and Prefix, after looking at every character',
    'packages/shared/src/host-name.ts': 'makes HostName, after looking at every character',
    'packages/shared/src/time.ts': 'makes Ms and Instant',
    'packages/shared/src/schema.ts': 'Object.keys forgets which keys',
    'packages/shared/src/api/error.ts': 'Object.keys forgets which keys',
    'packages/server/src/config/check.ts': 'the reader is chosen by the field’s type, which TypeScript does not follow',
    'packages/server/src/config/load.ts': 'the types of js-yaml leave out what its listener is given',
    'packages/server/src/control/app.ts': 'fastify has checked the request by the schema that the type is made from',
    'packages/server/src/enforce/nftables/address-text.ts': 'makes the text of an address from the kernel’s bytes, a hundred thousand at a time; a property test compares it with shared/address',
    'packages/server/src/netlink/native.ts': 'a module that is loaded at run time has no type but the one that netlink.cc was written for',
    'packages/server/src/match/naming.ts': 're2’s types give an array of buffers one element',
  };

  test('are never any', () => {
    expect(all.flatMap(anyTypes), 'any spreads, and the compiler says nothing more; unknown asks').toEqual([]);
    expect(anyTypes(snippet('let x: any; const f = (y: any[]) => y;'))).toHaveLength(2);
  });

  test('are not asserted, but by parsers', () => {
    const found = programs.flatMap(assertions).filter(({ path }) => parsers[path] === undefined);
    expect(found.map((one) => `${one.at} ${one.type}`), 'an assertion is a claim that nothing checks: narrow instead, or say here what the parser has looked at').toEqual([]);
  });

  test('have no parser in the list that asserts nothing', () => {
    expect(Object.keys(parsers).filter((path) => !programs.some((file) => file.path === path && assertions(file).length > 0))).toEqual([]);
  });

  test.each(['x as string', '<string>x', 'x!', 'x as unknown as 1'])('%s is an assertion', (code) => {
    expect(assertions(snippet(code)).length).toBeGreaterThan(0);
  });

  test.each(['[1] as const', 'x !== y', 'x satisfies Y'])('%s is none', (code) => {
    expect(assertions(snippet(code))).toEqual([]);
  });

  test('are checked everywhere', () => {
    expect(all.flatMap(silenced), 'a silenced error is still one').toEqual([]);
    for (const word of ['ignore', 'nocheck', 'expect-error']) expect(silenced(snippet(`// @ts-${word}`))).toHaveLength(1);
  });
});

describe('files', () => {
  test('begin by saying what is inside, unless their one export says it', () => {
    const silent = (file: CodeFile): boolean => openingComment(file) === '' && (file.text.match(/^export /gm) ?? []).length > 1 && !file.path.endsWith('/index.ts');
    expect(programs.filter(silent).map((file) => file.path), 'who opens a file wants to know whether it is the one').toEqual([]);
    expect(silent(snippet('import x from "x";\nexport const a = 1;\nexport const b = 2;\n'))).toBe(true);
  });

  test(`of more than ${LONG} lines say in their first comment why they are long`, () => {
    // Tests are lists of claims: they are as long as there is to claim.
    const files = all.filter((file) => !file.path.endsWith('.test.ts'));
    expect(files.flatMap(longWithoutReason), 'a long file is mostly two ideas').toEqual([]);
    expect(longWithoutReason(snippet(`/** No longer in use. */\n${'x();\n'.repeat(LONG)}`))).toHaveLength(1);
    expect(longWithoutReason(snippet(`/** It is long because of x. */\n${'x();\n'.repeat(LONG)}`))).toEqual([]);
  });

  const paths = ['packages/shared/src', 'packages/server/src', 'packages/client/src', 'scripts', 'test', 'config'].flatMap(filesBelow);

  test('and folders have names in kebab-case', () => {
    const odd = paths.filter((path) => !path.split('/').every(isKebabCase));
    expect(odd, 'one way to write a name, on every file system').toEqual([]);
    for (const name of ['xtRecent.ts', 'XtRecent.ts', 'xt_recent.ts', '-x.ts']) expect(isKebabCase(name)).toBe(false);
  });

  test('and folders have names that say something', () => {
    const odd = paths.filter((path) => path.split('/').some(saysNothing));
    expect(odd, 'a drawer for everything is where nothing is found').toEqual([]);
    for (const name of ['utils.ts', 'util', 'helpers.ts', 'misc', 'common.ts']) expect(saysNothing(name)).toBe(true);
  });

  test('that test something are named for it', () => {
    const tests = filesBelow('test/unit').filter((path) => path.endsWith('.test.ts')).map((path) => path.slice('test/unit/'.length));
    expect(tests.filter((path) => basename(path) === 'index.test.ts'), 'a test of an index is a test of nothing').toEqual([]);
  });
});
