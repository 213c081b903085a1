/**
 * I9 for the packs: whatever the far side writes into its user name, its HELO, its path, its name in the DNS, no pattern of
 * any pack names anybody but the address that the service itself wrote, and nothing that it writes pardons it. All packs
 * are in one matcher, each pattern a rule of its own, so that none stands in another's shadow.
 */
import { resolve } from 'node:path';
import { parseAddress } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import { packLibrary } from '../../packages/server/src/config/packs.ts';
import { createMatcher } from '../../packages/server/src/match/matcher.ts';
import type { Pack, PackPattern } from '../../packages/server/src/match/pack.ts';
import { newEntry } from '../../packages/server/src/syslog/entry.ts';
import { unescapeTabs } from '../../packages/server/src/syslog/lines.ts';
import { parseLine } from '../../packages/server/src/syslog/parse.ts';
import { forgeries, logForms, placesOf, textsFor, wideRepeat, type Place } from '../support/forge.ts';

const library = packLibrary([resolve(import.meta.dirname, '../../config/packs')]);
const names = library.names();
const packs: readonly Pack[] = names.flatMap((name) => library.get(name)?.pack ?? []);
const patterns: readonly PackPattern[] = packs.flatMap((pack) => pack.patterns);
// The good ones as rules, too: as good ones they would hide each other, and the bad ones.
const matcher = createMatcher([], patterns.map((p) => p.compiled));
const entry = newEntry();
const buffer = Buffer.alloc(70_000);

/** What all patterns say of a line: `sshd/failed-password`, good or bad, and whom it names. */
function hitsOf(line: string): readonly { readonly pattern: PackPattern; readonly address: string }[] {
  const length = buffer.write(line);
  parseLine(buffer, 0, unescapeTabs(buffer, 0, length), entry);
  const { hits } = matcher.match(entry);
  return hits.length === 0 ? [] : hits.flatMap(({ rule, address }) => (patterns[rule] === undefined ? [] : [{ pattern: patterns[rule], address }]));
}

const said = (line: string): string[] => hitsOf(line).map(({ pattern, address }) => `${pattern.fullName} ${address}`);

test.each(names)('%s loads without a fault', (name) => {
  expect(library.get(name)?.issues.map((issue) => `${issue.line}: ${issue.message}`)).toEqual([]);
});

describe.each(packs)('$name', (pack) => {
  test('has no wide repeat that nobody has named', () => {
    const found = pack.patterns.flatMap(({ name, match, begins }) => [match, ...begins].flatMap((expression) => {
      const wide = wideRepeat(expression);
      return wide === undefined ? [] : [`${name}: …${wide}…`];
    }));
    expect(found, 'what may hold anything has a name, so that it can be forged here: (?<user>…), or (?<ownReason>…) where nobody outside chooses it').toEqual([]);
  });

  test('has two samples of every pattern', () => {
    expect(pack.patterns.filter((p) => p.samples.length < 2).map((p) => p.name)).toEqual([]);
  });

  test('says the same of a line in every form in which it may come', () => {
    for (const { samples, fullName } of pack.patterns) {
      for (const { line, address, after } of samples) {
        if (after !== undefined) said(after);
        expect(said(line), line).toContain(`${fullName} ${parseAddress(address)}`);
        for (const form of logForms(line)) expect(said(form.line), `${form.form}: ${form.line}`).toEqual(said(line));
      }
    }
  });

  test('names nobody else, whatever is written into its fields', () => {
    const places = pack.patterns.flatMap(placesOf);
    const own = textsFor(pack, places);
    const faults: string[] = [];
    for (const place of places) {
      if (place.fields.length === 0) continue;
      const honest = new Set<string>(hitsOf(place.head + place.text).map(({ address }) => address));
      const { good, fullName } = place.pattern;
      for (const line of forgeries(place, own, { pairs: 60 })) {
        for (const { pattern, address } of hitsOf(line)) {
          if (!honest.has(address)) faults.push(`${pattern.fullName} names ${address} in a line of ${fullName}: ${line}`);
          else if (pattern.good && !good) faults.push(`${pattern.fullName} pardons in a line of ${fullName}: ${line}`);
        }
        if (faults.length >= 3) break;
      }
    }
    expect(faults).toEqual([]);
  });
});

test('long fields cost in proportion to their length', () => {
  const longest = (place: Place): Place['fields'][number] | undefined => place.fields[0];
  const places = patterns.flatMap((pattern) => placesOf(pattern).filter((place) => longest(place) !== undefined).slice(0, 1));
  const time = (length: number, fill: string): number => {
    const lines = places.map((place) => {
      const { from, to } = longest(place) ?? { from: 0, to: 0 };
      return `${place.head}${place.text.slice(0, from)}${fill.repeat(Math.ceil(length / fill.length)).slice(0, length)}${place.text.slice(to)}`;
    });
    // The best of two: what disturbs a measurement only ever makes it longer.
    const once = (): number => {
      const start = performance.now();
      for (const line of lines) hitsOf(line);
      return performance.now() - start;
    };
    return Math.min(once(), once());
  };
  for (const fill of ['x', ' x from 203.0.113.9 ']) {
    const short = time(4096, fill);
    const long = time(63 * 1024, fill);
    expect(long, `a field of ${JSON.stringify(fill)}`).toBeLessThan(32 * short + 250);
  }
});
