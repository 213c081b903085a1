import { addressBytes, addressFrom, familyOf, holds, isNetwork, networkOf, parseAddress, parsePrefix, parseSubject, prefixOf, prefixSet, subjectOf } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import { address, subject } from '../../support/records.ts';
import { prefix } from '../../support/policies.ts';

describe('an address', () => {
  test.each([
    '0.0.0.0', '192.0.2.1', '255.255.255.255', '::', '::1', '2001:db8::1', 'fe80::1', '1:2:3:4:5:6:7:8', '2001:db8:0:1:1:1:1:1', '64:ff9b::c000:201',
  ])('%s is canonical', (text) => {
    expect(parseAddress(text)).toBe(text);
  });
  test.each([
    ['2001:DB8::A', '2001:db8::a'],
    ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
    ['1:2:3:4:5:6:192.0.2.1', '1:2:3:4:5:6:c000:201'],
    ['::ffff:0:192.0.2.1', '::ffff:0:c000:201'],
  ])('%s is %s (RFC 5952)', (text, canonical) => {
    expect(parseAddress(text)).toBe(canonical);
  });
  test.each(['::ffff:192.0.2.1', '::FFFF:192.0.2.1', '::ffff:c000:201', '0:0:0:0:0:ffff:192.0.2.1', '0000:0000:0000:0000:0000:ffff:c000:0201'])('%s is IPv4, the packet that the kernel sees', (text) => {
    expect(parseAddress(text)).toBe('192.0.2.1');
  });
  test.each(['::192.0.2.1', '0:0:0:0:0:0:192.0.2.1', '::c000:201'])('%s is IPv6: no IPv4 address has anything to do with it', (text) => {
    expect(parseAddress(text)).toBe('::c000:201');
  });
  test.each([
    ['nothing', ''],
    ['three octets, which the C library takes for 1.2.0.3', '1.2.3'],
    ['one number', '3221225985'],
    ['five octets', '1.2.3.4.5'],
    ['an octet too large', '192.0.2.256'],
    ['a leading zero, octal to the kernel', '010.0.0.1'],
    ['a leading zero at the end', '192.0.2.01'],
    ['two zeros', '192.0.2.00'],
    ['hexadecimal', '0x7f.0.0.1'],
    ['an empty octet', '192..2.1'],
    ['a dot before', '.192.0.2.1'],
    ['a dot after', '192.0.2.1.'],
    ['a space before', ' 192.0.2.1'],
    ['a space after', '192.0.2.1 '],
    ['a line feed after', '192.0.2.1\n'],
    ['a NUL after', '192.0.2.1\0'],
    ['a sign', '+1.2.3.4'],
    ['digits that are not ASCII', '１９２.0.2.1'],
    ['a port', '192.0.2.1:25'],
    ['a length', '192.0.2.1/32'],
    ['brackets', '[2001:db8::1]'],
    ['a scope', 'fe80::1%eth0'],
    ['two ::', '1::2::3'],
    ['three colons', '1:::2'],
    ['a colon before', ':1:2:3:4:5:6:7'],
    ['a colon after', '1:2:3:4:5:6:7:'],
    ['seven groups', '1:2:3:4:5:6:7'],
    ['nine groups', '1:2:3:4:5:6:7:8:9'],
    ['eight groups and ::', '1:2:3:4::5:6:7:8'],
    ['five digits', '12345::'],
    ['five digits that begin with zero', '00001::'],
    ['a letter beyond f', '2001:dg8::1'],
    ['a dotted tail of three', '::ffff:1.2.3'],
    ['a dotted tail with a leading zero', '::ffff:192.0.2.01'],
    ['a dotted tail too large', '::ffff:192.0.2.256'],
    ['a dotted tail that leaves too few places', '1:2:3:4:5:6:7:1.2.3.4'],
    ['a dotted middle', '::1.2.3.4:5'],
    ['a host name', 'example.net'],
    ['a hundred characters', '1:'.repeat(50)],
    ['a name of JavaScript', 'constructor'],
  ])('%s makes it none: %j', (_, text) => {
    expect(parseAddress(text)).toBeUndefined();
  });
  test('has a family and bytes', () => {
    expect(familyOf(address('192.0.2.1'))).toBe(4);
    expect(familyOf(address('::1'))).toBe(6);
    expect(familyOf(prefix('::/0'))).toBe(6);
    expect(addressBytes(address('192.0.2.1'))).toEqual([192, 0, 2, 1]);
    expect(addressBytes(address('2001:db8::1'))).toEqual([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
  });
});

describe('a network', () => {
  test.each([
    ['10.1.2.3/8', '10.0.0.0/8'],
    ['192.0.2.1', '192.0.2.1/32'],
    ['192.0.2.1/32', '192.0.2.1/32'],
    ['192.0.2.255/31', '192.0.2.254/31'],
    ['255.255.255.255/0', '0.0.0.0/0'],
    ['::1', '::1/128'],
    ['2001:db8::1/64', '2001:db8::/64'],
    ['2001:DB8:ffff::/33', '2001:db8:8000::/33'],
    ['ffff::/0', '::/0'],
    ['::ffff:10.1.2.3/104', '10.0.0.0/8'],
    ['::ffff:10.1.2.3', '10.1.2.3/32'],
    ['::ffff:0:0/96', '0.0.0.0/0'],
    ['::10.1.2.3/120', '::a01:200/120'],
  ])('%s is %s', (text, canonical) => {
    expect(parsePrefix(text)).toBe(canonical);
    expect(parsePrefix(canonical)).toBe(canonical);
  });
  test.each(['', '/', '/8', '10.0.0.0/', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/08', '10.0.0.0/8 ', '10.0.0.0/8/8', '10.0.0.0/255.0.0.0', '10.0.0.0/1e1', '10.0.0.0/٣', '10/8', '10.0.0/8', '010.0.0.0/8', '::/129', '::/1000', '::ffff:10.0.0.0/95', '::ffff:10.0.0.0/8', 'fe80::1%eth0/64', 'example.net/8', '10.0.0.0-10.0.0.9'])('%j is none', (text) => {
    expect(parsePrefix(text)).toBeUndefined();
  });
  test('around an address has its host bits cleared', () => {
    expect(prefixOf(address('192.0.2.77'), 24)).toBe('192.0.2.0/24');
    expect(prefixOf(address('192.0.2.77'), 32)).toBe('192.0.2.77/32');
    expect(prefixOf(address('2001:db8:1:2:3:4:5:6'), 64)).toBe('2001:db8:1:2::/64');
    expect(prefixOf(address('2001:db8:1:2:3:4:5:6'), 0)).toBe('::/0');
  });
});

describe('what may be banned', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.1/32', '192.0.2.1'],
    ['192.0.2.1/24', '192.0.2.0/24'],
    ['2001:DB8::1', '2001:db8::1'],
    ['2001:db8::1/128', '2001:db8::1'],
    ['2001:db8::1/64', '2001:db8::/64'],
    ['::ffff:192.0.2.1/120', '192.0.2.0/24'],
    ['::ffff:192.0.2.1/128', '192.0.2.1'],
    ['0.0.0.0/0', '0.0.0.0/0'],
  ])('%s is %s', (text, canonical) => {
    expect(parseSubject(text)).toBe(canonical);
  });
  test.each(['', '192.0.2.1/', '192.0.2.0/33', '2001:db8::/129', 'example.net', '192.0.2.0/255.255.255.0', ' 192.0.2.1'])('%j is not', (text) => {
    expect(parseSubject(text)).toBeUndefined();
  });
  test('is an address or a network, and the one is told from the other', () => {
    expect([subject('192.0.2.1'), subject('192.0.2.0/31'), subject('::1'), subject('::/127')].map(isNetwork)).toEqual([false, true, false, true]);
    expect(subjectOf(prefix('192.0.2.1/32'))).toBe('192.0.2.1');
    expect(subjectOf(prefix('::1/128'))).toBe('::1');
    expect(subjectOf(prefix('::/32'))).toBe('::/32');
    expect([networkOf(subject('192.0.2.1')), networkOf(subject('::1')), networkOf(subject('10.0.0.0/8'))]).toEqual([{ address: '192.0.2.1', bits: 32 }, { address: '::1', bits: 128 }, { address: '10.0.0.0', bits: 8 }]);
  });
  test.each([
    ['10.0.0.0/8', '10.255.255.255', true],
    ['10.0.0.0/8', '11.0.0.0', false],
    ['10.0.0.0/8', '10.0.0.0/8', true],
    ['10.0.0.0/8', '10.1.0.0/16', true],
    ['10.1.0.0/16', '10.0.0.0/8', false],
    ['10.0.0.1', '10.0.0.1', true],
    ['10.0.0.1', '10.0.0.0/32', false],
    ['0.0.0.0/0', '::1', false],
    ['::/0', '10.0.0.1', false],
    ['2001:db8::/33', '2001:db8:8000::', false],
    ['2001:db8::/33', '2001:db8:7fff::', true],
  ])('%s holds %s: %s', (outer, inner, expected) => {
    expect(holds(subject(outer), subject(inner))).toBe(expected);
  });
  test('comes from the kernel’s bytes', () => {
    expect(addressFrom(Uint8Array.of(192, 0, 2, 1))).toBe('192.0.2.1');
    expect(addressFrom(Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1))).toBe('2001:db8::1');
    expect(addressFrom(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 1))).toBe('192.0.2.1');
    expect(addressFrom(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 192, 0, 2, 1))).toBe('::c000:201');
  });
});

