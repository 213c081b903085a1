/**
 * The matcher asks a pattern whether it matches with the address of the line in its place, and runs it for what it
 * captures only where that is not enough. Asked or captured, the answer has to be one: whom RE2's own capture names.
 */
import fc from 'fast-check';
import { parseAddress } from 'banban-shared';
import { expect, test } from 'vitest';
import { addressesOf, MOST_ADDRESSES } from '../../packages/server/src/match/addresses-of-line.ts';
import { standsAlone } from '../../packages/server/src/match/edges.ts';
import { createMatcher } from '../../packages/server/src/match/matcher.ts';
import { compilePattern, PatternError, type Pattern } from '../../packages/server/src/match/pattern.ts';
import { entryOf } from '../support/parsed.ts';
import { scaled } from '../support/search.ts';

const compiled = (source: string): Pattern | undefined => {
  try {
    return compilePattern(source);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    return undefined;
  }
};

interface Captured {
  readonly text: string | undefined;
  readonly address: string | undefined;
  /**
   * What takes any character (`\D<ip>`) may take a colon from the inside of `::ffff:192.0.2.9`. An author who writes a colon or
   * `::ffff:` himself means the end of it; any other may as well be told that the whole stands there, and where.
   */
  readonly isBitten: boolean;
}

/** What the pattern captures, and whom that names; undefined when the pattern does not match. */
function slow(pattern: Pattern, text: Buffer): Captured | undefined {
  const found = pattern.capturer.exec(text);
  if (found === null) return undefined;
  const captured = (found[1 as 0] as Buffer | undefined)?.toString('latin1');
  if (captured === undefined) return { text: undefined, address: undefined, isBitten: false };
  const place = found.indices?.[1];
  const isAlone = place === undefined || standsAlone(text, place[0], place[1], pattern.checkLeft, pattern.checkRight);
  const isBitten = !pattern.besideColon && place !== undefined && /:ffff:$/i.test(text.toString('latin1', 0, place[0]));
  return { text: captured, address: isAlone ? parseAddress(captured) : undefined, isBitten };
}

const V4 = ['192.0.2.1', '198.51.100.22', '10.0.0.1', '999.1.1.1', '192.0.2.01'];
const V6 = ['2001:db8::1', '::1', '2001:db8::7:25', '1:2:3:4:5:6:7:8', '::ffff:192.0.2.9', 'fe80::1%eth0', '64:ff9b::192.0.2.33', '::'];
const address = fc.constantFrom(...V4, ...V4, ...V6);

const literal = fc.constantFrom('from ', ' ', 'x', ': ', ':', '=', ', ', String.raw`\[`, String.raw`\]`, String.raw`\(`, String.raw`\)`, 'port ', '-', String.raw`\.`, '"', '<', '>', '/', 'IPv6:', 'a:', '2');
const loose = fc.constantFrom('.*', '.*?', '.+', '.', String.raw`\S+`, String.raw`\S*`, '[^ ]*', String.raw`\d+`, String.raw`\d*`, String.raw`\w+`, '[0-9a-f:.]*', '[0-9.]+', String.raw`\D`, '[^:]*', String.raw`\b`, String.raw`\B`, '.?', String.raw`\s*`);
const atom = fc.oneof({ weight: 3, arbitrary: literal }, { weight: 2, arbitrary: loose });
const optional = fc.array(atom, { minLength: 1, maxLength: 3 }).chain((atoms) => fc.constantFrom(`(?:${atoms.join('')})?`, `(?:${atoms.join('')})*`, `(${atoms.join('')})`, `(?:${atoms.join('')}|x)`, `(?<user>${atoms.join('')})`, `(?:${atoms.join('')})??`));
const part = fc.oneof({ weight: 4, arbitrary: atom }, { weight: 1, arbitrary: optional });
const parts = fc.array(part, { maxLength: 4 }).map((p) => p.join(''));
const place = fc.tuple(parts, parts).chain(([before, behind]) =>
  fc.oneof(
    { weight: 6, arbitrary: fc.constant('<ip>') },
    { weight: 1, arbitrary: fc.constantFrom(`(?:${before}<ip>)`, `(?:${before}<ip>${behind})?`, `(?:${before}<ip>|${behind})`, `(?:${behind}|<ip>)`, `(?:${before}<ip>${behind})+`, `(?:${before}<ip>${behind})*`, `(?:x<ip>){1,2}`, `(${before}<ip>)${behind}`, `(?:(?:<ip>)|${behind})`, '<ip>?') },
  ),
);
const pattern = fc.tuple(fc.constantFrom('', '', '^'), parts, place, parts, fc.constantFrom('', '', '$')).map((p) => p.join(''));

