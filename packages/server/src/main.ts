/** banband: arguments, signals, exit codes. */
import { parseArgs } from 'node:util';
import { DEFAULT_CONFIG } from 'banban-shared';
import { systemClock } from './clock.ts';
import { ConfigError, formatIssue } from './config/config-error.ts';
import { readPolicy, startDaemon } from './daemon.ts';
import { createLog, printable } from './observe/log.ts';
import { VERSION } from './version.ts';

const HELP = `banband ${VERSION}: bans addresses within milliseconds of the log line that gives them away

Usage:
  banband [options]          runs in the foreground until SIGTERM or SIGINT; SIGHUP reloads
  banband check [options]    reads the configuration, says what is wrong with it, and ends

Options:
  -c, --config FILE   the configuration (default ${DEFAULT_CONFIG})
      --check         the same as check
  -s, --simulate      do everything but touch the kernel
      --state DIR     keep sockets and database in DIR, whatever the configuration says
  -f                  stay in the foreground, as it always does (taken as in the original)
      --version       print the version
  -h, --help          print this

Exit codes: 0 done, 1 could not start or failed, 2 usage, 78 bad configuration
`;

/** sysexits.h EX_CONFIG, by which systemd can be told not to start it again. */
const BAD_CONFIG = 78;

function usage(message: string): number {
  process.stderr.write(`banband: ${printable(message)}; see banband --help\n`);
  return 2;
}

function check(path: string, stateDir: string | undefined): number {
  try {
    const { policy, warnings, errors } = readPolicy(path, stateDir);
    for (const issue of warnings) process.stderr.write(`${printable(formatIssue(issue))}\n`);
    if (errors.length > 0) throw new ConfigError(errors);
    const { rules, targets, allowlist, goodPatterns } = policy.config;
    process.stdout.write(`${path} is good: ${rules.length} rules, ${targets.length} targets, ${goodPatterns.length} good patterns, ${allowlist.length} allowed networks\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const text of error.message.split('\n')) process.stderr.write(`${printable(text)}\n`);
    return BAD_CONFIG;
  }
}

async function main(argv: readonly string[]): Promise<number | undefined> {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        config: { type: 'string', short: 'c' },
        check: { type: 'boolean' },
        simulate: { type: 'boolean', short: 's' },
        state: { type: 'string' },
        foreground: { type: 'boolean', short: 'f' },
        version: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    return usage(error instanceof Error ? (error.message.split('. ')[0] ?? '') : String(error));
  }
  const { values, positionals } = parsed;
  if (values.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  if (values.version === true) {
    process.stdout.write(`${VERSION}\n`);
    return 0;
  }
  const [verb, ...more] = positionals;
  if ((verb !== undefined && verb !== 'check') || more.length > 0) return usage(`there is no command ${JSON.stringify(positionals.join(' '))}`);
  const configPath = values.config ?? DEFAULT_CONFIG;
  if (verb === 'check' || values.check === true) return check(configPath, values.state);

  const log = createLog(systemClock, process.stdout.isTTY ? 'text' : 'json', (line) => void process.stdout.write(line));
  // A log reader that went away must not take the daemon with it.
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
  let daemon;
  try {
    daemon = await startDaemon({ configPath, stateDir: values.state, simulate: values.simulate === true, log });
  } catch (error) {
    const lines = error instanceof Error ? error.message.split('\n') : [String(error)];
    for (const line of lines) process.stderr.write(`banband: ${printable(line)}\n`);
    return error instanceof ConfigError ? BAD_CONFIG : 1;
  }
  const running = daemon;
  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) return;
    stopping = true;
    log.info('stopping', { signal });
    running.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error('stop_failed', { message: String(error) });
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('SIGHUP', () => running.reload());
  return undefined;
}

main(process.argv.slice(2)).then(
  (code) => {
    if (code !== undefined) process.exitCode = code;
  },
  (error: unknown) => {
    // A fault of ours: say where, and end; the service manager starts it again and the database has everything.
    process.stderr.write(`banband: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(1);
  },
);
