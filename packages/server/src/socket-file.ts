/** A socket as a file: the directory it stands in, and what may be in the way of making it, in sentences for the admin. */
import { lchownSync, mkdirSync } from 'node:fs';
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

/** Runs `action` under another umask than the process's own, which is back when it returns or throws. */
function underUmask(mask: number, action: () => void): void {
  const before = process.umask(mask);
  try {
    action();
  } finally {
    process.umask(before);
  }
}

/**
 * Makes the directory for a socket (0755 under any umask) where it is missing: whoever may use the socket has to reach it.
 *
 * @throws the sentence
 */
export function makeSocketDirectory(path: string): void {
  try {
    underUmask(0o022, () => void mkdirSync(dirname(path), { recursive: true, mode: 0o755 }));
  } catch (cause) {
    throw socketError(path, cause);
  }
}

/**
 * Runs `bind`, which makes the socket file before it returns, so that the file has exactly `mode` (that of chmod(2), without
 * set-id bits). By the umask and not by a chmod afterwards: in a directory of another user's the name may by then be a link
 * to any file of root's, which chmod follows.
 */
export function bindWithMode(mode: number, bind: () => void): void {
  underUmask(0o777 & ~mode, bind);
}

/** Gives the socket at `path` away, as far as ids are given; a link that has taken its place is not followed. */
export function giveSocket(path: string, uid: number | undefined, gid: number | undefined): void {
  if (uid !== undefined || gid !== undefined) lchownSync(path, uid ?? -1, gid ?? -1);
}
