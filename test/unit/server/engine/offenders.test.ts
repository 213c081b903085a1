import { expect, test } from 'vitest';
import { createOffenders } from '../../../../packages/server/src/engine/offenders.ts';
import { accepted, engineRoom, failed } from '../../../support/engine-room.ts';
import { nth } from '../../../support/records.ts';

test('who was never there surely has nothing on record; who was may have', () => {
  const offenders = createOffenders(() => [nth(1)]);
  expect([nth(1), nth(2)].map((one) => offenders.mayHave(one))).toEqual([true, false]);
  offenders.add(nth(2));
  expect(offenders.mayHave(nth(2))).toBe(true);
});

test('with more than are kept in memory the database has to be asked for everybody', () => {
  expect(createOffenders((limit) => Array.from({ length: limit }, (_, i) => nth(i))).mayHave(nth(1_000_000))).toBe(true);
  const offenders = createOffenders((limit) => Array.from({ length: limit - 1 }, (_, i) => nth(i)));
  expect(offenders.mayHave(nth(1_000_000))).toBe(false);
  offenders.add(nth(1_000_000));
  expect(offenders.mayHave(nth(2_000_000))).toBe(true);
});

test('levels go on over a restart, and after a pardon', () => {
  const room = engineRoom();
  const again = () => room.hear(failed(nth(1)), failed(nth(1)), failed(nth(1)));
  again();
  room.hear(accepted(nth(1)));
  room.clock.sleep(60_000);
  room.restart();
  again();
  expect(room.ban('BLOCKER', nth(1)).level).toBe(2);
});
