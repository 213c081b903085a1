import { exitCodes } from '../exit.ts';
import { patternPage, rulesPage } from '../view/rules.ts';
import type { Command } from './command.ts';

/** `banctl rules` and `banctl rules show <pattern>` */
export const rules: Command = {
  verb: 'rules',
  operands: '[show <pattern>]',
  addresses: { least: 0, most: 2 },
  noun: 'pattern',
  summary: 'rules and patterns, and what they did since the start',
  options: [],
  examples: [
    ['banctl rules', 'which patterns match, ban, cost, and are never seen'],
    ['banctl rules show sshd/failed-password', 'its expression, samples and source'],
  ],
  check({ addresses: [word, name] }) {
    if (word === undefined) return undefined;
    if (word !== 'show') return 'rules takes no arguments, or: show and the name of a pattern.';
    return name === undefined ? 'rules show needs the name of a pattern; banctl rules lists them.' : undefined;
  },
  async run(context, { addresses: [, name] }) {
    if (name !== undefined) {
      const { value, text } = await context.client.call('pattern', { query: { name } });
      if (context.json) context.body(text);
      else context.answer(patternPage(value, context.now(), context.paint));
      return exitCodes.done;
    }
    const { value, text } = await context.client.call('rules', {});
    if (context.json) context.body(text);
    else context.answer(rulesPage(value, context.now(), context.paint, context.columns));
    return exitCodes.done;
  },
};
