/** What messages say. Subjects have words of ours and canonical addresses alone; bodies are plain text in which nothing from a log is anything but text. */
import { formatDuration, ms, NEVER, type Instant } from 'banban-shared';
import { printable } from '../observe/log.ts';
import { cut, type Batch, type Count } from './batch.ts';
import { linesOf, type Notice } from './notice.ts';
import type { Message } from './receiver.ts';

/** A body beyond this was never read; a mail server may take 10 MB, and a spool of them fills a disk. */
const LONGEST_BODY = 100_000;

/** The gravest first: a subject may be cut by whoever shows it. */
const GRAVITY: readonly Notice['type'][] = ['breakin', 'breaker', 'error', 'refused', 'list', 'ban', 'unban', 'start', 'stop', 'test'];

const PLURAL: Readonly<Record<Notice['type'], readonly [one: string, many: string]>> = {
  breakin: ['possible break-in', 'possible break-ins'],
  breaker: ['rule stopped', 'rules stopped'],
  error: ['error', 'errors'],
  refused: ['refused ban', 'refused bans'],
  list: ['trouble with a list', 'troubles with lists'],
  ban: ['ban', 'bans'],
  unban: ['unban', 'unbans'],
  start: ['start', 'starts'],
  stop: ['stop', 'stops'],
  test: ['test', 'tests'],
};

/** What ended a ban, as a part of a sentence. */
const ENDED: ReadonlyMap<string, string> = new Map([
  ['expired', 'its time was over'],
  ['pardoned', 'a good pattern pardoned it'],
  ['allowlisted', 'the allow list has it'],
  ['target_removed', 'its target left the configuration'],
]);

/** To the second, in UTC. */
const shortIso = (at: Instant): string => new Date(at).toISOString().replace(/\.\d{3}Z$/, 'Z');

const number = (count: number): string => count.toLocaleString('en');

function untilText(from: Instant, until: Instant): string {
  return until === NEVER ? 'for ever' : `until ${shortIso(until)} (${formatDuration(ms(until - from))})`;
}

const words = (text: string): string => printable(text);

/** What happened, as one line without its time. Words of persons and programs in it are made printable. */
export function sentenceOf(notice: Notice): string {
  switch (notice.type) {
    case 'ban': {
      const { address, target, origin, level, reason, until } = notice.ban;
      const who = origin.kind === 'rule' ? `by the rule ${words(origin.name)}` : `by ${words(origin.name)}`;
      const what = notice.isNew ? `banned ${address} in ${target}` : `the ban of ${address} in ${target} now lasts`;
      return `${what} ${untilText(notice.at, until)}, ${who}${level === undefined ? '' : `, level ${level}`}${reason === undefined ? '' : `: ${words(reason)}`}`;
    }
    case 'unban': {
      const { address, target } = notice.ban;
      const why = notice.by === 'unbanned' && notice.name !== undefined ? `${words(notice.name)} ended it` : (ENDED.get(notice.by) ?? notice.by.replaceAll('_', ' '));
      return `the ban of ${address} in ${target} is over: ${why}`;
    }
    case 'refused':
      return `NOT banned: ${notice.address} in ${notice.target}, for which the rule ${words(notice.rule)} asked: ${words(notice.reason)}`;
    case 'breakin':
      return `POSSIBLE BREAK-IN from ${notice.address}: ${words(notice.reason)}`;
    case 'breaker':
      return `the rule ${words(notice.rule)} bans nobody until a person lets it go on (banctl rules resume ${words(notice.rule)}): ${words(notice.reason)}`;
    case 'list':
      return `list ${words(notice.list)}: ${words(notice.message)}`;
    case 'error':
      return words(notice.message);
    case 'start':
      return `banband ${notice.version} started, with ${notice.bans === 1 ? '1 ban' : `${number(notice.bans)} bans`}`;
    case 'stop':
      return 'banband stops; the kernel keeps its bans';
    case 'test':
      return `this is a test that ${words(notice.by)} asked for; there is nothing to do`;
  }
}

function headline(notice: Notice): string {
  switch (notice.type) {
    case 'ban':
      return `${notice.isNew ? 'banned' : 'banned for longer'} ${notice.ban.address} in ${notice.ban.target}`;
    case 'unban':
      return `no longer banned: ${notice.ban.address} in ${notice.ban.target}`;
    case 'refused':
      return `NOT banned: ${notice.address} in ${notice.target}`;
    case 'breakin':
      return `POSSIBLE BREAK-IN from ${notice.address}`;
    case 'breaker':
      return `the rule ${notice.rule} is stopped`;
    case 'list':
      return `trouble with the list ${notice.list}`;
    case 'error':
      return 'something wants attention';
    case 'start':
      return 'banband started';
    case 'stop':
      return 'banband stops';
    case 'test':
      return 'a test of the notifications';
  }
}

/** ASCII and on one line, so that it can stand in any header: what comes from a configuration's names is letters and digits anyway. */
export function subjectOf({ whole, counts, total }: Batch): string {
  const [only] = whole;
  if (total === 1 && only !== undefined) return headline(only).replace(/[^\x20-\x7e]/g, '?');
  const sums = new Map<Notice['type'], number>();
  for (const { type, count } of counts) sums.set(type, (sums.get(type) ?? 0) + count);
  return GRAVITY.flatMap((type) => {
    const count = sums.get(type);
    return count === undefined ? [] : [`${number(count)} ${PLURAL[type][count === 1 ? 0 : 1]}`];
  }).join(', ');
}

/** True where a person has to do something. */
export const isGrave = ({ counts }: Batch): boolean => counts.some(({ type }) => type === 'breakin' || type === 'breaker' || type === 'error');

function countLine({ type, target, rule, count }: Count): string {
  return `${number(count)} ${PLURAL[type][count === 1 ? 0 : 1]}${target === undefined ? '' : ` in ${target}`}${rule === undefined ? '' : ` by ${rule}`}`;
}

/** The numbers of a message about many things, then each of those that are told in full with its log lines. */
export function bodyOf(message: Message, longest = LONGEST_BODY): string {
  const { whole, counts, total, from, to, host, whois } = message;
  const parts = [`${host}, ${shortIso(from)}${to - from < 1000 ? '' : ` to ${shortIso(to)}`}`];
  if (total > 1) parts.push([...counts].sort((a, b) => GRAVITY.indexOf(a.type) - GRAVITY.indexOf(b.type) || b.count - a.count).map(countLine).join('\n'));
  let length = 0;
  for (const notice of whole) {
    // What is cut off below need not be made first: of 50 storms' lines that is a lot.
    if (length > longest) break;
    const part = [`${shortIso(notice.at)} ${sentenceOf(notice)}`, ...linesOf(notice).map((line) => `    ${words(line)}`)].join('\n');
    length += part.length;
    parts.push(part);
  }
  // What was said several times is one of `whole`, and all of it is told.
  const untold = total - whole.length;
  if (untold > 0) parts.push(`${number(untold)} more ${untold === 1 ? 'is' : 'are'} only counted above; banctl list and banctl why know all of them.`);
  for (const { subject, text } of whois) parts.push(`whois ${subject}\n${text.split('\n').map((line) => `    ${line}`.trimEnd()).join('\n')}`);
  return cut(parts.join('\n\n'), longest);
}
