/** Each outside package, and the module that starts programs, has one door: one place where its odd ways are known. */
import { describe, expect, test } from 'vitest';
import { codeBelow, codeFile, read } from '../support/house-files.ts';
import { importsOf, type Import } from '../support/house-imports.ts';

const imports = codeBelow('packages/shared/src', 'packages/server/src', 'packages/client/src').flatMap(importsOf);

const doors: readonly { readonly name: string; readonly door: RegExp; readonly because: string }[] = [
  { name: 'fastify', door: /^packages\/server\/src\/control\//, because: 'its defaults drop unknown keys and coerce types; control/ has it set right' },
  { name: 'better-sqlite3', door: /^packages\/server\/src\/store\//, because: 'its errors and its locks become StoreError there' },
  { name: 'js-yaml', door: /^packages\/server\/src\/config\/load\.ts$/, because: 'YAML 1.1 reads 0660 as 432 and no as false; load.ts has every node read as it was written' },
  { name: 'ipaddr.js', door: /^packages\/shared\/src\/address\.ts$/, because: 'alone it takes 1.2.3, 0x7f.1 and 010.0.0.1 for addresses' },
  { name: 're2', door: /^packages\/server\/src\/match\//, because: 'patterns are looked for in linear time, on bytes; match/ alone turns them into expressions' },
  { name: 'unix-dgram', door: /^packages\/server\/src\/ingest\//, because: 'it is native, has no types, and cuts a long path without a word' },
  { name: 'undici', door: /^packages\/(?:client\/src\/(?:client\.ts|undici-client\.d\.ts)|server\/src\/(?:notify\/webhook|lists\/fetch)\.ts)$/, because: 'its errors become ConnectionError there, or a sentence about a URL, and the rest of it would make banctl slow to start' },
  { name: 'nodemailer', door: /^packages\/server\/src\/notify\/mail\.ts$/, because: 'whole, it fetches files and URLs that a mail names; mail.ts takes the two parts of it that do not' },
  { name: 'yargs', door: /^packages\/client\/src\/(?:cli\.ts|yargs-18\.d\.ts)$/, because: 'it turns 1.20 into 1.2 unless told not to' },
  { name: 'node:dns/promises', door: /^packages\/server\/src\/names\/ask-dns\.ts$/, because: 'a name from outside is asked for only as a HostName, with a limit of time, and through a resolver that counts' },
  {
    name: 'node:child_process',
    // accounts.ts asks getent for ids once at start, before anything listens: it may wait for it, and exec could not be waited for.
    // ingest/follow-program.ts has a program that never ends and is held up when its reader is.
    door: /^packages\/server\/src\/(?:enforce\/exec|ingest\/follow-program|accounts)\.ts$/,
    because: 'a program is started with a list of arguments, a time limit and a clean environment, and never through a shell; exec.ts has all that',
  },
];

/** Imports of `name` anywhere but at its door. */
const pastTheDoor = (name: string, door: RegExp, all: readonly Import[]): string[] =>
  all.filter((one) => one.to === name && !door.test(one.from)).map((one) => one.at);

describe.each(doors)('$name', ({ name, door, because }) => {
  test('has one door', () => {
    expect(pastTheDoor(name, door, imports), because).toEqual([]);
    expect(imports.some((one) => one.to === name), 'nobody goes through this door any more: take it out').toBe(true);
  });

  test('is caught elsewhere', () => {
    const elsewhere = importsOf(codeFile('packages/server/src/engine/x.ts', `import x from '${name.replace(/^node:/, '')}';`));
    expect(pastTheDoor(name, door, elsewhere)).toEqual(['packages/server/src/engine/x.ts:1']);
  });
});

test('every package that is imported or depended on has its door', () => {
  const named = doors.map((door) => door.name);
  const used = imports.filter((one) => one.kind === 'package').map((one) => one.to);
  const declared = ['shared', 'server', 'client'].flatMap((name) => {
    const { dependencies } = JSON.parse(read(`packages/${name}/package.json`)) as { dependencies: Record<string, string> };
    return Object.keys(dependencies).filter((dependency) => !dependency.startsWith('banban-'));
  });
  const strangers = [...new Set([...used, ...declared])].filter((name) => !named.includes(name));
  expect(strangers, 'a new dependency says here where its door is, and why it has one').toEqual([]);
});
