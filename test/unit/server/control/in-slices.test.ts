import { describe, expect, test } from 'vitest';
import { filterInSlices, inSlices, SLICE } from '../../../../packages/server/src/control/in-slices.ts';
import { systemClock, type Clock } from '../../../../packages/server/src/clock.ts';
import { fakeClock } from '../../../support/fake-clock.ts';

async function textOf(stream: AsyncIterable<unknown>): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text;
}

/** The machine's clock, and how much was done before each turn of the loop. */
function watched(): { readonly clock: Clock; readonly work: () => void; readonly turns: number[] } {
  const turns: number[] = [];
  let done = 0;
  const soon = (action: () => void): void => {
    turns.push(done);
    done = 0;
    systemClock.soon(action);
  };
  return { clock: { ...systemClock, soon }, work: () => void done++, turns };
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe('a long list as JSON', () => {
  test.each([0, 1, SLICE - 1, SLICE, SLICE + 1, 3 * SLICE, 3 * SLICE + 7])('of %i items is what JSON.stringify makes of it', async (count) => {
    const view = (n: number) => ({ n, text: '"\u2028é' });
    expect(await textOf(inSlices(systemClock, 'items', numbers(count), view))).toBe(JSON.stringify({ items: numbers(count).map(view) }));
  });

  test('is made in slices, with a turn of the loop after each', async () => {
    const { clock, work, turns } = watched();
    await textOf(inSlices(clock, 'items', numbers(100_000), (n) => (work(), n)));
    expect(turns).toHaveLength(100_000 / SLICE - 1);
    expect(Math.max(...turns)).toBe(SLICE);
  });

  test('is not made faster than it is read', async () => {
    const { clock, work, turns } = watched();
    const reader = inSlices(clock, 'items', numbers(100_000), (n) => (work(), n))[Symbol.asyncIterator]();
    await reader.next();
    await new Promise<void>((resolve) => systemClock.soon(resolve));
    expect(turns.length).toBeLessThan(4);
    await reader.return?.();
  });

  test('whose reader takes nothing for half a minute is let go of', async () => {
    const clock = fakeClock();
    const stream = inSlices(clock, 'items', numbers(2 * SLICE), (n) => n);
    await new Promise<void>((resolve) => void stream.once('readable', resolve));
    clock.advance(29_999);
    expect(stream.destroyed).toBe(false);
    clock.advance(1);
    expect(stream.destroyed).toBe(true);
  });

  test('in which a view fails, ends with that error', async () => {
    const failing = inSlices(systemClock, 'items', numbers(3 * SLICE), (n) => {
      if (n > SLICE) throw new TypeError('a fault');
      return n;
    });
    await expect(textOf(failing)).rejects.toThrow('a fault');
  });
});

test('a long list is filtered in slices, with a turn of the loop after each', async () => {
  const { clock, work, turns } = watched();
  const even = await filterInSlices(clock, numbers(10_000), (n) => (work(), n % 2 === 0));
  expect(even).toEqual(numbers(5000).map((n) => 2 * n));
  expect(turns).toEqual(numbers(10_000 / SLICE - 1).map(() => SLICE));
});
