import { exitCodes } from '../exit.ts';
import { notifyOutcome } from '../view/notify.ts';
import type { Command } from './command.ts';

/** `banctl notify test [NAME|N]`: exit 1 when a receiver did not take it. */
export const notify: Command = {
  verb: 'notify',
  operands: 'test [receiver]',
  addresses: { least: 1, most: Infinity },
  noun: 'action',
  summary: 'send a test message to those who are told of bans',
  options: [],
  // Each receiver has the time that the configuration gives it, 30 s by default.
  timeoutSeconds: 60,
  examples: [
    ['banctl notify test', 'to everybody under notify'],
    ['banctl notify test 2', 'to the second; or by name, as status has it'],
  ],
  check: ({ addresses: [word] }) => (word === 'test' ? undefined : 'notify knows test alone: banctl notify test, or banctl notify test NAME.'),
  async run(context, { addresses: [, ...words] }) {
    // A receiver without a name of its own is called by two words: mail root@localhost.
    const receiver = words.length === 0 ? undefined : words.join(' ');
    const { value, text } = await context.client.call('notifyTest', { body: { by: context.by, ...(receiver !== undefined && { receiver }) } });
    const { done, failed } = notifyOutcome(value, context.paint);
    if (context.json) context.body(text);
    else {
      for (const line of done) context.note(line);
      for (const line of failed) context.complain(line);
      if (value.results.length === 0) context.note('Nobody is told of anything: add notify: to the configuration, and reload.');
    }
    return failed.length > 0 ? exitCodes.failed : exitCodes.done;
  },
};
