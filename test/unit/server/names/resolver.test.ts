import type { Address, Family, HostName } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import type { AskDns, DnsAnswer } from '../../../../packages/server/src/names/ask-dns.ts';
import { createNameResolver } from '../../../../packages/server/src/names/resolver.ts';
import { fakeClock } from '../../../support/fake-clock.ts';
import { address, hostName } from '../../../support/records.ts';

const MINUTE = 60_000;
const found = (seconds: number, ...addresses: string[]): DnsAnswer => ({ kind: 'found', addresses: addresses.map((text): Address => address(text)), seconds });
const NONE: DnsAnswer = { kind: 'none' };
const FAILED: DnsAnswer = { kind: 'failed', why: 'no name server answered in time' };

/** A resolver over name servers that answer when the test says so; without `held` at once. */
function room(say: (name: HostName, family: Family) => DnsAnswer = () => found(600, '203.0.113.7'), held = false) {
  const clock = fakeClock();
  const asked: { readonly name: HostName; readonly family: Family; readonly at: number }[] = [];
  const waiting: (() => void)[] = [];
  const begun = clock.now();
  const ask: AskDns = (name, family) => {
    asked.push({ name, family, at: clock.now() - begun });
    return new Promise((resolve) => {
      const answer = (): void => resolve(say(name, family));
      if (held) waiting.push(answer);
      else answer();
    });
  };
  const resolver = createNameResolver({ clock, ask });
  return {
    clock, asked, resolver,
    release: (): void => waiting.splice(0).forEach((answer) => answer()),
    names: (): string[] => asked.filter(({ family }) => family === 4).map(({ name }) => name),
  };
}
const flush = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const HOME = hostName('home.example.org');
const nth = (i: number): HostName => hostName(`n${i}.example.org`);

describe('what is remembered', () => {
  test.each([
    ['as long as the name server says', 600, 600],
    ['no shorter than five minutes', 1, 300],
    ['no longer than an hour', 604_800, 3600],
    ['no shorter than five minutes, whatever nonsense it says', -5, 300],
  ])('is kept %s', async (_, ttl, seconds) => {
    const { clock, resolver } = room((_name, family) => (family === 4 ? found(ttl, '203.0.113.7') : NONE));
    await resolver.lookUp(HOME);
    clock.advance(seconds * 1000 - 1);
    expect(resolver.known(HOME)).toMatchObject({ kind: 'found', addresses: ['203.0.113.7'] });
    clock.advance(1);
    expect(resolver.known(HOME)).toBeUndefined();
  });

  test.each([['that there is none', NONE, 'none'], ['that it could not be found out', FAILED, 'failed']] as const)('is %s, for five minutes', async (_, said, kind) => {
    const { clock, asked, resolver } = room(() => said);
    await resolver.lookUp(HOME);
    expect(await resolver.lookUp(HOME)).toMatchObject({ kind });
    expect(asked).toHaveLength(2);
    clock.advance(5 * MINUTE);
    await resolver.lookUp(HOME);
    expect(asked).toHaveLength(4);
  });

  test('is for five minutes what is known in part', async () => {
    const { clock, resolver } = room((_, family) => (family === 4 ? found(3600, '203.0.113.7') : FAILED));
    expect(await resolver.lookUp(HOME)).toEqual({ kind: 'found', addresses: ['203.0.113.7'], leftOut: 0, unknown: [6], why: 'no name server answered in time' });
    clock.advance(5 * MINUTE);
    expect(resolver.known(HOME)).toBeUndefined();
  });

  test('is not asked for again, unless it has to be fresh', async () => {
    const { asked, resolver } = room();
    await resolver.lookUp(HOME);
    await resolver.lookUp(HOME);
    expect(asked).toHaveLength(2);
    await resolver.lookUp(HOME, true);
    expect(asked).toHaveLength(4);
  });

  test('is at most 10,000 names, of which the oldest goes', async () => {
    const { clock, resolver } = room();
    for (let i = 0; i < 10_001; i += 20) {
      const turn = Array.from({ length: 20 }, (_, k) => resolver.lookUp(nth(i + k)));
      await Promise.all(turn);
      clock.advance(1000);
      await flush();
      // What is oldest would be over before: 10,000 names take 500 s, and are kept for 600.
    }
    expect(resolver.stats().remembered).toBe(10_000);
    expect(resolver.known(nth(0))).toBeUndefined();
    expect(resolver.known(nth(10_000))).toBeDefined();
  });

  test('is forgotten when the clock was put back by hours', async () => {
    const { clock, resolver } = room();
    await resolver.lookUp(HOME);
    clock.crash(-10 * 60 * MINUTE);
    expect(resolver.known(HOME)).toBeUndefined();
  });
});

