import { holds, instant, isNetwork, NEVER, type Instant, type Subject } from 'banban-shared';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createActiveBans } from '../../../../packages/server/src/engine/active-bans.ts';
import type { BanRecord } from '../../../../packages/server/src/store/store.ts';
import { network, nth, subject, T0 } from '../../../support/records.ts';

const at = (milliseconds: number): Instant => instant(T0 + milliseconds);
let ids = 0;
const ban = (who: number | string, until: Instant, target = 'A'): BanRecord => ({
  id: ++ids, address: typeof who === 'number' ? nth(who) : subject(who), target, origin: { kind: 'rule', name: 'ssh' }, level: 1, reason: undefined, since: T0, until, connections: 0,
});
const names = (bans: readonly BanRecord[]): Subject[] => bans.map((b) => b.address);

describe('bans in memory', () => {
  test('are found by target and address, and of an address in every target', () => {
    const bans = createActiveBans();
    const [a, b, c] = [ban(1, at(5)), ban(1, at(9), 'B'), ban(2, NEVER)];
    for (const one of [a, b, c]) bans.set(one);
    expect(bans.get('A', nth(1))).toBe(a);
    expect(bans.get('B', nth(2))).toBeUndefined();
    expect(bans.everywhere(nth(1))).toEqual([a, b]);
    expect([...bans.of('A').values()]).toEqual([a, c]);
    expect(bans.of('nowhere').size).toBe(0);
    expect(bans.targets()).toEqual(['A', 'B']);
    expect(bans.all()).toEqual([a, c, b]);
    expect(bans.size).toBe(3);
  });

  test('are one for an address in a target: the later takes the place (I2)', () => {
    const bans = createActiveBans();
    bans.set(ban(1, at(5)));
    const later = ban(1, at(9));
    bans.set(later);
    expect(bans.all()).toEqual([later]);
    expect(bans.size).toBe(1);
    expect(bans.nextEnd()).toBe(at(9));
  });

  test('taken out are gone, and no others; twice is once', () => {
    const bans = createActiveBans();
    const [a, b] = [ban(1, at(5)), ban(1, at(9), 'B')];
    bans.set(a);
    bans.set(b);
    bans.delete(a);
    bans.delete(a);
    expect(bans.all()).toEqual([b]);
    expect(bans.size).toBe(1);
    expect(bans.targets()).toEqual(['B']);
    expect(bans.nextEnd()).toBe(at(9));
  });
});

describe('banned networks', () => {
  const of = (...texts: readonly string[]) => {
    const bans = createActiveBans();
    for (const text of texts) bans.set(ban(text, NEVER));
    return bans;
  };

  test('around an address or a network are found, the widest first, and none of another family or target', () => {
    const bans = of('10.1.2.0/24', '10.0.0.0/8', '10.1.0.0/16', '10.1.2.3', '2001:db8::/32', '0.0.0.0/0');
    bans.set(ban('10.1.2.0/25', NEVER, 'B'));
    expect(names(bans.around('A', subject('10.1.2.3')))).toEqual(['0.0.0.0/0', '10.0.0.0/8', '10.1.0.0/16', '10.1.2.0/24']);
    expect(names(bans.around('A', subject('10.1.0.0/16'))), 'itself is not around it').toEqual(['0.0.0.0/0', '10.0.0.0/8']);
    expect(names(bans.around('A', subject('2001:db8::1')))).toEqual(['2001:db8::/32']);
    expect(names(bans.around('A', subject('2001:db9::1')))).toEqual([]);
    expect(names(bans.around('B', subject('10.1.2.3')))).toEqual(['10.1.2.0/25']);
    expect(bans.around('nowhere', subject('10.1.2.3'))).toEqual([]);
  });

  test('inside one are found, and addresses are not', () => {
    const bans = of('10.1.2.0/24', '10.0.0.0/8', '10.1.0.0/16', '10.1.2.3', '11.0.0.0/24');
    expect(names(bans.inside('A', network('10.0.0.0/8'))).sort()).toEqual(['10.1.0.0/16', '10.1.2.0/24']);
    expect(names(bans.inside('A', network('10.1.0.0/17')))).toEqual(['10.1.2.0/24']);
    expect(bans.inside('A', network('10.1.2.0/24'))).toEqual([]);
    expect(names(bans.nested('A')).sort()).toEqual(['10.1.0.0/16', '10.1.2.0/24']);
  });

  test('that have ended are none', () => {
    const bans = of('10.0.0.0/8', '10.1.0.0/16');
    for (const each of bans.all()) bans.delete(each);
    expect(bans.around('A', subject('10.1.2.3'))).toEqual([]);
    expect(bans.inside('A', network('0.0.0.0/0'))).toEqual([]);
    expect(bans.nested('A')).toEqual([]);
  });

  test('whatever was set and deleted, are found by what holds what', () => {
    const texts = ['10.0.0.0/8', '10.1.0.0/16', '10.1.2.0/24', '10.1.2.0/25', '10.1.2.3', '::/0', '2001:db8::/32', '2001:db8::/64', '2001:db8::1'];
    const step = fc.tuple(fc.constantFrom(...texts), fc.boolean());
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const bans = createActiveBans();
        for (const [text, isEnd] of steps) {
          const old = bans.get('A', subject(text));
          if (!isEnd) bans.set(ban(text, NEVER));
          else if (old !== undefined) bans.delete(old);
        }
        const networks = names(bans.all()).filter(isNetwork);
        for (const text of texts) {
          const one = subject(text);
          const around = networks.filter((each) => each !== one && holds(each, one));
          expect(new Set(names(bans.around('A', one)))).toEqual(new Set(around));
          if (isNetwork(one)) expect(new Set(names(bans.inside('A', one)))).toEqual(new Set(networks.filter((each) => each !== one && holds(one, each))));
        }
        expect(new Set(names(bans.nested('A')))).toEqual(new Set(networks.filter((each) => networks.some((other) => other !== each && holds(other, each)))));
      }),
      { numRuns: 500 },
    );
  });

  test('by the hundred thousand, of one length, cost nobody anything who looks around', () => {
    const bans = createActiveBans();
    for (let i = 0; i < 100_000; i++) bans.set(ban(`2001:db8:${(i >> 8).toString(16)}:${(i & 255).toString(16)}::/64`, NEVER));
    const begun = performance.now();
    for (let i = 0; i < 1000; i++) {
      expect(bans.nested('A')).toHaveLength(0);
      expect(bans.inside('A', network(`2001:db8:${i.toString(16)}::/64`))).toHaveLength(0);
    }
    expect(performance.now() - begun).toBeLessThan(5000);
  });
});

