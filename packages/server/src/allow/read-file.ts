/** Reads a file that somebody else may be writing, without waiting for anything in the loop. */
import { constants, open, stat, type FileHandle } from 'node:fs/promises';
import { fileMark, fileReason } from '../file-reasons.ts';

/** 200,000 of the longest networks, with a comment each. */
const LARGEST = 16 * 1024 * 1024;

/** What a look at a file says: `mark` is another one whenever the file is another or has been written to. */
export type FileLook = { readonly mark: string } | { readonly problem: string };

/** What reading it gave, and the mark that it had then; no mark where reading the same file again may give something else. */
export type FileRead = { readonly mark: string; readonly text: string } | { readonly problem: string; readonly mark: string | undefined };

const reasonOf = (error: unknown): string => fileReason(error) ?? `it can’t be read (${error instanceof Error ? error.message : String(error)})`;

/** Looks whether a file is there. Throws nothing. */
export async function lookAtFile(path: string): Promise<FileLook> {
  try {
    return { mark: fileMark(await stat(path, { bigint: true })) };
  } catch (error) {
    return { problem: reasonOf(error) };
  }
}

/** The whole of a file, as it stood at one moment. With a `mark` in the answer, a file that still has that mark would only give the same again. Throws nothing. */
export async function readWholeFile(path: string): Promise<FileRead> {
  let file: FileHandle | undefined;
  try {
    // O_NONBLOCK, or opening a pipe would wait for its writer.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const before = await file.stat({ bigint: true });
    const mark = fileMark(before);
    if (before.isDirectory()) return { problem: 'it is a directory', mark };
    if (!before.isFile()) return { problem: 'it is not a regular file', mark };
    if (before.size > LARGEST) return { problem: `it is larger than ${LARGEST / 1024 / 1024} MiB`, mark };
    const bytes = Buffer.allocUnsafe(Number(before.size) + 1);
    let length = 0;
    for (let got = -1; got !== 0 && length < bytes.length; length += got) got = (await file.read(bytes, length, bytes.length - length, length)).bytesRead;
    if (length !== Number(before.size) || fileMark(await file.stat({ bigint: true })) !== mark) return { problem: 'it is being written', mark: undefined };
    return { mark, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, length)) };
  } catch (error) {
    if (error instanceof TypeError) {
      const seen = await lookAtFile(path);
      return { problem: 'it is not UTF-8 text', mark: 'mark' in seen ? seen.mark : undefined };
    }
    return { problem: reasonOf(error), mark: undefined };
  } finally {
    await file?.close().catch(() => undefined);
  }
}
