/** Files of an admin's that are followed: by what a change is seen, and why one can't be read. */
import type { BigIntStats } from 'node:fs';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file: a part of its path is not a directory',
  EACCES: 'banband may not read it',
  EPERM: 'banband may not read it',
  ELOOP: 'its symbolic links lead in a circle',
  // A socket can't be opened.
  ENXIO: 'it is not a regular file',
  EISDIR: 'it is a directory',
};

/** Why it can't be read, in words that follow the file's name; undefined for what has no words of its own. */
export function fileReason(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? REASONS[error.code] : undefined;
}

/** Another one whenever the file is another or has been written to. */
export const fileMark = ({ dev, ino, size, mtimeNs, ctimeNs }: Pick<BigIntStats, 'dev' | 'ino' | 'size' | 'mtimeNs' | 'ctimeNs'>): string => [dev, ino, size, mtimeNs, ctimeNs].join(' ');
