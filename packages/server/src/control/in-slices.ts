/**
 * Long lists, a slice at a time. 100,000 bans as JSON are half a second of work: the loop turns in between, so that lines are
 * matched and others are answered meanwhile.
 */
import { Readable } from 'node:stream';
import { ms } from 'banban-shared';
import type { Clock } from '../clock.ts';

/** So many bans are JSON within some 5 ms. A list that is no longer is answered in one piece. */
export const SLICE = 500;
/** Whoever takes nothing off the socket for so long is let go: what is not sent yet keeps the list in memory. */
const PATIENCE = ms(30_000);

/** When the loop has looked for input once. */
const turn = (clock: Clock): Promise<void> => new Promise((resolve) => clock.soon(resolve));

/** As `filter`, with a turn of the loop after each slice. The list must not change meanwhile. */
export async function filterInSlices<Item>(clock: Clock, items: readonly Item[], wanted: (item: Item) => boolean): Promise<Item[]> {
  const found: Item[] = [];
  for (let from = 0; from < items.length; from += SLICE) {
    if (from > 0) await turn(clock);
    for (const item of items.slice(from, from + SLICE)) if (wanted(item)) found.push(item);
  }
  return found;
}

/** The text of `{"KEY": [...]}`, made as it is read. `view` makes of an item what stands in the list, when it is its turn. */
export function inSlices<Item>(clock: Clock, key: string, items: readonly Item[], view: (item: Item) => unknown): Readable {
  async function* slices(): AsyncGenerator<string> {
    let head = `{${JSON.stringify(key)}:[`;
    for (let from = 0; from < items.length; from += SLICE) {
      if (from > 0) await turn(clock);
      const list = JSON.stringify(items.slice(from, from + SLICE).map(view));
      const patience = clock.after(PATIENCE, () => stream.destroy());
      try {
        yield head + list.slice(1, -1);
      } finally {
        patience.cancel();
      }
      head = ',';
    }
    yield items.length === 0 ? `${head}]}` : ']}';
  }
  // Two slices at most wait to be sent.
  const stream = Readable.from(slices(), { objectMode: true, highWaterMark: 1 });
  return stream;
}
