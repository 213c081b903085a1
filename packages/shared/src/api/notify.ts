/** `notify`: who is told of what happens, and whether that works. */
import { flag, integer, list, nullable, record, stamp, text, type Infer } from '../schema.ts';

/** What one receiver was told, and how that went; since the start, or since the configuration last changed it. */
export const receiverStatus = record({
  /** As the configuration names it, or what it is: `mail root@localhost`. */
  name: text,
  kind: { type: 'string', enum: ['mail', 'webhook', 'command'] },
  on: list(text),
  /** Messages that were delivered. */
  sent: integer,
  /** Tries that were not. */
  failed: integer,
  /** Events of which nobody was told. */
  dropped: integer,
  /** Events that are gathered for the next message, or in one that could not be delivered yet. */
  waiting: integer,
  lastAt: nullable(stamp),
  /** Why the last try did not succeed; null when it did. */
  error: nullable(text),
});
export type ReceiverStatus = Infer<typeof receiverStatus>;

/** Which receiver is sent a test, by its name or its number from 1; default: all. */
export const notifyTestBody = {
  type: 'object',
  properties: { receiver: { type: 'string', minLength: 1, maxLength: 300 }, by: { type: 'string', minLength: 1, maxLength: 64 } },
  required: ['by'],
  additionalProperties: false,
} as const;

/** What became of the test at each; empty when nobody is told of anything. */
export const notifyTestResponse = record({ results: list(record({ receiver: text, ok: flag, milliseconds: { type: 'number' }, message: nullable(text) })) });
export type NotifyTestResponse = Infer<typeof notifyTestResponse>;
