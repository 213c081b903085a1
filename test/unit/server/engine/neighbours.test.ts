import { describe, expect, test } from 'vitest';
import { createNeighbours } from '../../../../packages/server/src/engine/neighbours.ts';
import { network, subject } from '../../../support/records.ts';

const of = (text: string, target = 'A') => ({ target, address: subject(text) });
const NET4 = network('192.0.2.0/24');
const NET6 = network('2001:db8::/64');

describe('the network that an address counts in', () => {
  test.each([
    ['192.0.2.77', '192.0.2.0/24'],
    ['2001:db8::ffff:1', '2001:db8::/64'],
  ])('of %s is %s', (text, expected) => {
    expect(createNeighbours().networkOf(subject(text))).toBe(expected);
  });
  test.each(['192.0.2.0/24', '192.0.2.0/25', '2001:db8::/64', '2001:db8::/96'])('of the network %s is none', (text) => {
    expect(createNeighbours().networkOf(subject(text))).toBeUndefined();
  });
});

describe('neighbours', () => {
  test('are counted by target and network, each address once, and networks not at all', () => {
    const neighbours = createNeighbours();
    for (const text of ['192.0.2.1', '192.0.2.2', '192.0.2.2', '192.0.3.1', '2001:db8::1', '2001:db8:0:1::1', '192.0.2.0/25']) neighbours.add(of(text));
    neighbours.add(of('192.0.2.3', 'B'));
    expect([neighbours.count('A', NET4), neighbours.count('A', NET6), neighbours.count('B', NET4), neighbours.count('B', NET6)]).toEqual([2, 1, 1, 0]);
  });

  test('that are banned no more count no more, and who never counted takes nobody away', () => {
    const neighbours = createNeighbours();
    neighbours.remove(of('192.0.2.1'));
    for (const text of ['192.0.2.1', '192.0.2.2']) neighbours.add(of(text));
    for (const one of [of('192.0.2.1'), of('192.0.2.1'), of('192.0.2.9'), of('192.0.2.0/24'), of('192.0.2.2', 'B')]) neighbours.remove(one);
    expect(neighbours.count('A', NET4)).toBe(1);
    neighbours.clear();
    expect(neighbours.count('A', NET4)).toBe(0);
  });
});
