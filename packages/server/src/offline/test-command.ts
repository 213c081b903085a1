/** `banband test`: what the patterns make of the lines of a log. Needs no root, no daemon, no kernel. */
import { DEFAULT_CONFIG } from 'banban-shared';
import { formatIssue } from '../config/config-error.ts';
import { printable } from '../observe/log.ts';
import { eachLine } from './log-lines.ts';
import { readOptions, UsageError } from './options.ts';
import { progressBar } from './progress.ts';
import { rulesToTest } from './rules-to-test.ts';
import { shapeOf } from './shape.ts';
import { createTester, programOf, type LineVerdict, type NamedHost } from './test-lines.ts';

/** The help of `banband test`. */
const TEST_HELP = `Usage:
  banband test [options] [FILE ...]   says what the patterns make of each line; - or no file is standard input

Options:
  -c, --config FILE    try the rules of this configuration (default ${DEFAULT_CONFIG}, unless --packs is given)
      --packs LIST     try these packs, by comma: sshd,postfix; or all
      --program NAME   the program of lines that have none, as in a log file of a service's own
      --json           one JSON object a line, in order, for scripts
`;

/** What a person reads at once of each table. */
const MOST_SHOWN = 20;
/** Different shapes and addresses that are counted; more come only from a log made to fill the memory. */
const MOST_COUNTED = 100_000;
/** Written at once: a system call for each line would cost more than the matching. */
const WRITE_AT = 64 * 1024;

