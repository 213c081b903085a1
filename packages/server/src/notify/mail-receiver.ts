/** Messages by mail: through a mail server, or through the program sendmail that the machine has. */
import { open } from 'node:fs/promises';
import { ms } from 'banban-shared';
import type { Clock } from '../clock.ts';
import type { NotifyWay } from '../config/notify.ts';
import { complaintOf } from '../enforce/command.ts';
import { exec } from '../enforce/exec.ts';
import { composeMail, handToServer } from './mail.ts';
import { failed, SENT, type Message, type Receiver } from './receiver.ts';
import { bodyOf, subjectOf } from './wording.ts';

/** The time limit is the signal's; this one only ends what the signal somehow did not. */
const LONGEST_RUN = ms(3_600_000);
/** More than any password. */
const MOST_PASSWORD = 1024;

/** The first line of the file. @throws Error with a sentence */
async function passwordOf(path: string): Promise<string> {
  try {
    const file = await open(path, 'r');
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(MOST_PASSWORD), 0, MOST_PASSWORD, 0);
      const [line = ''] = buffer.toString('utf8', 0, bytesRead).split(/\r?\n/);
      if (line === '') throw new Error('its first line is empty');
      return line;
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new Error(`the password can’t be read from ${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** A receiver with a mail address. */
export function mailReceiver(way: Extract<NotifyWay, { readonly kind: 'mail' }>, clock: Clock): Receiver {
  const { to, smtp, sendmail } = way;
  const compose = (message: Message, from: string, newline: 'linux' | 'win'): Promise<Buffer> =>
    composeMail({ from, to, subject: `[banban ${message.host}] ${subjectOf(message)}`, text: `${bodyOf(message)}\n`, at: clock.now() }, newline);

  return {
    async send(message, signal) {
      const from = way.from ?? `banban@${message.host}`;
      try {
        if (smtp !== undefined) {
          const password = smtp.passwordFile === undefined ? undefined : await passwordOf(smtp.passwordFile);
          return await handToServer(smtp, password, { from, to }, await compose(message, from, 'win'), signal);
        }
        // -t: the recipient stands in the mail; -i: a line with a dot alone does not end it.
        const result = await exec(sendmail, ['-t', '-i'], { clock, timeout: LONGEST_RUN, signal, input: await compose(message, from, 'linux') });
        const complaint = complaintOf(sendmail, result);
        return complaint === undefined ? SENT : failed(complaint);
      } catch (error) {
        return failed(error instanceof Error ? error.message : String(error));
      }
    },
  };
}
