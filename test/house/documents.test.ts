/** The documents against the code: examples load, snippets are the files, tables have what the code has, links lead somewhere. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errorCodes, parseAddress, routes } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import { readCommandLine } from '../../packages/client/src/cli.ts';
import { commands } from '../../packages/client/src/commands/index.ts';
import { exitCodes } from '../../packages/client/src/exit.ts';
import { configManual } from '../../packages/server/src/config/manual.ts';
import { packFolders, packLibrary } from '../../packages/server/src/config/packs.ts';
import { compilePolicy } from '../../packages/server/src/engine/policy.ts';
import { compilePattern } from '../../packages/server/src/match/pattern.ts';
import { loadText } from '../support/configs/load-text.ts';

const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const readme = read('README.md');

/** Files below a folder of the project, by their path from its root. */
const filesBelow = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/\/(?:node_modules|dist)(?:\/|$)/.test(entry.parentPath))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));

const documents = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', ...filesBelow('docs').filter((file) => file.endsWith('.md'))];

/** The text of a fenced block, by its language ('' for none). */
const blocks = (markdown: string, language: string): string[] =>
  [...markdown.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].filter((block) => block[1] === language).map((block) => block[2] ?? '');

/** The text with every fenced block emptied, each character in its place: a `# comment` in there is no heading. */
const withoutBlocks = (markdown: string): string => markdown.replace(/^```[\s\S]*?^```$/gm, (block) => block.replace(/[^\n]/g, ' '));

/** What stands under a heading, up to the next one of any level. */
function section(markdown: string, heading: string): string {
  const from = withoutBlocks(markdown).indexOf(`\n${heading}\n`);
  expect(from, `there is a heading ${heading}`).toBeGreaterThanOrEqual(0);
  const body = markdown.slice(from + heading.length + 2);
  const next = withoutBlocks(body).search(/^#{1,6} /m);
  return next < 0 ? body : body.slice(0, next);
}

/** The rows of the tables in a text, without titles and rulers. */
function rows(markdown: string): string[][] {
  const lines = markdown.split('\n').filter((line) => line.startsWith('|'));
  return lines
    .filter((line, i) => !line.startsWith('|--') && lines[i + 1]?.startsWith('|--') !== true)
    .map((line) => line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim().replaceAll('\\|', '|')));
}

describe('the README’s configurations', () => {
  const examples = blocks(readme, 'yaml');

  test('are there', () => {
    expect(examples.length).toBeGreaterThanOrEqual(5);
    expect(examples.filter((text) => text.includes('blocktypes:'))).toHaveLength(1);
  });

  test.each(examples.map((text, i) => [i + 1, text] as const))('number %i is what banband check accepts', (_, text) => {
    const { config, warnings } = loadText(text);
    expect(compilePolicy(config, packLibrary(packFolders(undefined))).issues).toEqual([]);
    // Only the original's form has to be told something: how long its bans last now.
    expect(warnings.every((warning) => text.includes('blocktypes:') && warning.message.includes('last 48h'))).toBe(true);
  });

  test('the pattern that it calls unsafe is forged by the line that it gives, and the safe one is not', () => {
    const [unsafe, line, safe] = [...section(readme, '### How to write a safe pattern').matchAll(/^ {4}(.+)$/gm)].map((match) => (match[1] ?? '').replace(/^'|'$/g, ''));
    const named = (pattern: string | undefined) => compilePattern(pattern ?? '').capturer.exec(`sshd[7]: ${line ?? ''}`)?.[1];
    expect(named(unsafe)).toBe('198.51.100.7');
    expect(named(safe)).toBe('203.0.113.9');
  });
});