const neighbour = fc.constantFrom('', ' ', ' ', ' from ', 'x', ':', ': ', '=', ', ', '[', ']', '(', ')', ' port 22', '-', '.', '. ', '"', '<', '>', '/', 'IPv6:', 'a:', '2', ':25', ':25 ', '-1', '_', '%eth0', 'é', '\x01', '\x1b[1m', '\x1b[0m', '#033[1m', '.example.net', '::', '12:34:56', '1.2.3', 'port 2');
const line = fc.array(fc.oneof({ weight: 2, arbitrary: neighbour }, { weight: 1, arbitrary: address }), { minLength: 1, maxLength: 9 }).map((l) => l.join(''));
/** Lines that were made with the pattern in mind match more often than chance would have it. */
const described = fc.tuple(pattern, fc.array(fc.tuple(neighbour, address), { minLength: 1, maxLength: 3 }), line).map(([p, addresses, tail]): readonly [string, string] => {
  let i = 0;
  const filled = p.replace(/<ip>\??/g, () => addresses[i++ % addresses.length]?.join('') ?? '').replace(/\(\?(?::|<user>)|[()^$]|\)\??\*?\+?/g, '').replace(/\\([[\]().])/g, '$1').replace(/\\[bB]/g, '').replace(/\.\*\??|\.\+|\\S[+*]|\[\^[ :]\]\*/g, () => addresses[i++ % addresses.length]?.join('') ?? '').replace(/\\d[+*]/g, '7').replace(/\[[^\]]*\][*+]/g, '5').replace(/\\w\+/g, 'w').replace(/\\D|\.\?/g, 'q').replace(/\\s\*/g, ' ').replace(/\|.*/, '').replace(/\{1,2\}|\?\?/g, '');
  return [p, filled + (tail.length % 3 === 0 ? tail : '')];
});

/** The addresses that stand by themselves in a line, as one look at its bytes finds them. */
function addressesIn(text: Buffer): (string | undefined)[] {
  const places = new Int32Array(2 * MOST_ADDRESSES + 1);
  const count = addressesOf(text, 0, text.length, places);
  return Array.from({ length: Math.max(0, count) }, (_, i) => parseAddress(text.toString('latin1', places[2 * i], places[2 * i + 1])));
}

test('whom a pattern names by being asked is whom it captures', { timeout: scaled(180_000) }, () => {
  const seen = { matched: 0, named: 0, notNamed: 0, pieces: 0 };
  fc.assert(
    fc.property(fc.oneof(described, fc.tuple(pattern, line)), ([source, written]) => {
      const p = compiled(source);
      if (p === undefined || p.program !== undefined) return;
      const entry = entryOf(written);
      const text = Buffer.from(entry.text.subarray(entry.textStart, entry.textEnd));
      const captured = slow(p, text);
      const { hits: [hit], notAnAddress } = createMatcher([], [[p]]).match(entry);
      if (captured === undefined) {
        expect(hit).toBeUndefined();
        return;
      }
      seen.matched++;
      if (captured.address !== undefined) seen.named++;
      // Greedy parts take the beginning of an address from it (`.*<ip>` captures 2.0.2.1 of 192.0.2.1, and that names nobody):
      // asked, such a pattern names the whole. So it does when it captures what is no address at all (`:25`, the `::` of `x::y`).
      if (hit !== undefined && (captured.address === undefined || (captured.isBitten && hit.address !== captured.address))) {
        seen.pieces++;
        expect(captured.text).toBeDefined();
        expect(addressesIn(text)).toContain(hit.address);
        return;
      }
      // `::` is nobody, and between two words it is not looked at.
      if (hit === undefined && (captured.address === '::' || captured.isBitten)) return;
      expect(hit?.address).toBe(captured.address);
      if (hit === undefined) seen.notNamed++;
      // Whether it is said that something stood there which is no address depends on how it was looked for.
      else expect(notAnAddress).toBe(false);
    }),
    { numRuns: scaled(12_000) },
  );
  // Not for want of anything to compare.
  for (const [what, count] of Object.entries(seen)) expect(count, what).toBeGreaterThan(20);
});

