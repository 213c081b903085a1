import { instant, type Instant } from 'banban-shared';
import { expect, test } from 'vitest';
import type { Clock } from '../../../../packages/server/src/clock.ts';
import { createFeed } from '../../../../packages/server/src/engine/feed.ts';
import { createPump, type PumpOptions } from '../../../../packages/server/src/engine/pump.ts';
import { T0 } from '../../../support/records.ts';

/** A loop that turns when it is told to, and a clock that goes on by what each piece of work takes. */
function room(options: Partial<PumpOptions> & { readonly workTakes?: number } = {}) {
  let now: number = T0;
  let due: (() => void)[] = [];
  const worked: string[] = [];
  const arrivals: Instant[] = [];
  const feed = createFeed({ name: 'log' });
  const slices: number[] = [];
  const clock: Clock = { now: () => instant(now), after: () => ({ cancel: () => undefined }), soon: (action) => void due.push(action) };
  const pump = createPump({
    clock,
    work: ({ bytes, at }) => {
      worked.push(bytes.toString());
      arrivals.push(at);
      now += options.workTakes ?? 0;
    },
    endSlice: () => void slices.push(worked.length),
    ...options,
  });
  return {
    pump, worked, arrivals, slices,
    push: (...texts: readonly string[]) => texts.forEach((text) => pump.push({ bytes: Buffer.from(text), at: instant(now), feed, progress: undefined })),
    /** One turn of the loop; answers whether anybody wanted it. */
    turn(): boolean {
      const actions = due;
      due = [];
      for (const action of actions) action();
      return actions.length > 0;
    },
    pass: (milliseconds: number) => void (now += milliseconds),
  };
}

const many = (n: number): string[] => Array.from({ length: n }, (_, i) => String(i));

test('what arrives is worked off in its order, with the instant of its arrival, and each slice is ended', () => {
  const r = room();
  r.push('a');
  r.pass(5);
  r.push('b');
  r.pass(1000);
  while (r.turn());
  expect(r.worked).toEqual(['a', 'b']);
  expect(r.arrivals).toEqual([T0, T0 + 5]);
  expect(r.slices).toEqual([2]);
  expect(r.pump.queued).toBe(0);
});

test('nothing is worked off where it arrives: the receiver is back at once', () => {
  const r = room();
  r.push('a');
  expect(r.worked).toEqual([]);
  expect(r.pump.queued).toBe(1);
});

test('receiving comes first: a turn in which something arrived is not spent on work', () => {
  const r = room();
  r.push('a');
  r.turn();
  expect(r.worked).toEqual([]);
  r.push('b');
  r.turn();
  expect(r.worked).toEqual([]);
  r.turn();
  expect(r.worked).toEqual(['a', 'b']);
});

test('under a flood that never pauses work goes on as well', () => {
  const r = room();
  for (let turn = 0; turn < 1100; turn++) {
    r.push(String(turn));
    r.turn();
  }
  expect(r.worked.length).toBeGreaterThanOrEqual(1000);
  expect(r.worked).toEqual(many(1100).slice(0, r.worked.length));
});

test('and under a flood faster than the work a turn is a slice of about a millisecond, not the whole queue', () => {
  const r = room({ workTakes: 0.1 });
  r.push(...many(1000));
  r.turn();
  expect(r.worked).toHaveLength(32);
  r.push(...many(100));
  r.turn();
  expect(r.worked, 'what arrived meanwhile is received first').toHaveLength(32);
  while (r.turn());
  expect(r.worked).toHaveLength(1100);
  expect(r.slices.length).toBeGreaterThan(30);
});

test('a clock that is put back in the middle of a slice does not make it the whole queue', () => {
  let worked = 0;
  const back = room({ work: () => {
    worked++;
    back.pass(worked === 10 ? -3_600_000 : 0.05);
  } });
  back.push(...many(3000));
  while (worked === 0 && back.turn());
  expect(worked).toBeLessThan(200);
  while (back.turn());
  expect(worked).toBe(3000);
});

test('a slice of large deliveries is no longer for their size', () => {
  const r = room({ workTakes: 2 });
  r.push(...many(10).map(() => 'x'.repeat(65_536)));
  r.turn();
  r.turn();
  expect(r.worked).toHaveLength(1);
});

test('the loop rests when there is nothing to do', () => {
  const r = room();
  expect(r.turn()).toBe(false);
  r.push('a');
  while (r.turn());
  expect(r.turn()).toBe(false);
});

test('the queue is bounded by count: what finds it full is dropped and counted, what was there stays', () => {
  const r = room({ capacity: 3 });
  r.push('a', 'b', 'c', 'd', 'e');
  expect(r.pump).toMatchObject({ queued: 3, capacity: 3, dropped: 2 });
  while (r.turn());
  expect(r.worked).toEqual(['a', 'b', 'c']);
  r.push('f', 'g', 'h');
  while (r.turn());
  expect(r.worked).toEqual(['a', 'b', 'c', 'f', 'g', 'h']);
  expect(r.pump.dropped).toBe(2);
});

test('and by bytes, which are given back when the work is done', () => {
  const r = room({ byteCapacity: 10 });
  r.push('12345', '12345', '1');
  expect(r.pump).toMatchObject({ queued: 2, dropped: 1 });
  while (r.turn());
  r.push('1234567890', '1');
  expect(r.pump).toMatchObject({ queued: 1, dropped: 2 });
});

test('the places of a long queue are given back while it is worked off', () => {
  const r = room({ capacity: 20_000, workTakes: 0.001 });
  r.push(...many(20_000));
  for (let i = 0; r.pump.queued > 5000; i++) {
    if (i > 10_000) throw new Error('the queue does not get shorter');
    r.turn();
  }
  const room5000 = 20_000 - r.pump.queued;
  r.push(...many(room5000 + 1));
  expect(r.pump).toMatchObject({ queued: 20_000, dropped: 1 });
  while (r.turn());
  expect(r.worked).toEqual([...many(20_000), ...many(room5000)]);
});

test('a drain works everything off at once, however long it takes', () => {
  const r = room({ workTakes: 10 });
  r.push(...many(500));
  r.pump.drain();
  expect(r.worked).toEqual(many(500));
  expect(r.slices.at(-1), 'the last slice is ended').toBe(500);
  while (r.turn());
  expect(r.worked).toHaveLength(500);
});

test('a fault in the work of one delivery is not hidden and does not keep the others', () => {
  const worked: string[] = [];
  let ends = 0;
  const r = room({
    work: ({ bytes }) => {
      if (bytes.toString() === 'bad') throw new Error('a fault');
      worked.push(bytes.toString());
    },
    endSlice: () => ends++,
  });
  r.push('a', 'bad', 'b');
  r.turn();
  expect(() => r.turn()).toThrow('a fault');
  expect(ends, 'what was decided before it is written').toBe(1);
  while (r.turn());
  expect(worked).toEqual(['a', 'b']);
  r.push('c');
  while (r.turn());
  expect(worked).toEqual(['a', 'b', 'c']);
});

test('the clock is looked at after each piece of a stream, which may have a thousand lines', () => {
  const r = room({ workTakes: 2 });
  for (let i = 0; i < 5; i++) r.pump.push({ bytes: Buffer.from('a'), at: T0, feed: createFeed({ name: 'stream' }), progress: { key: 'x', after: () => '' } });
  while (r.turn());
  expect(r.slices).toEqual([1, 2, 3, 4, 5]);
});
