import { instant, NEVER, type Instant } from 'banban-shared';
import { expect, test } from 'vitest';
import { createUnsaved } from '../../../../packages/server/src/engine/unsaved.ts';
import type { BanRecord } from '../../../../packages/server/src/store/store.ts';
import { banWrite, nth, offence, T0 } from '../../../support/records.ts';

const at = (milliseconds: number): Instant => instant(T0 + milliseconds);
const nobody = (): undefined => undefined;
const write = (who: number, until = at(1000)) => banWrite({ address: nth(who), until, offence: offence({ address: nth(who) }) });

test('a write that failed is remembered as it was, and stands as a ban under a number that no saved one has', () => {
  const unsaved = createUnsaved();
  const [a, b] = [write(1), write(2)];
  const records = unsaved.keep([a, b], nobody);
  expect(records).toEqual([
    { id: -1, address: nth(1), target: 'BLOCKER', origin: { kind: 'rule', name: 'ssh' }, level: 1, reason: undefined, since: T0, until: at(1000), connections: 0 },
    { id: -2, address: nth(2), target: 'BLOCKER', origin: { kind: 'rule', name: 'ssh' }, level: 1, reason: undefined, since: T0, until: at(1000), connections: 0 },
  ]);
  expect(unsaved.size).toBe(2);
  expect(unsaved.take()).toEqual([a, b]);
  expect(unsaved.size).toBe(0);
  expect(unsaved.take()).toEqual([]);
});

test('for a ban that stands it is an extension: same ban, never shorter, and what the write does not say stays', () => {
  const standing: BanRecord = { id: 7, address: nth(1), target: 'BLOCKER', origin: { kind: 'manual', name: 'ann' }, level: 2, reason: 'scans', since: at(-500), until: at(5000), connections: 3 };
  const longer = createUnsaved().keep([{ ...write(1, at(9000)), origin: standing.origin, level: undefined, reason: undefined }], () => standing);
  expect(longer).toEqual([{ ...standing, until: at(9000) }]);
  expect(createUnsaved().keep([write(1, at(10))], () => standing)[0]?.until).toBe(at(5000));
  expect(createUnsaved().keep([write(1, at(10))], () => ({ ...standing, until: NEVER }))[0]?.until).toBe(NEVER);
});

test('a ban that ended before it was saved is forgotten, and no other', () => {
  const unsaved = createUnsaved();
  const other = { ...write(1), target: 'THROTTLE' };
  unsaved.keep([write(1), write(2), other], nobody);
  unsaved.forget('BLOCKER', nth(1));
  expect(unsaved.take().map((w) => `${w.target} ${w.address}`)).toEqual([`BLOCKER ${nth(2)}`, `THROTTLE ${nth(1)}`]);
});

test('the offences that are remembered are bounded; beyond that every ban still is, once for each address, and as long as it was', () => {
  const unsaved = createUnsaved(3);
  unsaved.keep([write(1), write(2), write(3)], nobody);
  for (let round = 0; round < 100; round++) unsaved.keep([write(4, at(1000 + round)), write(5, at(900 - round)), write(1, at(7000))], nobody);
  expect(unsaved.size).toBe(6);
  const all = unsaved.take();
  expect(all.map((w) => [w.address, w.until, w.offence !== undefined])).toEqual([
    [nth(1), at(1000), true],
    [nth(2), at(1000), true],
    [nth(3), at(1000), true],
    [nth(4), at(1099), false],
    [nth(5), at(900), false],
    [nth(1), at(7000), false],
  ]);
  expect(unsaved.size).toBe(0);
});

test('a ban beyond the bound that ended is forgotten too', () => {
  const unsaved = createUnsaved(1);
  unsaved.keep([write(1), write(2), write(3)], nobody);
  unsaved.forget('BLOCKER', nth(2));
  expect(unsaved.take().map((w) => w.address)).toEqual([nth(1), nth(3)]);
});
