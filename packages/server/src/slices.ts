/** Long work in slices, so that no log line waits for the end of it. */
import { precise, type Clock } from './clock.ts';

/** Half of what a log line may have to wait for. */
const LONGEST_SLICE_MS = 0.5;
/** Asking for the time costs as much as the least that is done for an item. */
const BETWEEN_LOOKS = 16;

/** Runs small steps to their result, and lets the loop turn whenever they have taken half a millisecond. */
export async function throughSteps<Result>(clock: Clock, steps: Generator<undefined, Result>): Promise<Result> {
  let start = precise();
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (precise() - start < LONGEST_SLICE_MS) continue;
    await new Promise<void>((resolve) => clock.soon(resolve));
    start = precise();
  }
}

/** Runs `action` for each item, and lets the loop turn whenever that has taken half a millisecond. */
export async function inSlices<Item>(clock: Clock, items: Iterable<Item>, action: (item: Item) => void): Promise<void> {
  let start = precise();
  let count = 0;
  for (const item of items) {
    action(item);
    if (++count % BETWEEN_LOOKS !== 0 || precise() - start < LONGEST_SLICE_MS) continue;
    await new Promise<void>((resolve) => clock.soon(resolve));
    start = precise();
  }
}
