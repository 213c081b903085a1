/**
 * One open file: what is written to it, whole lines at a time, until it is left. It is read again from where it was read to, and
 * nothing of it is kept in memory: the file itself is the queue, and the next block is read when the one before has been worked off.
 * It is longer than most files because every step has to ask again what may have happened to the file meanwhile.
 */
import { watch, type FSWatcher } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { ms, type Instant } from 'banban-shared';
import type { Clock, Timer } from '../clock.ts';
import { digest, HEAD, positionKey, positionText, type FilePosition } from './file-position.ts';
import { failureOf, identify } from './find-files.ts';
import { wholeWords } from './one-line.ts';
import type { Deliver, Positions } from './source.ts';

/** A longer line is cut here, as a datagram is. */
const BLOCK = 65_536;
/** One delivery: about a hundred lines, which is less than a millisecond of work, and the socket has its turn after it. */
const PIECE = 16_384;
/** A file that is being written to is read this often, and not at every write. */
const PACE = ms(10);
/** So long one reads without a look whether the name still leads here. */
const LOOK_AROUND = ms(100);
/** What is delivered is worked off within a second even under a flood; whoever stops waits no longer than this. */
const LAST_WAIT = ms(5000);
const NEWLINE = 0x0a;
const EMPTY = Buffer.alloc(0);

/** What all files of a source came to. */
export interface FileCounts {
  deliveries: number;
  bytes: number;
  cut: number;
  lastAt: Instant | undefined;
}

/** What a file is read with. */
export interface FollowerParts {
  readonly clock: Clock;
  readonly deliver: Deliver;
  readonly pattern: string;
  readonly positions: Positions;
  readonly counts: FileCounts;
  /** Its name leads elsewhere, or nowhere. */
  readonly onMoved: () => void;
  /** It was truncated, and was as `before` says, with `size` bytes; now it begins as `head`. Whatever can still be read of that elsewhere is open when this ends. */
  readonly onTruncated: (before: FilePosition, size: number, head: Buffer) => Promise<void>;
}

/** A file that is open. */
export interface Follower {
  readonly id: string;
  readonly key: string;
  /** Under what name it was found last. */
  path: string;
  /** When that name led to it for certain. */
  seenAt: Instant;
  /** Since when no name of the source leads to it. */
  leftAt: Instant | undefined;
  /** When something was read of it last; its opening at first. */
  readonly readAt: Instant;
  readonly head: Buffer;
  readonly error: string | undefined;
  readonly lagBytes: number;
  position(): FilePosition;
  /** Its first bytes as they are on the disk, at most so many. @throws what the system throws */
  beginning(bytes: number): Promise<Buffer>;
  /** Reads what is there by now. Throws nothing. */
  read(): Promise<void>;
  /** Looks whether there is something to read. */
  wake(): void;
  /** Remembers where it stands, though nothing was read. */
  note(): void;
  /** Delivers the last line though it has no end, and closes it for good. */
  finish(): Promise<void>;
  /** Closes it; it may be opened again. */
  close(): Promise<void>;
}

/** How a file begins. */
export async function headOf(handle: FileHandle): Promise<Buffer> {
  const head = Buffer.alloc(HEAD);
  const { bytesRead } = await handle.read(head, 0, HEAD, 0);
  return head.subarray(0, bytesRead);
}

