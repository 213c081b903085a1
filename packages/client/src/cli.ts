/** The command line, read and checked: the only door to yargs. Prints nothing and asks nobody. */
import { DEFAULT_CONTROL_SOCKET } from 'banban-shared';
import yargs, { type Argv } from 'yargs';
import { version } from '../package.json';
import { commands } from './commands/index.ts';
import { verbOptions, type Args, type Command } from './commands/command.ts';
import { nearest } from './nearest.ts';
import { printable } from './view/printable.ts';

/** What holds for every verb. */
export interface Settings {
  readonly socket: string;
  readonly timeoutSeconds: number;
  readonly json: boolean;
  readonly noColor: boolean;
  readonly quiet: boolean;
}

/** What the words ask for: a verb to run, a text to show, or a sentence about what is wrong with them. */
export type CommandLine =
  | { readonly kind: 'run'; readonly command: Command; readonly args: Args; readonly settings: Settings }
  /** `--help`, `--version`, and banctl alone. */
  | { readonly kind: 'show'; readonly text: string }
  | { readonly kind: 'usage'; readonly problem: string; readonly json: boolean };

const globalOptions = {
  socket: { type: 'string', requiresArg: true, describe: `control socket; else BANBAN_SOCKET, else ${DEFAULT_CONTROL_SOCKET}` },
  timeout: { type: 'string', requiresArg: true, describe: 'seconds to wait for an answer (default 10; more where a verb takes longer)' },
  json: { type: 'boolean', describe: "print the API's answer as it is, errors as JSON on stderr" },
  quiet: { type: 'boolean', describe: 'no confirmations and notes; only answers and errors' },
  'no-color': { type: 'boolean', describe: 'no colour, whatever the terminal (or set NO_COLOR)' },
  // yargs' own --help and --version also take the words for them, and a word may be an operand.
  help: { type: 'boolean', describe: 'this help; after a verb, that of the verb' },
  version: { type: 'boolean', describe: "banctl's version" },
} as const;

/** A day: whoever waits longer waits for nothing. */
const LONGEST_TIMEOUT_SECONDS = 86_400;

