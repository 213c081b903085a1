/** The source of log files over real files, with what it has delivered, and a store that remembers what was worked off. */
import { onTestFinished } from 'vitest';
import { systemClock } from '../../packages/server/src/clock.ts';
import { fileSource } from '../../packages/server/src/ingest/file.ts';
import type { Source } from '../../packages/server/src/ingest/source.ts';
import { splitLines } from '../../packages/server/src/syslog/lines.ts';
import { waitFor } from './wait-for.ts';

export interface Followed {
  readonly source: Source;
  /** Every line that was delivered, in order. */
  readonly lines: string[];
  /** What the admin was told. */
  readonly said: string[];
  /** What the store would have after a crash. */
  readonly stored: Map<string, string>;
  /** Waits until so many lines have come. */
  has(count: number, timeoutMs?: number): Promise<void>;
  /** Nothing more is worked off and nothing more is stored, as with kill -9; then it is closed. */
  crash(): Promise<void>;
}

/** @param stored what the last run left behind; it is not changed */
export async function follow(path: string, { from = 'end', stored = new Map<string, string>() }: { readonly from?: 'start' | 'end'; readonly stored?: ReadonlyMap<string, string> } = {}): Promise<Followed> {
  const lines: string[] = [];
  const said: string[] = [];
  const kept = new Map(stored);
  let dead = false;
  const source = fileSource({ path, from, positions: new Map(stored), spared: () => false, say: (message) => said.push(message) }, systemClock);
  onTestFinished(() => source.stop());
  await source.start((bytes, _at, progress) => {
    setImmediate(() => {
      if (!dead) {
        splitLines(bytes, (all, begin, end) => lines.push(all.toString('utf8', begin, end)));
        if (progress !== undefined) kept.set(progress.key, progress.after(bytes.length));
      }
      // What the receiver may do.
      bytes.fill(0x21);
      progress?.done?.();
    });
  });
  return {
    source,
    lines,
    said,
    stored: kept,
    has: async (count, timeoutMs = 20_000) => {
      await waitFor(`${count} lines`, () => lines.length >= count, { timeoutMs }, () => `${lines.length}: ${lines.slice(-3).join(' / ')}; ${JSON.stringify(source.stats())} ${said.join(' ')}`);
    },
    async crash() {
      await waitFor('the source to be known as seen', () => kept.size > 0);
      dead = true;
      await source.stop();
    },
  };
}
