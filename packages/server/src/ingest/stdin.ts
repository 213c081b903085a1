/** Standard input as a source: `tail -F x | banband`. It is read as fast as it is worked off, and its end is no end of banband. */
import { isatty } from 'node:tty';
import type { Readable } from 'node:stream';
import type { Instant } from 'banban-shared';
import type { Clock } from '../clock.ts';
import { lineFramer, type EachRecord } from './framing.ts';
import { createInHand } from './in-hand.ts';
import { oneLine } from './one-line.ts';
import { createPieces } from './pieces.ts';
import type { Deliver, Source } from './source.ts';

/** Longer lines are cut, as in every source. */
const LONGEST_LINE = 65_536;

/** Lines of standard input, or of `input`, which is not looked at before the start. */
export function stdinSource(clock: Clock, input: () => Readable = () => process.stdin, isTerminal = (): boolean => isatty(0)): Source {
  const hand = createInHand(clock);
  const framer = lineFramer(LONGEST_LINE);
  let stream: Readable | undefined;
  let records = 0;
  let bytes = 0;
  let cut = 0;
  let lastAt: Instant | undefined;
  let error: string | undefined;

  /** Delivers what `read` gives. */
  function take(deliver: Deliver, length: number, read: (each: EachRecord) => void): void {
    const pieces = createPieces(length);
    read((record, isCut) => {
      if (isCut) cut++;
      const line = oneLine(record, isCut);
      if (line.length === 0) return;
      records++;
      pieces.add(line);
    });
    const all = pieces.take();
    if (all.length === 0) return;
    lastAt = clock.now();
    stream?.pause();
    const done = hand.take();
    const goOn = (): void => {
      done();
      stream?.resume();
    };
    for (const [i, piece] of all.entries()) {
      bytes += piece.length;
      deliver(piece, lastAt, {
        // There is nothing to read again: only so that it is not dropped, and for `done`.
        key: 'stdin',
        after: () => '',
        ...(i < all.length - 1 ? {} : { done: goOn }),
      });
    }
  }

  return {
    type: 'stdin',
    path: 'standard input',
    start(deliver) {
      if (isTerminal()) return Promise.reject(new Error('standard input is a terminal, and nobody types log lines: start it as tail -F FILE | banband, or take the source of type stdin out'));
      const opened = input();
      stream = opened;
      opened.on('data', (chunk: Buffer) => take(deliver, chunk.length, (each) => framer.push(chunk, each)));
      opened.once('end', () => {
        // A writer that ended has written its last line, newline or not.
        take(deliver, framer.held, (each) => framer.end(each));
        error = 'standard input has ended: no line comes from it any more';
      });
      opened.on('error', (cause) => void (error = `standard input can't be read any more: ${cause.message}`));
      return Promise.resolve();
    },
    async stop() {
      const open = stream;
      stream = undefined;
      open?.destroy();
      await hand.empty();
    },
    stats: () => ({ datagrams: records, bytes, cut, lastAt, error }),
  };
}
