/**
 * A text file that others edit, too: read whole, and replaced in one step, so that nobody ever sees half of it. Whoever edits it in
 * between is noticed: before the rename by a last look at the file, after it by a look at what was replaced, which is still open. Only
 * who opened the old file before the rename and writes into it after that second look writes for nobody.
 */
import {
  closeSync, constants, fchmodSync, fchownSync, fstatSync, fsyncSync, linkSync, lstatSync, openSync, readSync, realpathSync, renameSync, statSync, unlinkSync, writeSync, type BigIntStats,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** The file as it was read. */
export interface FileText {
  /** Where it is, its symbolic links followed. */
  readonly path: string;
  /** One character for each byte; empty where there is no file. */
  readonly text: string;
  /** Changes with the file; see `identityOf`. */
  readonly identity: string;
  /** Undefined where there is no file. */
  readonly stats: BigIntStats | undefined;
}

/** No file that TCP wrappers read for every connection can be so large. */
export const MOST_BYTES = 16 * 1024 * 1024;

/** Readings of a file that is being written at this moment. */
const MOST_READINGS = 3;
const MISSING = 'missing';

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);

const identityIn = (stats: BigIntStats | undefined): string => (stats === undefined ? MISSING : [stats.dev, stats.ino, stats.mtimeNs, stats.ctimeNs, stats.size].join(':'));

const statsOf = (path: string): BigIntStats | undefined => statSync(path, { bigint: true, throwIfNoEntry: false });

/** A value that changes when the file is written or replaced, and where there is none a value of its own. Costs one stat(2). */
export function identityOf(file: string): string {
  try {
    return identityIn(statsOf(file));
  } catch (error) {
    return String(codeOf(error));
  }
}

/** Undefined when it was written meanwhile. @throws Error whose message says why it can't be read */
function readOpen(path: string, fd: number): FileText | undefined {
  const stats = fstatSync(fd, { bigint: true });
  if (!stats.isFile()) throw new Error('it is not a file');
  if (stats.size > MOST_BYTES) throw new Error(`it has ${stats.size} bytes, and more than ${MOST_BYTES} are not read`);
  // One byte more, to see that it has grown.
  const bytes = Buffer.allocUnsafe(Number(stats.size) + 1);
  let length = 0;
  for (let more = 1; more > 0 && length < bytes.length; length += more) more = readSync(fd, bytes, length, bytes.length - length, length);
  const identity = identityIn(stats);
  return BigInt(length) === stats.size && identityIn(fstatSync(fd, { bigint: true })) === identity ? { path, text: bytes.toString('latin1', 0, length), identity, stats } : undefined;
}

const openForReading = (path: string): number => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);

/** Undefined when it was written meanwhile. @throws Error whose message says why it can't be read */
function readOnce(path: string): FileText | undefined {
  const seen = statsOf(path);
  if (seen === undefined) return { path, text: '', identity: MISSING, stats: undefined };
  // Looked at first: opening a device or a pipe may do something, or wait.
  if (!seen.isFile()) throw new Error('it is not a file');
  const fd = openForReading(path);
  try {
    return readOpen(path, fd);
  } finally {
    closeSync(fd);
  }
}

function realPathOf(file: string): string {
  if (lstatSync(file, { throwIfNoEntry: false }) !== undefined) {
    try {
      return realpathSync(file);
    } catch (error) {
      throw codeOf(error) === 'ENOENT' ? new Error('it is a symbolic link to something that is not there', { cause: error }) : error;
    }
  }
  const folder = dirname(file);
  if (statsOf(folder) === undefined) throw new Error(`there is no folder ${folder}`);
  return join(realpathSync(folder), basename(file));
}

/** Reads it whole. @throws Error whose message says why it can't be read */
export function readText(file: string): FileText {
  const path = realPathOf(file);
  for (let reading = 1; reading <= MOST_READINGS; reading++) {
    const found = readOnce(path);
    if (found !== undefined) return found;
  }
  throw new Error('somebody is writing it at this moment');
}

/** Writes `text` with the owner and mode of what it is to replace. */
function writeDraft(draft: string, text: string, stats: BigIntStats | undefined): void {
  const fd = openSync(draft, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  try {
    const bytes = Buffer.from(text, 'latin1');
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    const own = fstatSync(fd, { bigint: true });
    if (stats !== undefined && (own.uid !== stats.uid || own.gid !== stats.gid)) fchownSync(fd, Number(stats.uid), Number(stats.gid));
    fchmodSync(fd, stats === undefined ? 0o644 : Number(stats.mode & 0o7777n));
    // Before the rename: after a crash there must not be an empty file in its place. Which of the two it is does not matter.
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Adds to the end of what is there now, in one write. */
function appendText(path: string, text: string): void {
  const fd = openSync(path, constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW);
  try {
    writeSync(fd, Buffer.from(text, 'latin1'));
  } finally {
    closeSync(fd);
  }
}

/** Gives the draft its name where there is no file yet. False when somebody else made one. */
function putNew(draft: string, path: string): boolean {
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Puts `text` in the place of what was read, with the same owner and mode; a new file can be read by all (0644).
 *
 * @returns 'changed' when the file is another than was read: then nothing has been done. A file when it was written at the very moment
 *   of the rename, and not only added to: `text` is in its place, and what is returned is what the other one wrote, to be replaced next
 * @throws Error whose message says why it can't be written; then nothing has been done, either
 */
export function replaceText({ path, identity, stats, text: before }: FileText, text: string): 'replaced' | 'changed' | FileText {
  const draft = `${path}.banban-new`;
  let old: number | undefined;
  let isMoved = false;
  // Left behind by a crash.
  if (lstatSync(draft, { throwIfNoEntry: false }) !== undefined) unlinkSync(draft);
  try {
    writeDraft(draft, text, stats);
    if (stats === undefined) return putNew(draft, path) ? 'replaced' : 'changed';
    // Opened only where it is still what was read: anything else may be a pipe by now.
    if (identityOf(path) !== identity) return 'changed';
    old = openForReading(path);
    if (identityIn(fstatSync(old, { bigint: true })) !== identity || identityOf(path) !== identity) return 'changed';
    renameSync(draft, path);
    isMoved = true;
    const after = fstatSync(old, { bigint: true });
    if (after.mtimeNs === stats.mtimeNs && after.size === stats.size) return 'replaced';
    const mine = identityOf(path);
    for (let reading = 1; reading <= MOST_READINGS; reading++) {
      const late = readOpen(path, old);
      if (late === undefined) continue;
      if (!late.text.startsWith(before)) return { ...late, identity: mine };
      // What most do is to add a line: that can be done after them, and nobody who does the same meanwhile is in the way.
      appendText(path, late.text.slice(before.length));
      return 'replaced';
    }
    throw new Error('somebody is writing it at this moment');
  } finally {
    if (old !== undefined) closeSync(old);
    if (!isMoved && lstatSync(draft, { throwIfNoEntry: false }) !== undefined) unlinkSync(draft);
  }
}
