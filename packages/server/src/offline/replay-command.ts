/** `banband replay`: who would have been banned by a configuration, judged on logs that are there already. */
import { statSync } from 'node:fs';
import { instant, type Instant } from 'banban-shared';
import { ConfigError, formatIssue } from '../config/config-error.ts';
import { printable } from '../observe/log.ts';
import { readPolicy } from '../read-policy.ts';
import { eachLine } from './log-lines.ts';
import { readOptions, UsageError } from './options.ts';
import { progressBar } from './progress.ts';
import { startReplay, type ReplayedBan } from './replay.ts';

/** The help of `banband replay`. */
const REPLAY_HELP = `Usage:
  banband replay --config NEW.yml [--against OLD.yml] FILE ...   who would have been banned, by the logs' own clock

Options:
  -c, --config FILE    the configuration to judge
      --against FILE   another one to compare it with
      --json           one JSON object, for scripts
`;

/** A column that people read; --json has all. */
const MOST_SHOWN = 200;

/** Runs the command. @throws UsageError, ConfigError, UnreadableLog */
export async function replayCommand(args: readonly string[], now: () => number, today: () => Instant): Promise<number> {
  const { values, positionals } = readOptions({
    args: [...args],
    allowPositionals: true,
    options: { config: { type: 'string', short: 'c' }, against: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help === true) {
    process.stdout.write(REPLAY_HELP);
    return 0;
  }
  if (values.config === undefined) throw new UsageError('replay wants --config with the configuration to judge');
  if (positionals.length === 0) throw new UsageError('replay wants the log files to judge it by, oldest first');
  const configs = [values.config, ...(values.against === undefined ? [] : [values.against])];
  const policies = configs.map((path) => {
    const { policy, warnings, errors } = readPolicy(path, undefined);
    for (const issue of warnings) process.stderr.write(`${printable(formatIssue(issue))}\n`);
    if (errors.length > 0) throw new ConfigError(errors);
    return policy;
  });
  const newest = instant(Math.max(...positionals.map((file) => (file === '-' ? today() : statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? today()))));
  const runs = policies.map((policy) => startReplay(policy, newest));
  try {
    for (const file of positionals) {
      const bar = progressBar(process.stderr, file, now);
      try {
        await eachLine(
          file,
          (bytes, from, to) => {
            if (to > from) for (const run of runs) run.line(bytes.subarray(from, to));
          },
          (progress) => bar.show(progress),
        );
      } finally {
        bar.done();
      }
    }
  } catch (error) {
    for (const run of runs) run.end();
    throw error;
  }
  const results = runs.map((run, i) => ({ config: configs[i] ?? '', ...run.end() }));
  const [fresh, old] = results;
  if (fresh === undefined) return 0;
  const difference = old === undefined ? undefined : differ(fresh.bans, old.bans);
  if (values.json === true) {
    process.stdout.write(`${JSON.stringify({ runs: results.map((r) => ({ ...r, bans: r.bans.map(inJson) })), difference: difference === undefined ? null : { onlyNew: difference.onlyNew.map(inJson), onlyOld: difference.onlyOld.map(inJson) } })}\n`);
    return 0;
  }
  for (const { config, bans, lines, good, bad } of results) {
    process.stdout.write(`${printable(config)}: ${lines} lines, ${bad} bad, ${good} good, ${bans.length} bans of ${new Set(bans.map((b) => b.address)).size} addresses\n`);
  }
  if (difference === undefined) process.stdout.write(listed('', fresh.bans));
  else if (difference.onlyNew.length + difference.onlyOld.length === 0) process.stdout.write('\nboth ban the same addresses in the same targets\n');
  else process.stdout.write(listed(`only by ${printable(configs[0] ?? '')}`, difference.onlyNew) + listed(`only by ${printable(configs[1] ?? '')}`, difference.onlyOld));
  return 0;
}

const inJson = ({ at, ended, ...ban }: ReplayedBan) => ({ at: new Date(at).toISOString(), ...ban, endedAt: ended === undefined ? null : new Date(ended.at).toISOString(), endedBy: ended?.by ?? null });

/** The bans of addresses that the other run did not ban in the same target. */
function differ(fresh: readonly ReplayedBan[], old: readonly ReplayedBan[]): { readonly onlyNew: readonly ReplayedBan[]; readonly onlyOld: readonly ReplayedBan[] } {
  const key = (b: ReplayedBan): string => `${b.target} ${b.address}`;
  const inNew = new Set(fresh.map(key));
  const inOld = new Set(old.map(key));
  return { onlyNew: fresh.filter((b) => !inOld.has(key(b))), onlyOld: old.filter((b) => !inNew.has(key(b))) };
}

function listed(title: string, bans: readonly ReplayedBan[]): string {
  if (bans.length === 0) return '';
  const rows = bans.slice(0, MOST_SHOWN).map(({ at, address, target, rule, level, until, ended }) => {
    const end = ended === undefined || ended.by === 'expired' ? `until ${until}` : `until ${new Date(ended.at).toISOString()}, ${ended.by}`;
    return `  ${new Date(at).toISOString()}  ${printable(address).padEnd(39)}  ${printable(target)}  by ${printable(rule)}${level === null ? '' : `, level ${level}`}, ${end}`;
  });
  const left = bans.length - rows.length;
  return `\n${title === '' ? '' : `${title}:\n`}${rows.join('\n')}\n${left > 0 ? `  and ${left} more; --json has them all\n` : ''}`;
}
