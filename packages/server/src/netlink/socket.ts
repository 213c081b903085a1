/** One netlink socket that asks and waits for the answer: microseconds, so that it may be done between two log lines. */
import { eachAttribute, eachMessage, HEADER, NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR, type Message } from './message.ts';
import type { NativeNetlink } from './native.ts';

/** The kernel's word on one message; `errno` is 0 where it did what was asked. */
export interface Answer {
  readonly sequence: number;
  readonly errno: number;
  /** Its own explanation (NLMSGERR_ATTR_MSG); empty where it gives none. */
  readonly message: string;
}

/** A socket of one protocol. Errors of the socket itself are thrown as the native part throws them, with `code`. */
export interface NetlinkSocket {
  /** The number by which the kernel names this socket as the cause of a change. */
  readonly port: number;
  /**
   * Sends messages of which all ask for an answer (NLM_F_ACK), and collects the answers; fewer came where the kernel gave up. `Infinity`
   * where only the last asks, and refusals of others may come before its answer. What else the kernel sends goes to `action`.
   */
  ask(messages: Buffer, answers: number, action?: (message: Message, bytes: Buffer) => void): Answer[];
  /**
   * Sends one request for a dump and calls back for each message of it.
   * @returns the kernel's refusal, and whether something changed meanwhile so that the dump may not be whole
   */
  dump(request: Buffer, action: (message: Message, bytes: Buffer) => void): { readonly errno: number; readonly message: string; readonly interrupted: boolean };
  /** Messages of a group, as they come, without waiting; false once there was none. `lost` when the kernel had to drop some. */
  poll(action: (message: Message, bytes: Buffer) => void): { readonly any: boolean; readonly lost: boolean };
  join(group: number): void;
  /** Calls back whenever something is there for `poll`. */
  watch(callback: () => void): void;
  close(): void;
}

/** No answer for this long is a fault of the kernel's; the loop stands still meanwhile. */
const PATIENCE_MS = 2000;
/** Dumps come in pieces of at most 32 KiB, nfnetlink's errors of a large batch many in one. */
const ROOM = 1024 * 1024;
const NLMSGERR_ATTR_MSG = 1;

/** One for all sockets: what was received is read before the next is. */
const room = Buffer.allocUnsafe(ROOM);

/** Reads an NLMSG_ERROR. */
export function answerOf(message: Message, bytes: Buffer): Answer {
  const errno = -bytes.readInt32LE(message.start);
  // After the code stands the header of the request, and with NETLINK_CAP_ACK nothing else of it.
  let words = '';
  const behind = message.start + 4 + HEADER;
  if (errno !== 0 && message.end > behind) eachAttribute(bytes, behind, message.end, (type, from, to) => {
    if (type === NLMSGERR_ATTR_MSG) words = bytes.toString('utf8', from, to - 1);
  });
  return { sequence: bytes.readUInt32LE(message.start + 4 + 8), errno, message: words };
}

const isError = (error: unknown, code: string): boolean => error instanceof Error && 'code' in error && error.code === code;

/** Opens one. @throws Error with `code` EPERM, EPROTONOSUPPORT, EMFILE … */
export function openNetlink(native: NativeNetlink, protocol: number): NetlinkSocket {
  const fd = native.open(protocol);
  const port = native.port(fd);
  let watching: unknown;

  /** What an earlier call left behind because it ended early. */
  function forget(): void {
    for (;;) {
      try {
        if (native.receive(fd, room, 0) === 0) return;
      } catch (error) {
        if (!isError(error, 'ENOBUFS')) throw error;
      }
    }
  }

  return {
    port,
    ask(messages, wanted, action) {
      forget();
      native.send(fd, messages);
      const answers: Answer[] = [];
      while (answers.length < wanted) {
        let length: number;
        try {
          // nfnetlink answers before `send` returns: what is not there then does not come, or is a refusal of the whole.
          length = native.receive(fd, room, answers.length === 0 ? PATIENCE_MS : 0);
        } catch (error) {
          // More answers than there was room for.
          if (isError(error, 'ENOBUFS')) break;
          throw error;
        }
        if (length === 0) break;
        eachMessage(room, length, (message) => {
          if (message.type === NLMSG_ERROR) answers.push(answerOf(message, room));
          else action?.(message, room);
        });
      }
      return answers;
    },
    dump(request, action) {
      forget();
      native.send(fd, request);
      let interrupted = false;
      for (;;) {
        const length = native.receive(fd, room, PATIENCE_MS);
        if (length === 0) return { errno: 110, message: 'no answer', interrupted };
        let end: { errno: number; message: string } | undefined;
        eachMessage(room, length, (message) => {
          if (end !== undefined) return;
          if ((message.flags & NLM_F_DUMP_INTR) !== 0) interrupted = true;
          if (message.type === NLMSG_DONE) end = { errno: message.end >= message.start + 4 ? -room.readInt32LE(message.start) : 0, message: '' };
          else if (message.type === NLMSG_ERROR) end = answerOf(message, room);
          else action(message, room);
        });
        if (end !== undefined) return { errno: end.errno, message: end.message, interrupted };
      }
    },
    poll(action) {
      let any = false;
      let lost = false;
      // A flood of other people's changes must not hold the loop: the rest comes with the next call.
      for (let i = 0; i < 64; i++) {
        try {
          const length = native.receive(fd, room, 0);
          if (length === 0) return { any, lost };
          any = true;
          eachMessage(room, length, (message) => action(message, room));
        } catch (error) {
          if (!isError(error, 'ENOBUFS') && !isError(error, 'EMSGSIZE')) throw error;
          any = true;
          lost = true;
        }
      }
      return { any, lost };
    },
    join: (group) => native.join(fd, group),
    watch(callback) {
      watching ??= native.watch(fd, callback);
    },
    close() {
      if (watching !== undefined) native.unwatch(watching);
      watching = undefined;
      native.close(fd);
    },
  };
}
