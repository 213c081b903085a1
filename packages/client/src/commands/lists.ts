import { exitCodes, type ExitCode } from '../exit.ts';
import { listsTable, refreshOutcome } from '../view/lists.ts';
import { printable } from '../view/printable.ts';
import type { Command } from './command.ts';
import { tell } from './told.ts';

/** `banctl lists`, `banctl lists refresh [NAME...] [--force]`: the latter ends with 1 when one of them could not be had or was refused. */
export const lists: Command = {
  verb: 'lists',
  operands: '[refresh [NAME...]]',
  addresses: { least: 0, most: Infinity },
  noun: 'list',
  summary: 'lists that others keep: age, size, errors; fetch them',
  options: ['force'],
  // As long as a server may take.
  timeoutSeconds: 330,
  examples: [
    ['banctl lists refresh', 'fetch all of them now'],
    ['banctl lists refresh drop --force', 'believe a list that has shrunk or grown'],
  ],
  check({ addresses: [action], force }) {
    if (action !== undefined && action !== 'refresh') return `lists takes nothing, or refresh and the names of lists, and not "${printable(action, 80)}".`;
    if (force && action === undefined) return '--force is for lists refresh.';
    return undefined;
  },
  async run(context, { addresses: [action, ...names], force }): Promise<ExitCode> {
    if (action === undefined) {
      const { value, text } = await context.client.call('lists', {});
      if (context.json) context.body(text);
      else context.answer(listsTable(value.lists, context.now(), context.paint, context.columns));
      return exitCodes.done;
    }
    const { value, text } = await context.client.call('refreshLists', { body: { ...(names.length > 0 && { lists: names }), ...(force && { force }) } });
    if (context.json) context.body(text);
    if (value.lists.length === 0) context.note('No lists are configured: nothing to do.');
    return tell(context, value.lists.map(refreshOutcome));
  },
};
