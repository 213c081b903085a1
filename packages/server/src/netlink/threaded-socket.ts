/**
 * A netlink socket whose kernel work is done by a thread of libuv's pool, for requests that take the kernel milliseconds within one
 * call: a walk of conntrack's table is 4 ms and more when the table is empty. Nothing native is needed for it: write(2) on a netlink
 * socket sends to the kernel, read(2) takes one delivery, and Node does both in its pool. read(2) does not say who sent; for the protocols
 * that are used here only a process with CAP_NET_ADMIN can send to another's socket, and it could do all of this itself.
 */
import { read, write } from 'node:fs';
import { eachMessage, NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR, type Message } from './message.ts';
import type { NativeNetlink } from './native.ts';
import { answerOf, type Answer } from './socket.ts';

/** How a dump ended. */
export interface DumpEnd {
  /** The kernel's refusal; 0 when the dump was read to its end or given up by `signal`. */
  readonly errno: number;
  /** Its own explanation; empty where it gives none. */
  readonly message: string;
  /** Something changed meanwhile, so that the dump may not be whole. */
  readonly interrupted: boolean;
}

/** One call at a time. Errors of the socket itself are thrown, with `code`. */
export interface ThreadedNetlink {
  /** Sends messages and gives the kernel's words on those that ask for one (NLM_F_ACK) or were refused; `other` is called for what is no such word. */
  ask(messages: Buffer, other?: (message: Message, bytes: Buffer) => void): Promise<readonly Answer[]>;
  /**
   * Sends one request for a dump and calls back for each message of it; the loop turns between pieces of at most 32 KiB. After each
   * piece it waits for what `between` gives. A dump that did not come to its end leaves the socket good for `close` only.
   */
  dump(request: Buffer, action: (message: Message, bytes: Buffer) => void, between?: () => Promise<void> | undefined): Promise<DumpEnd>;
  close(): void;
}

/** Dumps come in pieces of at most 32 KiB (netlink_recvmsg): what read(2) could not take it would cut without a word. */
const ROOM = 65_536;

const EAGAIN = 11;

/** Opens one. `signal` ends a dump between two pieces. @throws Error with `code` EPERM, EPROTONOSUPPORT, EMFILE … */
export function openThreaded(native: NativeNetlink, protocol: number, signal: AbortSignal): ThreadedNetlink {
  const fd = native.open(protocol);
  const room = Buffer.allocUnsafeSlow(ROOM);

  const send = (bytes: Buffer): Promise<void> =>
    new Promise((resolve, reject) => write(fd, bytes, 0, bytes.length, null, (error) => (error === null ? resolve() : reject(error))));

  /** The length of the next delivery; 0 when there is none. */
  const receive = (): Promise<number> =>
    new Promise((resolve, reject) =>
      read(fd, room, 0, ROOM, null, (error, length) => {
        if (error === null) resolve(length);
        else if (error.code === 'EAGAIN') resolve(0);
        else reject(error);
      }),
    );

  return {
    async ask(messages, other) {
      await send(messages);
      const answers: Answer[] = [];
      // The kernel has answered all of it before write(2) came back, one delivery for each: a microsecond, and no thread's work.
      for (let length = native.receive(fd, room, 0); length > 0; length = native.receive(fd, room, 0)) {
        eachMessage(room, length, (message) => {
          if (message.type === NLMSG_ERROR) answers.push(answerOf(message, room));
          else other?.(message, room);
        });
      }
      return answers;
    },
    async dump(request, action, between) {
      await send(request);
      let interrupted = false;
      for (;;) {
        const length = await receive();
        // The kernel makes the next piece while this one is read, so there always is one: without it, it had no memory.
        if (length === 0) return { errno: EAGAIN, message: 'the answer was not finished', interrupted };
        let end: { readonly errno: number; readonly message: string } | undefined;
        eachMessage(room, length, (message) => {
          if (end !== undefined) return;
          if ((message.flags & NLM_F_DUMP_INTR) !== 0) interrupted = true;
          if (message.type === NLMSG_DONE) end = { errno: message.end >= message.start + 4 ? -room.readInt32LE(message.start) : 0, message: '' };
          else if (message.type === NLMSG_ERROR) end = answerOf(message, room);
          else action(message, room);
        });
        await between?.();
        if (end !== undefined) return { errno: end.errno, message: end.message, interrupted };
        if (signal.aborted) return { errno: 0, message: '', interrupted };
      }
    },
    close: () => native.close(fd),
  };
}
