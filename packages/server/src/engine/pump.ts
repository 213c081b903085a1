/**
 * Between the socket and the matching: a bounded queue, and the turns of the loop shared so that receiving comes first.
 * rsyslog sends blocking, under a lock, and the kernel queues as few as 10 datagrams: whoever does not read stalls the
 * machine's logging. So a turn in which something arrived is left to the socket until it is empty or a good many have
 * come, work is done in slices of about a millisecond, and what finds the queue full is dropped and counted.
 */
import type { Instant } from 'banban-shared';
import type { Clock } from '../clock.ts';
import type { Progress } from '../ingest/source.ts';
import type { Feed } from './feed.ts';

/** What waits to be worked off. */
export interface Delivery {
  readonly bytes: Buffer;
  readonly at: Instant;
  readonly feed: Feed;
  /** For what can be read again; it is never dropped, because its source waits for `done`. */
  readonly progress: Progress | undefined;
}

/** The queue. `dropped` counts deliveries since the start, `queued` and `capacity` those that wait and that may. */
export interface Pump {
  push(delivery: Delivery): void;
  /** Works off all that is queued, at once: for the stop. */
  drain(): void;
  readonly queued: number;
  readonly capacity: number;
  readonly dropped: number;
}

/** What is done with deliveries, and how many and how many bytes of them may wait. */
export interface PumpOptions {
  readonly clock: Clock;
  /** Works one delivery off. */
  readonly work: (delivery: Delivery) => void;
  /** Called when a slice is done: decisions of the slice are written together. */
  readonly endSlice: () => void;
  readonly capacity?: number;
  readonly byteCapacity?: number;
}

/** A quarter of a second of a flood at full speed. */
const CAPACITY = 65_536;
const BYTE_CAPACITY = 64 * 1024 * 1024;
/** Work for at most this long, in milliseconds, before the socket is looked at again … */
const SLICE_MS = 1;
/** … and receive at most this many before some work is done: both sides go on under any flood. */
const RECEIVE_FIRST = 512;
/** The clock is asked once for this many deliveries, or for this many bytes: one delivery may hold thousands of lines. */
const STRIDE = 32;
const BYTE_STRIDE = 65_536;

/** An empty queue. `work` is called in the order of arrival, and `endSlice` after it even where it throws. */
export function createPump({ clock, work, endSlice, capacity = CAPACITY, byteCapacity = BYTE_CAPACITY }: PumpOptions): Pump {
  let queue: Delivery[] = [];
  let head = 0;
  let held = 0;
  let dropped = 0;
  let armed = false;
  let arrived = 0;
  let sinceWork = 0;

  const queued = (): number => queue.length - head;

  function slice(limit: number): void {
    const began = clock.now();
    let done = 0;
    let bytes = 0;
    try {
      while (head < queue.length) {
        const item = queue[head++];
        if (item === undefined) break;
        held -= item.bytes.length;
        work(item);
        done++;
        bytes += item.bytes.length;
        // What comes as a stream has many lines in one delivery, and they may be short.
        if (item.progress === undefined && done < STRIDE && bytes < BYTE_STRIDE) continue;
        // Before it began: the clock was put back.
        const now = clock.now();
        if (now - began > limit || now < began) break;
        done = 0;
        bytes = 0;
      }
    } finally {
      if (head === queue.length) {
        queue = [];
        head = 0;
      } else if (head > 8192) {
        queue = queue.slice(head);
        head = 0;
      }
      endSlice();
    }
  }

  function turn(): void {
    armed = false;
    if (arrived > 0 && sinceWork < RECEIVE_FIRST) {
      arrived = 0;
      arm();
      return;
    }
    arrived = 0;
    sinceWork = 0;
    try {
      slice(SLICE_MS);
    } finally {
      if (queued() > 0) arm();
    }
  }

  function arm(): void {
    if (armed) return;
    armed = true;
    clock.soon(turn);
  }

  return {
    push(delivery) {
      const { bytes, feed, progress } = delivery;
      arrived++;
      sinceWork++;
      if (progress === undefined && (queued() >= capacity || held + bytes.length > byteCapacity)) {
        dropped++;
        feed.counters.dropped++;
      } else {
        queue.push(delivery);
        held += bytes.length;
      }
      arm();
    },
    drain() {
      while (queued() > 0) slice(Infinity);
    },
    get queued() {
      return queued();
    },
    capacity,
    get dropped() {
      return dropped;
    },
  };
}
