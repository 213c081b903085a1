import { describe, expect, test } from 'vitest';
import type { NotifyWord } from '../../../../packages/server/src/config/notify.ts';
import { aboutOf, wants, type Notice } from '../../../../packages/server/src/notify/notice.ts';
import { banNotice, banRecord } from '../../../support/notices.ts';
import { address, T0 } from '../../../support/records.ts';

const X = address('203.0.113.7');
const notices: Readonly<Record<NotifyWord, Notice>> = {
  ban: banNotice(),
  unban: { at: T0, type: 'unban', ban: banRecord(), by: 'expired', name: undefined },
  refused: { at: T0, type: 'refused', address: X, target: 'BLOCKER', rule: 'ssh', reason: 'anna is logged in from it', lines: [] },
  breakin: { at: T0, type: 'breakin', address: X, reason: 'it tried 12 names', lines: [] },
  breaker: { at: T0, type: 'breaker', rule: 'ssh', reason: '60 bans a minute' },
  list: { at: T0, type: 'list', list: 'drop', message: 'it is HTML' },
  error: { at: T0, type: 'error', message: 'the disk is full' },
  start: { at: T0, type: 'start', version: '1', bans: 2 },
  stop: { at: T0, type: 'stop' },
};
const words = Object.keys(notices) as NotifyWord[];
const told = (on: readonly NotifyWord[], given: { targets?: string[]; rules?: string[] } = {}): string[] =>
  words.filter((word) => wants({ on, targets: given.targets && new Set(given.targets), rules: given.rules && new Set(given.rules) }, notices[word]));

test.each(words)('%s is told to those who asked for it', (word) => {
  expect(told([word])).toContain(word);
  expect(told(words.filter((other) => other !== word && other !== 'error'))).not.toContain(word);
});

test('error is also a break-in and a rule that was stopped: whoever asks for errors alone must hear of them', () => {
  expect(told(['error'])).toEqual(['breakin', 'breaker', 'error']);
});

test('a test is told to everybody', () => {
  expect(wants({ on: [], targets: new Set(['X']), rules: new Set(['x']) }, { at: T0, type: 'test', by: 'anna' })).toBe(true);
});

describe('a choice', () => {
  test('of targets and rules holds back what is about others, and nothing that is about none', () => {
    expect(told(words, { targets: ['BLOCKER'], rules: ['ssh'] })).toEqual(words);
    expect(told(words, { targets: ['OTHER'] })).toEqual(['breakin', 'breaker', 'list', 'error', 'start', 'stop']);
    expect(told(words, { rules: ['other'] })).toEqual(['breakin', 'list', 'error', 'start', 'stop']);
  });

  test('of rules holds back bans by hand', () => {
    const byHand = banNotice({ origin: { kind: 'manual', name: 'anna' } });
    expect(wants({ on: ['ban'], targets: undefined, rules: undefined }, byHand)).toBe(true);
    expect(wants({ on: ['ban'], targets: undefined, rules: new Set(['ssh', 'anna']) }, byHand)).toBe(false);
  });
});

test('bans of a list, which come by the thousand, are told to nobody', () => {
  const listed = { ...banRecord(), origin: { kind: 'list', name: 'drop' } };
  expect(wants({ on: ['ban'], targets: undefined, rules: undefined }, { at: T0, type: 'ban', ban: listed as never, isNew: true, lines: [] })).toBe(false);
});

test('each is about its address, target and rule', () => {
  expect(aboutOf(notices.ban)).toEqual({ address: X, target: 'BLOCKER', rule: 'ssh' });
  expect(aboutOf(banNotice({ origin: { kind: 'manual', name: 'anna' } }))).toEqual({ address: X, target: 'BLOCKER', rule: undefined });
  expect(aboutOf(notices.breakin)).toEqual({ address: X, target: undefined, rule: undefined });
  expect(aboutOf(notices.stop)).toEqual({ address: undefined, target: undefined, rule: undefined });
});
