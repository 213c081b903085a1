/** Senders of syslog over the network, and what a source has delivered of it. */
import { createSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import type { Progress, Source } from '../../packages/server/src/ingest/source.ts';

export interface Received {
  /** All lines up to now. */
  readonly lines: string[];
  /** What waits to be worked off; with `hold` nothing is until it is called. */
  readonly waiting: Progress[];
}

/** Starts the source and stops it with the test; what it delivers is worked off at once, or not with `hold`. */
export async function received(source: Source, { hold = false } = {}): Promise<Received> {
  const lines: string[] = [];
  const waiting: Progress[] = [];
  await source.start((bytes, _at, progress) => {
    lines.push(...bytes.toString('latin1').split('\n').filter(Boolean));
    if (progress === undefined) return;
    if (hold) waiting.push(progress);
    else progress.done?.();
  });
  onTestFinished(async () => {
    for (const progress of waiting.splice(0)) progress.done?.();
    await source.stop();
  });
  return { lines, waiting };
}

/** A connection to the port of this machine, from `from`. */
export async function connected(port: number, from = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, localAddress: from });
  socket.on('error', () => undefined);
  // Read, so that the end is seen.
  socket.resume();
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** Sends datagrams, one after the other, from `from`. */
export async function sendDatagrams(port: number, datagrams: readonly (string | Buffer)[], from = '127.0.0.1', to = '127.0.0.1'): Promise<void> {
  const socket = createSocket(to.includes(':') ? 'udp6' : 'udp4');
  onTestFinished(() => {
    try {
      socket.close();
    } catch {
      // It is closed.
    }
  });
  await new Promise<void>((resolve) => socket.bind({ address: from }, resolve));
  for (const datagram of datagrams) await new Promise<void>((resolve, reject) => socket.send(datagram, port, to, (error) => (error === null ? resolve() : reject(error))));
  socket.close();
}