/** Follows an open file from `start`; `after` is what has to be read before. It belongs to this from now on. */
export function followFile(parts: FollowerParts, handle: FileHandle, start: { readonly id: string; readonly path: string; readonly offset: number; readonly skipping: boolean; readonly head: Buffer }, after: Promise<void> = Promise.resolve()): Follower {
  const { clock, deliver, positions, counts } = parts;
  const { id } = start;
  const key = positionKey(parts.pattern, id);
  let { offset, skipping, head } = start;
  let size = offset;
  let written = -1;
  let readAt = clock.now();
  /** When it was last seen to be what it was. */
  let intactAt = clock.now();
  let error: string | undefined;
  let finished = false;
  let closed = false;
  let watcher: FSWatcher | undefined;
  let timer: Timer | undefined;
  let reading: Promise<void> = after;
  let waiting: Promise<void> | undefined;
  let moved = false;
  let lookedAt = clock.now();
  /** When all that was there had been read: what is read later was written after it, whatever time it says of itself. */
  let emptyAt: Instant | undefined;
  /** Ends the wait for what was delivered. */
  let release = (): void => undefined;

  const at = (offsetNow: number, skippingNow: boolean): FilePosition => ({
    path: follower.path, id, offset: offsetNow, skipping: skippingNow, head: digest(head), headLength: head.length, seen: follower.seenAt, finished,
  });

  /** Delivers, and ends when that has been worked off. `cut`: the rest of its line is passed over. */
  function send(bytes: Buffer, from: number, cut = false): Promise<void> {
    return new Promise((resolve) => {
      const { length } = bytes;
      const text = (read: number): string => positionText(at(from + read, cut && read === length));
      release = resolve;
      deliver(bytes, clock.now(), {
        key,
        after: text,
        ...(emptyAt === undefined ? {} : { writtenAfter: emptyAt }),
        done() {
          positions.set(key, text(length));
          resolve();
        },
      });
    });
  }

  /** Delivers the whole lines of what was read at `offset`; how many of the bytes are dealt with. */
  async function work(block: Buffer): Promise<number> {
    let from = 0;
    if (skipping) {
      const end = block.indexOf(NEWLINE);
      if (end < 0) return block.length;
      from = end + 1;
      skipping = false;
    }
    // A hole: the file was truncated, and its writer went on at the place where it was.
    while (from < block.length && block[from] === 0) from++;
    const end = block.lastIndexOf(NEWLINE) + 1;
    if (end <= from) {
      if (from > 0 || block.length < BLOCK) return from;
      counts.cut++;
      counts.bytes += block.length;
      counts.deliveries++;
      counts.lastAt = clock.now();
      await send(wholeWords(block), offset, true);
      skipping = true;
      return block.length;
    }
    while (from < end && !closed) {
      let to = end;
      if (end - from > PIECE) {
        to = block.lastIndexOf(NEWLINE, from + PIECE - 1) + 1;
        if (to <= from) to = block.indexOf(NEWLINE, from) + 1;
      }
      counts.deliveries++;
      counts.bytes += to - from;
      counts.lastAt = clock.now();
      await send(block.subarray(from, to), offset + from);
      from = to;
    }
    return from;
  }

  /** Whether the file is still the one that was read, and has at least `least` bytes. To be asked after reading, so that what was read is known to be of it. */
  async function isIntact(least: number): Promise<boolean> {
    const asked = clock.now();
    const now = await handle.stat();
    const fresh = await headOf(handle);
    if (now.size < least || fresh.length < head.length || !fresh.subarray(0, head.length).equals(head)) return false;
    ({ size } = now);
    head = fresh;
    intactAt = asked;
    return true;
  }

  async function truncated(): Promise<void> {
    await parts.onTruncated({ ...at(offset, skipping), seen: Math.min(intactAt, follower.seenAt) }, size, await headOf(handle));
    offset = 0;
    skipping = false;
    head = EMPTY;
    emptyAt = undefined;
    ({ size } = await handle.stat());
  }

  /** Up to where it is now. True where something was dealt with, or there is more. */
  async function readOn(): Promise<boolean> {
    const asked = clock.now();
    const found = await handle.stat();
    if (found.size === offset && found.mtimeMs === written) {
      emptyAt = asked;
      return false;
    }
    ({ size } = found);
    let until = found.size;
    let progress = false;
    for (;;) {
      if (closed) return progress;
      const block = Buffer.allocUnsafe(Math.min(BLOCK, Math.max(0, size - offset)));
      const { bytesRead } = block.length === 0 ? { bytesRead: 0 } : await handle.read(block, 0, block.length, offset);
      if (!(await isIntact(offset + bytesRead))) {
        await truncated();
        until = size;
        progress = true;
        continue;
      }
      const used = bytesRead === 0 ? 0 : await work(block.subarray(0, bytesRead));
      offset += used;
      await lookAround();
      if (used > 0) {
        moved = true;
        progress = true;
        readAt = clock.now();
      }
      if (offset >= until || used === 0) break;
    }
    written = found.mtimeMs;
    // What came while it was read is not looked for again: the next turn does that.
    return progress || size !== until;
  }

  async function readNow(): Promise<void> {
    if (closed) return;
    rest();
    try {
      const progress = await readOn();
      error = undefined;
      if (progress) timer = clock.after(PACE, () => follower.wake());
      else {
        await lookAround(true);
        await watchOn();
      }
    } catch (cause) {
      error = `${follower.path} can't be read (${failureOf(cause)})`;
    }
  }

  /** While it is written to nobody watches it: it may have been renamed all the same, and the next one be there only for a moment. */
  async function lookAround(atOnce = false): Promise<void> {
    if (follower.leftAt !== undefined || !(atOnce ? moved : clock.now() - lookedAt > LOOK_AROUND)) return;
    const asked = clock.now();
    lookedAt = asked;
    if (atOnce) moved = false;
    let now: string | undefined;
    try {
      now = (await identify(follower.path)).id;
    } catch {
      // It has no such name any more.
    }
    if (now === id) follower.seenAt = asked;
    else parts.onMoved();
  }

  function rest(): void {
    watcher?.close();
    watcher = undefined;
    timer?.cancel();
    timer = undefined;
  }

  /** Told of the next change, by the file itself and not by its name. The poll finds what this misses. */
  async function watchOn(): Promise<void> {
    if (closed) return;
    try {
      watcher = watch(`/proc/self/fd/${handle.fd}`, { persistent: false }, () => {
        rest();
        moved = true;
        follower.wake();
      });
      watcher.on('error', rest);
    } catch {
      return;
    }
    // What came before the watch began would not be told.
    const now = await handle.stat();
    if (now.size !== size) timer = clock.after(PACE, () => follower.wake());
  }

  const follower: Follower = {
    id,
    key,
    path: start.path,
    seenAt: clock.now(),
    leftAt: undefined,
    get readAt() {
      return readAt;
    },
    get head() {
      return head;
    },
    get error() {
      return error;
    },
    get lagBytes() {
      return Math.max(0, size - offset);
    },
    position: () => at(offset, skipping),
    async beginning(most) {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(most), 0, most, 0);
      return buffer.subarray(0, bytesRead);
    },
    read() {
      // One reads, one may wait to read what came meanwhile; a third would find nothing.
      waiting ??= reading.then(() => {
        waiting = undefined;
        return (reading = readNow());
      });
      return waiting;
    },
    wake: () => void follower.read(),
    note: () => void send(EMPTY, offset, skipping),
    async finish() {
      await follower.read();
      if (closed) return;
      rest();
      try {
        const last = Buffer.alloc(Math.min(BLOCK, Math.max(0, size - offset)));
        const { bytesRead } = last.length === 0 ? { bytesRead: 0 } : await handle.read(last, 0, last.length, offset);
        finished = true;
        await send(skipping ? EMPTY : last.subarray(0, bytesRead), offset);
      } catch {
        // What can't be read any more was left by everybody.
      }
      await follower.close();
    },
    async close() {
      closed = true;
      rest();
      const patience = clock.after(LAST_WAIT, () => release());
      await reading;
      patience.cancel();
      try {
        await handle.close();
      } catch {
        // A file system that went away has closed it.
      }
    },
  };
  return follower;
}
