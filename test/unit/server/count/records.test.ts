import { expect, test } from 'vitest';
import { NONE, Records } from '../../../../packages/server/src/count/records.ts';

test('a record keeps what was written to it, whatever others are taken and given', () => {
  const records = new Records(4);
  const numbers = Array.from({ length: 10_000 }, () => records.take());
  expect(new Set(numbers).size).toBe(10_000);
  numbers.forEach((record, i) => {
    records.setDouble(record, i + 0.5);
    records.set(record, 2, i);
    records.set(record, 3, NONE);
  });
  numbers.forEach((record, i) => i % 3 > 0 && records.give(record));
  for (let i = 0; i < 3000; i++) records.set(records.take(), 2, -7);
  const left = numbers.filter((_, i) => i % 3 === 0);
  expect(left.map((record) => [records.getDouble(record), records.get(record, 2), records.get(record, 3)])).toEqual(left.map((_, i) => [3 * i + 0.5, 3 * i, NONE]));
  expect(records.inUse).toBe(left.length + 3000);
});

test('the lowest place is taken first, so that the pages at the end become empty', () => {
  const records = new Records(2);
  const numbers = Array.from({ length: 20_000 }, () => records.take());
  for (const record of numbers.slice(100)) records.give(record);
  records.give(numbers[3] ?? NONE);
  expect(records.take()).toBe(numbers[3]);
  for (let i = 0; i < 3000; i++) expect(records.take()).toBeLessThan(4096);
  for (let i = 0; i < 10; i++) records.trim();
  const again = Array.from({ length: 20_000 }, () => records.take());
  expect(new Set([...numbers.slice(0, 100), ...again]).size).toBe(20_100);
});
