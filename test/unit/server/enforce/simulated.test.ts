import { expect, test } from 'vitest';
import { simulatedCutter, simulatedFirewall } from '../../../../packages/server/src/enforce/simulated.ts';
import { nth } from '../../../support/records.ts';

const [A, B, C] = [nth(1), nth(2), nth(3)];

const rows = (firewall: ReturnType<typeof simulatedFirewall>, list: string): string[] => {
  const state = firewall.read(list);
  return state.state === 'present' ? [...state.addresses] : [state.state];
};

test('lists are there, apart from each other, and hold what was written', () => {
  const firewall = simulatedFirewall();
  expect(firewall.unavailable()).toBeUndefined();
  expect(firewall.write('X', { remove: [], add: [A, B] }).size).toBe(0);
  firewall.write('X', { remove: [A, C], add: [C] });
  expect(rows(firewall, 'X')).toEqual([B, C]);
  expect(rows(firewall, 'Y')).toEqual([]);
  expect(firewall.identity('X')).toBe(firewall.identity('X'));
});

test('what was read does not change with the list', () => {
  const firewall = simulatedFirewall();
  const state = firewall.read('X');
  firewall.write('X', { remove: [], add: [A] });
  expect(state).toEqual({ state: 'present', addresses: new Set(), capacity: undefined });
});

test('beyond its capacity the row stamped longest ago goes, unsaid, as in the kernel', () => {
  const firewall = simulatedFirewall({ capacity: 2 });
  firewall.write('X', { remove: [], add: [A, B] });
  firewall.write('X', { remove: [], add: [A] });
  expect(firewall.write('X', { remove: [], add: [C] }).size).toBe(0);
  expect(rows(firewall, 'X')).toEqual([A, C]);
});

test('the simulated cutter cuts nothing and says that it can’t', async () => {
  const cutter = simulatedCutter();
  cutter.cut([A]);
  expect(cutter.stats()).toEqual({ available: false, queued: 0, cut: 0, failed: 0, lastError: undefined, dropped: 0 });
  await cutter.stop();
});
