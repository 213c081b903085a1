/** Who is told of what, as the configuration says it: the types, and the words for what can happen. */
import type { Ms } from 'banban-shared';

/** What a receiver may ask to be told of; `error` is everything that wants a person, break-ins and a stopped rule included. */
export const NOTIFY_WORDS = ['ban', 'unban', 'refused', 'breakin', 'breaker', 'list', 'error', 'start', 'stop'] as const;
/** One of them. */
export type NotifyWord = (typeof NOTIFY_WORDS)[number];

/** What the receiving end of a webhook understands. */
export const WEBHOOK_FORMATS = ['generic', 'slack', 'discord', 'ntfy'] as const;
/** One of them. */
export type WebhookFormat = (typeof WEBHOOK_FORMATS)[number];

/** How a connection to a mail server is protected: `starttls` and `tls` with a certificate that must be good. */
export const MAIL_SECURITY = ['starttls', 'tls', 'none'] as const;

/** A mail server to hand mails to. */
export interface SmtpConfig {
  readonly host: string;
  readonly port: number;
  readonly security: (typeof MAIL_SECURITY)[number];
  readonly user: string | undefined;
  /** Its first line is the password; read for every mail. */
  readonly passwordFile: string | undefined;
}

/** Where messages go. */
export type NotifyWay =
  | { readonly kind: 'mail'; readonly to: string; readonly from: string | undefined; readonly smtp: SmtpConfig | undefined; readonly sendmail: string }
  /** The URL is a secret: who knows it may write there. */
  | { readonly kind: 'webhook'; readonly url: string; readonly format: WebhookFormat }
  | { readonly kind: 'command'; readonly words: readonly string[] };

/** One receiver. */
export interface NotifyConfig {
  /** Its own, or what it is: `mail root@localhost`, `webhook hooks.example.org`. Two may have the same. */
  readonly name: string;
  readonly on: readonly NotifyWord[];
  readonly way: NotifyWay;
  /** Everything of so long a time in one message; undefined for at once. */
  readonly every: Ms | undefined;
  /** Messages in an hour. */
  readonly atMost: number;
  /** Of bans and what is like them, only those in these targets and by these rules; undefined for all. */
  readonly targets: ReadonlySet<string> | undefined;
  readonly rules: ReadonlySet<string> | undefined;
  readonly whois: boolean;
  /** For one try to deliver. */
  readonly timeout: Ms;
}
