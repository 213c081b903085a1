import { exitCodes } from '../exit.ts';
import { readAddresses } from '../addresses.ts';
import { whyPage } from '../view/why.ts';
import type { Command } from './command.ts';

/** `banctl why <address>`; it may be a network. */
export const why: Command = {
  verb: 'why',
  operands: '<address>',
  addresses: { least: 1, most: 1 },
  summary: 'what is known of an address or network, with its log lines',
  options: [],
  examples: [['banctl why 203.0.113.7', 'is it banned, until when, by what?']],
  async run(context, args, stdin) {
    const read = await readAddresses(args.addresses, stdin);
    if (read.kind === 'unusable') return { usage: read.problem };
    const [address, ...more] = read.addresses;
    if (address === undefined || more.length > 0) return { usage: 'why takes exactly one address.' };
    const { value, text } = await context.client.call('why', { query: { address } });
    if (context.json) context.body(text);
    else context.answer(whyPage(value, context.now(), context.paint));
    return exitCodes.done;
  },
};