describe('a set of networks', () => {
  const set = prefixSet(['10.0.0.0/8', '10.1.0.0/16', '10.1.2.3/32', '192.0.2.128/25', '2001:db8::/32', '2001:db8:1::/48', '::1/128'].map(prefix));
  test.each([
    ['10.1.2.3', '10.1.2.3/32'],
    ['10.1.2.4', '10.1.0.0/16'],
    ['10.2.0.0', '10.0.0.0/8'],
    ['10.255.255.255', '10.0.0.0/8'],
    ['11.0.0.0', undefined],
    ['9.255.255.255', undefined],
    ['192.0.2.127', undefined],
    ['192.0.2.128', '192.0.2.128/25'],
    ['192.0.2.255', '192.0.2.128/25'],
    ['2001:db8:1::5', '2001:db8:1::/48'],
    ['2001:db8:2::5', '2001:db8::/32'],
    ['2001:db9::', undefined],
    ['::1', '::1/128'],
    ['::', undefined],
    ['::a01:203', undefined],
    ['0.0.0.1', undefined],
  ])('%s is in %s', (text, network) => {
    expect(set.find(address(text))).toBe(network);
  });
  test('of nothing holds nothing, and of everything holds everything of its family', () => {
    expect(prefixSet([]).find(address('0.0.0.0'))).toBeUndefined();
    const all = prefixSet([prefix('0.0.0.0/0')]);
    expect(['0.0.0.0', '127.0.0.1', '128.0.0.0', '255.255.255.255', '::'].map((a) => all.find(address(a)))).toEqual(['0.0.0.0/0', '0.0.0.0/0', '0.0.0.0/0', '0.0.0.0/0', undefined]);
  });
  test.each([
    ['10.1.2.4', '10.1.0.0/16'],
    ['10.1.2.0/24', '10.1.0.0/16'],
    ['10.1.2.2/31', '10.1.0.0/16'],
    ['8.0.0.0/6', '10.0.0.0/8'],
    ['192.0.2.0/24', '192.0.2.128/25'],
    ['192.0.2.0/25', undefined],
    ['192.0.3.0/24', undefined],
    ['::/64', '::1/128'],
    ['2001:db8:1:2::/64', '2001:db8:1::/48'],
    ['2001::/16', '2001:db8::/32'],
    ['2002::/16', undefined],
    ['12.0.0.0/6', undefined],
  ])('%s shares an address with %s', (text, network) => {
    expect(set.overlap(subject(text))).toBe(network);
  });
  test('answers about a network as fast when it has 100,000 entries', () => {
    const many = prefixSet(Array.from({ length: 100_000 }, (_, i) => prefix(`2001:db8:${(i >> 8).toString(16)}:${(i & 255).toString(16)}::1/128`)));
    expect(many.overlap(subject('2001:db8:1:2::/64'))).toBe('2001:db8:1:2::1/128');
    const begun = performance.now();
    for (let i = 0; i < 10_000; i++) expect(many.overlap(subject('2001:db9::/64'))).toBeUndefined();
    expect(performance.now() - begun).toBeLessThan(5000);
  });
  test('counts a network once', () => {
    expect(set.size).toBe(7);
    expect(prefixSet(['10.0.0.0/8', '10.9.9.9/8', '::ffff:10.0.0.0/104', '::/0', 'ff::/0'].map(prefix)).size).toBe(2);
  });
});
