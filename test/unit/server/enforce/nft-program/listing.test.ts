import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { setsOf } from '../../../../../packages/server/src/enforce/nftables/sets.ts';
import { printedElement, printedSet } from '../../../../../packages/server/src/enforce/nft-program/element.ts';
import { listingReader } from '../../../../../packages/server/src/enforce/nft-program/listing.ts';
import { scaled, seed } from '../../../../support/search.ts';

/** What is read of a text that comes in these pieces. */
function read(...pieces: readonly string[]): { readonly elements: readonly unknown[]; readonly frame: unknown } {
  const elements: unknown[] = [];
  const reader = listingReader((element) => elements.push(element));
  for (const piece of pieces) reader.feed(Buffer.from(piece));
  return { elements, frame: reader.end() };
}

const ELEMENTS = [
  { elem: { val: '192.0.2.1', timeout: 12, expires: 11, comment: 'a "quote", a } and a \\', counter: { packets: 3, bytes: 200 } } },
  '192.0.2.2',
  { prefix: { addr: '10.0.0.0', len: 8 } },
  { elem: { val: { range: ['1.2.3.0', '1.2.4.255'] }, counter: { packets: 0, bytes: 0 } } },
];
const SET = { family: 'inet', name: 'B_v4', table: 'banban', type: 'ipv4_addr', handle: 1, flags: ['timeout'], elem: [], stmt: [{ counter: null }] };
const listing = (elements: readonly unknown[] = ELEMENTS, set: object = SET): string => JSON.stringify({ nftables: [{ metainfo: { version: '1.0.6', json_schema_version: 1 } }, { set: { ...set, elem: elements } }] }, undefined, 1);

describe('the listing of a set', () => {
  test('gives its elements one by one, and the rest as a whole', () => {
    const { elements, frame } = read(listing());
    expect(elements).toEqual(ELEMENTS);
    expect(frame).toEqual(JSON.parse(listing([])));
  });

  test('may come in any pieces', () => {
    const text = `${listing()}\n`;
    fc.assert(
      fc.property(fc.array(fc.nat(text.length), { maxLength: 20 }), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), text.length];
        expect(read(...at.slice(1).map((end, i) => text.slice(at[i], end)))).toEqual({ elements: ELEMENTS, frame: JSON.parse(listing([])) });
      }),
      { seed, numRuns: scaled(300) },
    );
  });

  test.each([
    ['nothing', ''],
    ['half of it', listing().slice(0, -30)],
    ['half an element', listing().slice(0, 250)],
    ['no JSON', 'table inet banban {\n\tset B_v4 {'],
    ['too many brackets', `${listing()}]}`],
    ['an element that is none', listing().replace('"192.0.2.2"', '192.0.2.2')],
    ['an element without end', `${listing().slice(0, listing().indexOf('192.0.2.2'))}${'x'.repeat(10_000)}`],
    ['a frame without end', `{"nftables": [{"metainfo": "${'x'.repeat(100_000)}`],
  ])('that is %s is none', (_, text) => {
    expect(read(text).frame).toBeUndefined();
  });

  test('keeps no more than an element in memory, however long it goes on', () => {
    let count = 0;
    const reader = listingReader(() => count++);
    reader.feed(Buffer.from('{"nftables": [{"set": {"elem": ['));
    for (let n = 0; n < 1000; n++) reader.feed(Buffer.from('"192.0.2.1", '.repeat(100)));
    expect(count).toBe(100_000);
    expect(reader.end()).toBeUndefined();
  });

  test('never throws', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constantFrom('{', '}', '[', ']', ',', '"', '\\', '"elem": [', '"nftables"', ':', '1'), fc.string()), { maxLength: 40 }), (pieces) => void read(...pieces)),
      { seed, numRuns: scaled(1000) },
    );
  });
});

describe('an element', () => {
  test.each([
    ['192.0.2.2', '192.0.2.2', undefined, undefined],
    [{ prefix: { addr: '10.0.0.0', len: 8 } }, '10.0.0.0/8', undefined, undefined],
    [{ elem: { val: '192.0.2.1', counter: { packets: 3, bytes: 200 } } }, '192.0.2.1', 3, 200],
    [{ elem: { val: { prefix: { addr: '2001:db8::', len: 48 } }, counter: { packets: 0, bytes: 0 } } }, '2001:db8::/48', 0, 0],
    [{ elem: { val: '192.0.2.1', counter: { packets: -1, bytes: 'x' } } }, '192.0.2.1', undefined, undefined],
  ])('%j is read', (value, text, packets, bytes) => {
    expect(printedElement(value)).toEqual({ text, hits: { packets, bytes, lastAt: undefined } });
  });

  test.each([undefined, null, 1, [], {}, { elem: {} }, { elem: { val: { range: ['1.2.3.0', '1.2.4.0'] } } }, { prefix: { addr: 1, len: 8 } }, { prefix: { addr: '10.0.0.0', len: '8' } }, { prefix: { addr: '10.0.0.0', len: 8.5 } }])('%j is none', (value) => {
    expect(printedElement(value)).toBeUndefined();
  });
});

describe('a set', () => {
  const [v4, , v4Net] = setsOf({ name: 'B' });
  if (v4 === undefined || v4Net === undefined) throw new Error('no sets');
  const judged = (given: object, wanted = v4) => printedSet(JSON.parse(listing([], { ...SET, name: wanted.name, ...given })), wanted);

  test('as it should be has no fault', () => {
    expect(judged({})).toEqual({ fault: undefined, size: undefined });
    expect(judged({ size: 65_535, flags: ['timeout', 'dynamic'] })).toEqual({ fault: undefined, size: 65_535 });
    expect(judged({ flags: ['interval', 'timeout'] }, v4Net)).toEqual({ fault: undefined, size: undefined });
  });

  test.each([
    [{ map: 'verdict' }, v4, 'is a map'],
    [{ type: 'ipv6_addr' }, v4, 'is not of the type ipv4_addr'],
    [{ type: ['ipv4_addr', 'inet_service'] }, v4, 'is not of the type ipv4_addr'],
    [{ flags: ['constant', 'timeout'] }, v4, 'is constant'],
    [{ flags: undefined }, v4, 'lacks the flag timeout'],
    [{ flags: ['timeout'] }, v4Net, 'lacks the flag interval'],
    [{ flags: ['interval', 'timeout'] }, v4, 'has the flag interval'],
    // Told by newer versions than 1.0.6.
    [{ flags: ['interval', 'timeout'], 'auto-merge': true }, v4Net, 'merges its elements (auto-merge)'],
  ])('%j is told what is wrong', (given, wanted, fault) => {
    expect(judged(given, wanted)?.fault).toBe(fault);
  });

  test.each([undefined, null, {}, { nftables: {} }, { nftables: [] }, { nftables: [null, { set: null }, { table: {} }] }])('%j is about none', (value) => {
    expect(printedSet(value, v4)).toBeUndefined();
  });

  test('of another table or name is another', () => {
    for (const given of [{ table: 'other' }, { name: 'B_v6' }, { family: 'ip' }]) expect(judged(given)).toBeUndefined();
  });
});