describe('the README’s snippets are the files of config/', () => {
  test.each(['config/rsyslog/30-banban.conf', 'config/syslog-ng/banban.conf', 'config/firewall/iptables.rules', 'config/firewall/ip6tables.rules'])('%s', (file) => {
    expect(blocks(readme, '')).toContain(read(file));
  });

  test('the lines of the rsyslog snippet are explained, every one', () => {
    const explained = rows(section(readme, '### rsyslog')).map(([line]) => line ?? '').join(' ');
    const directives = read('config/rsyslog/30-banban.conf').split('\n').filter((line) => /^[$*m]/.test(line)).map((line) => line.split(/[ (]/)[0] ?? '');
    for (const directive of directives) expect(explained).toContain(directive);
  });
});

test('the README lists every pack, and says how many there are', () => {
  const text = section(readme, '### Packs');
  const names = packLibrary(packFolders(undefined)).names();
  const [, listed = ''] = /There are \d+:\n\n([^]*?)\n\n/.exec(text) ?? [];
  expect([...listed.matchAll(/`([^`]+)`/g)].map((match) => match[1])).toEqual(names);
  expect(text).toContain(`There are ${names.length}:`);
});

describe('banctl in the README', () => {
  const shown = async (argv: string[]): Promise<string> => {
    const line = await readCommandLine(argv, {});
    return line.kind === 'show' ? line.text : '';
  };
  const optionsOf = (help: string): string[] => [...new Set([...help.matchAll(/^ {2}(--[a-z-]+)/gm)].map((match) => match[1] ?? ''))].sort();

  test('has a heading for each verb, and for no other', () => {
    const headings = [...readme.matchAll(/^### banctl (\S+)$/gm)].map((match) => match[1]);
    expect(headings).toEqual(commands.map((command) => command.verb));
  });

  test('has a table of the options that hold everywhere, and of no other', async () => {
    const table = rows(section(readme, '## banctl')).map(([name]) => /--[a-z-]+/.exec(name ?? '')?.[0] ?? '');
    expect(table.sort()).toEqual(optionsOf(await shown(['--help'])));
  });

  test.each(commands.map((command) => [command.verb, command] as const))('%s: says what its own options do, and shows the verb', (verb, command) => {
    const text = section(readme, `### banctl ${verb}`);
    for (const option of command.options) expect(text).toContain(`--${option}`);
    expect(blocks(text, 'console').join('')).toContain(`$ banctl ${verb}`);
  });

  /** The words of a command line as a shell would give them, up to a pipe or a redirection. */
  const words = (line: string): string[] => (line.match(/"[^"]*"|'[^']*'|\S+/g) ?? []).map((word) => word.replace(/^(["'])(.*)\1$/, '$2'));
  const calls = blocks(readme, 'console')
    .flatMap((block) => block.split('\n'))
    .map((line) => /^\$ (?:npx )?banctl ([^|<;]*)/.exec(line)?.[1]?.trim() ?? '')
    .filter((call) => call !== '');

  test.each([...new Set(calls)])('understands: banctl %s', async (call) => {
    expect((await readCommandLine(words(call), {})).kind).toBe('run');
  });
});

describe('banband in the README', () => {
  const help = /^const HELP = `([\s\S]*?)^`;$/m.exec(read('packages/server/src/main.ts'))?.[1] ?? '';

  test('is its help', () => {
    const version = (JSON.parse(read('packages/server/package.json')) as { version: string }).version;
    const text = help.replace('${VERSION}', version).replace('${DEFAULT_CONFIG}', '/etc/banban/banban.yml');
    expect(text).not.toContain('${');
    expect(blocks(section(readme, '## banband'), '')).toEqual([text]);
  });

  test('has the exit codes that the programs have', () => {
    const table = rows(section(readme, '## Exit codes'));
    const codesOf = (program: string): number[] => table.filter(([name]) => name === program).map(([, code]) => Number(code));
    expect(codesOf('banctl')).toEqual(Object.values(exitCodes));
    const said = /^Exit codes: (.*)$/m.exec(help)?.[1] ?? '';
    expect(codesOf('banband')).toEqual([...said.matchAll(/\d+/g)].map(Number));
  });
});

describe('tables of the README', () => {
  test('keys of the configuration: those of the schema, with what they take, their default and their meaning', () => {
    const expected = configManual().map((entry) => [
      `\`${entry.key}\``,
      entry.takes,
      entry.default === undefined ? (entry.required ? 'required' : '') : `\`${entry.default}\``,
      entry.description,
    ]);
    expect(rows(section(readme, '### Every key'))).toEqual(expected);
  });

  test('routes of the API', () => {
    const listed = rows(section(readme, '## API')).map(([route]) => route).filter((route) => route?.includes('/v1/'));
    expect(listed).toEqual(Object.values(routes).map(({ method, path }) => `\`${method} ${path}\``));
  });

  test('codes of errors, with their status and meaning', () => {
    const listed = rows(section(readme, '## API')).filter((row) => row.length === 3);
    expect(listed).toEqual(Object.entries(errorCodes).map(([code, { status, meaning }]) => [`\`${code}\``, String(status), meaning]));
  });

  test('addresses in examples are those kept for documentation, private or loopback', () => {
    const kept = /^(?:192\.0\.2|198\.51\.100|203\.0\.113|10|127)\./;
    for (const [text] of readme.matchAll(/(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])/g)) {
      if (parseAddress(text) !== undefined) expect(text).toMatch(kept);
    }
  });
});

