/** `why`: everything banban knows of one address or network, the present before the past. */
import type { EndedBan, Instant, OffenceView, WhyResponse } from 'banban-shared';
import { enforcementBrush, enforcementWords, originWords } from './ban.ts';
import { hitsWords } from './hits.ts';
import type { Paint } from './paint.ts';
import { printable } from './printable.ts';
import { ago, lasting, seconds, until } from './when.ts';

/** A 64 KiB line tells no more than its beginning; --json has it whole. */
const LONGEST_LINE = 1000;

const END_WORDS: Readonly<Record<EndedBan['endedBy'], string>> = {
  expired: 'its time was over',
  pardoned: 'by a good pattern',
  unbanned: 'by hand',
  allowlisted: 'the address became allowed',
  target_removed: 'the target left the configuration',
  delisted: 'it left the list',
};

const because = (reason: string | null): string => (reason === null ? '' : `: ${printable(reason, 500)}`);

/** The page, without a newline at the end. */
export function whyPage(why: WhyResponse, now: Instant, paint: Paint): string {
  const address = printable(why.address, 80);
  const parts = [verdict(why, address, now, paint)];
  if (why.guarded.length > 0) {
    const lines = why.guarded.map((guard) => `  ${guard.address === why.address ? '' : `${printable(guard.address, 80)}: `}no rule may ban it now, because ${printable(guard.why, 500)}`);
    parts.push([paint.bold('guarded'), ...lines].join('\n'));
  }
  if (why.bans.length > 0) {
    const lines = why.bans.map((ban) => {
      const kernel = enforcementBrush(ban.enforcement, paint)(enforcementWords[ban.enforcement]);
      const level = ban.level === null ? '' : `, level ${ban.level}`;
      const network = ban.address === why.address ? '' : `${printable(ban.address, 80)}, `;
      const met = hitsWords(ban, now);
      return `  ${printable(ban.target, 80)}  ${network}since ${ago(ban.since, now)}, ends ${until(ban.until, now)}${level}, by ${printable(originWords(ban.origin), 80)}, kernel: ${kernel}${because(ban.reason)}${met.length === 0 ? '' : `\n    ${met.join('; ')}`}`;
    });
    parts.push([paint.bold('active bans'), ...lines].join('\n'));
  }
  if (why.windows.length > 0) {
    const lines = why.windows.map((window) => `  ${printable(window.rule, 80)}  ${window.matches} of ${window.occurrences} within ${seconds(window.intervalSeconds)}, last ${ago(window.lastAt, now)}`);
    parts.push([paint.bold('open windows'), ...lines].join('\n'));
  }
  if (why.offences.length > 0) parts.push([paint.bold('offences'), ...why.offences.flatMap((one) => offence(one, now, paint))].join('\n'));
  if (why.endedBans.length > 0) parts.push([paint.bold('ended bans'), ...why.endedBans.map((ban) => ended(ban, now))].join('\n'));
  return parts.join('\n\n');
}

function verdict(why: WhyResponse, address: string, now: Instant, paint: Paint): string {
  const allowed = why.allowedBy === null ? '' : `it is never banned, because ${printable(why.allowedBy, 80)} is on the allow list${why.allowedGroups.length === 0 ? '' : ` (${why.allowedGroups.map((group) => printable(group, 160)).join(', ')})`}`;
  if (why.bans.length > 0) {
    const bans = why.bans.map((ban) => `${printable(ban.target, 80)} ${lasting(ban.until, now)}${ban.address === why.address ? '' : ` (with all of ${printable(ban.address, 80)})`}`).join(', ');
    return `${paint.bold(address)} ${paint.bad('is banned')} in ${bans}${allowed === '' ? '' : `; yet ${allowed}`}`;
  }
  if (allowed !== '') return `${paint.bold(address)} is not banned: ${allowed}`;
  const known = why.offences.length + why.endedBans.length + why.windows.length + why.guarded.length > 0;
  return `${paint.bold(address)} is not banned${known ? '' : ', and banban knows nothing of it'}`;
}

function offence(one: OffenceView, now: Instant, paint: Paint): string[] {
  const decision = { banned: 'banned', extended: 'made a ban longer', none: 'changed nothing' }[one.decision];
  const head = `  ${ago(one.at, now)}  rule ${printable(one.rule, 80)}, ${printable(one.target, 80)}, level ${one.level}, ${decision}${because(one.reason)}`;
  return [head, ...one.lines.map((line) => `    ${paint.dim('|')} ${printable(line, LONGEST_LINE)}`)];
}

function ended(ban: EndedBan, now: Instant): string {
  const who = ban.endedName === null ? '' : ` (${printable(ban.endedName, 80)})`;
  return `  ${printable(ban.target, 80)}  ${ago(ban.since, now)} to ${ago(ban.endedAt, now)}, by ${printable(originWords(ban.origin), 80)}${because(ban.reason)}; ended: ${END_WORDS[ban.endedBy]}${who}`;
}
