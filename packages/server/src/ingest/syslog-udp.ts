/**
 * Syslog over UDP (RFC 5426) as a source: one datagram, one record. Whoever can send a packet can forge its source address, so the
 * allow list keeps strangers out by the network's leave only; docs/security.md says what that means.
 */
import { createSocket, type Socket } from 'node:dgram';
import { isIP } from 'node:net';
import type { Instant } from 'banban-shared';
import type { Clock } from '../clock.ts';
import { checkHost, listenError, placeOf, type ListeningSource, type SyslogOptions } from './listening.ts';
import { oneLine } from './one-line.ts';
import { createSenders } from './senders.ts';
import { udpDrops } from './udp-drops.ts';

/** Asked for; the kernel gives half of net.core.rmem_max at most, which by default is a few hundred messages. */
const RECEIVE_BUFFER = 4 * 1024 * 1024;

/** Listens at `start`. */
export function syslogUdpSource(options: SyslogOptions, clock: Clock): ListeningSource {
  const senders = createSenders(options.allow);
  const family = isIP(options.host) === 6 ? 6 : 4;
  let socket: Socket | undefined;
  let port: number | undefined;
  let datagrams = 0;
  let bytes = 0;
  let lastAt: Instant | undefined;
  let error: string | undefined;

  return {
    type: 'syslog',
    path: `udp ${placeOf(options)}`,
    port: () => port,
    async start(deliver) {
      checkHost('UDP', options);
      const opened = createSocket({ type: family === 6 ? 'udp6' : 'udp4' });
      opened.on('message', (datagram, { address }) => {
        if (senders.admit(address) === undefined) return;
        datagrams++;
        bytes += datagram.length;
        lastAt = clock.now();
        error = undefined;
        const line = oneLine(datagram, false);
        if (line.length > 0) deliver(line, lastAt);
      });
      await new Promise<void>((resolve, reject) => {
        opened.once('error', (cause) => {
          opened.close();
          reject(listenError('UDP', options, cause));
        });
        opened.bind({ address: options.host, port: options.port, exclusive: true }, resolve);
      });
      opened.removeAllListeners('error');
      opened.on('error', (cause) => void (error = `a datagram could not be received: ${cause.message}`));
      try {
        opened.setRecvBufferSize(RECEIVE_BUFFER);
      } catch {
        // What the kernel gives by itself.
      }
      port = opened.address().port;
      socket = opened;
    },
    async stop() {
      const open = socket;
      socket = undefined;
      port = undefined;
      if (open !== undefined) await new Promise<void>((resolve) => open.close(() => resolve()));
    },
    stats: () => ({ datagrams, bytes, cut: 0, lastAt, error, refused: senders.refused(), lost: port === undefined ? undefined : udpDrops(family, port) }),
  };
}
