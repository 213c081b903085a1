import { describe, expect, test } from 'vitest';
import { endsColour, standsAlone } from '../../../../packages/server/src/match/edges.ts';

/** Whether what stands between « and » in a text is an address of its own. */
function alone(marked: string, left = true, right = true): boolean {
  const [before = '', address = '', behind = ''] = marked.split(/[«»]/);
  const from = Buffer.byteLength(before);
  return standsAlone(Buffer.from(before + address + behind), from, from + Buffer.byteLength(address), left, right);
}

describe('an address stands alone', () => {
  test.each([
    ['as a whole line', '«192.0.2.1»'],
    ['between spaces', 'from «192.0.2.1» port'],
    ['in brackets', '[«192.0.2.1»]:25'],
    ['before a colon and a port', 'from «192.0.2.1»:4242'],
    ['behind a colon', 'address:«192.0.2.1»'],
    ['behind the tag of an address literal', '[IPv6:«2001:db8::1»]'],
    ['behind a word and a colon', 'peer:«2001:db8::1»'],
    ['before the full stop of a sentence', 'from «192.0.2.1». Bye'],
    ['before a full stop at the end', 'from «192.0.2.1».'],
    ['between dashes that are punctuation', 'x - «192.0.2.1» - y'],
    ['behind a dash without a word before it', '-«192.0.2.1»'],
    ['before a dash at the end', '«192.0.2.1»-'],
    ['before a colon at the end', '«2001:db8::1»:'],
    ['before a colon and a space', '«2001:db8::1»: bye'],
    ['behind a colour', 'from \x1b[1;32m«192.0.2.1»\x1b[0m'],
    ['behind a colour that rsyslog wrote out', 'from #033[1m«192.0.2.1»#033[0m'],
    ['as IPv4 written as IPv6', '::ffff:«192.0.2.1»'],
  ])('%s', (_, marked) => expect(alone(marked)).toBe(true));

  test.each([
    ['behind a digit', '1«192.0.2.1»'],
    ['before a digit', '«192.0.2.1»1'],
    ['behind a letter', 'x«192.0.2.1»'],
    ['before a letter', '«192.0.2.1»x'],
    ['beside an underscore', '_«192.0.2.1»'],
    ['before a letter that is not ASCII', '«192.0.2.1»é'],
    ['behind a letter that is not ASCII', 'é«192.0.2.1»'],
    ['behind another octet', '11.«192.0.2.1»'],
    ['before another octet', '«192.0.2.1».5'],
    ['as the beginning of a name', '«192.0.2.1».example.net'],
    ['as the beginning of a name with a dash', '«192.0.2.1»-example.net'],
    ['as the end of a name with a dash', 'host-«192.0.2.1»'],
    ['behind an m that ends no colour', 'from m«192.0.2.1»'],
    ['behind what only looks like a colour', 'from [1m«192.0.2.1»'],
    ['as the tail of an IPv6 address', '2001:«db8::1»'],
    ['as the IPv4 tail of an IPv6 address', '64:ff9b::«192.0.2.1»'],
    ['as the head of an IPv6 address', '«2001:db8::1»:25'],
  ])('never %s', (_, marked) => expect(alone(marked)).toBe(false));

  test('where the pattern says itself what stands beside it, nothing is looked at', () => {
    expect(alone('x«192.0.2.1»x', false, false)).toBe(true);
    expect(alone('x«192.0.2.1» ', false, true)).toBe(true);
    expect(alone(' «192.0.2.1»x', false, true)).toBe(false);
    expect(alone('x«192.0.2.1» ', true, false)).toBe(false);
    expect(alone('«2001:db8::1»:25', true, false)).toBe(true);
    expect(alone('2001:«db8::1»', false, true)).toBe(true);
  });
});

describe('a colour ends at its m', () => {
  const ends = (text: string): boolean => endsColour(Buffer.from(text), Buffer.byteLength(text) - 1);
  test.each(['\x1b[m', '\x1b[0m', '\x1b[1;31m', 'x\x1b[38;5;208m', '#033[1m', 'from #033[0;1m'])('%j', (text) => expect(ends(text)).toBe(true));
  test.each(['m', '[m', '1m', '\x1b[1n', '\x1b1m', '\x1b[1xm', '033[1m', '#03[1m', '[1m', 'x[1;2m'])('%j does not', (text) => expect(ends(text)).toBe(false));
  test('nowhere before the text begins', () => expect(endsColour(Buffer.from('m'), -1)).toBe(false));
});
