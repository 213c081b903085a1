/** An attacker that never stops trying: datagrams to the victim, a thousand a second, and what of them is answered. */
import type { Child } from './child.ts';
import type { Host } from './netns.ts';
import { waitFor } from './wait-for.ts';

const PORT = 7777;

/** Sends every datagram back. */
const ECHO = `
  const socket = require('node:dgram').createSocket({ type: 'udp6', ipv6Only: false });
  socket.on('message', (text, from) => socket.send(text, from.port, from.address));
  socket.bind(${PORT}, '::', () => console.log('echo'));
`;

/** Sends numbered datagrams, and says on each line of its input how many were sent and answered, and how long ago the last answer came. */
const PROBE = `
  const [to, from] = process.argv.slice(1);
  const socket = require('node:dgram').createSocket(to.includes(':') ? 'udp6' : 'udp4');
  let sent = 0, answered = 0, last = performance.now();
  socket.on('message', () => { answered++; last = performance.now(); });
  // A rejection arrives as an error of the socket.
  socket.on('error', () => undefined);
  socket.bind({ address: from }, () => setInterval(() => socket.send(String(sent++), ${PORT}, to, () => undefined), 1));
  process.stdin.on('data', () => console.log(JSON.stringify({ sent, answered, silentMs: performance.now() - last })));
`;

export interface Tally {
  readonly sent: number;
  readonly answered: number;
  readonly silentMs: number;
}

/** The victim's side, for any number of probes. */
export async function startEcho(host: Host): Promise<Child> {
  const child = host.spawn([process.execPath, '-e', ECHO]);
  await child.says(/echo/);
  return child;
}

/** So long without an answer, at a thousand questions a second, is silence. */
const SILENCE_MS = 150;

export class Prober {
  private asked = 0;
  private constructor(private readonly child: Child) {}

  static start(host: Host, from: string, to: string): Prober {
    return new Prober(host.spawn([process.execPath, '-e', PROBE, to, from]));
  }

  async tally(): Promise<Tally> {
    const lines = ++this.asked;
    this.child.process.stdin?.write('?\n');
    await waitFor('the probe to answer', () => this.child.stdout.split('\n').length > lines, { everyMs: 5 });
    return JSON.parse(this.child.stdout.split('\n')[lines - 1] ?? '') as Tally;
  }

  /** Waits until nothing is answered any more although it goes on asking. */
  async silenced(): Promise<Tally> {
    const before = await this.tally();
    return waitFor('silence', async () => {
      const now = await this.tally();
      return now.silentMs > SILENCE_MS && now.sent > before.sent + SILENCE_MS / 2 ? now : undefined;
    });
  }

  /** Waits until it is answered again. */
  async answered(): Promise<Tally> {
    const before = await this.tally();
    return waitFor('an answer', async () => {
      const now = await this.tally();
      return now.answered > before.answered ? now : undefined;
    });
  }

  async stop(): Promise<void> {
    await this.child.stop('SIGKILL');
  }
}
