/** A channel before a receiver that does what the test says, on a clock that the test moves. */
import { instant, ms } from 'banban-shared';
import type { NotifyConfig } from '../../packages/server/src/config/notify.ts';
import { createChannel, type Channel } from '../../packages/server/src/notify/channel.ts';
import { failed, SENT, type Delivery, type Message } from '../../packages/server/src/notify/receiver.ts';
import type { WhoisText } from '../../packages/server/src/notify/receiver.ts';
import { fakeClock, type FakeClock } from './fake-clock.ts';
import { notifyConfig } from './notices.ts';
import { quietLog, type QuietLog } from './quiet-log.ts';

export interface ChannelRoom {
  /** How time really goes by; the machine's own clock shows so much more, or less. */
  readonly clock: FakeClock;
  skew: number;
  readonly log: QuietLog;
  readonly channel: Channel;
  /** Every message that a try was made for. */
  readonly tried: readonly Message[];
  /** What becomes of the next tries; `hang` answers only when it is given up. */
  answer: Delivery | 'hang' | 'throw';
  /** Lets time go by, and everything that waits for a promise come to rest. */
  pass(milliseconds: number): Promise<void>;
}

/** More turns of promises than any step here takes. */
const ENOUGH = 20;

export async function rest(): Promise<void> {
  for (let i = 0; i < ENOUGH; i++) await Promise.resolve();
}

export function channelRoom(given: Partial<NotifyConfig> = {}, whois: readonly WhoisText[] | 'hang' = []): ChannelRoom {
  const clock = fakeClock();
  const log = quietLog();
  const tried: Message[] = [];
  const untilAborted = <T>(signal: AbortSignal, value: T): Promise<T> => new Promise((resolve) => (signal.aborted ? resolve(value) : signal.addEventListener('abort', () => resolve(value), { once: true })));
  const room: ChannelRoom = {
    clock,
    skew: 0,
    log,
    tried,
    answer: SENT,
    channel: createChannel(notifyConfig(given), {
      clock: { ...clock, now: () => instant(clock.now() + room.skew) }, log, host: 'test', precise: () => clock.now(),
      whois: { about: (_subjects, signal) => (whois === 'hang' ? untilAborted(signal, []) : Promise.resolve(whois)) },
      receiver: {
        send(message, signal) {
          tried.push(message);
          if (room.answer === 'throw') return Promise.reject(new Error('it broke'));
          return room.answer === 'hang' ? untilAborted(signal, failed('it was given up')) : Promise.resolve(room.answer);
        },
      },
    }),
    async pass(milliseconds) {
      // In pieces, so that what one timer leads to can set the next one at its own time.
      const end = clock.now() + milliseconds;
      await rest();
      while (clock.now() < end) {
        clock.advance(Math.min(ms(500), end - clock.now()));
        await rest();
      }
    },
  };
  return room;
}
