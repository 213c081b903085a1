import { describe, expect, test } from 'vitest';
import { passes } from '../../../../../packages/server/src/enforce/connections/passes.ts';
import { fakeClock } from '../../../../support/fake-clock.ts';

/** Passes of which each takes as long as it is told. */
function made() {
  const clock = fakeClock();
  let now = 0;
  const ends: (() => void)[] = [];
  const work = passes(clock, () => new Promise<void>((resolve) => void ends.push(resolve)), () => now);
  const end = async (took: number): Promise<void> => {
    now += took;
    ends.at(-1)?.();
    await Promise.resolve();
    await Promise.resolve();
  };
  return { clock, work, begun: () => ends.length, end };
}

describe('a pass', () => {
  test('begins in the next turn, once for all that woke it in this one', () => {
    const { clock, work, begun } = made();
    for (let i = 0; i < 100; i++) work.wake();
    expect(begun()).toBe(0);
    clock.turn();
    expect(begun()).toBe(1);
    clock.advance(60_000);
    expect(begun()).toBe(1);
  });

  test('is rested from for nine times as long as it took, and then what came meanwhile is one pass', async () => {
    const { clock, work, begun, end } = made();
    work.wake();
    clock.turn();
    work.wake();
    await end(10);
    work.wake();
    clock.advance(89);
    expect(begun()).toBe(1);
    clock.advance(1);
    expect(begun()).toBe(2);
    await end(10);
    clock.advance(60_000);
    expect(begun()).toBe(2);
    work.wake();
    clock.turn();
    expect(begun()).toBe(3);
  });

  test('that took very long is rested from for five seconds', async () => {
    const { clock, work, begun, end } = made();
    work.wake();
    clock.turn();
    work.wake();
    await end(60_000);
    clock.advance(4999);
    expect(begun()).toBe(1);
    clock.advance(1);
    expect(begun()).toBe(2);
  });

  test('is the last when it was stopped, and is waited for', async () => {
    const { clock, work, begun, end } = made();
    work.wake();
    clock.turn();
    work.wake();
    let stopped = false;
    const stopping = work.stop().then(() => (stopped = true));
    await Promise.resolve();
    expect(stopped).toBe(false);
    await end(1);
    await stopping;
    work.wake();
    clock.advance(60_000);
    expect(begun()).toBe(1);
  });

  test('does not come where it was stopped before its turn, or while resting', async () => {
    const early = made();
    early.work.wake();
    await early.work.stop();
    early.clock.advance(60_000);
    expect(early.begun()).toBe(0);
    const late = made();
    late.work.wake();
    late.clock.turn();
    late.work.wake();
    await late.end(1);
    await late.work.stop();
    late.clock.advance(60_000);
    expect(late.begun()).toBe(1);
  });
});
