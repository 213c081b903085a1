/** The lines of log files, plain or gzip, and of standard input: read in blocks, given out as places in their bytes. */
import { createReadStream, fstatSync, openSync } from 'node:fs';
import { PassThrough, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

/** Called for each line, empty ones too; the line end is not part of it. The bytes may be changed, and are good until it returns. */
export type OnLine = (bytes: Buffer, from: number, to: number) => void;

/** How much of a file has been read. */
export interface Progress {
  readonly bytes: number;
  /** Undefined for what has no size: standard input, a pipe. */
  readonly of: number | undefined;
}

/** A file that can't be read; the message is a sentence for people. */
export class UnreadableLog extends Error {
  override readonly name = 'UnreadableLog';
}

const BLOCK = 256 * 1024;
const NEWLINE = 0x0a;
/** What a datagram can hold; the rest of a longer line is skipped, so that no file can fill the memory. */
const LONGEST_LINE = 65_536;

const reasons: Readonly<Record<string, string>> = { ENOENT: 'there is no such file', EACCES: 'this user may not read it', EISDIR: 'it is a directory' };

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code.startsWith('Z_')) return 'it is gzip, but damaged';
  return reasons[code] ?? (error instanceof Error ? error.message : String(error));
}

/** Calls `onLine` for every line of `file`, `-` for standard input, and `onBlock` now and then. @throws UnreadableLog */
export async function eachLine(file: string, onLine: OnLine, onBlock: (progress: Progress) => void = () => undefined): Promise<void> {
  let read = 0;
  let size: number | undefined;
  try {
    const raw: Readable = file === '-' ? process.stdin : openFile(file, (bytes) => (size = bytes));
    raw.on('data', (block: Buffer) => (read += block.length));
    let rest = Buffer.alloc(0);
    let skipping = false;
    for await (const block of await unpacked(raw)) {
      const bytes: Buffer = rest.length === 0 ? block : Buffer.concat([rest, block]);
      let start = 0;
      for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
        if (skipping) skipping = false;
        else onLine(bytes, start, withoutReturn(bytes, start, Math.min(end, start + LONGEST_LINE)));
        start = end + 1;
      }
      rest = Buffer.from(bytes.subarray(start));
      if (rest.length > LONGEST_LINE) {
        if (!skipping) onLine(rest, 0, LONGEST_LINE);
        skipping = true;
        rest = Buffer.alloc(0);
      }
      onBlock({ bytes: read, of: size });
    }
    if (rest.length > 0 && !skipping) onLine(rest, 0, withoutReturn(rest, 0, rest.length));
  } catch (error) {
    throw new UnreadableLog(`${file === '-' ? 'standard input' : file} can't be read: ${reasonOf(error)}`, { cause: error });
  }
}

const withoutReturn = (bytes: Buffer, start: number, end: number): number => (end > start && bytes[end - 1] === 0x0d ? end - 1 : end);

function openFile(file: string, onSize: (bytes: number) => void): Readable {
  const fd = openSync(file, 'r');
  const stat = fstatSync(fd);
  if (stat.isFile()) onSize(stat.size);
  return createReadStream(file, { fd, highWaterMark: BLOCK });
}

/** The stream itself, or what gzip (RFC 1952) made of it: told by the first two bytes. */
async function unpacked(raw: Readable): Promise<AsyncIterable<Buffer>> {
  const plain = new PassThrough({ highWaterMark: BLOCK });
  raw.on('error', (error) => plain.destroy(error));
  raw.pipe(plain);
  await new Promise<void>((resolve) => {
    plain.once('readable', resolve);
    plain.once('end', resolve);
    plain.once('error', () => resolve());
  });
  const first: Buffer | null = plain.read();
  if (first === null) return plain;
  plain.unshift(first);
  if (first[0] !== 0x1f || first[1] !== 0x8b) return plain;
  const gunzip = createGunzip({ chunkSize: BLOCK });
  plain.on('error', (error) => gunzip.destroy(error));
  return plain.pipe(gunzip);
}
