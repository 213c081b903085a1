/** A progress bar for files that take more than a moment, on a terminal only. */
import type { Progress } from './log-lines.ts';

/** Shows how far the reading is. */
export interface ProgressBar {
  show(progress: Progress): void;
  /** Wipes the bar away. */
  done(): void;
}

const WIDTH = 30;
/** Milliseconds: before the first sight of it, and between two. */
const PATIENCE = 500;
const BETWEEN = 100;

/** @param now milliseconds of a clock that only goes forward */
export function progressBar(out: NodeJS.WriteStream, label: string, now: () => number): ProgressBar {
  const began = now();
  let shownAt = 0;
  return {
    show({ bytes, of }) {
      const at = now();
      if (!out.isTTY || of === undefined || of === 0 || at - began < PATIENCE || at - shownAt < BETWEEN) return;
      shownAt = at;
      const part = Math.min(1, bytes / of);
      const left = ((at - began) / part - (at - began)) / 1000;
      const filled = Math.round(part * WIDTH);
      out.write(`\r${label} [${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}] ${String(Math.floor(part * 100)).padStart(3)} %  ${left < 1 ? '' : `${Math.ceil(left)} s left`}\x1b[K`);
    },
    done() {
      if (shownAt > 0) out.write('\r\x1b[K');
    },
  };
}
