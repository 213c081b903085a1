import { parseDuration, toSeconds, type AllowResult, type DisallowResult } from 'banban-shared';
import { inRequests, readAddresses } from '../addresses.ts';
import type { Context } from '../context.ts';
import { exitCodes, type ExitCode } from '../exit.ts';
import { allowList, allowOutcome, disallowOutcome } from '../view/allow.ts';
import { printable } from '../view/printable.ts';
import { inBatches } from './batches.ts';
import type { Args, Command } from './command.ts';
import { tell } from './told.ts';

const hasOptions = (args: Args): boolean => args.for !== undefined || args.reason !== undefined || args.force;

/** `banctl allow <address...> [--for D] [--reason S] [--force]`, `banctl allow list`, `banctl allow remove <address...>` */
export const allow: Command = {
  verb: 'allow',
  operands: '<address...> | list | remove <address...>',
  addresses: { least: 1, most: Infinity },
  summary: 'never ban addresses or networks; show the allow list',
  options: ['for', 'reason', 'force'],
  examples: [
    ['banctl allow 203.0.113.7 --for 8h', 'a guest, until the evening'],
    ['banctl allow list', 'all that is allowed, and whence'],
    ['banctl allow remove 203.0.113.7', 'what was allowed by hand'],
  ],
  check(args) {
    const [first, second] = args.addresses;
    if (first === 'list' && second !== undefined) return 'allow list takes no addresses; "banctl why ADDRESS" says whether one is allowed.';
    if (first === 'remove' && second === undefined) return 'which address is to be removed? Name at least one; "banctl allow list" shows them.';
    if ((first === 'list' || first === 'remove') && hasOptions(args)) return `--for, --reason and --force are for allowing, not for allow ${first}.`;
    if (args.for !== undefined && parseDuration(args.for) === undefined) {
      return `--for "${printable(args.for, 80)}" is not a duration of up to ten years; write 90s, 10m, 1h30m, 7d, 2w, forever, or a number of seconds.`;
    }
    if (args.reason !== undefined && (args.reason === '' || args.reason.length > 500)) return '--reason must have 1 to 500 characters.';
    return undefined;
  },
  async run(context, args, stdin) {
    const [first] = args.addresses;
    if (first === 'list') return show(context);
    const isRemoval = first === 'remove';
    const read = await readAddresses(isRemoval ? args.addresses.slice(1) : args.addresses, stdin);
    if (read.kind === 'unusable') return { usage: read.problem };
    if (read.addresses.length === 0) context.note('No addresses on standard input: nothing to do.');
    return isRemoval ? remove(context, read.addresses) : add(context, read.addresses, args);
  },
};

async function show(context: Context): Promise<ExitCode> {
  const { value, text } = await context.client.call('allowlist', {});
  if (context.json) context.body(text);
  else context.answer(allowList(value, context.now(), context.paint, context.columns));
  return exitCodes.done;
}

function add(context: Context, addresses: readonly string[], args: Args): Promise<ExitCode> {
  const length = args.for === undefined ? undefined : parseDuration(args.for);
  const ask = async (part: string[]) => {
    const { value, text } = await context.client.call('allow', {
      body: {
        addresses: part,
        by: context.by,
        ...(length !== undefined && { durationSeconds: toSeconds(length) }),
        ...(args.reason !== undefined && { reason: args.reason }),
        ...(args.force && { force: true }),
      },
    });
    return { items: value.results, text };
  };
  return inBatches<string[], AllowResult, ExitCode>(context, 'results', inRequests(addresses), ask, (results) => {
    const now = context.now();
    return tell(context, results.map((result) => allowOutcome(result, now)));
  });
}

function remove(context: Context, addresses: readonly string[]): Promise<ExitCode> {
  const ask = async (part: string[]) => {
    const { value, text } = await context.client.call('disallow', { body: { addresses: part, by: context.by } });
    return { items: value.results, text };
  };
  return inBatches<string[], DisallowResult, ExitCode>(context, 'results', inRequests(addresses), ask, (results) => tell(context, results.map(disallowOutcome)));
}
