import { describe, expect, test } from 'vitest';
import { createMatcher } from '../../../../packages/server/src/match/matcher.ts';
import { PatternError } from '../../../../packages/server/src/match/pattern.ts';
import { compileSession } from '../../../../packages/server/src/match/session.ts';
import { entryOf } from '../../../support/parsed.ts';

const BEGIN = String.raw`svc(?:\[\d+\])?: `;
const session = () => compileSession(BEGIN, String.raw`conn=<key> from IP=\[?<ip>\]?:\d+`, 'conn=<key> op=(?<op>.*) refused$', { name: 'svc/refused' });

/** Feeds lines to one matcher; whom the last one names. */
function last(...lines: readonly string[]): string | undefined {
  const matcher = createMatcher([], [[session()]]);
  return lines.map((line) => matcher.match(entryOf(line)).hits[0]?.address).at(-1);
}

const A = 'svc[1]: conn=7 from IP=192.0.2.1:4242';
const B = 'svc[1]: conn=8 from IP=[2001:db8::1]:4242';

describe('a line without an address', () => {
  test('names the one with which its connection began', () => {
    expect(last(A, B, 'svc[1]: conn=7 op=1 refused')).toBe('192.0.2.1');
    expect(last(A, B, 'svc[1]: conn=8 op=1 refused')).toBe('2001:db8::1');
  });
  test('again and again', () => {
    expect(last(A, 'svc[1]: conn=7 op=1 refused', 'svc[1]: conn=7 op=2 refused')).toBe('192.0.2.1');
  });
  test('names nobody when its connection is not known', () => {
    expect(last(A, 'svc[1]: conn=9 op=1 refused')).toBeUndefined();
    expect(last(A, 'svc[1]: conn=77 op=1 refused')).toBeUndefined();
  });
  test('names the latest who had the number', () => {
    expect(last(A, 'svc[1]: conn=7 from IP=198.51.100.2:1', 'svc[1]: conn=7 op=1 refused')).toBe('198.51.100.2');
  });
  test('is not taken for the first line of another connection, whatever is written into it', () => {
    expect(last(A, 'svc[1]: conn=8 op=x conn=7 from IP=198.51.100.66:1 refused', 'svc[1]: conn=7 op=1 refused')).toBe('192.0.2.1');
    expect(last(A, 'app[1]: svc[1]: conn=7 from IP=198.51.100.66:1', 'svc[1]: conn=7 op=1 refused')).toBe('192.0.2.1');
  });
});

test('the first line counts for nobody', () => {
  expect(last(A)).toBeUndefined();
});

test('as many connections are remembered as there is room for, the latest ones', () => {
  const matcher = createMatcher([], [[session()]]);
  const say = (line: string) => matcher.match(entryOf(line)).hits[0]?.address;
  for (let i = 0; i <= 10_000; i++) say(`svc[1]: conn=${i} from IP=10.0.${i >> 8}.${i & 255}:1`);
  expect(say('svc[1]: conn=0 op=1 refused')).toBeUndefined();
  expect(say('svc[1]: conn=1 op=1 refused')).toBe('10.0.0.1');
  expect(say('svc[1]: conn=10000 op=1 refused')).toBe('10.0.39.16');
});

test.each([
  ['conn=<key> x', 'conn=<key> y', /opens.* needs <ip> and <key>/],
  ['conn=1 <ip>', 'conn=<key> y', /opens.* needs <ip> and <key>/],
  ['conn=<key> <ip>', 'y', /needs <key> once, and no <ip>/],
  ['conn=<key> <ip>', 'conn=<key> <ip>', /needs <key> once, and no <ip>/],
  ['conn=<key> <ip> (?=x)', 'conn=<key>', /RE2 can't run it/],
])('opens %s with match %s is refused', (opens, match, reason) => {
  expect(() => compileSession(BEGIN, opens, match, {})).toThrow(PatternError);
  expect(() => compileSession(BEGIN, opens, match, {})).toThrow(reason);
});