describe('decisions', () => {
  const numbers = filesBelow('docs/adr').map((file) => /^docs\/adr\/(\d{4})-[a-z0-9-]+\.md$/.exec(file)?.[1] ?? file).sort();

  test('are numbered from 1, without gaps', () => {
    expect(numbers).toEqual(numbers.map((_, i) => String(i + 1).padStart(4, '0')));
    expect(numbers.length).toBeGreaterThan(0);
  });

  test.each(filesBelow('docs/adr'))('%s has a title with its number, context, decision and consequences, on a page', (file) => {
    const text = read(file);
    expect(text).toMatch(new RegExp(`^# ${/(\d{4})-/.exec(file)?.[1]}: \\S`));
    expect([...text.matchAll(/^## (.*)$/gm)].map((match) => match[1])).toEqual(['Context', 'Decision', 'Consequences']);
    expect(text.split('\n').length).toBeLessThanOrEqual(60);
  });

  test('that code or documents speak of are there', () => {
    const sources = [...['packages', 'scripts', 'config', 'test'].flatMap(filesBelow), ...documents].filter((file) => /\.(?:ts|mjs|sh|md|yml|conf|rules|service)$/.test(file));
    const named = sources.flatMap((file) => [...read(file).matchAll(/docs\/adr\/(\d{4})|\bADR (\d{4})/g)].map((match) => `${file}: ${match[1] ?? match[2] ?? ''}`));
    expect(named.filter((one) => !numbers.includes(one.slice(-4)))).toEqual([]);
    expect(named.some((one) => one.startsWith('packages/'))).toBe(true);
  });
});

describe('links', () => {
  /** As code hosts make anchors of headings. */
  const anchors = (markdown: string): Set<string> =>
    new Set([...withoutBlocks(markdown).matchAll(/^#{1,6} (.+)$/gm)].map((match) => (match[1] ?? '').toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-')));

  test.each(documents)('of %s lead somewhere', (document) => {
    const text = withoutBlocks(read(document));
    for (const [, link = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(link)) continue;
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? document : join(dirname(document), path);
      expect(existsSync(join(root, target)), `${document}: ${link}`).toBe(true);
      if (anchor !== undefined) expect(anchors(read(target)), `${document}: ${link}`).toContain(anchor);
    }
  });

  test('files that docs/architecture.md names are there', () => {
    const named = [...read('docs/architecture.md').matchAll(/`([\w./-]+\.(?:ts|mjs))`/g)].map((match) => match[1] ?? '');
    const everywhere = [...filesBelow('packages'), ...filesBelow('scripts'), ...filesBelow('test')];
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((name) => !everywhere.some((file) => file === name || file.endsWith(`/${name}`)))).toEqual([]);
  });

  test('tests that docs/security.md names are there, in the files that it names', () => {
    const text = read('docs/security.md');
    const named = [...text.matchAll(/`(test\/[\w./-]+\.test\.ts)`(?: "([^"\n]+)")?/g)];
    for (const [, file = '', title] of named) {
      const source = read(file);
      if (title !== undefined) expect(source, file).toContain(title);
    }
    const properties = rows(section(text, '## Properties'));
    expect(properties.map(([id]) => id)).toEqual(Array.from({ length: 10 }, (_, i) => `I${i + 1}`));
    // "the same" points at the model test of the first row.
    for (const [id, , , shown = ''] of properties) expect(shown, id).toMatch(/`test\/|^the same/);
  });
});

describe('the release', () => {
  const version = (JSON.parse(read('package.json')) as { version: string }).version;

  test('is the one that the documents speak of', () => {
    expect(readme).toContain(`This is version ${version}`);
    expect(read('SECURITY.md')).toContain(`| ${version.replace(/\.\d+$/, '.x')} | yes |`);
  });

  test('has the licence that package.json names', () => {
    expect((JSON.parse(read('package.json')) as { license: string }).license).toBe('MIT');
    expect(read('LICENSE')).toMatch(/^MIT License\n\nCopyright \(c\) 2026 the banban authors\n/);
  });

  test('is started and tested by the commands that the README names', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    for (const [, script = ''] of readme.matchAll(/`npm (?:run )?(start|test|bench)\b/g)) expect(Object.keys(scripts)).toContain(script);
    for (const script of Object.keys(scripts)) expect(readme).toMatch(new RegExp(`\`npm (?:run )?${script}\\b`));
  });

  test.each(documents)('%s has no tab, no space at a line’s end, no long dash', (document) => {
    const text = read(document);
    expect(text).not.toMatch(/[ \t]$/m);
    expect(text).not.toMatch(/\t|—/);
    expect(text.endsWith('\n')).toBe(true);
  });
});