/** Runs the command. @throws UsageError, ConfigError, UnreadableLog */
export async function testCommand(args: readonly string[], now: () => number): Promise<number> {
  const { values, positionals } = readOptions({
    args: [...args],
    allowPositionals: true,
    options: { config: { type: 'string', short: 'c' }, packs: { type: 'string' }, program: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help === true) {
    process.stdout.write(TEST_HELP);
    return 0;
  }
  const names = values.packs?.split(',').map((n) => n.trim()).filter((n) => n !== '');
  if (names?.length === 0) throw new UsageError('--packs wants names, or all');
  if (values.program !== undefined && !/^[^\s[\]:]{1,128}$/.test(values.program)) throw new UsageError('--program wants the name of a program, without brackets, colons and spaces');
  const packs = names?.length === 1 && names[0] === 'all' ? 'all' : names;
  const config = values.config ?? (packs === undefined ? DEFAULT_CONFIG : undefined);
  const { warnings, ...rules } = rulesToTest({ config, packs });
  for (const issue of warnings) process.stderr.write(`${printable(formatIssue(issue))}\n`);
  const tester = createTester(rules, values.program);
  const files = positionals.length === 0 ? ['-'] : positionals;
  const report = values.json === true ? jsonReport() : summary(now);
  let line = 0;
  for (const file of files) {
    const bar = progressBar(process.stderr, file, now);
    try {
      await eachLine(
        file,
        (bytes, from, to) => {
          line++;
          const verdict = tester.test(bytes, from, to);
          report.line(line, verdict, verdict === undefined ? tester.named() : undefined, () => programOf(tester.entry) || values.program, () => tester.entry.text.toString('utf8', tester.entry.textStart, tester.entry.textEnd));
        },
        (progress) => bar.show(progress),
      );
    } catch (error) {
      // Of a log that ends in the middle, a script has what was read of it.
      if (values.json === true) report.end();
      throw error;
    } finally {
      bar.done();
    }
  }
  report.end();
  return 0;
}

/** What is done about a host name. */
const HOSTS: Readonly<Record<NamedHost['usedns'], string>> = { no: 'nothing is done', warn: 'banband says it', yes: 'banband looks it up and counts its addresses' };

interface Report {
  /** `host` is of a line without a verdict. */
  line(number: number, verdict: LineVerdict | undefined, host: NamedHost | undefined, program: () => string | undefined, text: () => string): void;
  end(): void;
}

function jsonReport(): Report {
  let out = '';
  const flush = (): void => {
    process.stdout.write(out);
    out = '';
  };
  const quoted = new Map<string, string>();
  const quote = (name: string | undefined): string => {
    if (name === undefined || name === '') return 'null';
    let text = quoted.get(name);
    if (text === undefined) {
      if (quoted.size > 1000) quoted.clear();
      quoted.set(name, (text = JSON.stringify(name)));
    }
    return text;
  };
  return {
    line(number, verdict, host, program) {
      const head = `{"line":${number},"program":${quote(program())},`;
      if (verdict === undefined) out += `${head}"verdict":null,"pattern":null,"rules":[],"address":null,"user":null${host === undefined || host.usedns === 'no' ? '' : `,"host":"${host.name}","usedns":"${host.usedns}"`}}\n`;
      else {
        const { pattern, rules, address, user, times } = verdict;
        out += `${head}"verdict":"${verdict.verdict}","pattern":${JSON.stringify(pattern)},"rules":${JSON.stringify(rules)},"address":"${address}","user":${JSON.stringify(user ?? null)}${times > 1 ? `,"times":${times}` : ''}}\n`;
      }
      if (out.length > WRITE_AT) flush();
    },
    end: flush,
  };
}

function summary(now: () => number): Report {
  const began = now();
  const patterns = new Map<string, { lines: number; good: boolean; readonly addresses: Set<string> }>();
  const addresses = new Map<string, { lines: number; readonly patterns: Set<string> }>();
  const shapes = new Map<string, number>();
  const hosts = new Map<string, number>();
  const counts = { lines: 0, bad: 0, good: 0, empty: 0 };
  const isColoured = process.stdout.isTTY && (process.env.NO_COLOR ?? '') === '';
  const paint = (code: number, text: string): string => (isColoured ? `\x1b[${code}m${text}\x1b[0m` : text);
  const number = (n: number): string => n.toLocaleString('en-US');

  function table(title: string, rows: readonly (readonly [number, string])[]): string {
    if (rows.length === 0) return '';
    const sorted = [...rows].sort((a, b) => b[0] - a[0]);
    const left = sorted.length - MOST_SHOWN;
    const shown = sorted.slice(0, MOST_SHOWN).map(([lines, text]) => `${number(lines).padStart(9)}  ${text}`);
    return `\n${paint(1, `    lines  ${title}`)}\n${shown.join('\n')}\n${left > 0 ? `${' '.repeat(11)}and ${number(left)} more\n` : ''}`;
  }

  return {
    line(_, verdict, host, __, text) {
      counts.lines++;
      if (verdict === undefined) {
        const whole = text();
        if (whole === '') {
          counts.empty++;
          return;
        }
        const named = host === undefined ? undefined : `${host.name}  (usedns: ${host.usedns}, so ${HOSTS[host.usedns]})`;
        if (named !== undefined && (hosts.has(named) || hosts.size < MOST_COUNTED)) hosts.set(named, (hosts.get(named) ?? 0) + 1);
        const shape = shapeOf(whole);
        if (shapes.has(shape) || shapes.size < MOST_COUNTED) shapes.set(shape, (shapes.get(shape) ?? 0) + 1);
        return;
      }
      counts[verdict.verdict]++;
      let pattern = patterns.get(verdict.pattern);
      if (pattern === undefined) patterns.set(verdict.pattern, (pattern = { lines: 0, good: verdict.verdict === 'good', addresses: new Set() }));
      pattern.lines += verdict.times;
      if (pattern.addresses.size < MOST_COUNTED) pattern.addresses.add(verdict.address);
      let address = addresses.get(verdict.address);
      if (address === undefined && addresses.size < MOST_COUNTED) addresses.set(verdict.address, (address = { lines: 0, patterns: new Set() }));
      if (address === undefined) return;
      address.lines += verdict.times;
      address.patterns.add(verdict.pattern);
    },
    end() {
      const seconds = (now() - began) / 1000;
      const nothing = counts.lines - counts.bad - counts.good - counts.empty;
      process.stdout.write(
        `${number(counts.lines)} lines in ${seconds.toFixed(2)} s: ${paint(31, `${number(counts.bad)} bad`)}, ${paint(32, `${number(counts.good)} good`)}, ${number(nothing)} matched nothing\n` +
          table('pattern', [...patterns].map(([name, p]) => [p.lines, `${paint(p.good ? 32 : 31, printable(name))}  (${number(p.addresses.size)} address${p.addresses.size === 1 ? '' : 'es'})`] as const)) +
          table('address', [...addresses].map(([address, a]) => [a.lines, `${address.padEnd(39)}  ${printable([...a.patterns].sort().join(' '))}`] as const)) +
          table('host name where the address should be', [...hosts].map(([name, lines]) => [lines, printable(name)] as const)) +
          table('matched nothing, by shape', [...shapes].map(([shape, lines]) => [lines, printable(shape)] as const)),
      );
    },
  };
}
