import { FOREVER, instant, ms, NEVER, type Instant, type Ms } from 'banban-shared';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide, isLongEnough, SETTLING, type OffenceFacts } from '../../../../packages/server/src/decide/decide.ts';
import { DAY, HOUR, prefix } from '../../../support/policies.ts';
import { T0 } from '../../../support/records.ts';

const LENGTHS: readonly Ms[] = [ms(HOUR), ms(DAY), FOREVER];
const facts = (given: Partial<OffenceFacts> = {}): OffenceFacts => ({ at: T0, allowedBy: undefined, earlier: 0, lengths: LENGTHS, active: undefined, ...given });
const later = (milliseconds: number): Instant => instant(T0 + milliseconds);

describe('the length of a ban', () => {
  test.each([
    [0, 1, later(HOUR)],
    [1, 2, later(DAY)],
    [2, 3, NEVER],
    [3, 4, NEVER],
    [1000, 1001, NEVER],
  ])('after %i earlier offences it is that of level %i', (earlier, level, until) => {
    expect(decide(facts({ earlier }))).toEqual({ kind: 'ban', level, until });
  });
  test('is the last one for every level beyond', () => {
    expect(decide(facts({ earlier: 9, lengths: [ms(HOUR)] }))).toEqual({ kind: 'ban', level: 10, until: later(HOUR) });
  });
});

describe('an allowed address', () => {
  test('is not banned, and the reason names the entry', () => {
    expect(decide(facts({ allowedBy: prefix('192.0.2.0/24') }))).toEqual({ kind: 'none', level: 1, reason: 'allowed by 192.0.2.0/24', because: 'allowed' });
  });
  test('is not banned for longer either, and its offences still have their level', () => {
    const active = { since: later(-DAY), until: later(1), level: 1 };
    expect(decide(facts({ allowedBy: prefix('::/0'), earlier: 5, active }))).toEqual({ kind: 'none', level: 6, reason: 'allowed by ::/0', because: 'allowed' });
  });
});

describe('an address that is banned already', () => {
  test('is banned for longer by the next offence', () => {
    expect(decide(facts({ earlier: 1, active: { since: later(-60_000), until: later(HOUR - 60_000), level: 1 } }))).toEqual({ kind: 'extend', level: 2, until: later(DAY) });
  });
  test('keeps the end that it has when that is the later one', () => {
    expect(decide(facts({ active: { since: later(-60_000), until: later(DAY), level: 1 } }))).toEqual({ kind: 'none', level: 1, reason: 'already banned for longer', because: 'covered', until: later(HOUR) });
    expect(decide(facts({ active: { since: later(-60_000), until: later(HOUR), level: 1 } }))).toMatchObject({ kind: 'none', reason: 'already banned for longer' });
    expect(decide(facts({ earlier: 7, active: { since: later(-60_000), until: NEVER, level: undefined } }))).toMatchObject({ kind: 'none', reason: 'already banned for longer' });
  });
  test('is not written to disk again for an extension of less than a twentieth', () => {
    const until = (gain: number) => decide(facts({ lengths: [ms(HOUR)], active: { since: later(-HOUR), until: later(HOUR - gain), level: 1 } }));
    expect(until(HOUR / 20 - 1)).toMatchObject({ kind: 'none', level: 1, reason: 'already banned for as long', because: 'covered' });
    expect(until(HOUR / 20)).toEqual({ kind: 'extend', level: 1, until: later(HOUR) });
  });
  test('may be banned for ever however long its ban is', () => {
    expect(decide(facts({ earlier: 2, active: { since: later(-DAY), until: later(3650 * DAY), level: 2 } }))).toEqual({ kind: 'extend', level: 3, until: NEVER });
  });
});

describe('lines that were under way when the ban began', () => {
  const active = { since: T0, until: later(HOUR), level: 1 };
  test('are the same offence and make it no longer', () => {
    expect(decide(facts({ at: later(SETTLING - 1), earlier: 1, active }))).toMatchObject({ kind: 'none', level: 1 });
  });
  test('are the next offence once that moment is over', () => {
    expect(decide(facts({ at: later(SETTLING), earlier: 1, active }))).toEqual({ kind: 'extend', level: 2, until: later(SETTLING + DAY) });
  });
  test('may still make it longer by a rule whose bans are longer', () => {
    expect(decide(facts({ at: later(5), earlier: 1, lengths: [ms(DAY)], active }))).toEqual({ kind: 'extend', level: 1, until: later(5 + DAY) });
  });
  test('are a first offence after a ban by hand, which has no level', () => {
    expect(decide(facts({ at: later(1), active: { since: T0, until: later(60_000), level: undefined } }))).toEqual({ kind: 'extend', level: 1, until: later(1 + HOUR) });
  });
});

describe('whatever the facts', () => {
  const length = fc.oneof(fc.integer({ min: 1000, max: 3650 * DAY }).map(ms), fc.constant(FOREVER));
  const moment = fc.integer({ min: -400 * DAY, max: 400 * DAY }).map((t) => later(t));
  const anyFacts = fc.record({
    at: moment,
    allowedBy: fc.option(fc.constant(prefix('192.0.2.0/24')), { nil: undefined }),
    earlier: fc.nat(12),
    lengths: fc.array(length, { minLength: 1, maxLength: 4 }),
    active: fc.option(
      fc.record({ since: moment, until: fc.oneof(moment, fc.constant(NEVER)), level: fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined }) }),
      { nil: undefined },
    ),
  });
  const ofAny = (check: (given: OffenceFacts) => void): void => fc.assert(fc.property(anyFacts, check), { numRuns: 5000 });

  test('a ban is never shortened, and extending one moves its end (I3)', () => {
    ofAny((given) => {
      const decision = decide(given);
      if (decision.kind === 'extend') expect(decision.until).toBeGreaterThan(given.active?.until ?? NEVER);
      if (decision.kind === 'ban') expect(given.active).toBeUndefined();
      if (decision.kind === 'none') expect(decision.reason).not.toBe('');
      expect(decision.level).toBeGreaterThanOrEqual(1);
    });
  });
  test('an allowed address is left alone (I1)', () => {
    ofAny((given) => void (given.allowedBy !== undefined && expect(decide(given).kind).toBe('none')));
  });
  test('where the ban is said to be long enough, no level changes it', () => {
    let enough = 0;
    ofAny((given) => {
      if (!isLongEnough(given)) return;
      enough++;
      for (let earlier = 0; earlier < 12; earlier++) expect(decide({ ...given, earlier }).kind).toBe('none');
    });
    expect(enough).toBeGreaterThan(100);
  });
});
