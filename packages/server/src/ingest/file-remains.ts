/** What a rotation made of a file: where among its neighbours the rest of it is, and what was written and moved on while nobody looked. */
import { basename, dirname, join } from 'node:path';
import { HEAD, isHeadOf, type FilePosition } from './file-position.ts';
import { headOf } from './file-follower.ts';
import { identify, isCompressed, namesIn } from './find-files.ts';
import { openRegular } from './open-regular.ts';

/** Neighbours that are looked at; those with the file's own name in theirs come first. */
const MOST_LOOKED_AT = 1000;
/** A file system may stamp a write with the time of the last tick of its clock. */
const TICK_MS = 20;

/** Fewer bytes are alike by chance: the date alone. */
const LEAST_ALIKE = 32;

/** A neighbour. */
export interface Neighbour {
  readonly path: string;
  readonly id: string;
  readonly size: number;
  readonly mtime: number;
  readonly head: Buffer;
}

/** What rotations leave behind is called after the file: `access.log.1`, `access-20260101.log`. */
const stemOf = (name: string): string => /^\.?[^.\-_]*/.exec(name)?.[0] ?? name;

async function look(path: string, spared: Spared, wanted: (id: string, mtime: number) => boolean): Promise<Neighbour | undefined> {
  try {
    const { id, isFile, size, mtime } = await identify(path);
    if (!isFile || !wanted(id, mtime) || spared(path, id)) return undefined;
    const handle = await openRegular(path, id);
    if (handle === undefined) return undefined;
    try {
      return { path, id, size, mtime, head: await headOf(handle) };
    } finally {
      await handle.close();
    }
  } catch {
    // It went away, or may not be read: then it is of no use.
    return undefined;
  }
}

/** Whether a file is not to be opened: by its path, or by what it is (device and inode), which a link with another name leads to as well. */
export type Spared = (path: string, id?: string) => boolean;

/** @param isCalled which names are looked at: nothing is opened of what is not called after the file, or is not known to be it */
async function neighboursOf(path: string, spared: Spared, isCalled: (name: string) => boolean, wanted: (id: string, mtime: number) => boolean): Promise<Neighbour[]> {
  const directory = dirname(path);
  const stem = stemOf(basename(path));
  let names: string[];
  try {
    names = await namesIn(directory);
  } catch {
    return [];
  }
  const isOwn = (name: string): boolean => name.startsWith(stem);
  const called = names.filter((name) => isCalled(name) && !isCompressed(name) && !spared(join(directory, name)));
  const ordered = [...called.filter(isOwn), ...called.filter((name) => !isOwn(name))].slice(0, MOST_LOOKED_AT);
  const found: Neighbour[] = [];
  for (const name of ordered) {
    const neighbour = await look(join(directory, name), spared, wanted);
    if (neighbour !== undefined) found.push(neighbour);
  }
  return found;
}

/** The file that was read, under another name in the same directory. */
export async function findRenamed(position: FilePosition, spared: Spared): Promise<Neighbour | undefined> {
  const [found] = await neighboursOf(position.path, spared, () => true, (id) => id === position.id);
  return found !== undefined && found.size >= position.offset && isHeadOf(found.head, position) ? found : undefined;
}

/** A copy of what was in a file before it was truncated: it begins as the file did, and has all that was read of it. The newest, where there are several. */
export async function findCopy(position: FilePosition, spared: Spared): Promise<Neighbour | undefined> {
  if (position.headLength === 0) return undefined;
  const stem = stemOf(basename(position.path));
  const all = await neighboursOf(position.path, spared, (name) => name.startsWith(stem), (id) => id !== position.id);
  const copies = all.filter(({ size, head }) => size >= position.offset && isHeadOf(head, position));
  return copies.sort((a, b) => b.mtime - a.mtime)[0];
}

/**
 * Files that had the name of this one for a while since it was read last, and were moved on: `NAME.1`, `NAME-20260101`, written to since
 * then. What begins as one of `heads` is a copy of what is known. The oldest first.
 */
export async function findMissed(position: FilePosition, spared: Spared, isKnown: (neighbour: Neighbour) => boolean, heads: readonly Buffer[]): Promise<Neighbour[]> {
  const name = basename(position.path);
  const isRotated = (other: string): boolean => other.startsWith(name) && /^[.-]\d/.test(other.slice(name.length));
  const all = await neighboursOf(position.path, spared, isRotated, (_id, mtime) => mtime >= position.seen - TICK_MS);
  const isCopy = ({ head }: Neighbour): boolean => isHeadOf(head, position) && position.headLength > 0;
  const isCopyOf = ({ head }: Neighbour, other: Buffer): boolean => {
    const length = Math.min(head.length, other.length, HEAD);
    return length >= LEAST_ALIKE && head.subarray(0, length).equals(other.subarray(0, length));
  };
  return all.filter((one) => !isKnown(one) && !isCopy(one) && !heads.some((head) => isCopyOf(one, head))).sort((a, b) => a.mtime - b.mtime);
}
