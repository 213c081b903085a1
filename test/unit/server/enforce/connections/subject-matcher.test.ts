import { parseSubject, type Subject } from 'banban-shared';
import { expect, test } from 'vitest';
import { subjectMatcher } from '../../../../../packages/server/src/enforce/connections/subject-matcher.ts';
import { fakeClock } from '../../../../support/fake-clock.ts';
import { systemClock } from '../../../../../packages/server/src/clock.ts';
import { nth } from '../../../../support/records.ts';

const subjects = (...texts: string[]): Subject[] =>
  texts.map((text) => {
    const subject = parseSubject(text);
    if (subject === undefined) throw new Error(text);
    return subject;
  });
const bytes = (...values: number[]): Buffer => Buffer.from([0xee, ...values]);
const six = (...groups: number[]): Buffer => bytes(...groups.flatMap((group) => [group >> 8, group & 255]));

test('finds an address by its bytes, wherever they are, and nothing for anybody else', async () => {
  const matcher = await subjectMatcher(systemClock, subjects('192.0.2.1', '2001:db8::1'));
  expect([...matcher.families]).toEqual([4, 6]);
  expect(matcher.ipv4(bytes(192, 0, 2, 1), 1)).toBe('192.0.2.1');
  expect(matcher.ipv4(bytes(192, 0, 2, 2), 1)).toBeUndefined();
  expect(matcher.ipv6(six(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 1)).toBe('2001:db8::1');
  expect(matcher.ipv6(six(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2), 1)).toBeUndefined();
});

test('finds the narrower of two networks, and lengths that end within a byte', async () => {
  const matcher = await subjectMatcher(systemClock, subjects('10.0.0.0/8', '10.1.128.0/17', '10.1.128.7', '2001:db8::/33', '2001:db8::/47'));
  const find4 = (...octets: number[]): Subject | undefined => matcher.ipv4(bytes(...octets), 1);
  expect([find4(10, 1, 128, 7), find4(10, 1, 128, 8), find4(10, 1, 127, 7), find4(11, 1, 128, 7)]).toEqual(['10.1.128.7', '10.1.128.0/17', '10.0.0.0/8', undefined]);
  const find6 = (third: number): Subject | undefined => matcher.ipv6(six(0x2001, 0xdb8, third, 0, 0, 0, 0, 1), 1);
  expect([find6(0), find6(1), find6(2), find6(0x7fff), find6(0x8000)]).toEqual(['2001:db8::/47', '2001:db8::/47', '2001:db8::/33', '2001:db8::/33', undefined]);
});

test('everything is in the network of length 0, and only of its own family', async () => {
  const matcher = await subjectMatcher(systemClock, subjects('0.0.0.0/0'));
  expect(matcher.ipv4(bytes(203, 0, 113, 9), 1)).toBe('0.0.0.0/0');
  expect(matcher.ipv6(six(0, 0, 0, 0, 0, 0xffff, 0, 1), 1)).toBeUndefined();
  expect([...matcher.families]).toEqual([4]);
  expect([...(await subjectMatcher(systemClock, [])).families]).toEqual([]);
});

test('of 100,000 subjects is made with turns of the loop in between', async () => {
  let turns = 0;
  const clock = { ...fakeClock(), soon: (action: () => void) => { turns++; setImmediate(action); } };
  const matcher = await subjectMatcher(clock, Array.from({ length: 100_000 }, (_, i) => nth(i)));
  expect(turns).toBeGreaterThan(2);
  expect(matcher.ipv4(bytes(10, 1, 134, 159), 1)).toBe('10.1.134.159');
});
