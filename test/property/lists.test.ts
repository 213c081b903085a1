/** Lists from outside: whatever comes, the parser ends with a list or a sentence, and merging changes no address. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { holds, listParser, networkOf, parseAddress, parsePrefix, prefixOf, prefixSet, subjectOf, type Address, type Prefix } from 'banban-shared';
import { mergeNetworks as mergeSteps } from '../../packages/server/src/lists/merge.ts';

/** All steps at once; `most` milliseconds that one of them took. */
function mergeTimed(list: readonly Prefix[], widest: Parameters<typeof mergeSteps>[1]): { readonly merged: Prefix[]; readonly most: number } {
  const steps = mergeSteps(list, widest);
  for (let most = 0; ; ) {
    const started = performance.now();
    const step = steps.next();
    most = Math.max(most, performance.now() - started);
    if (step.done === true) return { merged: step.value, most };
  }
}
const mergeNetworks = (list: readonly Prefix[], widest: Parameters<typeof mergeSteps>[1]): Prefix[] => mergeTimed(list, widest).merged;

const octets = fc.tuple(fc.constantFrom(10, 192), fc.constant(0), fc.integer({ min: 0, max: 3 }), fc.nat(255));
const ipv4 = octets.map((o) => parseAddress(o.join('.')) ?? expect.fail(o.join('.')));
const ipv6 = fc.tuple(fc.nat(3), fc.nat(15)).map(([a, b]) => parseAddress(`2001:db8::${a.toString(16)}:${b.toString(16)}`) ?? expect.fail());
/** Close to each other, so that they are halves of one another and inside each other. */
const network = fc.oneof(fc.tuple(ipv4, fc.integer({ min: 20, max: 32 })), fc.tuple(ipv6, fc.integer({ min: 105, max: 128 }))).map(([address, bits]) => prefixOf(address, bits));
const EVERYTHING = { 4: 0, 6: 0 } as const;

const covers = (list: readonly Prefix[], address: Address): boolean => list.some((prefix) => holds(prefix, subjectOf(prefixOf(address, address.includes(':') ? 128 : 32))) || prefix.startsWith(`${address}/`));

test('a merged list has the same addresses, and no network that another holds or that has its other half beside it', () => {
  fc.assert(
    fc.property(fc.array(network, { maxLength: 60 }), fc.array(fc.oneof(ipv4, ipv6), { minLength: 20, maxLength: 40 }), (list, probes) => {
      const merged = mergeNetworks(list, EVERYTHING);
      for (const probe of [...probes, ...list.map((prefix) => networkOf(prefix).address)]) expect(covers(merged, probe), probe).toBe(covers(list, probe));
      for (const one of merged) {
        for (const other of merged) if (one !== other) expect(holds(one, other), `${one} holds ${other}`).toBe(false);
        const { address, bits } = networkOf(one);
        const whole = bits === 0 ? undefined : prefixOf(address, bits - 1);
        const halves = merged.filter((other) => whole !== undefined && networkOf(other).bits === bits && prefixOf(networkOf(other).address, bits - 1) === whole);
        expect(halves.length, `both halves of ${whole}`).toBeLessThan(2);
      }
      expect(mergeNetworks(merged, EVERYTHING), 'merging again changes nothing').toEqual(merged);
      expect(mergeNetworks([...list].reverse(), EVERYTHING), 'nor does the order').toEqual(merged);
    }),
  );
});

test('joining makes no network that is wider than it may be', () => {
  const all = ['0.0.0.0/2', '64.0.0.0/2', '128.0.0.0/2', '192.0.0.0/2'].map((text) => parsePrefix(text) ?? expect.fail(text));
  expect(mergeNetworks(all, EVERYTHING)).toEqual(['0.0.0.0/0']);
  expect(mergeNetworks(all, { 4: 1, 6: 1 })).toEqual(['0.0.0.0/1', '128.0.0.0/1']);
});

test('100,000 entries are merged within a second or two, and hold nobody up meanwhile', () => {
  const one = Array.from({ length: 100_000 }, (_, i) => prefixOf(parseAddress(`${1 + ((i * 7919) % 200)}.${(i * 31) % 256}.${(i * 17) % 256}.${i % 256}`) ?? expect.fail(), 32));
  const other = Array.from({ length: 100_000 }, (_, i) => prefixOf(parseAddress(`2001:db8:${((i * 7919) % 65_536).toString(16)}:${(i >> 16).toString(16)}::${(i & 65_535).toString(16)}`) ?? expect.fail(), 128));
  for (const list of [one, other]) {
    const started = performance.now();
    const { merged, most } = mergeTimed(list, { 4: 8, 6: 16 });
    // Far more than it takes on an idle machine.
    expect(performance.now() - started).toBeLessThan(5000);
    expect(most).toBeLessThan(500);
    expect(prefixSet(merged).size).toBe(merged.length);
  }
});

const pieces = [
  '192.0.2.1', '198.51.100.0/24', '2001:db8::/32', '0.0.0.0/0', '\n', '\r\n', '#', ';', '[', ']', '{', '}', "'", '"', ':', ',', '\0', '\\', '<html>', 'ALL: ', '-', ' ', '{"cidr":"192.0.2.0/24"}',
  "[{'a': ['192.0.2.1']}]", 'Status for the jail: x\n', 'Banned IP list: ', 'address,target,by,since,until,remaining_seconds,reason\n', '\ud800', '\u202e', '::', '/', '255.255.255.0',
];
const text = fc.oneof(fc.array(fc.constantFrom(...pieces), { maxLength: 60 }).map((parts) => parts.join('')), fc.string({ unit: 'binary', maxLength: 200 }), fc.string({ maxLength: 200 }));

test('whatever comes, in whatever pieces, ends with a list or a sentence, the same for all pieces', () => {
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 50 }), (content, size) => {
      const bytes = new TextEncoder().encode(content);
      const read = (piece: number) => {
        const parser = listParser(50);
        for (let i = 0; i < bytes.length; i += piece) if (parser.push(bytes.subarray(i, i + piece)) !== undefined) break;
        return parser.end();
      };
      const whole = read(bytes.length + 1);
      if ('problem' in whole) expect(whole.problem).toMatch(/^(?:it |\d+ of its )/);
      else {
        expect(whole.entries.length).toBeLessThanOrEqual(50);
        for (const { prefix } of whole.entries) expect(parsePrefix(prefix)).toBe(prefix);
      }
      expect(read(size)).toEqual(whole);
    }),
  );
});
