/** Who is told of what happens, and whether that works. */
import { ApiError, type ReceiverStatus } from 'banban-shared';
import type { DaemonView } from '../daemon-view.ts';
import type { Handler } from '../handler.ts';
import { isoOf } from '../views.ts';

/** Of a name that nobody has so much is quoted. */
const LONGEST_NAMED = 80;

/** The receivers in the order of the configuration. */
export const receiverViews = (daemon: DaemonView): ReceiverStatus[] =>
  daemon.notify.stats().map(({ lastAt, error, on, ...rest }) => ({ ...rest, on: [...on], lastAt: lastAt === undefined ? null : isoOf(lastAt), error: error ?? null }));

/** POST /v1/notify/test: answers when each receiver has taken its test, or its time was over. */
export const notifyTestHandler: Handler<'notifyTest'> = async ({ notify }, { body }) => {
  const outcomes = await notify.test(body.receiver, body.by);
  if (outcomes === undefined) {
    const names = notify.stats().map(({ name }, i) => `${i + 1} ${name}`);
    throw new ApiError('unknown_receiver', `there is no receiver ${JSON.stringify((body.receiver ?? '').slice(0, LONGEST_NAMED))}; configured under notify ${names.length === 0 ? 'is none' : `are ${names.join(', ')}`}`);
  }
  return { results: outcomes.map(({ name, ok, milliseconds, message }) => ({ receiver: name, ok, milliseconds, message: message ?? null })) };
};
