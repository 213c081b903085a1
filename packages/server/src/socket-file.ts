/** A socket as a file: the directory it stands in, and what may be in the way of making it, in sentences for the admin. */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { getSystemErrorName } from 'node:util';

const REASONS: { readonly [code: string]: string } = {
  EACCES: 'this user may not write to its directory; run banband as root, or give the directory to that user',
  EPERM: 'this user may not give it to the configured owner and group; run banband as root, or configure none',
  EROFS: 'it is on a disk that is mounted read-only; name a path on another one',
  ENOSPC: 'its disk is full; make room there',
  EDQUOT: 'its disk is full; make room there',
  // Of mkdir(2), for a directory that is to be made where a file stands.
  EEXIST: 'a part of its path is a file; name another path',
  ENOTDIR: 'a part of its path is a file; name another path',
  ELOOP: 'the symbolic links in its path lead in a circle; name another path',
  EADDRINUSE: 'something has just been put there; is another banband starting?',
};

/** The error's name as errno(3) has it; the package unix-dgram gives the number alone, below zero. */
function nameOf(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'number' && code < 0 ? getSystemErrorName(code) : String(code);
}

/** The error to throw when the socket at `path` can't be made; `cause` is what the system said. */
export function socketError(path: string, cause: unknown): Error {
  const name = nameOf(cause);
  return new Error(`can't listen on ${path}: ${REASONS[name] ?? (cause instanceof Error ? `${name}: ${cause.message}` : String(cause))}`, { cause });
}

/** Makes the directory for a socket (0755) where it is missing: whoever may use the socket has to reach it. @throws the sentence */
export function makeSocketDirectory(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  } catch (cause) {
    throw socketError(path, cause);
  }
}
