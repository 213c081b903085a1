/** A real systemd-journald in a host of its own, with a journal in memory; journalctl looks at it from outside. */
import { existsSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Child } from './child.ts';
import type { Host } from './netns.ts';
import { tempDir } from './temp-dir.ts';
import { waitFor } from './wait-for.ts';

interface DatagramSocket {
  send(bytes: Buffer, to: number, length: number, path: string, callback: (error?: Error) => void): void;
  close(): void;
}
const unixDgram = createRequire(join(import.meta.dirname, '../../packages/server/package.json'))('unix-dgram') as { createSocket(type: 'unix_dgram'): DatagramSocket };

/** Shell commands for a host's first process: a /run of its own for the journal, limits that no test meets, and nothing of the machine's kernel log. */
export const JOURNALD_SETUP = `
  mountpoint -q /run/systemd || mkdir -p /run/systemd
  mkdir -p /run/systemd/journal /run/log/journal /run/systemd/journald.conf.d
  printf '[Journal]\\nStorage=volatile\\nReadKMsg=no\\nAudit=\\nRateLimitIntervalSec=0\\nRateLimitBurst=0\\nRuntimeMaxUse=64M\\nRuntimeMaxFileSize=4M\\n' >/run/systemd/journald.conf.d/test.conf
`;

const SYSLOG = '/run/systemd/journal/dev-log';
const NATIVE = '/run/systemd/journal/socket';

export class Journald {
  private constructor(
    readonly host: Host,
    private readonly daemon: Child,
  ) {}

  /** Starts journald in a host that was set up for it. */
  static async start(host: Host): Promise<Journald> {
    const program = ['/usr/lib/systemd/systemd-journald', '/lib/systemd/systemd-journald'].find((path) => existsSync(path)) ?? 'systemd-journald';
    const daemon = host.spawn([program]);
    await waitFor('journald to listen', () => {
      if (!daemon.running) throw new Error(`journald ended: ${daemon.stderr}`);
      return existsSync(host.path(SYSLOG)) && existsSync(host.path(NATIVE));
    });
    return new Journald(host, daemon);
  }

  /** Sends them in their order; what the kernel's queue has no room for is sent again. */
  private async send(path: string, datagrams: readonly Buffer[]): Promise<void> {
    const socket = unixDgram.createSocket('unix_dgram');
    for (const bytes of datagrams) {
      await waitFor('room in the queue', () => new Promise<boolean>((resolve, reject) => {
        socket.send(bytes, 0, bytes.length, this.host.path(path), (error) => {
          if (error === undefined) resolve(true);
          else if (error.message.endsWith('-11')) resolve(false);
          else reject(error);
        });
      }), { everyMs: 1 });
    }
    socket.close();
  }

  /** As syslog(3) does. The sender is this process, which journald can't see. */
  syslog(...messages: readonly string[]): Promise<void> {
    return this.send(SYSLOG, messages.map((message) => Buffer.from(message)));
  }

  /** By the journal's own protocol: fields with any bytes in them, several of one name if wanted. */
  native(fields: readonly (readonly [name: string, value: string | Buffer])[]): Promise<void> {
    const parts = fields.flatMap(([name, value]) => {
      const length = Buffer.alloc(8);
      const bytes = Buffer.from(value);
      length.writeBigUInt64LE(BigInt(bytes.length));
      return [Buffer.from(`${name}\n`), length, bytes, Buffer.from('\n')];
    });
    return this.send(NATIVE, [Buffer.concat(parts)]);
  }

  /** As root in there, whom journald sees. */
  async asRoot(fields: { readonly [name: string]: string }): Promise<void> {
    await this.host.must(['logger', '--journald'], { input: Object.entries(fields).map(([name, value]) => `${name}=${value}\n`).join('') });
  }

  /**
   * A program called journalctl that looks at this journal from outside of the host; `before` are shell commands that it runs first. It
   * needs a /proc in which it is itself: without one it sees no new files, and says nothing.
   */
  journalctl(before = ''): string {
    const path = join(tempDir(), 'journalctl');
    writeFileSync(path, `#!/bin/sh\n${before}\nexec nsenter --target=${this.host.pid} --mount -- unshare --mount sh -c 'mount -t proc proc /proc && exec journalctl "$@"' journalctl "$@"\n`, { mode: 0o755 });
    return path;
  }

  /** Waits until a message is in the journal. */
  async has(message: string): Promise<void> {
    await waitFor(`“${message}” in the journal`, async () => (await this.host.run(['journalctl', '-q', '-o', 'cat', '-n', '20'])).stdout.includes(message));
  }

  /** Closes the journal's file, begins another and deletes all closed ones. */
  async vacuum(): Promise<void> {
    await this.host.must(['journalctl', '--rotate', '--vacuum-time=1us']);
  }

  async stop(): Promise<void> {
    await this.daemon.stop();
  }
}

/** One for the test, in a host that ends with it. */
export async function journald(): Promise<Journald> {
  const { Host } = await import('./netns.ts');
  const host = await Host.start('journal', { setup: `mount -t tmpfs -o mode=755 tmpfs /run\n${JOURNALD_SETUP}` });
  onTestFinished(() => host.stop());
  return Journald.start(host);
}
