/** The files that a path with `*`, `?` and `[..]` in its parts stands for, as they are now. */
import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { globMatcher, isGlob } from './glob.ts';

/** A directory with more names is not listed further: log files stand among a few hundred. */
const MOST_NAMES = 10_000;
/** Folders that a pattern is followed into. */
const MOST_FOLDERS = 1000;
/** Names that are looked at in all, once a second. */
const MOST_PATHS = 10_000;
/** What a rotation leaves behind when it has packed it: nothing more is written to it, and it is no text. */
const COMPRESSED = /\.(?:gz|xz|bz2|zst|lz4|lzma|lzo|br|zip|Z)$/;

/** What there is. */
export interface FoundFiles {
  /** By name; they may be anything, and may be gone by now. */
  readonly paths: readonly string[];
  /** Compressed ones, left out of `paths`. */
  readonly compressed: readonly string[];
  /** Directories that can't be read, and why. */
  readonly problems: readonly string[];
}

/** What the system says of a failure, in words: `permission denied`. */
export function failureOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOENT':
      return 'it is not there';
    case 'EACCES':
    case 'EPERM':
      return 'permission denied: banband needs to be root, or in its group';
    case 'EISDIR':
      return 'it is a directory';
    case 'ELOOP':
      return 'its symbolic links lead in a circle';
    case 'EMFILE':
    case 'ENFILE':
      return 'too many files are open: raise the limit (LimitNOFILE=)';
    default:
      return typeof code === 'string' ? code : String(error);
  }
}

const isAbsent = (error: unknown): boolean => error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');

/** The names in a directory, at most `MOST_NAMES`. @throws what the system throws */
export async function namesIn(directory: string): Promise<string[]> {
  const names: string[] = [];
  const dir = await opendir(directory, { bufferSize: 256 });
  // Leaving the loop closes it.
  for await (const entry of dir) {
    names.push(entry.name);
    if (names.length === MOST_NAMES) break;
  }
  return names;
}

/** True for names that a packed log has. */
export const isCompressed = (path: string): boolean => COMPRESSED.test(path);

/** @param pattern an absolute path */
export async function findFiles(pattern: string): Promise<FoundFiles> {
  const parts = pattern.split('/').filter((part) => part !== '');
  const problems: string[] = [];
  let folders = ['/'];
  for (const [i, part] of parts.entries()) {
    const isLast = i === parts.length - 1;
    if (!isGlob(part)) {
      folders = folders.map((folder) => join(folder, part));
      continue;
    }
    const matches = globMatcher(part);
    const next: string[] = [];
    for (const folder of folders) {
      if (next.length > MOST_PATHS) break;
      try {
        next.push(...(await namesIn(folder)).filter(matches).map((name) => join(folder, name)));
      } catch (error) {
        if (!isAbsent(error)) problems.push(`the directory ${folder} can't be listed (${failureOf(error)})`);
      }
    }
    if (!isLast && next.length > MOST_FOLDERS) problems.push(`${pattern} leads into more than ${MOST_FOLDERS} folders; the others are left out`);
    if (isLast && next.length > MOST_PATHS) problems.push(`${pattern} stands for more than ${MOST_PATHS} names; the others are left out`);
    folders = next.slice(0, isLast ? MOST_PATHS : MOST_FOLDERS);
  }
  const isLiteral = !parts.some(isGlob);
  const compressed = isLiteral ? [] : folders.filter(isCompressed);
  return { paths: (isLiteral ? folders : folders.filter((path) => !isCompressed(path))).sort(), compressed, problems };
}

/** Who a file is: device and inode; with its size and when it was last written to. @throws what the system throws */
export async function identify(path: string): Promise<{ readonly id: string; readonly isFile: boolean; readonly isDirectory: boolean; readonly size: number; readonly mtime: number }> {
  const found = await stat(path, { bigint: true });
  return { id: `${found.dev}:${found.ino}`, isFile: found.isFile(), isDirectory: found.isDirectory(), size: Number(found.size), mtime: Number(found.mtimeMs) };
}
