/** The notifier over the receivers of a configuration: each has a channel of its own, so that a dead one holds up no other. */
import { hostname } from 'node:os';
import type { Clock } from '../clock.ts';
import type { NotifyConfig } from '../config/notify.ts';
import type { Log } from '../observe/log.ts';
import { createChannel, type Channel } from './channel.ts';
import { commandReceiver } from './command.ts';
import { mailReceiver } from './mail-receiver.ts';
import type { Notifier } from './notifier.ts';
import type { Receiver } from './receiver.ts';
import { webhookReceiver } from './webhook.ts';
import { createWhois } from './whois.ts';

/** What the notifier works with. */
export interface NotifierParts {
  readonly clock: Clock;
  /** Of a clock that only goes forward. */
  readonly precise: () => number;
  /** Not one that tells the notifier of what it is told. */
  readonly log: Log;
  /** Directories in which whois is looked for; default: the daemon's own. */
  readonly path?: string;
}

/** A host name that can stand in a header and a mail address, whatever the machine calls itself. */
const ownName = (): string => hostname().replace(/[^A-Za-z0-9.-]/g, '').replace(/^[.-]+|[.-]+$/g, '').slice(0, 100) || 'localhost';

/** Equal for two receivers that can go on with each other's state. */
const identity = (config: NotifyConfig): string => JSON.stringify(config, (_key, value: unknown) => (value instanceof Set ? [...value] : value));

/** A notifier that tells these receivers. */
export function createNotifier(receivers: readonly NotifyConfig[], { clock, precise, log, path }: NotifierParts): Notifier {
  const host = ownName();
  const whois = createWhois({ clock, ...(path !== undefined && { path }) });

  function receiverOf({ way }: NotifyConfig): Receiver {
    switch (way.kind) {
      case 'mail':
        return mailReceiver(way, clock);
      case 'webhook':
        return webhookReceiver(way);
      case 'command':
        return commandReceiver(way.words, clock);
    }
  }

  const open = (config: NotifyConfig): Channel => createChannel(config, { clock, precise, log, whois, host, receiver: receiverOf(config) });
  let channels: readonly Channel[] = receivers.map(open);
  /** Those that a reload took away, with what they had still to send. */
  const leaving = new Set<Promise<void>>();

  /** Ends channels after `length`; resolves when all have ended. */
  async function end(ending: readonly Channel[], length: Parameters<Notifier['stop']>[0]): Promise<void> {
    if (ending.length === 0) return;
    const control = new AbortController();
    const limit = clock.after(length, () => control.abort());
    await Promise.all(ending.map((channel) => channel.stop(control.signal)));
    limit.cancel();
  }

  return {
    tell(notice) {
      for (const channel of channels) channel.tell(notice);
    },
    configure(next) {
      const old = [...channels];
      channels = next.map((config) => {
        const index = old.findIndex((channel) => identity(channel.config) === identity(config));
        return index < 0 ? open(config) : (old.splice(index, 1)[0] ?? open(config));
      });
      for (const channel of old) {
        const left = end([channel], channel.config.timeout);
        leaving.add(left);
        void left.then(() => leaving.delete(left));
      }
    },
    async test(which, by) {
      const chosen = which === undefined ? channels : channels.filter((channel, i) => channel.config.name === which || String(i + 1) === which);
      if (which !== undefined && chosen.length === 0) return undefined;
      return Promise.all(chosen.map((channel) => channel.test(by)));
    },
    stats: () => channels.map((channel) => channel.stats()),
    async stop(atMost) {
      const limit = new Promise<void>((resolve) => clock.after(atMost, resolve));
      await Promise.all([end(channels, atMost), Promise.race([Promise.all(leaving), limit])]);
    },
  };
}
