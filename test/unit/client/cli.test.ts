import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readCommandLine } from '../../../packages/client/src/cli.ts';
import { commands } from '../../../packages/client/src/commands/index.ts';
import { verbOptions } from '../../../packages/client/src/commands/command.ts';

const read = (...argv: string[]) => readCommandLine(argv, {});

async function help(...argv: string[]): Promise<string> {
  const line = await read(...argv, '--help');
  return line.kind === 'show' ? line.text : expect.unreachable(`no help but ${line.kind}`);
}

const word = fc.oneof(
  fc.constantFrom(...commands.map((one) => one.verb), ...Object.keys(verbOptions).map((one) => `--${one}`), '--json', '--socket', '--timeout', '--help', '--', '-', '192.0.2.1'),
  fc.constantFrom(...Object.getOwnPropertyNames(Object.prototype)).chain((name) => fc.constantFrom(name, `-${name}`, `--${name}`, `--${name}=1`, `--no-${name}`, `--${name}.x`)),
  fc.string({ unit: 'binary' }),
  fc.string().map((text) => `--${text}`),
);

test('whatever the words, the command line is read or refused, and never thrown about', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(word, { maxLength: 6 }), async (argv) => {
      expect(['run', 'show', 'usage']).toContain((await readCommandLine(argv, {})).kind);
    }),
    { numRuns: 1500 },
  );
});

test('a word after the verb is an operand, even when yargs has a meaning for it', async () => {
  for (const operand of ['help', 'version', '1.20', '007', '1e3', 'constructor']) expect(await read('ban', operand, '192.0.2.1')).toMatchObject({ kind: 'run', args: { addresses: [operand, '192.0.2.1'] } });
  expect(await read('ban', '--', '--json')).toMatchObject({ kind: 'run', args: { addresses: ['--json'] }, settings: { json: false } });
});

test('the value of an option is what was written', async () => {
  expect(await read('ban', '192.0.2.1', '--reason=1.20', '--target', '0x10')).toMatchObject({ args: { reason: '1.20', target: '0x10' } });
  expect(await read('status', '--json=true')).toMatchObject({ settings: { json: true } });
  expect(await read('status', '--json=false')).toMatchObject({ settings: { json: false } });
});

test('what other programs call help and version is pointed to ours', async () => {
  for (const argv of [['help'], ['-h'], ['status', '-h']]) expect(await read(...argv)).toMatchObject({ kind: 'usage', problem: expect.stringContaining('did you mean "--help"?') });
  expect(await read('-V')).toMatchObject({ problem: expect.stringContaining('did you mean "--version"?') });
});

test('the socket is that of --socket, else of BANBAN_SOCKET, else the installed one', async () => {
  expect(await readCommandLine(['status', '--socket', '/a'], { BANBAN_SOCKET: '/b' })).toMatchObject({ settings: { socket: '/a' } });
  expect(await readCommandLine(['status'], { BANBAN_SOCKET: '/b' })).toMatchObject({ settings: { socket: '/b' } });
  expect(await readCommandLine(['status'], { BANBAN_SOCKET: '' })).toMatchObject({ settings: { socket: '/run/banban/control.sock' } });
});

describe('the help', () => {
  const everywhere = ['--socket', '--timeout', '--json', '--quiet', '--no-color', '--help', '--version'];

  test.each([[''], ...commands.map((one) => [one.verb])])('of "%s" fits in 80 columns and describes every option', async (verb) => {
    const text = await help(...(verb === '' ? [] : [verb]));
    expect(text.split('\n').filter((line) => line.length > 80)).toEqual([]);
    const own = commands.find((one) => one.verb === verb)?.options.map((option) => `--${option}`) ?? [];
    const described = [...text.matchAll(/^ {2}(--[a-z-]+) {2,}\S/gm)].map((match) => match[1]);
    expect(described.sort()).toEqual([...own, ...everywhere].sort());
  });

  test('lists every verb on one line', async () => {
    const text = await help();
    for (const { verb, summary } of commands) expect(text).toMatch(new RegExp(`^ {2}banctl ${verb} +${summary}$`, 'm'));
  });

  test.each(commands.map((one) => [one.verb, one] as const))('of %s has its operands, its own options and examples that are right', async (_verb, command) => {
    const text = await help(command.verb);
    expect(text).toContain(`Usage: banctl ${[command.verb, command.operands].join(' ').trim()}`);
    for (const [example] of command.examples) {
      expect(text).toContain(example);
      expect(await read(...example.replace(/ [<>|].*/, '').split(' ').slice(1))).toMatchObject({ kind: 'run', command });
    }
  });
});
