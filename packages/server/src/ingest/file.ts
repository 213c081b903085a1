/**
 * Log files as a source: those that a path with `*`, `?` and `[..]` stands for, followed through every kind of rotation. What a file
 * is, its name does not say: it is known by device, inode and how it begins (file-position.ts), so that a renamed one is read to its
 * end under its new name, and the new one of the old name from its beginning. The kernel tells of changes, and once a second
 * everything is looked at as if it never did. It is longer than most files because a look at the names and the search for what they
 * led to before change the same few tables.
 */
import type { FileHandle } from 'node:fs/promises';
import { after, instant, ms, type Instant } from 'banban-shared';
import type { Clock, Timer } from '../clock.ts';
import { followFile, headOf, type FileCounts, type Follower, type FollowerParts } from './file-follower.ts';
import { isHeadOf, keyPrefix, parsePosition, positionKey, type FilePosition } from './file-position.ts';
import { findCopy, findMissed, findRenamed, type Neighbour, type Spared } from './file-remains.ts';
import { failureOf, findFiles, identify } from './find-files.ts';
import { openRegular } from './open-regular.ts';
import type { Deliver, Positions, Source } from './source.ts';

/** The truth, whatever the kernel told. */
const LOOK_EVERY = ms(1000);
/** More names than these take their time to look at: so many times as long is nothing looked at then, and no longer than `MOST_REST`. */
const MANY_NAMES = 1000;
const REST = 10;
const MOST_REST = ms(10_000);
/** A name whose file went has another within moments. */
const LOOK_SOON = ms(50);
const SOON_FOR = ms(3000);
/** A renamed or removed file is followed until nothing was written to it for so long: a service goes on writing until it is told. */
const LEFT_QUIET = ms(300_000);
/** So long a position is kept of a file that is not there. */
const KEEP_ABSENT = ms(7 * 86_400_000);
const MOST_POSITIONS = 2000;
/** Each takes a descriptor, and a look every second. */
const MOST_FILES = 500;
/** A copy and its original are compared so far. */
const ALIKE = 65_536;
/** Fewer bytes are alike by chance. */
const LEAST_ALIKE = 32;
/** A disk that does not answer must not keep banband from starting. */
const FIRST_LOOK = ms(2000);
/** In place of a position: the source has been seen, so that a file which appears is a new one. */
const BEGUN = 'begun';

/** What is read, and from where. */
export interface FileOptions {
  /** Absolute; `*`, `?` and `[..]` in any part. */
  readonly path: string;
  /** Where a file begins that is there when the source is seen for the first time; others begin at their start. */
  readonly from: 'start' | 'end';
  readonly positions: Positions;
  /**
   * What is never opened though it has such a name: our own database. A process that opens and closes a file which it has open
   * already lets go of all its locks on it (fcntl(2)), and SQLite is then without the locks that it believes to have.
   */
  readonly spared: Spared;
  /** Told once of what an admin should know and no status can show. */
  readonly say: (message: string) => void;
}

