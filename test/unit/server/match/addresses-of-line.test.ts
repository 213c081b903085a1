import { describe, expect, test } from 'vitest';
import { addressesOf, MOST_ADDRESSES } from '../../../../packages/server/src/match/addresses-of-line.ts';

/** The texts that are found, or -1 when only the pattern can say. */
function found(line: string, from = 0, to = Buffer.byteLength(line)): string[] | -1 {
  const bytes = Buffer.from(line);
  const out = new Int32Array(2 * MOST_ADDRESSES + 1);
  const count = addressesOf(bytes, from, to, out);
  if (count < 0) return -1;
  return Array.from({ length: count }, (_, i) => bytes.toString('utf8', from + (out[2 * i] ?? 0), from + (out[2 * i + 1] ?? 0)));
}

describe('an address is found', () => {
  test.each([
    ['alone', '192.0.2.1', ['192.0.2.1']],
    ['among words', 'from 192.0.2.1 port 22', ['192.0.2.1']],
    ['in brackets', 'x[192.0.2.1]:', ['192.0.2.1']],
    ['with its port left out', 'from 192.0.2.1:4242 x', ['192.0.2.1']],
    ['before a full stop', 'from 192.0.2.1. Bye', ['192.0.2.1']],
    ['before a full stop at the end', 'from 192.0.2.1.', ['192.0.2.1']],
    ['before a colon', 'from 192.0.2.1: bye', ['192.0.2.1']],
    ['before a dash that is punctuation', '192.0.2.1 - - [x]', ['192.0.2.1']],
    ['behind a sign', 'rip=192.0.2.1,', ['192.0.2.1']],
    ['behind a colour', '\x1b[1m192.0.2.1\x1b[0m', ['192.0.2.1']],
    ['behind a colour that rsyslog wrote out', '#033[1m192.0.2.1#033[0m', ['192.0.2.1']],
    ['as IPv6', 'from 2001:db8::1 port 22', ['2001:db8::1']],
    ['as IPv6 in full', '1:2:3:4:5:6:7:8', ['1:2:3:4:5:6:7:8']],
    ['as IPv6 before a full stop', 'from 2001:db8::1. Bye', ['2001:db8::1']],
    ['as IPv6 in full before a full stop', 'from 1:2:3:4:5:6:7:8.', ['1:2:3:4:5:6:7:8']],
    ['as ::', 'bound to :: now', ['::']],
    ['as IPv4 in IPv6', '[::ffff:192.0.2.1]', ['::ffff:192.0.2.1']],
    ['as several, in their order', 'rip=192.0.2.1, lip=2001:db8::1', ['192.0.2.1', '2001:db8::1']],
    ['with a word and a port beside it', 'udp4:192.0.2.1:1194 x', ['192.0.2.1']],
    ['behind the tag of an address literal', '[IPv6:2001:db8::1]', ['2001:db8::1']],
    ['in what may be none in the end', 'from 999.1.1.1 x', ['999.1.1.1']],
  ])('%s', (_, line, addresses) => expect(found(line)).toEqual(addresses));
});

describe('what can’t be one, nor have one in it, is passed over', () => {
  test.each(['', 'nothing', '12:34:56', '2026-01-02T03:04:05.678Z', '1.2.3', 'OpenSSH_9.2p1', 'aa:bb:cc:dd:ee:ff', 'sshd[811]: ', 'v1.2', '...', '......', ':', '1:2:3:4', 'SHA256:abc', 'deadbeef'])('%j', (line) => expect(found(line)).toEqual([]));
});

describe('only the pattern itself can say of', () => {
  test.each([
    ['five octets', '1.2.3.4.5'],
    ['a letter before', 'x192.0.2.1'],
    ['a letter behind', '192.0.2.1x'],
    ['an underscore', '192.0.2.1_'],
    ['a name that begins with one', '192.0.2.1.example.net'],
    ['a name with dashes', 'host-192.0.2.1'],
    ['a name with dashes behind', '192.0.2.1-example'],
    ['a letter that is not ASCII', 'é192.0.2.1'],
    ['a scope', 'fe80::1%eth0'],
    ['an m that ends no colour', 'm192.0.2.1'],
    ['the byte that stands for an address, alone', 'x \x01 y'],
    ['the same beside an address', '192.0.2.1\x01'],
    ['the same beside a number', '12\x01 192.0.2.1'],
  ])('%s', (_, line) => expect(found(line)).toBe(-1));
  test('more addresses than are looked for', () => {
    const line = (n: number): string => Array.from({ length: n }, (_, i) => `192.0.2.${i}`).join(' ');
    expect(found(line(MOST_ADDRESSES))).toHaveLength(MOST_ADDRESSES);
    expect(found(line(MOST_ADDRESSES + 1))).toBe(-1);
  });
});

test('bytes outside of what is looked at are none of its business', () => {
  expect(found('x192.0.2.1x', 1, 10)).toEqual(['192.0.2.1']);
  expect(found('a 192.0.2.1 b \x01', 0, 13)).toEqual(['192.0.2.1']);
  expect(found('192.0.2.15', 0, 9)).toEqual(['192.0.2.1']);
  expect(found('12:\x01', 0, 3)).toEqual([]);
});
