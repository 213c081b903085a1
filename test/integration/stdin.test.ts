/** Standard input as a source: what a pipe brings, in any pieces, and its end. */
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { systemClock } from '../../packages/server/src/clock.ts';
import { stdinSource } from '../../packages/server/src/ingest/stdin.ts';
import { received } from '../support/syslog-sender.ts';
import { waitFor } from '../support/wait-for.ts';

const piped = () => {
  const pipe = new PassThrough();
  return { pipe, source: stdinSource(systemClock, () => pipe, () => false) };
};

test('lines come as they are written, the last one with the end', async () => {
  const { pipe, source } = piped();
  const { lines } = await received(source);
  pipe.write('one\ntw');
  await waitFor('the first', () => lines.length === 1);
  pipe.end('o\nthree');
  await waitFor('all', () => lines.length === 3);
  expect(lines).toEqual(['one', 'two', 'three']);
  expect(source.stats()).toMatchObject({ datagrams: 3, cut: 0, error: 'standard input has ended: no line comes from it any more' });
});

test('a line without end is cut, and the next one is whole', async () => {
  const { pipe, source } = piped();
  const { lines } = await received(source);
  pipe.end(`${'x '.repeat(100_000)}\nnext\n`);
  await waitFor('the next', () => lines.includes('next'));
  expect(source.stats().cut).toBe(1);
});

test('it is read as fast as it is worked off: nothing is dropped', async () => {
  const { pipe, source } = piped();
  const { lines, waiting } = await received(source, { hold: true });
  for (let i = 0; i < 50_000; i += 100) pipe.write(Array.from({ length: 100 }, (_, j) => `line ${i + j}\n`).join(''));
  pipe.end();
  await waitFor('the first', () => waiting.length > 0);
  expect(lines.length).toBeLessThan(50_000);
  await waitFor('the rest', () => {
    for (const progress of waiting.splice(0)) progress.done?.();
    return lines.length === 50_000;
  }, { everyMs: 1 });
  expect(lines.at(-1)).toBe('line 49999');
});

test('a terminal is none', async () => {
  await expect(stdinSource(systemClock, () => new PassThrough(), () => true).start(() => undefined)).rejects.toThrow('standard input is a terminal');
});

test('what can’t be read is said', async () => {
  const { pipe, source } = piped();
  await received(source);
  pipe.destroy(new Error('EIO'));
  await waitFor('the error', () => source.stats().error !== undefined);
  expect(source.stats().error).toBe('standard input can\'t be read any more: EIO');
});