describe('look-ups', () => {
  test('are at most 20 a second; the others have their turn', async () => {
    const { clock, resolver, names, asked } = room(undefined, true);
    for (let i = 0; i < 50; i++) void resolver.lookUp(nth(i));
    await flush();
    expect(names()).toHaveLength(20);
    clock.advance(999);
    await flush();
    expect(names()).toHaveLength(20);
    clock.advance(1);
    await flush();
    expect(names()).toHaveLength(40);
    clock.advance(1000);
    await flush();
    expect(names()).toEqual(Array.from({ length: 50 }, (_, i) => nth(i)));
    expect(Math.max(...asked.map(({ at }) => at))).toBe(2000);
  });

  test('wait at most a hundred at once; one more fails at once and is not remembered', async () => {
    const { clock, resolver, release } = room(undefined, true);
    for (let i = 0; i < 100; i++) void resolver.lookUp(nth(i));
    expect(await resolver.lookUp(HOME)).toEqual({ kind: 'failed', why: 'more than 100 look-ups were waiting' });
    expect(resolver.known(HOME)).toBeUndefined();
    expect(resolver.stats()).toEqual({ waiting: 100, remembered: 0, refused: 1 });
    for (let i = 0; i < 5; i++) {
      await flush();
      release();
      clock.advance(1000);
    }
    await flush();
    release();
    await flush();
    expect(resolver.stats()).toMatchObject({ waiting: 0, remembered: 100 });
    const last = resolver.lookUp(HOME);
    clock.advance(1000);
    await flush();
    release();
    expect(await last).toMatchObject({ kind: 'found' });
  });

  test('of one name are one', async () => {
    const { resolver, asked, release } = room(undefined, true);
    const both = [resolver.lookUp(HOME), resolver.lookUp(HOME, true)];
    expect(both[0]).toBe(both[1]);
    await flush();
    release();
    await Promise.all(both);
    expect(asked).toHaveLength(2);
  });

  test('that wait fail when banband stops, and none begins any more', async () => {
    const { clock, resolver, asked } = room();
    const all = Array.from({ length: 30 }, (_, i) => resolver.lookUp(nth(i)));
    await flush();
    resolver.stop();
    expect((await Promise.all(all)).filter(({ kind }) => kind === 'failed')).toHaveLength(10);
    clock.advance(5000);
    expect(await resolver.lookUp(HOME)).toEqual({ kind: 'failed', why: 'banband stops' });
    expect(asked).toHaveLength(40);
  });
});

describe('an answer', () => {
  const many = (count: number, text: (i: number) => string): string[] => Array.from({ length: count }, (_, i) => text(i));
  test.each([
    [20, 20, 4, 4],
    [20, 0, 8, 0],
    [20, 2, 6, 2],
    [1, 20, 1, 7],
    [3, 3, 3, 3],
  ])('with %i and %i addresses has %i of the first and %i of the second', async (of4, of6, want4, want6) => {
    const { resolver } = room((_, family) => found(600, ...(family === 4 ? many(of4, (i) => `198.51.100.${i}`) : many(of6, (i) => `2001:db8::${i + 1}`))));
    const answer = await resolver.lookUp(HOME);
    const addresses = answer.kind === 'found' ? answer.addresses : [];
    expect([addresses.filter((a) => a.includes('.')).length, addresses.filter((a) => a.includes(':')).length]).toEqual([want4, want6]);
    expect(answer).toMatchObject({ leftOut: of4 + of6 - want4 - want6 });
  });

  test('has an address once, also when both kinds of records have it', async () => {
    const { resolver } = room(() => found(600, '203.0.113.7'));
    expect(await resolver.lookUp(HOME)).toMatchObject({ addresses: ['203.0.113.7'], leftOut: 0 });
  });
});
