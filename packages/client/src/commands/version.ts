import { version as own } from '../../package.json';
import { ConnectionError } from '../errors.ts';
import { exitCodes } from '../exit.ts';
import { printable } from '../view/printable.ts';
import type { Command } from './command.ts';

/** `banctl version`: its own, and that of the banband that answers. Without a daemon it is still an answer, so exit 0. */
export const version: Command = {
  verb: 'version',
  operands: '',
  addresses: { least: 0, most: 0 },
  summary: 'the versions of banctl and of the banband that answers',
  options: [],
  examples: [],
  async run(context) {
    let daemon: string | null = null;
    let silent: ConnectionError | undefined;
    try {
      daemon = (await context.client.call('status', {})).value.version;
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      silent = error;
    }
    if (context.json) context.body(JSON.stringify({ banctl: own, banband: daemon }));
    else {
      context.answer(`banctl ${own}`);
      if (daemon !== null) context.answer(`banband ${printable(daemon, 40)}`);
      else context.note(`banband: not known (${printable(silent?.message ?? '', 500)})`);
    }
    return exitCodes.done;
  },
};
