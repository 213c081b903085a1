/** A message as JSON: what a command reads and a generic webhook gets. Names and units are those of the control API; log lines are as they were. */
import { NEVER, type Instant } from 'banban-shared';
import type { Notice } from './notice.ts';
import type { Message } from './receiver.ts';
import { sentenceOf, subjectOf } from './wording.ts';

const iso = (at: Instant): string | null => (at === NEVER ? null : new Date(at).toISOString());

/** What one notice has besides its type, time and sentence. */
function detailsOf(notice: Notice): Readonly<Record<string, unknown>> {
  switch (notice.type) {
    case 'ban': {
      const { address, target, origin, level, reason, since, until } = notice.ban;
      return { address, target, origin: { kind: origin.kind, name: origin.name }, level: level ?? null, reason: reason ?? null, since: iso(since), until: iso(until), isNew: notice.isNew, lines: notice.lines };
    }
    case 'unban': {
      const { address, target, origin, level, reason, since, until } = notice.ban;
      return { address, target, origin: { kind: origin.kind, name: origin.name }, level: level ?? null, reason: reason ?? null, since: iso(since), until: iso(until), endedBy: notice.by, endedName: notice.name ?? null };
    }
    case 'refused':
      return { address: notice.address, target: notice.target, rule: notice.rule, reason: notice.reason, lines: notice.lines };
    case 'breakin':
      return { address: notice.address, reason: notice.reason, lines: notice.lines };
    case 'breaker':
      return { rule: notice.rule, reason: notice.reason };
    case 'list':
      return { list: notice.list, message: notice.message };
    case 'error':
      return { message: notice.message };
    case 'start':
      return { version: notice.version, bans: notice.bans };
    case 'stop':
      return {};
    case 'test':
      return { by: notice.by };
  }
}

/** One object on one line; `events` has those told in full, `counts` all of them by kind. */
export function messageJson(message: Message): string {
  const { host, from, to, total, counts, whole, whois } = message;
  return JSON.stringify({
    host,
    subject: subjectOf(message),
    from: iso(from),
    to: iso(to),
    total,
    counts: counts.map(({ type, target, rule, count }) => ({ type, target: target ?? null, rule: rule ?? null, count })),
    events: whole.map((notice) => ({ type: notice.type, at: iso(notice.at), text: sentenceOf(notice), ...detailsOf(notice) })),
    whois: whois.map(({ subject, text }) => ({ address: subject, text })),
  });
}
