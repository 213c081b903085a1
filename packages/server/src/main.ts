/** banband: arguments, signals, exit codes. */
import { DEFAULT_CONFIG } from 'banban-shared';
import { precise, systemClock } from './clock.ts';
import { ConfigError, formatIssue } from './config/config-error.ts';
import { loadConfig } from './config/load.ts';
import { printRules } from './enforce/ruleset/ruleset.ts';
import { startDaemon, type Daemon } from './daemon.ts';
import { createLog, printable, type Log } from './observe/log.ts';
import { logWriter } from './observe/write-log.ts';
import { UnreadableLog } from './offline/log-lines.ts';
import { readOptions, UsageError } from './offline/options.ts';
import { replayCommand } from './offline/replay-command.ts';
import { testCommand } from './offline/test-command.ts';
import { readPolicy } from './read-policy.ts';
import { VERSION } from './version.ts';

const HELP = `banband ${VERSION}: bans addresses within milliseconds of the log line that gives them away

Usage:
  banband [options]          runs in the foreground until SIGTERM or SIGINT; SIGHUP reloads
  banband check [options]    reads the configuration, says what is wrong with it, and ends
  banband test [FILE ...]    says what the patterns make of the lines of a log
  banband replay FILE ...    says who would have been banned, by the log's own clock
  banband firewall print     prints the firewall rules that the targets need

Options:
  -c, --config FILE   the configuration (default ${DEFAULT_CONFIG})
      --check         the same as check
  -s, --simulate      do everything but touch the kernel
      --state DIR     keep sockets and database in DIR, whatever the configuration says
  -f                  stay in the foreground, as it always does (taken as in the original)
      --version       print the version
  -h, --help          print this; banband test --help, banband replay --help: theirs

Exit codes: 0 done, 1 could not start or failed, 2 usage, 78 bad configuration
`;

/** sysexits.h EX_CONFIG, by which systemd can be told not to start it again. */
const BAD_CONFIG = 78;

function usage(message: string): number {
  process.stderr.write(`banband: ${printable(message)}; see banband --help\n`);
  return 2;
}

function check(path: string, stateDir: string | undefined): number {
  const { policy, warnings, errors } = readPolicy(path, stateDir);
  for (const issue of warnings) process.stderr.write(`${printable(formatIssue(issue))}\n`);
  if (errors.length > 0) throw new ConfigError(errors);
  const { rules, targets, allowlist, allowSelf, allowHosts, allowFiles } = policy.config;
  // What these hold is known to the daemon alone: they are named, so that nobody misses them in the number.
  const more = [...(allowSelf ? ['self'] : []), ...allowHosts, ...allowFiles];
  process.stdout.write(`${path} is good: ${rules.length} rules, ${targets.length} targets, ${policy.patterns.size} patterns, ${allowlist.length} allowed networks${more.length === 0 ? '' : ` and those of ${printable(more.join(', '))}`}\n`);
  return 0;
}

/** `banband firewall print [--config FILE]`: what banctl firewall print says, for a machine on which banband does not run yet. */
function firewallCommand(args: readonly string[]): number {
  const { values, positionals } = readOptions({ args: [...args], allowPositionals: true, options: { config: { type: 'string', short: 'c' }, help: { type: 'boolean', short: 'h' } } });
  const [action, ...more] = positionals;
  if (values.help === true) {
    process.stdout.write('Usage: banband firewall print [--config FILE]\n\nPrints the firewall rules that the configured targets need. With banband running, banctl firewall\nprints, installs, checks and removes them.\n');
    return 0;
  }
  if (action !== 'print' || more.length > 0) throw new UsageError(`banband firewall knows print alone; ${action === undefined ? 'say banband firewall print' : 'with banband running, banctl firewall has the rest'}`);
  process.stdout.write(printRules(loadConfig(values.config ?? DEFAULT_CONFIG).config.targets));
  return 0;
}

/** The verbs that need no daemon, each with the arguments behind its name. */
const offline: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = {
  firewall: (args) => Promise.resolve(firewallCommand(args)),
  test: (args) => testCommand(args, precise),
  replay: (args) => replayCommand(args, precise, systemClock.now),
};

/** Runs what ends by itself, and says in sentences what was in its way. */
async function finish(action: () => number | Promise<number>): Promise<number> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof UsageError) return usage(error.message);
    if (error instanceof ConfigError) {
      for (const text of error.message.split('\n')) process.stderr.write(`${printable(text)}\n`);
      return BAD_CONFIG;
    }
    if (!(error instanceof UnreadableLog)) throw error;
    process.stderr.write(`banband: ${printable(error.message)}\n`);
    return 1;
  }
}

async function main(argv: readonly string[]): Promise<number> {
  const run = offline[argv[0] ?? ''];
  if (run !== undefined) {
    // Whoever reads may go away in the middle: `banband test … | head`.
    process.stdout.on('error', () => process.exit(0));
    return finish(() => run(argv.slice(1)));
  }
  return finish(() => daemonMain(argv));
}

async function daemonMain(argv: readonly string[]): Promise<number> {
  const { values, positionals } = readOptions({
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
  if (values.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  if (values.version === true) {
    process.stdout.write(`${VERSION}\n`);
    return 0;
  }
  const [verb, ...more] = positionals;
  if ((verb !== undefined && verb !== 'check') || more.length > 0) throw new UsageError(`there is no command ${JSON.stringify(positionals.join(' '))}`);
  const configPath = values.config ?? DEFAULT_CONFIG;
  if (verb === 'check' || values.check === true) return check(configPath, values.state);

  const log: Log = createLog(systemClock, process.stdout.isTTY ? 'text' : 'json', logWriter(process.stdout, (count) => log.warn('log_lines_dropped', { count })));
  process.stderr.on('error', () => undefined);
  // Before the start, so that no signal ends it halfway: what comes meanwhile is obeyed when it has started.
  let running: Daemon | undefined;
  let asked: NodeJS.Signals | undefined;
  let reloadAsked = false;
  const end = (daemon: Daemon, signal: NodeJS.Signals): void => {
    log.info('stopping', { signal });
    daemon.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error('stop_failed', { message: String(error) });
        process.exit(1);
      },
    );
  };
  const stop = (signal: NodeJS.Signals): void => {
    if (asked !== undefined) return;
    asked = signal;
    if (running !== undefined) end(running, signal);
  };
  // Without a listener Node opens its debugger to every user of the machine, and through it they are root.
  process.on('SIGUSR1', () => log.warn('signal_ignored', { signal: 'SIGUSR1' }));
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('SIGHUP', () => {
    reloadAsked = true;
    if (asked === undefined) running?.reload();
  });
  try {
    running = await startDaemon({ configPath, stateDir: values.state, simulate: values.simulate === true, log });
  } catch (error) {
    const lines = error instanceof Error ? error.message.split('\n') : [String(error)];
    for (const line of lines) process.stderr.write(`banband: ${printable(line)}\n`);
    return error instanceof ConfigError ? BAD_CONFIG : 1;
  }
  if (asked !== undefined) end(running, asked);
  else if (reloadAsked) running.reload();
  return 0;
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    // A fault of ours: say where, and end; the service manager starts it again and the database has everything.
    process.stderr.write(`banband: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(1);
  },
);
