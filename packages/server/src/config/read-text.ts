/** Reads a configuration file as text, or says in one sentence why it can't. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/** The largest configuration: a hundred times what anyone writes by hand, and read in milliseconds. */
const LARGEST_FILE = 1024 * 1024;

const REASONS: { readonly [code: string]: string } = {
  ENOENT: 'there is no such file; give the path with --config, or copy config/banban.yml there',
  ENOTDIR: 'there is no such file: a part of its path is not a directory',
  EACCES: 'this user may not read it; run as root, or change its permissions',
  EPERM: 'this user may not read it; run as root, or change its permissions',
  ELOOP: 'its symbolic links lead in a circle',
  ENAMETOOLONG: 'the path is too long',
  // A socket can't be opened.
  ENXIO: 'it is not a regular file',
  EISDIR: 'it is a directory; give the path of the file itself',
};

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return (code === undefined ? undefined : REASONS[code]) ?? `it can't be read: ${error instanceof Error ? error.message : String(error)}`;
}

/** The file's text, or `problem`: why it is no configuration, fit to follow the file's name and a colon. Never throws, never waits for a pipe. */
export function readText(path: string): { readonly text: string } | { readonly problem: string; readonly cause?: unknown } {
  if (path.includes('\0')) return { problem: 'there is no such file' };
  let fd: number | undefined;
  try {
    // O_NONBLOCK, or opening a pipe would wait for its writer.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = fstatSync(fd);
    if (stat.isDirectory()) return { problem: REASONS.EISDIR ?? '' };
    if (!stat.isFile()) return { problem: 'it is not a regular file' };
    const bytes = Buffer.alloc(LARGEST_FILE + 1);
    let length = 0;
    // The size is not asked for: it may change between the question and the reading.
    for (let got = -1; got !== 0 && length < bytes.length; length += got) got = readSync(fd, bytes, length, bytes.length - length, null);
    if (length > LARGEST_FILE) return { problem: 'it is larger than 1 MiB, which no configuration of banban is; is it the right file?' };
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, length)) };
  } catch (cause) {
    if (cause instanceof TypeError) return { problem: 'it is not UTF-8 text; is it the right file?', cause };
    return { problem: reasonOf(cause), cause };
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
