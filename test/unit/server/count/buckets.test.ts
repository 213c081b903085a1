import { expect, test } from 'vitest';
import { Buckets, OWN_WORDS } from '../../../../packages/server/src/count/buckets.ts';
import { NONE, Records } from '../../../../packages/server/src/count/records.ts';
import { createScatter } from '../../../../packages/server/src/count/scatter.ts';

const key = (i: number): Int32Array => Int32Array.of(0, 0, 0, i, 64);

test.each([
  ['well spread', createScatter(1)],
  ['all the same', () => -1],
  ['only in their highest bits', (words: Int32Array) => (words[3] ?? 0) << 20],
])('keys are found while buckets grow and shrink, with hashes that are %s', (name, hash) => {
  const records = new Records(OWN_WORDS + 1);
  const buckets = new Buckets(records);
  const many = name === 'well spread' ? 40_000 : 1000;
  const find = (i: number): number => buckets.find(key(i), hash(key(i)));
  const add = (i: number): void => {
    const record = records.take();
    buckets.add(record, key(i), hash(key(i)));
    records.set(record, OWN_WORDS, i);
  };
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < many; i++) {
      if (find(i) !== NONE) expect.fail(`${i} is there before it was put in`);
      add(i);
    }
    for (let i = 0; i < many; i++) if (records.get(find(i), OWN_WORDS) !== i) expect.fail(`${i} is not where it should be`);
    for (let i = 0; i < many; i += 2) {
      const record = find(i);
      buckets.remove(record);
      records.give(record);
    }
    for (let i = 0; i < many; i++) if ((find(i) === NONE) !== (i % 2 === 0)) expect.fail(`${i} was lost, or found though it went`);
    for (let i = 1; i < many; i += 2) {
      const record = find(i);
      buckets.remove(record);
      records.give(record);
    }
    expect(records.inUse).toBe(0);
  }
});

test('addresses in a row, as a scan has them, spread over a table as chance would have it, with every seed', () => {
  for (const seed of [0, 1, 12_345, 2 ** 32 - 1]) {
    const scatter = createScatter(seed);
    const places = new Set(Array.from({ length: 4096 }, (_, i) => scatter(key(0x0a000000 + i)) & 4095));
    // Of 4096 balls in 4096 bins 63 % of the bins have one.
    expect(places.size).toBeGreaterThan(2400);
  }
  expect(createScatter(1)(key(1))).not.toBe(createScatter(2)(key(1)));
});
