/** Mails, made and handed to a mail server: the only door to nodemailer. Of it only two parts are used, which can read no file and no URL. */
import { connect, type Socket } from 'node:net';
import MailComposer from 'nodemailer/lib/mail-composer';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import type { Instant } from 'banban-shared';
import type { SmtpConfig } from '../config/notify.ts';
import { printable } from '../observe/log.ts';
import { cut } from './batch.ts';
import { failed, refused, SENT, type Delivery } from './receiver.ts';

/** A mail in plain text. */
export interface Mail {
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly at: Instant;
}

/** Its bytes by RFC 5322, with line feeds alone where a local program takes them and CR LF for a server. */
export async function composeMail({ from, to, subject, text, at }: Mail, newline: 'linux' | 'win'): Promise<Buffer> {
  const composer = new MailComposer({
    from: { name: 'banban', address: from },
    to: { name: '', address: to },
    subject,
    text,
    date: new Date(at),
    newline,
    // RFC 3834: nobody's holiday notice answers it.
    headers: { 'Auto-Submitted': 'auto-generated' },
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return composer.compile().build();
}

/** Characters of a server's own words that are shown. */
const MOST_SHOWN = 300;
/** The signal ends what takes too long; nodemailer's own timers must not be the first. */
const NEVER_FIRST = 3_600_000;
/** For the goodbye of a server that has the mail already. */
const GOODBYE = 5000;

/** Whether the server refuses this very mail, in answer to the sender, the recipient or the text (RFC 5321, 4.2.1: 5yz). */
function isFinal(error: Error): boolean {
  const code = 'code' in error ? error.code : undefined;
  const status = 'responseCode' in error && typeof error.responseCode === 'number' ? error.responseCode : 0;
  return status >= 500 && (code === 'EENVELOPE' || code === 'EMESSAGE');
}

/** Runs one step of the conversation, whose outcome comes to a callback. */
const step = <T>(run: (done: (error?: Error | null, value?: T) => void) => void): Promise<void> =>
  new Promise((resolve, reject) => run((error) => (error === undefined || error === null ? resolve() : reject(error))));

const opened = (host: string, port: number): { readonly socket: Socket; readonly isOpen: Promise<void> } => {
  // By the system's resolver, which knows /etc/hosts; nodemailer asks DNS first, even for localhost.
  const socket = connect({ host, port });
  return { socket, isOpen: step((done) => socket.once('connect', () => done()).once('error', done)) };
};

/** Hands a mail to a server. Never rejects; gives up at once when `signal` says so. */
export async function handToServer(server: SmtpConfig, password: string | undefined, envelope: { readonly from: string; readonly to: string }, bytes: Buffer, signal: AbortSignal): Promise<Delivery> {
  const { host, port, security, user } = server;
  const where = `the mail server ${host}, port ${port}`;
  if (signal.aborted) return failed(`${where} was not asked`);
  const { socket, isOpen } = opened(host, port);
  // It outlives the conversation, and an error that nobody hears would end the daemon.
  socket.on('error', () => undefined);
  let given: ((reason: Error) => void) | undefined;
  const givenUp = new Promise<never>((_resolve, reject) => (given = reject));
  const abort = (): void => given?.(new Error('was given up'));
  signal.addEventListener('abort', abort, { once: true });
  let connection: SMTPConnection | undefined;
  const converse = async (): Promise<void> => {
    await isOpen;
    connection = new SMTPConnection({
      connection: socket, host, port, secure: security === 'tls', requireTLS: security === 'starttls', ignoreTLS: security === 'none',
      connectionTimeout: NEVER_FIRST, greetingTimeout: NEVER_FIRST, socketTimeout: NEVER_FIRST, socketCloseTimeout: 0, maxResponseSize: 65_536,
    });
    const talk = connection;
    // An error between two steps, or after the last one.
    talk.on('error', (error: Error) => given?.(error));
    talk.on('end', () => given?.(new Error('closed the connection')));
    await step((done) => talk.connect(done));
    if (user !== undefined) await step((done) => talk.login({ user, pass: password ?? '', credentials: { user, pass: password ?? '' } }, done));
    await step((done) => talk.send({ from: envelope.from, to: [envelope.to] }, bytes, done));
  };
  try {
    const conversation = converse();
    conversation.catch(() => undefined);
    await Promise.race([conversation, givenUp]);
    given = undefined;
    socket.unref();
    socket.setTimeout(GOODBYE, () => socket.destroy());
    connection?.quit();
    return SENT;
  } catch (error) {
    given = undefined;
    connection?.close();
    socket.destroy();
    const reason = error instanceof Error ? error : new Error(String(error));
    return (isFinal(reason) ? refused : failed)(`${where}: ${cut(printable(reason.message.replace(/\s+/g, ' ')), MOST_SHOWN)}`);
  } finally {
    signal.removeEventListener('abort', abort);
    givenUp.catch(() => undefined);
  }
}
