import { instant, type Subject } from 'banban-shared';
import { expect, test } from 'vitest';
import { simulatedCutter, simulatedFirewall } from '../../../../packages/server/src/enforce/simulated.ts';
import { prefix, target } from '../../../support/policies.ts';
import { nth } from '../../../support/records.ts';

const [A, B, C] = [nth(1), nth(2), nth(3)];

const open = (firewall = simulatedFirewall(), name = 'X', backend: 'xt_recent' | 'nftables' = 'xt_recent') => {
  const list = firewall.open(target(name), backend, () => expect.unreachable('nobody else changes it'));
  return {
    ...list,
    put: (remove: readonly Subject[], add: readonly Subject[]) => list.write({ remove, add: add.map((subject) => ({ subject, until: instant(0) })) }),
    rows: (): string[] => {
      const state = list.read();
      return state.state === 'present' ? [...state.subjects] : [state.state];
    },
  };
};

test('lists are there, hold addresses and networks, and give back what was written', () => {
  const list = open();
  expect(list.backend).toBe('simulated');
  expect(list.refuses(prefix('198.51.100.0/24'))).toBeUndefined();
  expect(list.put([], [A, B]).size).toBe(0);
  list.put([A, C], [C, prefix('198.51.100.0/24')]);
  expect(list.rows()).toEqual([B, C, '198.51.100.0/24']);
  expect(list.identity()).toBe(list.identity());
  expect(list.hits().size).toBe(0);
});

test('each target has a list of its own in each backend, which outlives its closing', () => {
  const firewall = simulatedFirewall();
  const list = open(firewall);
  list.put([], [A]);
  list.close();
  expect(open(firewall).rows()).toEqual([A]);
  expect(open(firewall, 'Y').rows()).toEqual([]);
  expect(open(firewall, 'X', 'nftables').rows()).toEqual([]);
});

test('what was read does not change with the list', () => {
  const list = open();
  const state = list.read();
  list.put([], [A]);
  expect(state).toEqual({ state: 'present', subjects: new Set(), pending: new Set(), failures: new Map(), capacity: undefined });
});

test('beyond its capacity the row stamped longest ago goes, unsaid, as in the kernel', () => {
  const list = open(simulatedFirewall({ capacity: 2 }));
  list.put([], [A, B]);
  list.put([], [A]);
  expect(list.put([], [C]).size).toBe(0);
  expect(list.rows()).toEqual([A, C]);
});

test('the simulated cutter cuts nothing and says that it can’t', async () => {
  const cutter = simulatedCutter();
  cutter.cut([A], () => expect.unreachable('nothing was cut'));
  expect(cutter.stats()).toEqual({ available: false, queued: 0, cut: 0, failed: 0, lastError: undefined, dropped: 0 });
  await cutter.stop();
});
