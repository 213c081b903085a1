/** Reads a list that is a file of this machine, and tells whether it has changed. */
import { constants } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { listParser, type ListText } from 'banban-shared';
import type { Clock } from '../clock.ts';
import { fileMark, fileReason } from '../file-reasons.ts';
import { throughSteps } from '../slices.ts';

/** As for a list that is fetched. */
const LARGEST = 64 * 1024 * 1024;
const PIECE = 65_536;

const reasonOf = (error: unknown): string => fileReason(error) ?? `it can’t be read: ${error instanceof Error ? error.message : String(error)}`;

/** What is another when the file was written or replaced; undefined when there is none. */
export async function fileStamp(path: string): Promise<string | undefined> {
  try {
    return fileMark(await stat(path, { bigint: true }));
  } catch {
    return undefined;
  }
}

/** The list, and the stamp that the file had then; or a problem, a sentence that begins with the path. Never throws, never waits for a pipe. */
export async function readListFile(clock: Clock, path: string, most: number): Promise<{ readonly kind: 'list'; readonly list: ListText; readonly stamp: string } | { readonly kind: 'failed'; readonly problem: string }> {
  const failed = (problem: string) => ({ kind: 'failed', problem: `${path}: ${problem}` }) as const;
  let file: FileHandle | undefined;
  try {
    // O_NONBLOCK, or opening a pipe would wait for its writer.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = await file.stat({ bigint: true });
    if (!stats.isFile()) return failed(stats.isDirectory() ? 'it is a directory; give the path of a file' : 'it is not a regular file');
    const parser = listParser(most);
    const bytes = Buffer.alloc(PIECE);
    for (let size = 0; ; ) {
      const { bytesRead } = await file.read(bytes, 0, PIECE, null);
      if (bytesRead === 0) break;
      size += bytesRead;
      if (size > LARGEST) return failed('it has more than 64 MiB, which no list of addresses has');
      const problem = await throughSteps(clock, parser.pushing(bytes.subarray(0, bytesRead)));
      if (problem !== undefined) return failed(problem);
    }
    const list = await throughSteps(clock, parser.ending());
    return 'problem' in list ? failed(list.problem) : { kind: 'list', list, stamp: fileMark(stats) };
  } catch (error) {
    return failed(reasonOf(error));
  } finally {
    await file?.close().catch(() => undefined);
  }
}