describe('their ends', () => {
  test('come in the order of time, whatever the order in which they were set', () => {
    const bans = createActiveBans();
    // A permutation of 0 to 996.
    for (let i = 0; i < 997; i++) bans.set(ban(i, at((i * 389) % 997)));
    for (let time = 0; time < 997; time++) {
      expect(bans.nextEnd()).toBe(at(time));
      const [first, ...more] = bans.expired(at(time), 10);
      expect(more).toEqual([]);
      expect(first?.until).toBe(at(time));
      if (first !== undefined) bans.delete(first);
    }
    expect(bans.nextEnd()).toBeUndefined();
    expect(bans.size).toBe(0);
  });

  test('of bans for ever never come', () => {
    const bans = createActiveBans();
    bans.set(ban(1, NEVER));
    expect(bans.nextEnd()).toBeUndefined();
    expect(bans.expired(instant(Number.MAX_SAFE_INTEGER), 10)).toEqual([]);
  });

  test('come at their very instant and not before', () => {
    const bans = createActiveBans();
    bans.set(ban(1, at(5)));
    expect(bans.expired(at(4), 10)).toEqual([]);
    expect(names(bans.expired(at(5), 10))).toEqual([nth(1)]);
  });

  test('that were put off come when they come now', () => {
    const bans = createActiveBans();
    bans.set(ban(1, at(5)));
    bans.set(ban(2, at(7)));
    bans.set(ban(1, at(9)));
    expect(names(bans.expired(at(8), 10))).toEqual([nth(2)]);
    bans.set(ban(2, NEVER));
    expect(bans.nextEnd()).toBe(at(9));
  });

  test('are taken in batches, the earliest first; what is not deleted comes again', () => {
    const bans = createActiveBans();
    for (let i = 0; i < 10; i++) bans.set(ban(i, at(i)));
    expect(names(bans.expired(at(20), 4))).toEqual([0, 1, 2, 3].map(nth));
    expect(names(bans.expired(at(20), 4)), 'their end could not be written').toEqual([0, 1, 2, 3].map(nth));
    for (const one of bans.expired(at(20), 4)) bans.delete(one);
    expect(names(bans.expired(at(20), 100))).toEqual([4, 5, 6, 7, 8, 9].map(nth));
  });

  test('of a ban that was made, ended and made anew to the same end come once', () => {
    const bans = createActiveBans();
    const first = ban(1, at(5));
    bans.set(first);
    bans.delete(first);
    const second = ban(1, at(5));
    bans.set(second);
    expect(bans.expired(at(5), 10)).toEqual([second]);
  });

  test('of the same bans set again and again cost no more and more', () => {
    const bans = createActiveBans();
    const same = ban(1, at(5));
    // Were each of them kept, and looked through at each, this would take minutes.
    const begun = performance.now();
    for (let i = 0; i < 100_000; i++) bans.set(same);
    for (let i = 0; i < 100_000; i++) bans.set({ ...same, until: at(6 + i) });
    expect(performance.now() - begun).toBeLessThan(5000);
    expect(bans.nextEnd()).toBe(at(100_005));
    expect(bans.expired(at(100_004), 10)).toEqual([]);
    expect(bans.expired(at(100_005), 10)).toHaveLength(1);
  });

  test('stay right when the order is made anew under way', () => {
    const bans = createActiveBans();
    for (let i = 0; i < 50; i++) bans.set(ban(i, at(1000 + i)));
    for (let round = 1; round <= 100; round++) for (let i = 0; i < 50; i++) bans.set(ban(i, at(1000 * round + ((i * 7) % 50))));
    bans.set(ban(99, NEVER));
    expect(names(bans.expired(NEVER, 100))).toEqual(Array.from({ length: 50 }, (_, order) => nth([...Array(50).keys()].findIndex((i) => (i * 7) % 50 === order))));
  });
});
