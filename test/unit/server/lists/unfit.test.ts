import { describe, expect, test } from 'vitest';
import { prefixSet } from 'banban-shared';
import { whyUnfit } from '../../../../packages/server/src/lists/unfit.ts';
import { prefix } from '../../../support/policies.ts';

const allowed = prefixSet(['203.0.113.7', '2001:db8:1::/48'].map(prefix));
const why = (text: string): string | undefined => whyUnfit(prefix(text), (subject) => allowed.overlap(subject));

describe('a list may not have', () => {
  test.each([
    ['10.0.0.0/8', 'is a private network'],
    ['10.9.8.7', 'is in 10.0.0.0/8 (a private network)'],
    ['192.160.0.0/11', 'holds 192.168.0.0/16 (a private network)'],
    ['127.0.0.1', 'is in 127.0.0.0/8 (this machine itself)'],
    ['fe80::1', 'is in fe80::/10 (link-local)'],
    ['fd00::/16', 'is in fc00::/7 (a private network)'],
    ['64:ff9b::/96', 'is all of IPv4 behind a translator'],
    ['0.0.0.0/0', 'is too wide: a list may have networks of at most /8 of IPv4'],
    ['44.0.0.0/7', 'is too wide: a list may have networks of at most /8 of IPv4'],
    ['::/0', 'is too wide: a list may have networks of at most /16 of IPv6'],
    ['203.0.113.0/24', 'has addresses of 203.0.113.7, which is on the allow list'],
    ['203.0.113.7', 'has addresses of 203.0.113.7, which is on the allow list'],
    ['2001:db8::/32', 'has addresses of 2001:db8:1::/48, which is on the allow list'],
  ])('%s', (text, said) => expect(why(text)).toBe(said));

  test.each(['44.0.0.0/8', '192.0.2.0/24', '203.0.113.8', '2001:db8:2::/48', '2400::/16', '9.255.255.255', '11.0.0.0'])('but it may have %s', (text) => expect(why(text)).toBeUndefined());
});
