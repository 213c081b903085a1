/** `test`: what would be done about a line. */
import type { Instant, MatchResponse } from 'banban-shared';
import type { Paint } from './paint.ts';
import { printable } from './printable.ts';
import { lasting } from './when.ts';

/** The page, without a newline at the end. */
export function matchPage(match: MatchResponse, now: Instant, paint: Paint): string {
  const lines = [`program: ${match.program === null ? 'none' : printable(match.program, 128)}`, `text:    ${printable(match.text, 1000)}`];
  if (match.times > 1) lines.push(`it stands for ${match.times} lines`);
  lines.push(`verdict: ${verdict(match, paint)}`);
  for (const h of match.hostNames) lines.push(`  rule ${printable(h.rule, 80)}: ${printable(h.name, 253)} stands where the address should be; ${NAMES[h.usedns]}`);
  for (const r of match.rules) lines.push(`  rule ${printable(r.rule, 80)}, ${printable(r.target, 80)}: ${r.matches} of ${r.occurrences} matches of ${printable(r.address, 80)}${outcome(r, now)}`);
  return lines.join('\n');
}

const NAMES: Readonly<Record<MatchResponse['hostNames'][number]['usedns'], string>> = {
  no: 'nothing is done about it (usedns: no)',
  warn: 'it would be counted in the status and said in the log (usedns: warn)',
  yes: 'it would be looked up, and each of its addresses counted unless one is allowed or guarded (usedns: yes)',
};

function verdict({ verdict, address, user, pattern, notAnAddress, hostNames }: MatchResponse, paint: Paint): string {
  const who = `${printable(address ?? '', 80)}${user === null ? '' : ` (user ${printable(user, 300)})`} by ${printable(pattern ?? '', 200)}`;
  if (verdict === 'good') return `${paint.good('good')}: pardons ${who}`;
  if (verdict === 'bad') return `${paint.bad('bad')}: ${who}`;
  if (verdict === 'own') return 'it is a line of banband’s own, which is dropped';
  if (hostNames.length > 0) return 'none: a host name stands where the address should be';
  return notAnAddress ? 'none: a pattern matches, but what stands where the address should be is none' : 'none: no pattern matches';
}

function outcome({ decision, level, until, reason }: MatchResponse['rules'][number], now: Instant): string {
  if (decision === 'counted') return ', so it would only be counted';
  if (decision === 'none') return `: nothing would be done, ${printable(reason ?? '', 300)}`;
  return `: it would be banned ${lasting(until, now)}${decision === 'extend' ? ', longer than it is' : ''} (level ${level ?? 0})`;
}
