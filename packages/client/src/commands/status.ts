import { exitCodes } from '../exit.ts';
import { statusPage } from '../view/status.ts';
import type { Command } from './command.ts';

/** `banctl status` */
export const status: Command = {
  verb: 'status',
  operands: '',
  addresses: { least: 0, most: 0 },
  summary: 'what banband is, sees and holds, and what wants attention',
  options: [],
  examples: [['banctl status --json', 'the same for a script']],
  async run(context) {
    const { value, text } = await context.client.call('status', {});
    if (context.json) context.body(text);
    else context.answer(statusPage(value, context.now(), context.paint, context.columns));
    return exitCodes.done;
  },
};
