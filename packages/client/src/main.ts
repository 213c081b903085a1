/** banctl: reads the command line, runs the verb, and turns what comes of it into streams and an exit code. */
import { fstatSync } from 'node:fs';
import { ApiError, instant } from 'banban-shared';
import { readCommandLine } from './cli.ts';
import { connect } from './client.ts';
import { connectedFrom, whoAsks, type Context } from './context.ts';
import { ConnectionError } from './errors.ts';
import { exitCodeOf, exitCodes, type ExitCode } from './exit.ts';
import { errorText } from './view/error.ts';
import { paintFor } from './view/paint.ts';
import { printableJson } from './view/printable.ts';

function write(stream: NodeJS.WriteStream, text: string): void {
  stream.write(`${text}\n`);
}

/** A reader that has seen enough (`banctl list | head`) is no fault; a disk that is full is one. */
function watchStdout(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    process.stderr.write(`banctl: the output could not be written: ${error.message}\n`);
    process.exitCode = exitCodes.failed;
  });
  process.stderr.on('error', () => undefined);
}

const json = (value: unknown, stream: NodeJS.WriteStream): string => forStream(JSON.stringify(value), stream);
/** For a program the bytes as they came; on a terminal the same JSON without what a terminal would obey. */
const forStream = (text: string, stream: NodeJS.WriteStream): string => (stream.isTTY ? printableJson(text) : text);

function usageFailure(problem: string, asJson: boolean): ExitCode {
  if (asJson) write(process.stderr, json({ error: { code: 'usage', message: problem, details: [] } }, process.stderr));
  else write(process.stderr, `banctl: ${problem}\n  "banctl --help" says how to call it.`);
  return exitCodes.usage;
}

async function main(): Promise<ExitCode> {
  const line = await readCommandLine(process.argv.slice(2), process.env);
  if (line.kind === 'usage') return usageFailure(line.problem, line.json);
  if (line.kind === 'show') {
    write(process.stdout, line.text);
    return exitCodes.done;
  }
  const { command, args, settings } = line;
  const client = connect(settings);
  const context: Context = {
    client,
    json: settings.json,
    quiet: settings.quiet,
    paint: paintFor({ terminal: process.stdout.isTTY === true, noColor: settings.noColor, env: process.env }),
    // A terminal that does not know its size says 0.
    columns: process.stdout.isTTY ? process.stdout.columns || undefined : undefined,
    by: whoAsks(),
    from: connectedFrom(),
    now: () => instant(Date.now()),
    answer: (text) => write(process.stdout, text),
    note: (text) => {
      if (!settings.quiet && !settings.json) write(process.stdout, text);
    },
    complain: (text) => write(process.stderr, `banctl: ${text}`),
    body: (text) => write(process.stdout, forStream(text.replace(/\n$/, ''), process.stdout)),
  };
  if (args.addresses.includes('-')) {
    // Node shows a directory as an empty stream, and "nothing to do" would be wrong.
    if (fstatSync(0).isDirectory()) return usageFailure('standard input is a directory; "-" reads a file, one address a line.', settings.json);
    if (process.stdin.isTTY && !settings.quiet) write(process.stderr, 'banctl: reading addresses, one a line; end with Ctrl-D');
  }
  try {
    const ended = await command.run(context, args, process.stdin);
    return typeof ended === 'object' ? usageFailure(ended.usage, settings.json) : ended;
  } catch (error) {
    if (!(error instanceof ApiError) && !(error instanceof ConnectionError)) throw error;
    if (settings.json) write(process.stderr, json(error.toBody(), process.stderr));
    else context.complain(errorText(error));
    return exitCodeOf(error);
  } finally {
    await client.close();
  }
}

watchStdout();
// exitCode and not exit(): what is still on its way into a pipe must arrive. An earlier failure to write stays.
const code = await main();
process.exitCode ||= code;
