/** `rules`: what rules and patterns did, the most harmful first. */
import type { Instant, PatternResponse, PatternView, RulesResponse, RuleStatus } from 'banban-shared';
import type { Paint } from './paint.ts';
import { printable } from './printable.ts';
import { counted } from './size.ts';
import { LEAST_TEXT, table } from './table.ts';
import { ago, seconds } from './when.ts';

/** Expressions and samples in full are for --json; this is a screen. */
const LONGEST = 2000;

/** Bans that were pardoned first: they hit the wrong people. Then what bans, what only matches, what costs. */
const harm = (a: PatternView, b: PatternView): number => b.pardoned - a.pardoned || b.bans - a.bans || b.matches - a.matches || b.cpuMilliseconds - a.cpuMilliseconds || (a.name < b.name ? -1 : 1);

const cpu = (milliseconds: number): string => (milliseconds < 1000 ? `${milliseconds.toFixed(1)} ms` : `${(milliseconds / 1000).toFixed(1)} s`);

/** `3 in 1h`, `3 bans in 1d`. */
export const firesAfter = ({ counts, occurrences, intervalSeconds }: RuleStatus): string => `${counts === 'bans' ? counted(occurrences, 'ban') : occurrences} in ${seconds(intervalSeconds)}`;

/** The page, without a newline at the end. */
export function rulesPage({ rules, patterns }: RulesResponse, now: Instant, paint: Paint, columns: number | undefined): string {
  const seen = patterns.filter((p) => p.matches > 0 || p.switchedOff !== null).sort(harm);
  const silent = patterns.filter((p) => p.matches === 0 && p.switchedOff === null);
  const parts = [
    table(
      [{ title: 'rule', least: LEAST_TEXT }, { title: 'target', least: LEAST_TEXT }, { title: 'bans after' }, { title: 'matches', right: true }, { title: 'offences', right: true }, { title: 'bans', right: true }],
      rules.map((r) => [r.disabled !== null ? { text: `${r.name} (off)`, brush: paint.bad } : r.stopped !== null ? { text: `${r.name} (stopped)`, brush: paint.bad } : r.name, r.target, firesAfter(r), String(r.matches), String(r.offences), String(r.bans)]),
      paint,
      { columns },
    ),
  ];
  if (seen.length > 0) {
    const rows = seen.map((p) => [
      p.switchedOff !== null ? { text: `${p.name} (off)`, brush: paint.bad } : p.good ? { text: p.name, brush: paint.good } : p.name,
      String(p.matches),
      String(p.bans),
      p.pardoned > 0 ? { text: String(p.pardoned), brush: paint.warn } : '0',
      cpu(p.cpuMilliseconds),
      ago(p.lastAt, now),
    ]);
    parts.push(table([{ title: 'pattern', least: LEAST_TEXT }, { title: 'matches', right: true }, { title: 'bans', right: true }, { title: 'pardoned', right: true }, { title: 'CPU', right: true }, { title: 'last' }], rows, paint, { columns }));
  }
  if (silent.length > 0) parts.push(`${seen.length === 0 ? 'no pattern has matched yet' : `${silent.length} patterns have not matched`}: ${summed(silent)}`);
  for (const { switchedOff } of patterns) if (switchedOff !== null) parts.push(paint.bad(printable(switchedOff, 500)));
  return parts.join('\n\n');
}

/** `sshd (12), postfix (8), rules.own.badpatterns[0]`. */
function summed(patterns: readonly PatternView[]): string {
  const packs = new Map<string, number>();
  for (const { pack } of patterns) if (pack !== null) packs.set(pack, (packs.get(pack) ?? 0) + 1);
  const own = patterns.filter((p) => p.pack === null).map((p) => p.name);
  return [...[...packs].map(([name, count]) => `${name} (${count})`), ...own].map((word) => printable(word, 80)).join(', ');
}

/** One pattern with its evidence. */
export function patternPage({ pattern, expressions, service, about, source, samples, misses }: PatternResponse, now: Instant, paint: Paint): string {
  const lines = [`${paint.bold(printable(pattern.name, 200))}  ${pattern.good ? paint.good('good: it pardons') : `counts in ${pattern.rules.map((r) => printable(r, 80)).join(', ')}`}`];
  if (service !== null) lines.push(`  of ${printable(service, 200)}${about === null ? '' : `; ${printable(pattern.group ?? '', 80)}: ${printable(about, 300)}`}`);
  if (source !== null) lines.push(`  from ${printable(source, 300)}`);
  lines.push(`  ${pattern.matches} matches, last ${ago(pattern.lastAt, now)}; ${pattern.bans} bans, ${pattern.pardoned} of them pardoned; ${cpu(pattern.cpuMilliseconds)} of CPU`);
  if (pattern.switchedOff !== null) lines.push(`  ${paint.bad(printable(pattern.switchedOff, 500))}`);
  const parts = [lines.join('\n'), [paint.bold('expressions'), ...expressions.map((e) => `  ${printable(e, LONGEST)}`)].join('\n')];
  if (samples.length > 0) parts.push([paint.bold('must match'), ...samples.flatMap((s) => [`  ${printable(s.line, LONGEST)}`, `    ${paint.dim('=>')} ${printable(s.address, 80)}${s.user === null ? '' : `, user ${printable(s.user, 300)}`}`])].join('\n'));
  if (misses.length > 0) parts.push([paint.bold('must not match'), ...misses.map((m) => `  ${printable(m, LONGEST)}`)].join('\n'));
  return parts.join('\n\n');
}
