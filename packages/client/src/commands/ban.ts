import { parseDuration, toSeconds, type BanResult } from 'banban-shared';
import { inRequests, readAddresses } from '../addresses.ts';
import type { ExitCode } from '../exit.ts';
import { banOutcome } from '../view/ban.ts';
import { printable } from '../view/printable.ts';
import { inBatches } from './batches.ts';
import type { Command } from './command.ts';
import { tell } from './told.ts';

/** `banctl ban <address...> [--target T] [--for D] [--reason S] [--force]`; an address may be a network. */
export const ban: Command = {
  verb: 'ban',
  operands: '<address...>',
  addresses: { least: 1, most: Infinity },
  summary: 'ban addresses or networks; say whether the kernel holds them',
  options: ['target', 'for', 'reason', 'force'],
  examples: [
    ['banctl ban 203.0.113.7 --for 7d', 'for a week'],
    ['banctl ban 203.0.113.0/24 --reason scans', 'a network; list and why show the reason'],
    ['banctl ban - < addresses.txt', '# begins a comment'],
  ],
  check(args) {
    if (args.for !== undefined && parseDuration(args.for) === undefined) {
      return `--for "${printable(args.for, 80)}" is not a duration of up to ten years; write 90s, 10m, 1h30m, 7d, 2w, forever, or a number of seconds.`;
    }
    if (args.reason !== undefined && (args.reason === '' || args.reason.length > 500)) return '--reason must have 1 to 500 characters.';
    return undefined;
  },
  async run(context, args, stdin) {
    const read = await readAddresses(args.addresses, stdin);
    if (read.kind === 'unusable') return { usage: read.problem };
    if (read.addresses.length === 0) context.note('No addresses on standard input: nothing to do.');
    const length = args.for === undefined ? undefined : parseDuration(args.for);
    const ask = async (addresses: string[]) => {
      const { value, text } = await context.client.call('ban', {
        body: {
          addresses,
          by: context.by,
          ...(args.target !== undefined && { target: args.target }),
          ...(length !== undefined && { durationSeconds: toSeconds(length) }),
          ...(args.reason !== undefined && { reason: args.reason }),
          ...(args.force ? { force: true } : context.from.length > 0 && { from: [...context.from] }),
        },
      });
      return { items: value.results, text };
    };
    return inBatches<string[], BanResult, ExitCode>(context, 'results', inRequests(read.addresses), ask, (results) => {
      const now = context.now();
      return tell(context, results.map((result) => banOutcome(result, now)));
    });
  },
};
