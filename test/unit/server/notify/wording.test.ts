import { instant, NEVER } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import type { Notice } from '../../../../packages/server/src/notify/notice.ts';
import { bodyOf, sentenceOf, subjectOf } from '../../../../packages/server/src/notify/wording.ts';
import { banNotice, banRecord, HOSTILE, message } from '../../../support/notices.ts';
import { address, nth, T0 } from '../../../support/records.ts';

const X = address('203.0.113.7');

test.each<[Notice, string, string]>([
  [banNotice(), 'banned 203.0.113.7 in BLOCKER until 2026-01-02T04:04:05Z (1h), by the rule ssh, level 1: 3 matches in 1h', 'banned 203.0.113.7 in BLOCKER'],
  [banNotice({ until: NEVER, origin: { kind: 'manual', name: 'anna' }, level: undefined, reason: undefined }), 'banned 203.0.113.7 in BLOCKER for ever, by anna', 'banned 203.0.113.7 in BLOCKER'],
  [{ at: T0, type: 'ban', ban: banRecord(), isNew: false, lines: [] }, 'the ban of 203.0.113.7 in BLOCKER now lasts until 2026-01-02T04:04:05Z (1h), by the rule ssh, level 1: 3 matches in 1h', 'banned for longer 203.0.113.7 in BLOCKER'],
  [{ at: T0, type: 'unban', ban: banRecord(), by: 'expired', name: undefined }, 'the ban of 203.0.113.7 in BLOCKER is over: its time was over', 'no longer banned: 203.0.113.7 in BLOCKER'],
  [{ at: T0, type: 'unban', ban: banRecord(), by: 'unbanned', name: 'anna' }, 'the ban of 203.0.113.7 in BLOCKER is over: anna ended it', 'no longer banned: 203.0.113.7 in BLOCKER'],
  [{ at: T0, type: 'refused', address: X, target: 'BLOCKER', rule: 'ssh', reason: 'anna is logged in from it', lines: [] }, 'NOT banned: 203.0.113.7 in BLOCKER, for which the rule ssh asked: anna is logged in from it', 'NOT banned: 203.0.113.7 in BLOCKER'],
  [{ at: T0, type: 'breakin', address: X, reason: 'it tried 12 names and then logged in', lines: [] }, 'POSSIBLE BREAK-IN from 203.0.113.7: it tried 12 names and then logged in', 'POSSIBLE BREAK-IN from 203.0.113.7'],
  [{ at: T0, type: 'breaker', rule: 'ssh', reason: '61 bans within a minute' }, 'the rule ssh bans nobody until a person lets it go on (banctl rules resume ssh): 61 bans within a minute', 'the rule ssh is stopped'],
  [{ at: T0, type: 'list', list: 'drop', message: 'it is HTML' }, 'list drop: it is HTML', 'trouble with the list drop'],
  [{ at: T0, type: 'error', message: 'the disk is full' }, 'the disk is full', 'something wants attention'],
  [{ at: T0, type: 'start', version: '0.1.0', bans: 1234 }, 'banband 0.1.0 started, with 1,234 bans', 'banband started'],
  [{ at: T0, type: 'stop' }, 'banband stops; the kernel keeps its bans', 'banband stops'],
  [{ at: T0, type: 'test', by: 'anna' }, 'this is a test that anna asked for; there is nothing to do', 'a test of the notifications'],
])('%# is one sentence, and a subject', (notice, sentence, subject) => {
  expect(sentenceOf(notice)).toBe(sentence);
  expect(subjectOf(message([notice]))).toBe(subject);
});

test('words of persons, programs and logs are text in a sentence, and never in a subject', () => {
  for (const notice of [banNotice({ reason: HOSTILE, origin: { kind: 'manual', name: HOSTILE } }), { at: T0, type: 'error', message: HOSTILE }, { at: T0, type: 'breakin', address: X, reason: HOSTILE, lines: [HOSTILE] }, { at: T0, type: 'list', list: 'é\r\nBcc: x', message: HOSTILE }] as const satisfies Notice[]) {
    expect(sentenceOf(notice)).not.toMatch(/[\p{Cc}\u202e]/u);
    expect(subjectOf(message([notice]))).toMatch(/^[\x20-\x7e]{1,100}$/);
    expect(subjectOf(message([notice]))).not.toContain('script');
  }
});

describe('a message about many things', () => {
  const many = message([...Array.from({ length: 120 }, (_, n) => banNotice({ address: nth(n) })), { at: instant(T0 + 60_000), type: 'breakin', address: X, reason: 'it tried 12 names', lines: [] }]);

  test('has the gravest of them first in its subject', () => {
    expect(subjectOf(many)).toBe('1 possible break-in, 120 bans');
  });

  test('has the numbers, then the first fifty with their lines, then how many there were more', () => {
    const body = bodyOf(many);
    expect(body).toMatch(/^mail\.example\.org, 2026-01-02T03:04:05Z to 2026-01-02T03:05:05Z\n\n1 possible break-in\n120 bans in BLOCKER by ssh\n\n2026-01-02T03:04:05Z banned 10\.0\.0\.0 in BLOCKER /);
    expect(body.match(/^2026\S+ banned /gm)).toHaveLength(50);
    expect(body).toMatch(/\n\n71 more are only counted above; banctl list and banctl why know all of them\.$/);
  });

  test('is cut where there is no room for it', () => {
    expect(bodyOf(many, 500)).toHaveLength(500);
  });
});

test('whois stands below, each line moved in', () => {
  expect(bodyOf(message([banNotice()], { whois: [{ subject: X, text: 'netname: EVIL\n\nabuse: x' }] }))).toMatch(/\n\nwhois 203\.0\.113\.7\n {4}netname: EVIL\n\n {4}abuse: x$/);
});
