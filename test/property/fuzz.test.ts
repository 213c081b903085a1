/**
 * A million datagrams, changed at random, through lines, parser, matcher and windows as the engine puts them together (I7).
 * The same ones every time; BANBAN_SEED=n makes others.
 */
import { instant, ms, parseAddress, type Address } from 'banban-shared';
import { isUtf8 } from 'node:buffer';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { createWindows, type Windows } from '../../packages/server/src/count/window.ts';
import type { Policy, RunningRule } from '../../packages/server/src/engine/policy.ts';
import { evidence, isOwn, newEntry } from '../../packages/server/src/syslog/entry.ts';
import { mendUtf8, splitLines, unescapeTabs } from '../../packages/server/src/syslog/lines.ts';
import { parseLine } from '../../packages/server/src/syslog/parse.ts';
import { mutated } from '../support/datagrams.ts';
import { defaultPolicy } from '../support/default-policy.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { misplaced } from '../support/parsed.ts';
import { seededRandom } from '../support/random.ts';
import { RealEngine } from '../support/real-engine.ts';
import { T0 } from '../support/records.ts';
import { scaled, seed } from '../support/search.ts';
import { tempDir } from '../support/temp-dir.ts';
import { unrulyFirewall } from '../support/unruly-firewall.ts';

const DATAGRAMS = scaled(1_000_000);
/** So many of them go through the engine itself too, which must count the same. */
const COMPARED = scaled(20_000);
/** No datagram may take longer, in milliseconds; hundreds of times what the worst of them takes. */
const LONGEST = 1000;
const SECOND = 1000;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const memory = (): number => {
  collectGarbage();
  // Without `external`: what buffers are outside the heap is given back some time after they were collected.
  return process.memoryUsage().heapUsed;
};

/** The parts as the engine puts them together, with a look at what passes from one to the next. */
class Line {
  readonly counters = { lines: 0, unparsed: 0, own: 0, good: 0, bad: 0, notAnAddress: 0 };
  readonly perRule: number[];
  readonly addresses = new Set<Address>();
  full = 0;
  private readonly entry = newEntry();

  constructor(
    private readonly policy: Policy,
    private readonly windows: Windows,
  ) {
    this.perRule = policy.rules.map(() => 0);
  }

  /** Puts one datagram through. Throws where something is not as it must be. */
  take(bytes: Buffer, at: number): void {
    const { counters, entry } = this;
    if (!isUtf8(bytes)) {
      const mended = Buffer.from(bytes);
      mendUtf8(mended);
      if (!isUtf8(mended)) throw new Error('mending left bytes that are no UTF-8');
    }
    let last = 0;
    let first: { readonly hasPri: boolean; readonly hasStamp: boolean } | undefined;
    splitLines(bytes, (b, from, to) => {
      if (from < last || to <= from || to > bytes.length) throw new Error(`a line from ${from} to ${to} after one that ended at ${last}, of ${bytes.length} bytes`);
      last = to;
      const end = unescapeTabs(b, from, to);
      if (end <= from || end > to) throw new Error(`unescaping moved the end of a line from ${to} to ${end}`);
      counters.lines++;
      parseLine(b, from, end, entry);
      const wrong = misplaced(entry);
      if (wrong !== undefined) throw new Error(wrong);
      if (entry.lineStart < from || entry.lineEnd !== end) throw new Error('the entry is not of this line');
      if (first === undefined) first = { hasPri: entry.hasPri, hasStamp: entry.hasStamp };
      else if ((first.hasPri && !entry.hasPri) || (first.hasStamp && !entry.hasStamp)) {
        counters.unparsed++;
        return;
      }
      if (entry.programEnd === entry.textStart) counters.unparsed++;
      else if (isOwn(entry)) {
        counters.own++;
        return;
      }
      const { good, hits, notAnAddress } = this.policy.matcher.match(entry);
      if (notAnAddress) counters.notAnAddress++;
      if (good !== undefined) {
        if (hits.length > 0) throw new Error('a line is good and bad');
        counters.good++;
        this.see(good.address);
        this.windows.forget(this.policy.rules.map((rule) => rule.threshold.rule), good.address);
        return;
      }
      if (hits.length === 0) return;
      counters.bad++;
      const text = evidence(entry);
      const seen = new Set<number>();
      for (const { rule: index, address } of hits) {
        const rule = this.policy.rules[index];
        if (rule === undefined || seen.has(index)) throw new Error(`rule ${index} is unknown, or counts the line twice`);
        seen.add(index);
        this.perRule[index] = (this.perRule[index] ?? 0) + 1;
        this.see(address);
        const window = this.windows.hit(rule.threshold, address, instant(at), text);
        if (window === undefined) continue;
        this.full++;
        if (window.lines.length !== rule.threshold.occurrences) throw new Error(`a window of ${window.lines.length} lines is full`);
      }
      if (this.windows.size > this.windows.capacity) throw new Error('more windows than there is room for');
    });
  }

