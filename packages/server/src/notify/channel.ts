/**
 * The way to one receiver: gathers, sends one message at a time and not too many, tries again what fails, and counts what is lost. Whatever
 * the receiver does, it holds at most one message and one gathering.
 */
import { ms, type Instant } from 'banban-shared';
import type { Clock, Timer } from '../clock.ts';
import type { NotifyConfig } from '../config/notify.ts';
import { backoff } from '../enforce/backoff.ts';
import type { Log } from '../observe/log.ts';
import { batchOf, gathering, type Batch } from './batch.ts';
import { aboutOf, wants, type Notice } from './notice.ts';
import type { ReceiverStats, TestOutcome } from './notifier.ts';
import { failed, type Delivery, type Message, type Receiver } from './receiver.ts';
import type { Whois } from './whois.ts';

const HOUR = 3_600_000;
/** What happens at once is told at once: so long the first message of an hour waits for more of the same, each later one twice as long as the one before. */
const SETTLE = 2000;
/** A mail server may be away for a night, and what it missed is still news in the morning; beyond that it is in the database. */
const LONGEST_TRIED = 24 * HOUR;
/** Between two tries, when it has been failing for long: it is somebody else's server. */
const LONGEST_WAIT = ms(300_000);
/** For all that whois says in one message. */
const WHOIS_AT_MOST = ms(20_000);

/** What a channel works with. */
export interface ChannelParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly receiver: Receiver;
  readonly whois: Whois;
  readonly host: string;
  /** Milliseconds of a clock that only goes forward. */
  readonly precise: () => number;
}

/** The way to one receiver. */
export interface Channel {
  readonly config: NotifyConfig;
  tell(notice: Notice): void;
  test(by: string): Promise<TestOutcome>;
  stats(): ReceiverStats;
  /** Sends what waits until `signal` ends it. */
  stop(signal: AbortSignal): Promise<void>;
}

