import type { Ban } from 'banban-shared';
import { readAddresses } from '../addresses.ts';
import { exitCodes } from '../exit.ts';
import { banList } from '../view/ban.ts';
import { inBatches } from './batches.ts';
import type { Command } from './command.ts';

/** `banctl list [address...] [--target T]` */
export const list: Command = {
  verb: 'list',
  operands: '[address...]',
  addresses: { least: 0, most: Infinity },
  summary: 'the active bans, or those of some addresses or networks',
  options: ['target'],
  examples: [
    ['banctl list --target BLOCKER', 'one kernel list'],
    ['banctl list 203.0.113.7', 'one address, and the networks around it'],
    ['banctl list 203.0.113.0/24', 'what holds it, and what is in it'],
  ],
  async run(context, args, stdin) {
    const read = await readAddresses(args.addresses, stdin);
    if (read.kind === 'unusable') return { usage: read.problem };
    // Nothing asked means all of them, but an empty standard input means none.
    const parts = args.addresses.length === 0 ? [undefined] : read.addresses;
    const seen = new Set<number>();
    const ask = async (address: string | undefined) => {
      const query = { ...(address !== undefined && { address }), ...(args.target !== undefined && { target: args.target }) };
      const { value, text } = await context.client.call('bans', { query });
      const items = value.bans.filter((ban) => !seen.has(ban.id));
      for (const ban of items) seen.add(ban.id);
      return { items, text };
    };
    await inBatches<string | undefined, Ban, void>(context, 'bans', parts, ask, (bans) => {
      if (!context.json) context.answer(banList(bans, context.now(), context.paint, context.columns));
    });
    return exitCodes.done;
  },
};