/** What other programs call it. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map([['help', '--help'], ['-h', '--help'], ['-?', '--help'], ['-v', '--version'], ['-V', '--version']]);

/** Reads `argv` (without node and the script). Never throws. */
export async function readCommandLine(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<CommandLine> {
  // Until the line is read, and where it can't be: the same word as it stands there.
  let json = argv.includes('--json');
  const usage = (problem: string): CommandLine => ({ kind: 'usage', problem, json });
  const inherited = inheritedName(argv);
  if (inherited !== undefined) return usage(unknownWord('option', inherited, []));
  let failure: string | undefined;
  const parser = describe((message) => (failure = message));
  const parsed = await parser.parseAsync([...argv]);
  const values = new Map<string, unknown>(Object.entries(parsed));
  json = values.get('json') === true;
  if (values.get('version') === true) return { kind: 'show', text: `banctl ${version}` };
  if (values.get('help') === true) return { kind: 'show', text: await parser.getHelp() };
  const words = parsed._.map(String);
  const verb = words[0];
  const command = commands.find((one) => one.verb === verb);
  if (verb !== undefined && command === undefined) return usage(unknownWord('verb', verb, commands.map((one) => one.verb)));
  const allowed = [...Object.keys(globalOptions), ...(command?.options ?? [])];
  const stranger = [...values.keys()].find((key) => key !== '_' && key !== '$0' && !allowed.includes(key));
  if (stranger !== undefined) {
    const elsewhere = commands.filter((one) => one.options.some((option) => option === stranger)).map((one) => one.verb);
    if (elsewhere.length > 0) return usage(`--${stranger} is an option of ${elsewhere.join(' and ')}${verb === undefined ? '' : `, not of ${verb}`}.`);
    return usage(unknownWord('option', stranger.length === 1 ? `-${stranger}` : `--${stranger}`, allowed.map((option) => `--${option}`)));
  }
  if (failure !== undefined) return usage(failure.replace(/^Not enough arguments following: (.*)$/s, '--$1 needs a value') + '.');
  const twice = [...values].find(([key, value]) => key !== '_' && Array.isArray(value));
  if (twice !== undefined) return usage(`--${twice[0]} was given twice.`);
  if (command === undefined) return argv.length === 0 ? { kind: 'show', text: await parser.getHelp() } : usage('no verb was given.');

  const addresses = words.slice(1);
  const wrong = countProblem(command, addresses);
  if (wrong !== undefined) return usage(wrong);
  const text = (key: string): string | undefined => {
    const value = values.get(key);
    return typeof value === 'string' ? value : undefined;
  };
  const args: Args = { addresses, target: text('target'), for: text('for'), reason: text('reason'), format: text('format'), force: values.get('force') === true, all: values.get('all') === true, canary: values.get('canary') === true };
  for (const key of ['target', 'socket'] as const) if (text(key) === '') return usage(`--${key} is empty.`);
  const problem = command.check?.(args);
  if (problem !== undefined) return usage(problem);
  const timeout = text('timeout') ?? String(command.timeoutSeconds ?? 10);
  const timeoutSeconds = /^\d{1,5}(?:\.\d{1,3})?$/.test(timeout) ? Number(timeout) : 0;
  if (timeoutSeconds <= 0 || timeoutSeconds > LONGEST_TIMEOUT_SECONDS) return usage(`--timeout "${printable(timeout, 40)}" is not a number of seconds from 0.001 to ${LONGEST_TIMEOUT_SECONDS}.`);
  const socket = text('socket') ?? (env['BANBAN_SOCKET'] || DEFAULT_CONTROL_SOCKET);
  if (socket.includes('\0')) return usage('the socket path has a NUL in it.');
  return { kind: 'run', command, args, settings: { socket, timeoutSeconds, json, noColor: values.get('no-color') === true, quiet: values.get('quiet') === true } };
}

function countProblem(command: Command, addresses: readonly string[]): string | undefined {
  const { least, most } = command.addresses;
  if (addresses.length >= least && addresses.length <= most) return undefined;
  if (most === 0) return `${command.verb} takes no arguments, but "${printable(addresses[0] ?? '', 80)}" was given.`;
  const noun = command.noun ?? 'address';
  if (addresses.length > most) return most === 1 ? `${command.verb} takes exactly one ${noun}.` : `${command.verb} takes at most ${most} words.`;
  return most === 1 ? `${command.verb} takes exactly one ${noun}.` : `${command.verb} needs at least one ${noun}.`;
}

function unknownWord(what: string, word: string, known: readonly string[]): string {
  const meant = ELSEWHERE.get(word) ?? nearest(word, known);
  return `there is no ${what} "${printable(word, 80)}"${meant === undefined ? '.' : `; did you mean "${meant}"?`}`;
}

/** An option called like something that every object of JavaScript has (`--constructor`): yargs keeps options in such objects and falls over it. */
function inheritedName(argv: readonly string[]): string | undefined {
  const end = argv.indexOf('--');
  const names = (end < 0 ? argv : argv.slice(0, end)).map((word) => /^--?[^=]+/.exec(word)?.[0]);
  return names.find((name) => name !== undefined && Object.hasOwn(Object.prototype, name.replace(/^--?/, '')));
}

/** Every terminal has them. */
const HELP_COLUMNS = 80;

/** The grammar and the help. Addresses stay in `_`: as a positional of yargs, `-` silently vanishes. */
function describe(onFailure: (message: string) => void): Argv {
  const parser = yargs()
    .scriptName('banctl')
    .locale('en')
    // 1.20 stays 1.20, a.b is no path, and a name has one spelling.
    .parserConfiguration({
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'dot-notation': false,
      'camel-case-expansion': false,
      'boolean-negation': false,
      'short-option-groups': false,
      'strip-aliased': true,
      'greedy-arrays': false,
    })
    .usage('Usage: banctl <verb> [options]\n\nAsks and commands banband, which bans addresses for what they leave in the logs.')
    .help(false)
    .version(false)
    .options(globalOptions)
    .group(Object.keys(globalOptions), 'Everywhere:')
    .usageConfiguration({ 'hide-types': true })
    .epilogue('Exit codes: 0 done or nothing to do, 1 refused or failed, 2 usage, 4 no daemon,\n5 no permission.')
    .exitProcess(false)
    .showHelpOnFail(false)
    .wrap(HELP_COLUMNS)
    .fail((message) => onFailure(message ?? 'the command line could not be read'));
  for (const command of commands) {
    parser.command(command.verb, command.summary, (verb: Argv) => {
      const own = command.options.map((option) => ` [--${option}${verbOptions[option].argument === undefined ? '' : ` ${verbOptions[option].argument}`}]`).filter((text) => !command.operands.includes(text.trim().slice(1, -1)));
      const stdin = command.addresses.most > 1 && command.noun === undefined ? '\n"-" for an address reads addresses from standard input, one a line.' : '';
      verb.usage(`Usage: banctl ${[command.verb, command.operands].join(' ').trim()}${own.join('')}\n\n${command.summary[0]?.toUpperCase() ?? ''}${command.summary.slice(1)}.${stdin}`);
      for (const option of command.options) {
        const { type, describe } = verbOptions[option];
        verb.option(option, { type, describe, group: 'Options:', ...(type === 'string' && { requiresArg: true }) });
      }
      for (const [line, meaning] of command.examples) verb.example(line, meaning);
      return verb;
    });
  }
  return parser;
}
