import { exitCodes } from '../exit.ts';
import { reloadOutcome } from '../view/reload.ts';
import type { Command } from './command.ts';

/** `banctl reload` */
export const reload: Command = {
  verb: 'reload',
  operands: '',
  addresses: { least: 0, most: 0 },
  summary: 'load the configuration anew: all of it or, with errors, none',
  options: [],
  examples: [],
  async run(context) {
    const { value, text } = await context.client.call('reload', {});
    const { done, warnings } = reloadOutcome(value);
    if (context.json) {
      context.body(text);
      return exitCodes.done;
    }
    for (const line of done) context.note(line);
    for (const warning of warnings) context.complain(warning);
    return exitCodes.done;
  },
};
