/** Messages to a program of the admin's own: arguments as a list and never a shell, the message as JSON on its standard input. */
import { ms } from 'banban-shared';
import type { Clock } from '../clock.ts';
import { complaintOf } from '../enforce/command.ts';
import { exec } from '../enforce/exec.ts';
import type { Batch } from './batch.ts';
import { messageJson } from './message-json.ts';
import { failed, SENT, type Receiver } from './receiver.ts';
import { subjectOf } from './wording.ts';

/** The time limit is the signal's; this one only ends what the signal somehow did not. */
const LONGEST_RUN = ms(3_600_000);

/** What the words in braces stand for: what all that the message is about has in common, and nothing where it differs. */
function valuesOf(batch: Batch): ReadonlyMap<string, string> {
  const { counts, whole, total } = batch;
  const common = <T>(of: readonly T[]): T | undefined => (of.every((one) => one === of[0]) ? of[0] : undefined);
  const addresses = whole.map((notice) => ('ban' in notice ? notice.ban.address : 'address' in notice ? notice.address : undefined));
  // Of those that were only counted the address is not known.
  const address = whole.length === total ? common(addresses) : undefined;
  return new Map([
    ['type', common(counts.map((c) => c.type)) ?? ''],
    ['address', address ?? ''],
    ['target', common(counts.map((c) => c.target)) ?? ''],
    ['rule', common(counts.map((c) => c.rule)) ?? ''],
    ['count', String(total)],
    ['subject', subjectOf(batch)],
  ]);
}

/** A receiver that is a program: exit code 0 is delivered. */
export function commandReceiver(words: readonly string[], clock: Clock): Receiver {
  return {
    async send(message, signal) {
      const values = valuesOf(message);
      const [program = '', ...args] = words.map((word, i) => (i === 0 ? word : word.replace(/\{(\w+)\}/g, (braces, name: string) => values.get(name) ?? braces)));
      const result = await exec(program, args, { clock, timeout: LONGEST_RUN, signal, input: `${messageJson(message)}\n` });
      const complaint = complaintOf(program, result);
      return complaint === undefined ? SENT : failed(complaint);
    },
  };
}
