import { ApiError } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import { readBannable, readSubject, readSubjects, readTargetOrFirst } from '../../../../packages/server/src/control/input.ts';
import { daemonView } from '../../../support/daemon-view.ts';
import { target } from '../../../support/policies.ts';

function refusal(action: () => unknown): { readonly code: string; readonly message: string; readonly details: readonly string[] } {
  try {
    action();
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  return expect.unreachable('it was accepted');
}

describe('addresses and networks', () => {
  test('are read in their canonical form', () => {
    expect(readSubjects(['203.0.113.7', '203.0.113.7/24', '2001:DB8:0::7', '2001:db8::7/64', '203.0.113.7/32', '::ffff:203.0.113.0/120'])).toEqual([
      '203.0.113.7', '203.0.113.0/24', '2001:db8::7', '2001:db8::/64', '203.0.113.7', '203.0.113.0/24',
    ]);
  });

  test.each(['', '203.0.113.', '010.0.0.1', '203.0.113.0/33', '203.0.113.0/', '203.0.113.0/024', '203.0.113.0/255.255.255.0', '203.0.113.0/24 ', '203.0.113.0-9', 'fe80::1%eth0', '2001:db8::/129', 'host.example', '/24', '1/8'])('%j is none, and is named', (text) => {
    expect(refusal(() => readSubject(text))).toMatchObject({
      code: 'bad_address',
      message: `${JSON.stringify(text)} is not an address or network; write IPv4 as 203.0.113.7 or 203.0.113.0/24 and IPv6 as 2001:db8::7 or 2001:db8::/32, one each; nothing was done`,
      details: [text],
    });
  });

  test('that are none are all named, up to twenty, and the rest is counted', () => {
    expect(refusal(() => readSubjects(['x', '203.0.113.7', 'y'])).message).toMatch(/^"x", "y" are not addresses or networks; /);
    const many = refusal(() => readSubjects(Array.from({ length: 500 }, (_, i) => `x${i}`)));
    expect(many.details).toHaveLength(20);
    expect(many.message).toContain('"x19" and 480 more are not addresses or networks');
  });
});

describe('what is to be banned', () => {
  test('may be a network up to a /8 of IPv4 and a /16 of IPv6', () => {
    expect(readBannable(['10.0.0.0/8', '2001::/16', '203.0.113.7'])).toEqual(['10.0.0.0/8', '2001::/16', '203.0.113.7']);
  });

  test.each(['0.0.0.0/0', '::/0', '10.0.0.0/7', '2000::/3', '2000::/15', '::ffff:0.0.0.0/96'])('may not be as wide as %s', (text) => {
    const { code, message } = refusal(() => readBannable(['203.0.113.7', text]));
    expect(code).toBe('bad_address');
    expect(message).toMatch(/^"[^"]+" would ban a large part of the Internet; the widest network that can be banned is a \/8 of IPv4 or a \/16 of IPv6; nothing was done$/);
  });

  test('may be asked about however wide it is', () => {
    expect(readSubject('::/0')).toBe('::/0');
  });
});

test('without a target it is the first of the configuration', () => {
  const view = daemonView({}, { targets: [target('FIRST'), target('SECOND')], rules: [] });
  expect(readTargetOrFirst(view, undefined)).toBe('FIRST');
  expect(readTargetOrFirst(view, 'SECOND')).toBe('SECOND');
  expect(refusal(() => readTargetOrFirst(view, 'first'))).toMatchObject({ code: 'unknown_target', message: 'there is no target "first"; configured are FIRST, SECOND' });
  expect(refusal(() => readTargetOrFirst(daemonView({}, { targets: [], rules: [] }), undefined)).code).toBe('unknown_target');
});
