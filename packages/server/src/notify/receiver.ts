/** What a message is, and the one who takes it: what every way of telling people has in common. */
import type { Subject } from 'banban-shared';
import type { Batch } from './batch.ts';

/** What the whois program said of an address's network, made harmless. */
export interface WhoisText {
  readonly subject: Subject;
  readonly text: string;
}

/** One message, as it is delivered; a retry delivers the same. */
export interface Message extends Batch {
  /** This machine's name, of characters that can stand in a header. */
  readonly host: string;
  readonly whois: readonly WhoisText[];
}

/** What became of one try. */
export type Delivery =
  | { readonly kind: 'sent' }
  /** `message` is a sentence without control characters. `isFinal`: the far side does not want this very message, now or later. */
  | { readonly kind: 'failed'; readonly message: string; readonly isFinal: boolean };

/** One place to tell. */
export interface Receiver {
  /** Delivers, or fails; gives up at once when `signal` says so, with whatever sentence. Never rejects. */
  send(message: Message, signal: AbortSignal): Promise<Delivery>;
}

/** Delivered. */
export const SENT: Delivery = { kind: 'sent' };

/** Not delivered, and worth another try. */
export const failed = (message: string): Delivery => ({ kind: 'failed', message, isFinal: false });

/** Not delivered, and not worth another try. */
export const refused = (message: string): Delivery => ({ kind: 'failed', message, isFinal: true });
