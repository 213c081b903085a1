import type { UnbanResult } from 'banban-shared';
import { inRequests, readAddresses } from '../addresses.ts';
import type { ExitCode } from '../exit.ts';
import { unbanOutcome } from '../view/unban.ts';
import { inBatches } from './batches.ts';
import type { Command } from './command.ts';
import { tell } from './told.ts';

/** `banctl unban <address...> [--target T] | --all [--target T]` */
export const unban: Command = {
  verb: 'unban',
  operands: '<address...> | --all',
  addresses: { least: 0, most: Infinity },
  summary: 'end the bans of addresses or networks, or all bans',
  options: ['target', 'all'],
  examples: [
    ['banctl unban 203.0.113.7', 'in every target'],
    ['banctl unban --all --target THROTTLE', 'all that banban put in one list'],
  ],
  check(args) {
    if (args.all && args.addresses.length > 0) return 'give either addresses or --all, not both.';
    if (!args.all && args.addresses.length === 0) return 'which address? Name at least one, or say --all.';
    return undefined;
  },
  async run(context, args, stdin) {
    const read = await readAddresses(args.addresses, stdin);
    if (read.kind === 'unusable') return { usage: read.problem };
    if (!args.all && read.addresses.length === 0) context.note('No addresses on standard input: nothing to do.');
    const ask = async (addresses: string[] | undefined) => {
      const { value, text } = await context.client.call('unban', {
        body: { by: context.by, ...(addresses === undefined ? { all: true } : { addresses }), ...(args.target !== undefined && { target: args.target }) },
      });
      return { items: value.results, text };
    };
    const parts: (string[] | undefined)[] = args.all ? [undefined] : inRequests(read.addresses);
    return inBatches<string[] | undefined, UnbanResult, ExitCode>(context, 'results', parts, ask, (results) => {
      if (args.all && results.length === 0 && !context.json) context.note('There were no bans: nothing to do.');
      return tell(context, results.map(unbanOutcome));
    });
  },
};