  private see(address: Address): void {
    if (this.addresses.size < 5000 && !this.addresses.has(address)) {
      if (parseAddress(address) !== address) throw new Error(`${address} is not canonical`);
      this.addresses.add(address);
    }
  }
}

test('a million datagrams, changed at random, upset nothing', { timeout: scaled(300 * SECOND) }, () => {
  const policy = defaultPolicy();
  const windows = createWindows(1000, 256 * 1024);
  const line = new Line(policy, windows);
  const random = seededRandom(seed);
  let slowest = 0;
  let before = 0;
  for (let i = 0; i < DATAGRAMS; i++) {
    const bytes = mutated(random);
    // What is put through is changed on the way; a failure shows what was sent.
    const sent = Buffer.from(bytes);
    // The caches are full after the first tenth; from then on nothing may grow.
    if (i === DATAGRAMS / 10) before = memory();
    try {
      const began = performance.now();
      line.take(bytes, T0 + i);
      let took = performance.now() - began;
      // The machine may have been busy with something else: slow is what is slow again.
      for (let again = 0; took > LONGEST && again < 2; again++) {
        const anew = performance.now();
        new Line(policy, createWindows()).take(Buffer.from(sent), T0);
        took = Math.min(took, performance.now() - anew);
      }
      if (took > LONGEST) throw new Error(`it took ${Math.round(took)} ms`);
      slowest = Math.max(slowest, took);
    } catch (error) {
      throw new Error(`datagram ${i} of BANBAN_SEED=${seed}, ${bytes.length} bytes that begin with ${JSON.stringify(sent.toString('latin1', 0, 1000))}: ${String(error)}`, { cause: error });
    }
  }
  expect(memory() - before, 'bytes that the heap grew').toBeLessThan(2 * 1024 * 1024);
  expect(slowest).toBeLessThan(LONGEST);
  // Not for want of getting through: every part has had its share, and every rule.
  const { counters, full, perRule } = line;
  expect(counters.lines).toBeGreaterThan(DATAGRAMS);
  expect(counters.bad).toBeGreaterThan(DATAGRAMS / 4);
  expect(counters.good).toBeGreaterThan(DATAGRAMS / 50);
  expect(counters.unparsed).toBeGreaterThan(DATAGRAMS / 50);
  expect(counters.own).toBeGreaterThan(DATAGRAMS / 1000);
  expect(counters.notAnAddress).toBeGreaterThan(DATAGRAMS / 1000);
  expect(full).toBeGreaterThan(DATAGRAMS / 50);
  expect(line.addresses.size).toBeGreaterThan(1000);
  expect(windows.evicted).toBeGreaterThan(100);
  policy.rules.forEach((rule, i) => countsLines(rule) && expect(perRule[i], rule.config.name).toBeGreaterThan(DATAGRAMS / 1000));
});

/** Rules that count bans get none of the lines. */
const countsLines = (rule: RunningRule | undefined): boolean => rule?.config.countsBansOf === undefined;

test('the engine makes the same of them', { timeout: scaled(120 * SECOND) }, () => {
  const whole = defaultPolicy();
  // Without what looks at an address's other lines: those who tried many names are not pardoned, and who has logged in has more tries.
  const policy: Policy = { ...whole, config: { ...whole.config, breakinAfter: undefined }, rules: whole.rules.map((rule) => ({ ...rule, config: { ...rule.config, grace: ms(0) } })) };
  const line = new Line(policy, createWindows());
  const clock = fakeClock();
  const real = new RealEngine(`${tempDir()}/banban.db`, clock, unrulyFirewall(), policy);
  try {
    const random = seededRandom(seed);
    for (let i = 0; i < COMPARED; i++) {
      const bytes = mutated(random);
      real.engine.deliver(Buffer.from(bytes), clock.now());
      if (i % 1000 === 0) clock.turn();
      line.take(bytes, clock.now());
    }
    clock.turn();
    expect(real.engine.queue()).toMatchObject({ queued: 0, dropped: 0 });
    expect(real.engine.counters()).toEqual(line.counters);
    const counting = policy.rules.filter(countsLines);
    expect(counting.map((rule) => real.engine.ruleCounters(rule.config.name).matches)).toEqual(line.perRule.filter((_, i) => countsLines(policy.rules[i])));
    expect(counting.reduce((sum, rule) => sum + real.engine.ruleCounters(rule.config.name).offences, 0)).toBe(line.full);
  } finally {
    real.close();
  }
});
