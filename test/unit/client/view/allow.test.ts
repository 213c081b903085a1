import { instant, type AllowlistResponse, type AllowResult, type DisallowResult } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import { allowList, allowOutcome, disallowOutcome } from '../../../../packages/client/src/view/allow.ts';
import { plain } from '../../../../packages/client/src/view/paint.ts';

const now = instant(Date.UTC(2026, 10, 21, 12, 0, 0));
const stamp = (milliseconds: number): string => new Date(now + milliseconds).toISOString();
const HOUR = 3_600_000;
const HOSTILE = 'a\x1b[2J\nb';

const list = (change: Partial<AllowlistResponse> = {}): AllowlistResponse => ({
  groups: [
    { name: 'configuration', addresses: ['127.0.0.0/8'], checkedAt: null },
    { name: 'host home.example.org', addresses: ['203.0.113.9'], checkedAt: stamp(-HOUR) },
    { name: 'by hand', addresses: ['203.0.113.7'], checkedAt: null },
  ],
  byHand: [{ address: '203.0.113.7', since: stamp(-60_000), until: stamp(2 * HOUR), reason: 'a guest', by: 'ann' }],
  problems: [],
  ...change,
});

describe('the allow list', () => {
  test('is a table of all entries with their groups', () => {
    expect(allowList(list(), now, plain).split('\n')).toEqual([
      'ADDRESS      GROUP                  SINCE   ENDS   BY   REASON',
      '127.0.0.0/8  configuration          -       -      -',
      '203.0.113.9  host home.example.org  1h ago  -      -',
      '203.0.113.7  by hand                1m ago  in 2h  ann  a guest',
    ]);
  });

  test('of nothing is a sentence', () => {
    expect(allowList(list({ groups: [], byHand: [] }), now, plain)).toBe('Nothing is allowed.');
  });

  test('has what is wrong below it, and nothing that a terminal obeys', () => {
    const text = allowList(list({ problems: [`${HOSTILE} is wrong`], byHand: [{ address: '203.0.113.7', since: stamp(0), until: null, reason: HOSTILE, by: HOSTILE }] }), now, plain);
    expect(text).toContain('! a\\x1b[2J\\nb is wrong');
    expect(text).toContain('never');
    expect(text).not.toContain('\x1b');
  });

  test('counts what a large file has more than a screen', () => {
    const addresses = Array.from({ length: 1050 }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
    const text = allowList(list({ groups: [{ name: 'file /x', addresses, checkedAt: null }] }), now, plain);
    expect(text.split('\n')).toHaveLength(52);
    expect(text).toContain('and 1,000 more');
  });
});

describe('what became of it', () => {
  const allowed = (change: Partial<AllowResult> = {}): AllowResult => ({ address: '203.0.113.7', outcome: 'allowed', until: null, unbanned: [], message: null, ...change });
  const removed = (change: Partial<DisallowResult> = {}): DisallowResult => ({ address: '203.0.113.7', removed: true, allowedBy: null, groups: [], ...change });
  test.each<[string, Partial<AllowResult>, ReturnType<typeof allowOutcome>]>([
    ['new', {}, { kind: 'done', text: '203.0.113.7 is allowed for ever' }],
    ['for a time', { until: stamp(8 * HOUR) }, { kind: 'done', text: '203.0.113.7 is allowed for 8h' }],
    ['for longer', { outcome: 'extended', until: stamp(8 * HOUR) }, { kind: 'done', text: '203.0.113.7 was allowed already, and now is for 8h' }],
    ['so already', { outcome: 'unchanged' }, { kind: 'done', text: '203.0.113.7 is allowed already, for ever' }],
    ['with bans', { unbanned: [{ address: '203.0.113.7', target: 'BLOCKER' }, { address: '203.0.113.0/24', target: 'THROTTLE' }] }, { kind: 'done', text: '203.0.113.7 is allowed for ever; unbanned: 203.0.113.7 in BLOCKER, 203.0.113.0/24 in THROTTLE' }],
    ['with a ban that stays', { message: 'the end of 1 of its bans could not be written yet' }, { kind: 'failed', text: '203.0.113.7 is allowed for ever, but the end of 1 of its bans could not be written yet' }],
  ])('%s', (_, change, told) => {
    expect(allowOutcome(allowed(change), now)).toEqual(told);
  });

  test('many bans are counted', () => {
    const unbanned = Array.from({ length: 8 }, (_, i) => ({ address: `10.0.0.${i}`, target: 'BLOCKER' }));
    expect(allowOutcome(allowed({ address: '10.0.0.0/24', unbanned }), now).text).toMatch(/10\.0\.0\.4 in BLOCKER and 3 more$/);
  });

  test.each<[string, Partial<DisallowResult>, ReturnType<typeof disallowOutcome>]>([
    ['ended', {}, { kind: 'done', text: '203.0.113.7 is no longer allowed by hand' }],
    ['ended, but in a file', { allowedBy: '203.0.113.0/24', groups: ['file /x'] }, { kind: 'done', text: '203.0.113.7 is no longer allowed by hand, but 203.0.113.0/24 is still on the allow list (file /x)' }],
    ['nothing', { removed: false }, { kind: 'note', text: '203.0.113.7 was not allowed by hand: nothing to do' }],
    ['nothing, but elsewhere', { removed: false, allowedBy: '203.0.113.7', groups: ['self'] }, { kind: 'note', text: '203.0.113.7 was not allowed by hand: nothing to do; it is still on the allow list (self)' }],
  ])('an entry: %s', (_, change, told) => {
    expect(disallowOutcome(removed(change))).toEqual(told);
  });
});