/** A channel with nothing in it. */
export function createChannel(config: NotifyConfig, { clock, log, receiver, whois, host, precise }: ChannelParts): Channel {
  const { name, every, atMost, timeout } = config;
  const gathered = gathering();
  /** When the oldest of what is gathered came; this and all that is waited for is by `precise`, as the machine's clock may be set meanwhile. */
  let since: number | undefined;
  let timer: Timer | undefined;
  let outgoing: Message | undefined;
  let triedSince = 0;
  /** The try that is under way. */
  let underway: Promise<void> | undefined;
  let stopping: AbortSignal | undefined;
  /** What ends the deliveries and the questions to whois that are under way. */
  const sending = new Set<() => void>();
  const asking = new Set<() => void>();
  /** Ends of messages within the last hour, delivered or not. */
  let ends: number[] = [];
  const counts = { sent: 0, failed: 0, dropped: 0 };
  /** Losses are said once, until something gets through again. */
  let isLossSaid = false;
  let lastAt: Instant | undefined;
  let error: string | undefined;
  const again = backoff(clock, () => tryAgain(), LONGEST_WAIT);

  /** When the gathered may go: never more than `atMost` messages in an hour. */
  function due(from: number): number {
    const now = precise();
    ends = ends.filter((at) => at > now - HOUR);
    const settled = from + (every ?? Math.min(HOUR, SETTLE * 2 ** ends.length));
    const first = ends[ends.length - atMost];
    return Math.max(settled, first === undefined ? 0 : first + HOUR);
  }

  function plan(): void {
    if (timer !== undefined || outgoing !== undefined || since === undefined || stopping !== undefined) return;
    timer = clock.after(ms(Math.max(0, Math.ceil(due(since) - precise()))), () => {
      timer = undefined;
      begin();
    });
  }

  function begin(): void {
    const batch = take();
    if (batch === undefined) return;
    outgoing = { ...batch, host, whois: [] };
    triedSince = precise();
    underway = addWhois().then(() => attempt());
  }

  function take(): Batch | undefined {
    since = undefined;
    return gathered.take();
  }

  async function addWhois(): Promise<void> {
    if (!config.whois || outgoing === undefined) return;
    const subjects = outgoing.whole.flatMap((notice) => aboutOf(notice).address ?? []);
    if (subjects.length === 0) return;
    const texts = await limited(asking, WHOIS_AT_MOST, (signal) => whois.about(subjects, signal));
    outgoing = { ...outgoing, whois: texts };
  }

  /** Runs what gives up when its signal says so: after `length`, or when somebody calls what it puts into `enders`. */
  async function limited<T>(enders: Set<() => void>, length: number, run: (signal: AbortSignal) => Promise<T>, onTimeout = (): void => undefined): Promise<T> {
    const control = new AbortController();
    const end = (): void => control.abort();
    const limit = clock.after(ms(length), () => {
      onTimeout();
      end();
    });
    enders.add(end);
    if (stopping?.aborted === true) end();
    try {
      return await run(control.signal);
    } finally {
      limit.cancel();
      enders.delete(end);
    }
  }

  async function deliver(message: Message): Promise<Delivery> {
    let isLate = false;
    try {
      const delivery = await limited(sending, timeout, (signal) => receiver.send(message, signal), () => (isLate = true));
      return delivery.kind === 'failed' && isLate ? failed(`it did not take the message within ${timeout / 1000} s`) : delivery;
    } catch (cause) {
      // A receiver never rejects; one that does must not end the daemon.
      return failed(cause instanceof Error ? cause.message : String(cause));
    }
  }

  async function attempt(): Promise<void> {
    if (outgoing === undefined) return;
    const message = outgoing;
    const delivery = await deliver(message);
    underway = undefined;
    note(delivery);
    if (delivery.kind === 'sent') finish();
    else if (delivery.isFinal || stopping !== undefined || precise() - triedSince >= LONGEST_TRIED) {
      drop(message.total, delivery.message);
      finish();
    } else again.failed();
  }

  function tryAgain(): void {
    if (outgoing !== undefined && underway === undefined && stopping === undefined) underway = attempt();
  }

  function note(delivery: Delivery): void {
    if (delivery.kind === 'sent') {
      counts.sent++;
      lastAt = clock.now();
      if (error !== undefined) log.info('notify_works_again', { receiver: name });
      error = undefined;
      isLossSaid = false;
      return;
    }
    counts.failed++;
    if (error === undefined) log.warn('notify_failed', { receiver: name, message: delivery.message });
    error = delivery.message;
  }

  function drop(notices: number, message: string): void {
    if (!isLossSaid || stopping !== undefined) log.error('notify_dropped', { receiver: name, notices, message });
    isLossSaid = true;
    counts.dropped += notices;
  }

  function finish(): void {
    outgoing = undefined;
    ends.push(precise());
    again.reset();
    plan();
  }

  return {
    config,
    tell(notice) {
      if (stopping !== undefined || !wants(config, notice)) return;
      gathered.add(notice);
      since ??= precise();
      plan();
    },
    async test(by) {
      const from = precise();
      const delivery = await deliver({ ...batchOf({ at: clock.now(), type: 'test', by }), host, whois: [] });
      // Whoever mended something and tests it wants what waits to come, too.
      if (delivery.kind === 'sent' && again.waits()) {
        again.reset();
        tryAgain();
      }
      return { name, ok: delivery.kind === 'sent', milliseconds: precise() - from, message: delivery.kind === 'sent' ? undefined : delivery.message };
    },
    stats: () => ({ name, kind: config.way.kind, on: config.on, ...counts, waiting: gathered.size + (outgoing?.total ?? 0), lastAt, error }),
    async stop(signal) {
      timer?.cancel();
      timer = undefined;
      const isWaiting = again.waits();
      again.reset();
      stopping = signal;
      for (const end of asking) end();
      const endAll = (): void => sending.forEach((end) => end());
      if (signal.aborted) endAll();
      else signal.addEventListener('abort', endAll, { once: true });
      if (isWaiting) underway = attempt();
      await underway;
      const batch = take();
      if (batch === undefined) return;
      outgoing = { ...batch, host, whois: [] };
      await attempt();
    },
  };
}