test.each([
  // The address may be absent, and then another one in the line is nobody’s.
  ['(?:from <ip>|reset) by', 'reset by 192.0.2.1', undefined],
  ['closed(?: from <ip>)?', 'closed, 192.0.2.1', undefined],
  ['closed(?: <ip>)*,', 'closed, 192.0.2.1', undefined],
  // The last of several.
  ['^to(?: <ip>)+$', 'to 192.0.2.1 198.51.100.22', '198.51.100.22'],
  // An edge of a word.
  [String.raw`\b<ip>\b`, 'from 192.0.2.1 port', '192.0.2.1'],
  [String.raw`from.*\b<ip>$`, 'from (192.0.2.1', '192.0.2.1'],
  // The far side’s own words come first, the service’s last.
  [String.raw`.*from <ip>:\d+$`, 'user from 192.0.2.1:5 from 2001:db8::7:25', '2001:db8::7'],
  [String.raw`.*from <ip>:\d+`, 'user from 192.0.2.1:5 from 2001:db8::7:25', '2001:db8::7'],
  // A word of the sentence beside it: it is the whole that stands there, and not what the pattern could make of it.
  ['<ip>(?<user>:.*):', '2001:db8::7:25: ', undefined],
  // The first one, with the full stop of a sentence.
  ['<ip>', '2001:db8::1. Bye 192.0.2.1', '2001:db8::1'],
  ['from <ip>', 'from 999.1.1.1 from 192.0.2.1', undefined],
  ['from (?:::ffff:)<ip>$', 'from ::ffff:192.0.2.1', '192.0.2.1'],
  [String.raw`\[::ffff:<ip>\]`, '[::ffff:192.0.2.1] 198.51.100.22', '192.0.2.1'],
  [String.raw`from (?:::ffff:|\[)<ip>`, 'from ::ffff:192.0.2.1', '192.0.2.1'],
  [String.raw`.*\D<ip>`, '::ffff:192.0.2.9', undefined],
  [String.raw`.*\D<ip>`, 'from ::ffff:192.0.2.9', '192.0.2.9'],
  ['.*:(?:x\\d+)?<ip>', '::ffff:192.0.2.9:x7?::ffff:192.0.2.9', undefined],
  ['from (?:.+:)?<ip>', 'from 192.0.2.1:?::ffff:192.0.2.9', '192.0.2.1'],
  // Short ones with a word behind their colon: not the `::` between two words.
  ['<ip>:', '::1:x\x1b[1m<]10.0.0.1', '::1'],
  ['<ip>', '::a:user', '::a'],
  [String.raw`<ip>:\w`, '2:::x', '2::'],
  [String.raw`\w+<ip>\w+`, 'Net::Feed', undefined],
  // The longer one may have points of the sentence around it.
  ['<ip>(:)a:.', '2001:db8::1:a:.', undefined],
  ['<ip>(:)2', '2001:db8::1:25:.: ', undefined],
  ['2001:<ip>', 'peer: .2001:db8::1', undefined],
  // Or its tag.
  ['a:<ip>', '[IPv6:a:12:34:56::7:8]', undefined],
  ['(?:IPv6:a:)??<ip>', 'IPv6:a:12:34:56::ffff:192.0.2.9', 'a:12:34:56:0:ffff:c000:209'],
  ['(?:<ip>):12345', '2001:db8::7:12345', '2001:db8::7'],
  // What stands behind a tag may begin with an edge, which is no character.
  [String.raw`^\.: \b<ip>`, '.: 192.0.2.1', '192.0.2.1'],
  [String.raw`^<ip>: \b`, '192.0.2.1: 2', '192.0.2.1'],
] as const)('%s finds in “%s” %s', (source, written, address) => {
  const { hits } = createMatcher([], [[compilePattern(source)]]).match(entryOf(written));
  expect(hits[0]?.address).toBe(address);
});
