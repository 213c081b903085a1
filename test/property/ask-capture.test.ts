/**
 * The matcher asks a pattern whether it matches with the address of the line in its place, and runs it for what it
 * captures only where that is not enough. Asked or captured, the answer has to be one: whom RE2's own capture names.
 */
import fc from 'fast-check';
import { parseAddress } from 'banban-shared';
import { expect, test } from 'vitest';
import { standsAlone } from '../../packages/server/src/match/edges.ts';
import { createMatcher } from '../../packages/server/src/match/matcher.ts';
import { compilePattern, PatternError, type Pattern } from '../../packages/server/src/match/pattern.ts';
import { entryOf } from '../support/parsed.ts';

const compiled = (source: string): Pattern | undefined => {
  try {
    return compilePattern(source);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    return undefined;
  }
};

/** What the pattern captures: the bytes, and whom they name; undefined when the pattern does not match. */
function slow(pattern: Pattern, text: Buffer): { readonly from: number; readonly to: number; readonly address: string | undefined } | undefined {
  const capturer = compilePattern(pattern.source).capturer;
  // Without `d` RE2 tells no places; a group of its own around all that comes before tells where the address begins.
  const found = capturer.exec(text);
  if (found === null) return undefined;
  const captured = found[1 as 0] as Buffer | undefined;
  if (captured === undefined) return { from: -1, to: -1, address: undefined };
  const address = parseAddress(captured.toString('latin1'));
  const place = found.indices?.[1];
  if (place === undefined) return { from: -1, to: -1, address };
  const alone = standsAlone(text, place[0], place[1], pattern.checkLeft, pattern.checkRight);
  return { from: place[0], to: place[1], address: alone ? address : undefined };
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

test('probe', () => {
  const seen = new Map<string, number>();
  let matched = 0;
  let named = 0;
  fc.assert(
    fc.property(fc.oneof(described, fc.tuple(pattern, line)), ([source, text]) => {
      const p = compiled(source);
      if (p === undefined) return;
      const entry = entryOf(text);
      const bytes = Buffer.from(entry.text.subarray(entry.textStart, entry.textEnd));
      if (p.program !== undefined) return;
      const want = slow(p, bytes);
      const { hits } = createMatcher([], [[p]]).match(entry);
      const got = hits[0]?.address;
      if (want !== undefined) matched++;
      if (got !== undefined) named++;
      if (got === want?.address) return;
      const kind = want === undefined ? 'no match, but named' : want.address === undefined ? (want.from >= 0 ? 'piece or not alone, but named' : 'captured nothing, but named') : got === undefined ? 'capture names, matcher does not' : 'another';
      const n = (seen.get(kind) ?? 0) + 1;
      seen.set(kind, n);
      if (n <= 12) console.log(kind, JSON.stringify(source), JSON.stringify(bytes.toString()), 'capture', want?.address, want === undefined ? '' : bytes.toString('latin1', want.from, want.to), 'matcher', got);
    }),
    { numRuns: 200_000 },
  );
  console.log({ matched, named }, seen);
}, 300_000);
