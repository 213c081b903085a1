import { exitCodes } from '../exit.ts';
import { matchPage } from '../view/match.ts';
import type { Command } from './command.ts';

/** `banctl test <line>` */
export const test: Command = {
  verb: 'test',
  operands: '<line...>',
  addresses: { least: 1, most: Infinity },
  noun: 'log line',
  summary: 'what banband would do with a log line, without doing it',
  options: [],
  examples: [['banctl test Failed', 'what a line makes of the rules in force']],
  async run(context, { addresses: words }) {
    const { value, text } = await context.client.call('match', { body: { line: words.join(' ') } });
    if (context.json) context.body(text);
    else context.answer(matchPage(value, context.now(), context.paint));
    return exitCodes.done;
  },
};
