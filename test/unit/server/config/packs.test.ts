import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { packFolders, packLibrary, type FoundPack } from '../../../../packages/server/src/config/packs.ts';
import { tempDir } from '../../../support/temp-dir.ts';

const GOOD = String.raw`service: a service
source: svc.c
begins: ['svc(?:\[\d+\])?: ']
groups:
  auth: wrong passwords
  accepted: { about: logged in, good: true }
patterns:
  refused:
    group: auth
    match: 'refused (?<user>[^ ]+) from <ip>$'
    source: svc.c refuse()
    samples:
      - { line: 'svc[1]: refused ann from 192.0.2.1', address: 192.0.2.1, user: ann }
    misses:
      - 'svc[1]: nothing'
  denied:
    group: auth
    match: 'denied <ip>$'
    source: svc.c
    samples:
      - { line: 'svc: denied 2001:db8::1', address: '2001:db8::1' }
`;

/** A pack called svc with this text, alone in a folder. */
function only(text: string | Buffer): FoundPack & { readonly file: string; readonly told: readonly string[] } {
  const folder = tempDir();
  writeFileSync(join(folder, 'svc.yml'), text);
  const found = packLibrary([folder]).get('svc');
  if (found === undefined) throw new Error('it was not found');
  return { ...found, told: found.issues.map((i) => `${i.line} ${i.severity} ${i.message}`) };
}
const names = ({ pack }: FoundPack): string[] | undefined => pack?.patterns.map((p) => p.fullName);
const lineOf = (text: string): number => GOOD.split('\n').findIndex((line) => line.includes(text)) + 1;

describe('a pack', () => {
  test('is what its file says', () => {
    const found = only(GOOD);
    expect(found.issues).toEqual([]);
    expect(names(found)).toEqual(['svc/refused', 'svc/denied']);
    expect(found.pack).toMatchObject({
      name: 'svc',
      service: 'a service',
      source: 'svc.c',
      groups: [{ name: 'auth', about: 'wrong passwords', good: false, weak: false }, { name: 'accepted', about: 'logged in', good: true, weak: false }],
    });
    expect(found.pack?.patterns[0]).toMatchObject({ source: 'svc.c refuse()', misses: ['svc[1]: nothing'], samples: [{ line: 'svc[1]: refused ann from 192.0.2.1', address: '192.0.2.1', user: 'ann' }] });
  });

  test('is found in the first folder that has one of its name', () => {
    const [first, second, third] = [tempDir(), tempDir(), tempDir()];
    writeFileSync(join(second, 'svc.yml'), GOOD.replace('a service', 'the second'));
    writeFileSync(join(third, 'svc.yml'), GOOD.replace('a service', 'the third'));
    writeFileSync(join(third, 'other.yml'), GOOD);
    const library = packLibrary([first, second, third]);
    expect(library.get('svc')).toMatchObject({ file: join(second, 'svc.yml'), pack: { service: 'the second' } });
    expect(library.get('other')?.file).toBe(join(third, 'other.yml'));
    expect(library.get('none')).toBeUndefined();
    expect(library.names()).toEqual(['other', 'svc']);
  });

  test('that is faulty goes before a good one in a later folder: whose it is must not depend on its faults', () => {
    const [first, second] = [tempDir(), tempDir()];
    writeFileSync(join(first, 'svc.yml'), 'nonsense');
    writeFileSync(join(second, 'svc.yml'), GOOD);
    expect(packLibrary([first, second]).get('svc')).toMatchObject({ pack: undefined, file: join(first, 'svc.yml') });
  });

  test('is read once; a new library reads it anew', () => {
    const folder = tempDir();
    const library = packLibrary([folder]);
    expect(library.get('svc')).toBeUndefined();
    writeFileSync(join(folder, 'svc.yml'), GOOD);
    expect(library.get('svc')).toBeUndefined();
    const anew = packLibrary([folder]);
    const found = anew.get('svc');
    expect(found?.pack?.name).toBe('svc');
    writeFileSync(join(folder, 'svc.yml'), '');
    expect(anew.get('svc')).toBe(found);
  });

  test('has a name of small letters, digits, dashes and underscores', () => {
    const folder = tempDir();
    for (const name of ['a.yml', 'b-2_c.yml', 'UPPER.yml', '.hidden.yml', 'x.yaml', 'y.yml.bak', '-z.yml', 'ä.yml']) writeFileSync(join(folder, name), GOOD);
    mkdirSync(join(folder, 'sub'));
    expect(packLibrary([join(folder, 'missing'), folder]).names()).toEqual(['a', 'b-2_c']);
  });

  test('is looked for in the admin’s folder first, then beside the configuration, then where banban’s own are', () => {
    const folders = packFolders('/srv/x/banban.yml');
    expect(folders.slice(0, 2)).toEqual(['/etc/banban/packs', '/srv/x/packs']);
    expect(packLibrary(folders.slice(2)).names()).toContain('sshd');
    expect(packFolders(undefined)).toHaveLength(2);
  });
});

