/** Whatever happens to a log, each of its lines comes exactly once: random writing, rotation of every kind, and crashes. */
import { appendFileSync, copyFileSync, renameSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { follow, type Followed } from '../support/followed-files.ts';
import { scaled } from '../support/search.ts';
import { tempDir } from '../support/temp-dir.ts';

type Step =
  | { readonly kind: 'write'; readonly lines: number; readonly length: number }
  /** Half a line now, the other half with the next writing. */
  | { readonly kind: 'half' }
  | { readonly kind: 'rename' | 'copytruncate' | 'remove' | 'settle' | 'crash' | 'begin' };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('write' as const), lines: fc.integer({ min: 1, max: 400 }), length: fc.integer({ min: 20, max: 200 }) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'half' as const }) },
  { weight: 6, arbitrary: fc.constantFrom('rename' as const, 'rename' as const, 'copytruncate' as const, 'remove' as const, 'settle' as const, 'crash' as const, 'begin' as const).map((kind) => ({ kind })) },
);

test.each([['its own name', ''], ['a pattern that has what rotation leaves behind', '*']])('each line comes once: %s', async (_, glob) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      const log = join(tempDir(), 'access.log');
      const written: string[] = [];
      const got: string[] = [];
      let number = 0;
      let half = '';
      let rotations = 0;
      // Else the first look finds nothing, and the next is a second later.
      appendFileSync(log, '');
      let followed: Followed | undefined = await follow(`${log}${glob}`, { from: 'start' });
      let stored = followed.stored;

      const write = (lines: number, length: number): void => {
        const fresh = Array.from({ length: lines }, () => `2026-01-01 line ${++number} `.padEnd(length, '.'));
        appendFileSync(log, `${half}${half === '' ? '' : ' end\n'}${fresh.join('\n')}\n`.slice(half.length));
        if (half !== '') written.push(`${half} end`);
        half = '';
        written.push(...fresh);
      };
      const begin = async (): Promise<Followed> => (followed ??= await follow(`${log}${glob}`, { stored }));
      const crash = async (): Promise<void> => {
        if (followed === undefined) return;
        await followed.crash();
        got.push(...followed.lines);
        ({ stored } = followed);
        followed = undefined;
      };
      const settle = async (): Promise<void> => (await begin()).has(written.length - got.length, 5000);

      write(1, 80);
      await settle();
      for (const one of steps) {
        switch (one.kind) {
          case 'write':
            write(one.lines, one.length);
            break;
          case 'half':
            if (half === '') appendFileSync(log, (half = `2026-01-01 half ${++number} `.padEnd(40, '.')));
            break;
          case 'rename':
            write(1, 80);
            renameSync(log, `${log}.${++rotations}`);
            write(1, 80);
            break;
          case 'copytruncate':
            // A log that came and went between two looks nobody has seen: something of it is known before.
            write(1, 80);
            await settle();
            if (rotations % 2 === 0) await crash();
            write(10, 100);
            copyFileSync(log, `${log}.${++rotations}`);
            truncateSync(log);
            break;
          case 'remove':
            write(1, 80);
            await settle();
            rmSync(log);
            write(1, 80);
            break;
          case 'settle':
            await settle();
            break;
          case 'crash':
            await crash();
            break;
          case 'begin':
            await begin();
            break;
        }
      }
      write(1, 80);
      await settle();
      await crash();
      expect([...got].sort()).toEqual([...written].sort());
    }),
    { numRuns: scaled(30), endOnFailure: true },
  );
}, scaled(120_000));
