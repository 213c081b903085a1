/**
 * Syslog over TCP (RFC 6587) as a source: frames with their length before them, or lines. What a sender wrote is read only as fast as it
 * is worked off, so that a flood waits in the sender's own queue; a sender that goes away in the middle of a record has not sent it.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { ms, type Address, type Instant } from 'banban-shared';
import type { Clock, Timer } from '../clock.ts';
import { syslogFramer, type Framer } from './framing.ts';
import { createInHand } from './in-hand.ts';
import { checkHost, listenError, LONGEST_RECORD, placeOf, type ListeningSource, type SyslogOptions } from './listening.ts';
import { oneLine } from './one-line.ts';
import { createPieces } from './pieces.ts';
import { createSenders } from './senders.ts';
import type { Deliver } from './source.ts';
import { createTrouble } from './trouble.ts';

/** A few thousand machines do not send to one banband; each connection may hold one record of 64 KiB. */
const MOST_CONNECTIONS = 256;
/** A sender has one, or a few of them: one that opens more and more must not keep the others out. */
const MOST_OF_ONE = 32;
/** The rest of a record comes within this … */
const RECORD_TIME = ms(60_000);
/** … and who says nothing for so long is gone: a quiet night is no reason to cut off a sender, which would lose a message by it. */
const IDLE_TIME = ms(86_400_000);
const LOOK_EVERY = ms(15_000);
/** Then the kernel asks whether the other side still lives. */
const KEEP_ALIVE = 60_000;

interface Connection {
  readonly socket: Socket;
  readonly sender: Address;
  readonly framer: Framer;
  heardAt: Instant;
  /** Bytes of it are being worked off, and it is not read meanwhile. */
  isPaused: boolean;
}

/** Listens at `start`. */
export function syslogTcpSource(options: SyslogOptions, clock: Clock): ListeningSource {
  const senders = createSenders(options.allow);
  const hand = createInHand(clock);
  const trouble = createTrouble(clock);
  const connections = new Set<Connection>();
  /** Chunks, one of a connection at most: it is not read on before. */
  const waiting: (() => void)[] = [];
  const path = `tcp ${placeOf(options)}`;
  let server: Server | undefined;
  let timer: Timer | undefined;
  let records = 0;
  let bytes = 0;
  let cut = 0;
  let lastAt: Instant | undefined;
  let error: string | undefined;

  /** Closes a connection, and says why. */
  function close({ socket, sender }: Connection, why: string): void {
    trouble.note(`a connection of ${sender} was closed: ${why}`);
    socket.destroy();
  }

  function received(connection: Connection, chunk: Buffer, deliver: Deliver): void {
    const { socket, framer } = connection;
    const pieces = createPieces(chunk.length);
    framer.push(chunk, (record, isCut) => {
      if (isCut) cut++;
      const line = oneLine(record, isCut);
      if (line.length === 0) return;
      records++;
      pieces.add(line);
    });
    if (framer.broken !== undefined) close(connection, framer.broken);
    const goOn = (): void => {
      connection.isPaused = false;
      socket.resume();
    };
    const all = pieces.take();
    if (all.length === 0) {
      goOn();
      return;
    }
    lastAt = connection.heardAt;
    const done = hand.take();
    const over = (): void => {
      done();
      goOn();
    };
    for (const [i, piece] of all.entries()) {
      bytes += piece.length;
      deliver(piece, lastAt, {
        // There is nothing to read again: only so that it is not dropped, and for `done`.
        key: path,
        after: () => '',
        ...(i < all.length - 1 ? {} : { done: over }),
      });
    }
  }

  /** What came waits for a turn of its own: many may have sent at once, and one turn must not be as long as all of them take. */
  function take(connection: Connection, chunk: Buffer, deliver: Deliver): void {
    connection.heardAt = clock.now();
    connection.isPaused = true;
    connection.socket.pause();
    waiting.push(() => received(connection, chunk, deliver));
    if (waiting.length === 1) clock.soon(turn);
  }

  function turn(): void {
    waiting[0]?.();
    waiting.shift();
    if (waiting.length > 0) clock.soon(turn);
  }

  function welcome(socket: Socket, deliver: Deliver): void {
    // A peer that resets is no fault of ours.
    socket.on('error', () => undefined);
    const sender = senders.admit(socket.remoteAddress);
    const isTooMany = connections.size >= MOST_CONNECTIONS || [...connections].filter((one) => one.sender === sender).length >= MOST_OF_ONE;
    if (sender === undefined || isTooMany) {
      if (sender !== undefined) {
        senders.refuse(sender);
        trouble.note(`connections were refused: at most ${MOST_CONNECTIONS} at once may be open, and ${MOST_OF_ONE} of one sender; the last one was of ${sender}`);
      }
      socket.resetAndDestroy();
      return;
    }
    const connection: Connection = { socket, sender, framer: syslogFramer(LONGEST_RECORD), heardAt: clock.now(), isPaused: false };
    connections.add(connection);
    socket.on('data', (chunk: Buffer) => take(connection, chunk, deliver));
    socket.once('close', () => {
      connections.delete(connection);
      if (connection.framer.held > 0) cut++;
    });
  }

  /** Closes what holds a part of a record and does not go on, and what nobody is behind any more. */
  function look(): void {
    const now = clock.now();
    for (const connection of connections) {
      const { heardAt, framer, isPaused } = connection;
      if (isPaused) continue;
      if (framer.held > 0 && now - heardAt > RECORD_TIME) close(connection, `the rest of a record did not come within ${RECORD_TIME / 1000} s`);
      else if (now - heardAt > IDLE_TIME) connection.socket.destroy();
    }
    timer = clock.after(LOOK_EVERY, look);
  }

  return {
    type: 'syslog',
    path,
    port: () => {
      const address = server?.address();
      return typeof address === 'object' ? address?.port : undefined;
    },
    async start(deliver) {
      checkHost('TCP', options);
      const opened = createServer({ keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE, allowHalfOpen: false }, (socket) => welcome(socket, deliver));
      await new Promise<void>((resolve, reject) => {
        opened.once('error', (cause) => reject(listenError('TCP', options, cause)));
        opened.listen({ host: options.host, port: options.port, exclusive: true }, resolve);
      });
      opened.removeAllListeners('error');
      opened.on('error', (cause) => void (error = `no connection can be taken: ${cause.message}`));
      server = opened;
      timer = clock.after(LOOK_EVERY, look);
    },
    async stop() {
      const open = server;
      server = undefined;
      timer?.cancel();
      if (open === undefined) return;
      const closed = new Promise<void>((resolve) => open.close(() => resolve()));
      for (const { socket } of connections) socket.destroy();
      await closed;
      for (const chunk of waiting.splice(0)) chunk();
      await hand.empty();
    },
    stats: () => ({ datagrams: records, bytes, cut, lastAt, error: error ?? trouble.current(), refused: senders.refused() }),
  };
}
