import { exitCodes } from '../exit.ts';
import { patternPage, rulesPage } from '../view/rules.ts';
import { printable } from '../view/printable.ts';
import type { Command } from './command.ts';

/** `banctl rules`, `banctl rules show <pattern>` and `banctl rules resume <rule>` */
export const rules: Command = {
  verb: 'rules',
  operands: '[show <pattern> | resume <rule>]',
  addresses: { least: 0, most: 2 },
  noun: 'name',
  summary: 'rules and patterns, and what they did since the start',
  options: [],
  examples: [
    ['banctl rules', 'which patterns match, ban, cost, and are never seen'],
    ['banctl rules show sshd/failed-password', 'its expression, samples and source'],
    ['banctl rules resume webscan', 'lets a rule ban again that the circuit breaker has stopped'],
  ],
  check({ addresses: [word, name] }) {
    if (word === undefined) return undefined;
    if (word !== 'show' && word !== 'resume') return 'rules takes no arguments, or: show and the name of a pattern, or: resume and the name of a rule.';
    return name === undefined ? `rules ${word} needs the name of a ${word === 'show' ? 'pattern' : 'rule'}; banctl rules lists them.` : undefined;
  },
  async run(context, { addresses: [word, name] }) {
    if (word === 'resume' && name !== undefined) {
      const { value, text } = await context.client.call('resume', { body: { rule: name, by: context.by } });
      if (context.json) context.body(text);
      else context.note(value.resumed ? `the rule ${printable(value.rule, 80)} bans again` : `the rule ${printable(value.rule, 80)} was not stopped: nothing to do`);
      return exitCodes.done;
    }
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
