/**
 * I9 for host names: where a rule asks for them (usedns), whatever the far side writes into its user name, its HELO, its path, no pattern of
 * any pack takes a name from there. Its name in the DNS is its own to choose, which is why usedns is off.
 */
import { resolve } from 'node:path';
import fc from 'fast-check';
import { parseHostName } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import { packLibrary } from '../../packages/server/src/config/packs.ts';
import { createHostMatcher } from '../../packages/server/src/match/host-names.ts';
import type { Pack, PackPattern } from '../../packages/server/src/match/pack.ts';
import { compilePattern } from '../../packages/server/src/match/pattern.ts';
import { newEntry } from '../../packages/server/src/syslog/entry.ts';
import { unescapeTabs } from '../../packages/server/src/syslog/lines.ts';
import { parseLine } from '../../packages/server/src/syslog/parse.ts';
import { forgeries, placesOf, textsFor } from '../support/forge.ts';
import { entryOf } from '../support/parsed.ts';
import { scaled } from '../support/search.ts';

const library = packLibrary([resolve(import.meta.dirname, '../../config/packs')]);
const packs: readonly Pack[] = library.names().flatMap((name) => library.get(name)?.pack ?? []);
const patterns: readonly PackPattern[] = packs.flatMap((pack) => pack.patterns);
const matcher = createHostMatcher([], patterns.map((p) => p.compiled));
const entry = newEntry();
const buffer = Buffer.alloc(300_000);

/** What all patterns say of a line: which of them, and the name that it finds. */
function namesIn(line: string): readonly string[] {
  const length = buffer.write(line);
  parseLine(buffer, 0, unescapeTabs(buffer, 0, length), entry);
  return matcher.match(entry).map(({ rule, name }) => `${patterns[rule]?.fullName ?? ''} ${name}`);
}

const VICTIM = 'victim.example.net';
const OWN = 'attacker.example.com';

describe.each(packs)('$name', (pack) => {
  test('takes no name from a field that the far side chooses', () => {
    const places = pack.patterns.flatMap((pattern) => placesOf(pattern).slice(0, 1));
    const own = textsFor(pack, places);
    const faults: string[] = [];
    for (const place of places) {
      // Its own name in the DNS may be any.
      const fields = place.fields.filter(({ group }) => !/^v?host/.test(group));
      if (fields.length === 0) continue;
      const address = place.sample.address;
      for (const forged of forgeries({ ...place, fields }, own, { pairs: 20 })) {
        const line = forged.replaceAll(address, OWN).replaceAll('192.0.2.66', VICTIM);
        // Behind a letter it is the end of the name before it, which no service writes without something between.
        for (const found of namesIn(line)) if (/(?:^|[-. ])victim/.test(found)) faults.push(`${found}: ${line}`);
        if (faults.length >= 3) break;
      }
    }
    expect(faults).toEqual([]);
  });
});

test('every pattern finds the name of its own sample, where it stands in place of the address', () => {
  const silent: string[] = [];
  for (const { fullName, samples, opens } of patterns) {
    if (opens !== undefined) continue;
    // One will do: in others the service may write more that only an address has (an IPv6 tag), and some write it twice.
    const lines = samples.flatMap(({ line, address }) => [line.replaceAll(address, OWN), line.replace(address, OWN)]);
    if (!lines.some((line) => namesIn(line).includes(`${fullName} ${OWN}`))) silent.push(fullName);
  }
  expect(silent).toEqual([]);
});

const loose = createHostMatcher([], [String.raw`^svc(?:\[\d+\])?: .*from <ip>`, '^svc: <ip>', String.raw`<ip> refused`, String.raw`^svc: .*?by (?P<ip>\S+)`].map((source) => [compilePattern(source)]));

test('what is found is a name by RFC 1123 and no piece of a longer one, whatever the line', () => {
  const part = fc.oneof(
    fc.constantFrom('svc: ', 'svc[1]: ', 'from ', 'by ', ' refused', 'host.example.com', 'a.b', '-', '.', '..', '_', ':', '@', '/', ' ', '\0', '\t', 'ä', '\u2028', '192.0.2.1', 'x'.repeat(64), 'a.'.repeat(130), '1', 'EXAMPLE.', '\x1b[1m', '#033[0m'),
    fc.string({ maxLength: 4 }),
    fc.string({ unit: 'binary', maxLength: 3 }),
  );
  let found = 0;
  fc.assert(
    fc.property(fc.constantFrom('svc: ', 'svc[7]: ', 'svc: from ', 'svc: x by ', ''), fc.array(part, { maxLength: 12 }), (head, parts) => {
      const line = entryOf(head + parts.join(''));
      for (const { name } of loose.match(line)) {
        found++;
        expect(parseHostName(name)).toBe(name);
        const text = line.text.toString('latin1', line.textStart, line.textEnd).toLowerCase();
        const alone = new RegExp(`(?:^|[^0-9a-z_.\x80-\xff-]|\x1b\\[[\\d;]*m|#033\\[[\\d;]*m)${name.replaceAll('.', '\\.')}(?![0-9a-z_\x80-\xff]|[-.][0-9a-z_.\x80-\xff-])`);
        expect(text).toMatch(alone);
      }
    }),
    { numRuns: scaled(20_000) },
  );
  expect(found).toBeGreaterThan(100);
});

test('long lines cost in proportion to their length', () => {
  const time = (length: number, fill: string): number => {
    const lines = ['svc: from ', 'sshd[1]: Failed password for ', 'postfix/smtpd[1]: warning: '].map((head) => head + fill.repeat(Math.ceil(length / fill.length)).slice(0, length));
    const once = (): number => {
      const start = performance.now();
      for (const line of lines) {
        namesIn(line);
        loose.match(entryOf(line));
      }
      return performance.now() - start;
    };
    return Math.min(once(), once());
  };
  for (const fill of ['a.', 'x', 'from a.b ', 'by a-b.c-d. ', '-.', 'host.example.com refused ', 'from a.b port 1 ssh2 ']) expect(time(63 * 1024, fill), fill).toBeLessThan(32 * time(4096, fill) + 250);
});