/** The files that `path` stands for. It never fails to start: what can't be read is an error in `stats`, and tried again. */
export function fileSource({ path: pattern, from, positions, spared, say }: FileOptions, clock: Clock): Source {
  const prefix = keyPrefix(pattern);
  const followers = new Map<string, Follower>();
  /** Which file a name led to when it was looked at last. */
  const confirmed = new Map<string, { readonly follower: Follower; readonly at: Instant }>();
  const counts: FileCounts = { deliveries: 0, bytes: 0, cut: 0, lastAt: undefined };
  let parts: FollowerParts | undefined;
  let problems: string[] = [];
  let told = false;
  let scanning: Promise<void> | undefined;
  let scanAgain = false;
  let timer: Timer | undefined;
  let stopped = false;
  /** The identities of what was there when the source was seen for the first time; undefined where it was not. */
  let initial: Set<string> | undefined;
  let looks = 0;
  let began = clock.now();
  /** How long nothing is looked at after the last look. */
  let rest = 0;
  let names = 0;

  const remembered = (): FilePosition[] => [...positions.keys()].filter((key) => key.startsWith(prefix)).flatMap((key) => parsePosition(positions.get(key)) ?? []);

  async function openAs(path: string, id: string): Promise<{ readonly handle: FileHandle; readonly head: Buffer; readonly size: number } | undefined> {
    if (spared(path, id)) return undefined;
    const handle = await openRegular(path, id);
    if (handle === undefined) return undefined;
    try {
      if (!stopped) return { handle, head: await headOf(handle), size: (await handle.stat()).size };
    } catch (error) {
      await handle.close();
      throw error;
    }
    await handle.close();
    return undefined;
  }

  /** Files that are being opened: by a look at the names, and by what goes after the rest of a file, which may find the same one. */
  const opening = new Map<string, Promise<void>>();

  function once(id: string, make: () => Promise<void>): Promise<void> {
    const before = opening.get(id);
    const made = (before === undefined ? make() : before.catch(() => undefined).then(() => (followers.has(id) ? undefined : make()))).finally(() => {
      if (opening.get(id) === made) opening.delete(id);
    });
    opening.set(id, made);
    return made;
  }

  /** Opens what no name of the source leads to, to be read to its end: for what had the name `start.path`. Undefined where that can't be done. */
  async function openRest({ id, path }: Pick<Neighbour, 'id' | 'path'>, start: Pick<FilePosition, 'path' | 'offset' | 'skipping' | 'seen'>): Promise<Follower | undefined> {
    if (!followers.has(id)) {
      await once(id, async () => {
        const opened = await openAs(path, id);
        if (opened === undefined || parts === undefined) return;
        const follower = followFile(parts, opened.handle, { ...start, id, head: opened.head });
        follower.leftAt = clock.now();
        follower.seenAt = instant(start.seen);
        followers.set(id, follower);
        follower.note();
      }).catch(() => undefined);
    }
    return followers.get(id);
  }

  /** Reads what a name led to before: the rest of that file, and of those that had the name between it and the one that begins as `head`. */
  async function catchUp(before: FilePosition, head: Buffer): Promise<void> {
    const known = followers.get(before.id);
    if (known !== undefined) await known.read();
    else if (!before.finished) {
      const renamed = await findRenamed(before, spared);
      // It may have been copied and truncated before it was renamed.
      if (renamed === undefined) await readCopy(await openCopy(before, undefined));
      else await (await openRest(renamed, before))?.read();
    }
    await readMissed(before, head);
  }

  /** Files that had the name after the one `before` and before the one that begins as `head`, in one piece each. */
  async function readMissed(before: FilePosition, head: Buffer): Promise<void> {
    // By more than its inode, which may have been another file's.
    const isKnown = ({ id, size, head: begins }: Neighbour): boolean => {
      const own = parsePosition(positions.get(positionKey(pattern, id)));
      return followers.has(id) || (own !== undefined && size >= own.offset && isHeadOf(begins, own));
    };
    for (const missed of await findMissed(before, spared, isKnown, [head])) await (await openRest(missed, { ...before, offset: 0, skipping: false }))?.read();
  }

  /**
   * The copy of a file that was truncated, open at where that was read to; undefined where there is none.
   *
   * @param size undefined where it was truncated, or put in the place of another, while nobody looked
   */
  async function openCopy(before: FilePosition, size: number | undefined): Promise<Follower | undefined> {
    const copy = await findCopy(before, spared);
    if (copy === undefined) {
      if (size === undefined) say(`${before.path} is shorter or another file than before, and what it had after byte ${before.offset}, if anything, is not beside it: it was truncated, removed or compressed while nobody read it`);
      else if (size > before.offset) say(`${before.path} was truncated before its last ${size - before.offset} bytes were read, and there is no copy of them beside it`);
      return undefined;
    }
    const own = parsePosition(positions.get(positionKey(pattern, copy.id)));
    const known = own !== undefined && copy.size >= own.offset && isHeadOf(copy.head, own) ? own : before;
    return openRest(copy, known);
  }

  /** The copy is read beside what comes next: waiting for it, one would not see how the next one begins before that is truncated as well. */
  async function onTruncated(before: FilePosition, size: number, head: Buffer): Promise<void> {
    readCopies(await openCopy(before, size), before, head).catch((error: unknown) => say(`what ${before.path} had before it was truncated can't be read (${failureOf(error)})`));
  }

  /** Reads a copy, and those of what came and went after it. */
  async function readCopies(copy: Follower | undefined, before: FilePosition, head: Buffer): Promise<void> {
    await readCopy(copy);
    await readMissed(before, head);
  }

  /** Nobody writes to a copy: what is there is all of it. Its name may be given to the next one, and its inode with it. */
  async function readCopy(copy: Follower | undefined): Promise<void> {
    if (copy === undefined) return;
    await copy.read();
    if (copy.leftAt === undefined) return;
    followers.delete(copy.id);
    await copy.finish();
  }

  /** Whether it is a copy of a file that is followed, as copytruncate makes one: it would count twice. While it might be one it waits. */
  async function isCopy(handle: FileHandle, head: Buffer, size: number): Promise<boolean> {
    for (const follower of followers.values()) {
      const alike = Math.min(head.length, follower.head.length);
      if (alike < LEAST_ALIKE || !head.subarray(0, alike).equals(follower.head.subarray(0, alike))) continue;
      const theirs = await follower.beginning(ALIKE);
      // It was truncated just now, and what it was is about to be looked for.
      if (!theirs.subarray(0, alike).equals(head.subarray(0, alike))) return true;
      const ours = Buffer.alloc(Math.min(ALIKE, size));
      const { bytesRead } = await handle.read(ours, 0, ours.length, 0);
      if (bytesRead <= theirs.length && ours.subarray(0, bytesRead).equals(theirs.subarray(0, bytesRead))) return true;
    }
    return false;
  }

  /** Whom a new file at `path` follows; undefined where nothing ever had its name. */
  function predecessorAt(path: string, id: string): FilePosition | undefined {
    const last = confirmed.get(path);
    if (last !== undefined && last.follower.id !== id) return { ...last.follower.position(), path, seen: last.at };
    return remembered().filter((position) => position.path === path && position.id !== id).sort((a, b) => b.seen - a.seen)[0];
  }

  /** Where to begin in a file that was read before; undefined where it was not. The device's number may change with a boot. */
  function resume(id: string, path: string, head: Buffer, size: number): FilePosition | undefined {
    const fits = (position: FilePosition): boolean => size >= position.offset && isHeadOf(head, position);
    const own = parsePosition(positions.get(positionKey(pattern, id)));
    if (own !== undefined) return fits(own) ? own : undefined;
    const inode = id.split(':')[1];
    return remembered().find((position) => position.path === path && position.id.split(':')[1] === inode && position.headLength > 0 && fits(position));
  }

  async function begin(path: string, id: string): Promise<void> {
    const opened = await openAs(path, id);
    if (opened === undefined || parts === undefined) return;
    const { handle, head, size } = opened;
    const start = { id, path, offset: 0, skipping: false, head };
    let before: Promise<void> | undefined;
    try {
      const known = resume(id, path, head, size);
      const stale = parsePosition(positions.get(positionKey(pattern, id)));
      if (known !== undefined) {
        start.offset = known.offset;
        start.skipping = known.skipping;
      } else if (stale?.path === path) before = readCopies(await openCopy(stale, undefined), stale, head);
      else if (initial?.has(id) === true) {
        if (from === 'end') {
          const last = Buffer.alloc(1);
          if (size > 0) await handle.read(last, 0, 1, size - 1);
          start.offset = size;
          // What is there of a line that is being written is not known to be its beginning.
          start.skipping = size > 0 && last[0] !== 0x0a;
        }
      } else {
        const earlier = predecessorAt(path, id);
        if (earlier !== undefined) before = catchUp(earlier, head);
        else if (await isCopy(handle, head, size)) {
          await handle.close();
          return;
        }
      }
    } catch (error) {
      await handle.close();
      throw error;
    }
    if (stopped) {
      await handle.close();
      return;
    }
    const follower = followFile(parts, handle, start, before?.catch((error: unknown) => say(`what came before ${path} can't be read (${failureOf(error)})`)));
    followers.set(id, follower);
    confirmed.set(path, { follower, at: clock.now() });
    if (initial?.has(id) === true) follower.note();
    follower.wake();
  }

  /** Files by what they are, each with the names that lead to it. */
  async function lookAt(paths: readonly string[], trouble: string[]): Promise<Map<string, string[]>> {
    const here = new Map<string, string[]>();
    for (const path of paths) {
      if (spared(path)) continue;
      try {
        const { id, isFile, isDirectory } = await identify(path);
        if (isFile) here.set(id, [...(here.get(id) ?? []), path]);
        else trouble.push(isDirectory ? `${path} is a directory; write ${path}/* for the files in it` : `${path} is no regular file but a FIFO, socket or device, and is left alone`);
      } catch (error) {
        const isLiteral = path === pattern;
        if (isLiteral) trouble.push(`${path} can't be read (${failureOf(error)})`);
      }
    }
    return here;
  }

  async function look(): Promise<void> {
    const now = clock.now();
    began = now;
    const trouble: string[] = [];
    const found = await findFiles(pattern);
    trouble.push(...found.problems);
    names = found.paths.length;
    const [packed] = found.compressed;
    if (packed !== undefined && !told) {
      told = true;
      say(`${packed} and what else of ${pattern} is compressed is left out`);
    }
    const here = await lookAt(found.paths, trouble);
    if (here.size === 0 && trouble.length === 0) trouble.push(`no file has a name like ${pattern} yet`);
    if (looks++ === 0 && ![...positions.keys()].some((key) => key.startsWith(prefix))) initial = new Set(here.keys());

    for (const [id, names] of here) {
      const follower = followers.get(id);
      if (follower === undefined) continue;
      if (!names.includes(follower.path)) follower.path = names[0] ?? follower.path;
      follower.leftAt = undefined;
      follower.seenAt = now;
    }
    for (const follower of followers.values()) {
      if (here.has(follower.id)) continue;
      if (follower.leftAt === undefined) {
        follower.leftAt = now;
        follower.wake();
      } else if (now > after(follower.leftAt, LEFT_QUIET) && now > after(follower.readAt, LEFT_QUIET)) {
        followers.delete(follower.id);
        void follower.finish();
      }
    }
    if (looks === 1) await openWhatIsLeft(here);
    // What is known goes first: then a copy of it, and what came after it, can be told.
    const newcomers: { readonly id: string; readonly names: readonly string[]; readonly isKnown: boolean }[] = [];
    for (const [id, names] of here) if (!followers.has(id)) newcomers.push({ id, names, isKnown: await isSame(id, names[0]) });
    for (const { id, names } of [...newcomers.filter((one) => one.isKnown), ...newcomers.filter((one) => !one.isKnown)]) {
      const [path] = names;
      if (path === undefined || stopped || followers.has(id)) continue;
      if (followers.size >= MOST_FILES) {
        // Before all that somebody else may have put there.
        trouble.unshift(`${pattern} stands for more than ${MOST_FILES} files; ${path} and others are not read`);
        break;
      }
      try {
        await once(id, () => begin(path, id));
      } catch (error) {
        trouble.push(`${path} can't be read (${failureOf(error)})`);
      }
    }
    for (const [id, names] of here) {
      const follower = followers.get(id);
      if (follower !== undefined) for (const name of names) confirmed.set(name, { follower, at: now });
    }
    if (looks === 1) noteBegun();
    problems = trouble;
  }

  /** Whether a file is one that was read before, and not another with its inode. */
  async function isSame(id: string, path: string | undefined): Promise<boolean> {
    const position = parsePosition(positions.get(positionKey(pattern, id)));
    if (position === undefined || path === undefined) return false;
    const opened = await openAs(path, id).catch(() => undefined);
    await opened?.handle.close();
    return opened !== undefined && opened.size >= position.offset && isHeadOf(opened.head, position);
  }

  /** What the last run had begun, and what has other names now: opened before anything of it can be taken for a new file. */
  async function openWhatIsLeft(here: ReadonlyMap<string, readonly string[]>): Promise<void> {
    for (const position of remembered()) {
      if (position.finished || stopped || (await isSame(position.id, here.get(position.id)?.[0]))) continue;
      const renamed = await findRenamed(position, spared);
      const left = renamed ?? (await findCopy(position, spared));
      if (left === undefined) continue;
      // A copy that was begun has a position of its own.
      const own = parsePosition(positions.get(positionKey(pattern, left.id)));
      const known = own !== undefined && left.size >= own.offset && isHeadOf(left.head, own) ? own : position;
      (await openRest(left, known))?.wake();
    }
  }

  /** That the source has been seen. */
  function noteBegun(): void {
    parts?.deliver(Buffer.alloc(0), clock.now(), { key: `${prefix}${BEGUN}`, after: () => BEGUN });
    positions.set(`${prefix}${BEGUN}`, BEGUN);
  }

  function scan(): Promise<void> {
    scanAgain = scanning !== undefined;
    scanning ??= look()
      .catch((error: unknown) => void (problems = [`${pattern} can't be looked at (${failureOf(error)})`]))
      .finally(() => {
        scanning = undefined;
        rest = names > MANY_NAMES ? Math.min(MOST_REST, Math.max(0, clock.now() - began) * REST) : 0;
        const again = scanAgain;
        scanAgain = false;
        if (!stopped) aim(again);
      });
    return scanning;
  }

  /** For the next look. */
  function aim(atOnce: boolean): void {
    const now = clock.now();
    const isMissing = [...followers.values()].some(({ leftAt, path }) => leftAt !== undefined && now < after(leftAt, SOON_FOR) && confirmed.get(path)?.follower.leftAt !== undefined);
    timer?.cancel();
    timer = clock.after(ms(Math.max(atOnce || isMissing ? LOOK_SOON : LOOK_EVERY, rest)), () => {
      for (const follower of followers.values()) follower.wake();
      void scan();
    });
  }

  return {
    type: 'file',
    path: pattern,
    async start(deliver: Deliver) {
      parts = { clock, deliver, pattern, positions, counts, onMoved: () => void scan(), onTruncated };
      let patience: Timer | undefined;
      await Promise.race([scan(), new Promise<void>((resolve) => (patience = clock.after(FIRST_LOOK, resolve)))]);
      patience?.cancel();
    },
    async stop() {
      stopped = true;
      timer?.cancel();
      await Promise.all([...followers.values()].map((follower) => follower.close()));
    },
    stats() {
      const all = [...problems, ...[...followers.values()].flatMap((follower) => follower.error ?? [])];
      const [first] = all;
      return {
        datagrams: counts.deliveries,
        bytes: counts.bytes,
        cut: counts.cut,
        lastAt: counts.lastAt,
        error: first === undefined ? undefined : all.length === 1 ? first : `${first} (and ${all.length - 1} more)`,
        lagBytes: [...followers.values()].reduce((sum, follower) => sum + follower.lagBytes, 0),
      };
    },
    *keys() {
      yield `${prefix}${BEGUN}`;
      for (const follower of followers.values()) yield follower.key;
      const absent = remembered().filter(({ id, seen }) => !followers.has(id) && clock.now() < seen + KEEP_ABSENT);
      for (const { id } of absent.sort((a, b) => b.seen - a.seen).slice(0, MOST_POSITIONS)) yield positionKey(pattern, id);
    },
  };
}