describe('a pattern that can’t be used is left out and named with the line of what is wrong, and the rest works:', () => {
  const sample = "      - { line: 'svc[1]: refused ann from 192.0.2.1', address: 192.0.2.1, user: ann }";
  test.each<[string, string, string, number, RegExp]>([
    ['it does not match its sample', "match: 'refused", "match: 'rejected", lineOf(sample), /^the pattern svc\/refused can't be used: it does not match its own sample: svc\[1\]: refused ann from 192\.0\.2\.1$/],
    ['it names another address', 'address: 192.0.2.1,', 'address: 192.0.2.2,', lineOf(sample), /yields the address 192\.0\.2\.1, not 192\.0\.2\.2: svc\[1\]/],
    ['it names another user', 'user: ann', 'user: bob', lineOf(sample), /yields the user "ann", not "bob": svc\[1\]/],
    ['it matches its miss', "'svc[1]: nothing'", "'svc: refused x from 192.0.2.9'", lineOf("'svc[1]: nothing'"), /^the pattern svc\/refused can't be used: it matches a line that it must not match: svc: refused x from 192\.0\.2\.9$/],
    ['RE2 can’t run it', "match: 'refused", "match: '(?=r)refused", lineOf('refused:'), /^the pattern svc\/refused can't be used: RE2 can't run it: .*no lookaround/],
    ['it has no place for an address', "(?<user>[^ ]+) from <ip>$'", "(?<user>[^ ]+)'", lineOf('refused:'), /^the pattern svc\/refused can't be used: it has no <ip>/],
  ])('%s', (_, text, wrong, line, message) => {
    const found = only(GOOD.replace(text, wrong));
    expect(names(found)).toEqual(['svc/denied']);
    expect(found.issues).toHaveLength(1);
    expect(found.issues[0]).toMatchObject({ file: found.file, line, severity: 'error' });
    expect(found.issues[0]?.message).toMatch(message);
  });

  test('each pattern is told of once, and all of them are', () => {
    const found = only(GOOD.replace("match: 'refused", "match: 'rejected").replace("'svc[1]: nothing'", "'svc: rejected x from 192.0.2.9'").replace("match: 'denied", "match: 'declined"));
    expect(found.pack).toBeUndefined();
    expect(found.issues.map((i) => i.message.slice(0, 24))).toEqual(['the pattern svc/refused ', 'the pattern svc/denied c']);
  });
});

describe('a file that is no pack is none, and says why:', () => {
  test.each<[string, string | Buffer, RegExp]>([
    ['an empty file', '', /the file is empty/],
    ['only a comment', '# nothing\n', /the file is empty/],
    ['a list', '- a\n', /found a list, wanted a map with service, groups and patterns/],
    ['a text', 'sshd', /found the text "sshd", wanted a map/],
    ['no YAML', 'a: [', /./],
    ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x00]), /not UTF-8/],
    ['too large', Buffer.alloc(2 * 1024 * 1024, 0x23), /./],
    ['an unknown key', GOOD.replace('service:', 'servise:'), /servise/],
    ['no patterns', GOOD.slice(0, GOOD.indexOf('patterns:')), /patterns/],
    ['a pattern of no group', GOOD.replace('group: auth', 'group: other'), /there is no group other in this pack/],
    ['a pattern with the name of a group', GOOD.replace('  denied:', '  accepted:'), /has the name of a group; use: svc\/accepted could mean both/],
    ['no begins', GOOD.replace(/^begins.*\n/m, ''), /has no begins, and neither has the pack/],
    ['a pattern without samples', GOOD.replace(/ {4}samples:\n.*2001.*\n/, ''), /is missing: lines that it must match/],
    ['one pattern twice', GOOD.replace('  denied:', '  refused:'), /./],
    ['use: in a match', GOOD.replace("match: 'denied <ip>$'", 'match: { use: sshd }'), /./],
  ])('%s', (_, text, message) => {
    const found = only(text);
    expect(found.pack).toBeUndefined();
    expect(found.issues.length).toBeGreaterThan(0);
    expect(found.issues.every((i) => i.file === found.file && i.severity === 'error')).toBe(true);
    expect(found.told.join('\n')).toMatch(message);
  });

  test('a directory, and a link that leads nowhere', () => {
    const folder = tempDir();
    mkdirSync(join(folder, 'svc.yml'));
    symlinkSync('loop.yml', join(folder, 'loop.yml'));
    symlinkSync('/nowhere/x.yml', join(folder, 'gone.yml'));
    const library = packLibrary([folder]);
    expect(library.get('svc')).toMatchObject({ pack: undefined, issues: [{ message: expect.stringContaining('it is a directory') }] });
    expect(library.get('loop')?.pack).toBeUndefined();
    expect(library.get('gone')?.pack).toBeUndefined();
  });

  test('YAML that unfolds to gigabytes', () => {
    const bomb = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]', ...Array.from({ length: 12 }, (_, i) => `a${i + 1}: &a${i + 1} [${Array.from({ length: 10 }, () => `*a${i}`).join(', ')}]`)].join('\n');
    const found = only(`${bomb}\n${GOOD}`);
    expect(found.pack).toBeUndefined();
    expect(found.issues.length).toBeLessThanOrEqual(102);
  });

  test('the lines of what is wrong are those of the file', () => {
    expect(only(GOOD.replace('group: auth', 'group: other')).issues).toMatchObject([{ line: lineOf('group: auth') }]);
    expect(only(GOOD.replace('  denied:', '  accepted:')).issues).toMatchObject([{ line: lineOf('  denied:') }]);
  });
});

test('a name that is a path is not looked for outside of the folders', () => {
  const folder = tempDir();
  mkdirSync(join(folder, 'packs'));
  writeFileSync(join(folder, 'svc.yml'), GOOD);
  const library = packLibrary([join(folder, 'packs')]);
  for (const name of ['../svc', join(folder, 'svc'), '', '.', 'svc\0', 'packs/../../svc']) expect(library.get(name), name).toBeUndefined();
});

test('a folder that is a file, or nothing, has no packs', () => {
  const folder = tempDir();
  writeFileSync(join(folder, 'file'), '');
  const library = packLibrary([join(folder, 'file'), join(folder, 'missing')]);
  expect(library.names()).toEqual([]);
  expect(library.get('svc')).toBeUndefined();
});
