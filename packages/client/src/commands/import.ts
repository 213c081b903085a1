import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import type { Readable } from 'node:stream';
import { badLinesText, familyOf, listParser, networkOf, parseDuration, subjectOf, toSeconds, type BanResult, type ListEntry, type ListText } from 'banban-shared';
import { inRequests } from '../addresses.ts';
import type { ExitCode } from '../exit.ts';
import { importOutcome } from '../view/import.ts';
import { printable } from '../view/printable.ts';
import { ban } from './ban.ts';
import { inBatches } from './batches.ts';
import type { Args, Command } from './command.ts';
import { tell } from './told.ts';

/** More than any kernel list has. */
const MOST_ENTRIES = 1_000_000;
const LARGEST_FILE = 64 * 1024 * 1024;
const LONGEST_REASON = 500;
/** What the ban route takes; a wider network would have it refuse all that is sent with it. */
const WIDEST = { 4: 8, 6: 16 } as const;

/** One request: what is banned in one target, for one length and one reason. */
interface Part {
  readonly addresses: readonly string[];
  readonly target: string | undefined;
  /** Null is for ever; undefined leaves it to the daemon. */
  readonly seconds: number | null | undefined;
  readonly reason: string;
}

/** The list, or a sentence that says why there is none. */
async function readList(path: string, stdin: Readable): Promise<ListText | { readonly problem: string }> {
  const parser = listParser(MOST_ENTRIES);
  const name = path === '-' ? 'standard input' : printable(path, 200);
  let size = 0;
  try {
    for await (const chunk of path === '-' ? stdin : createReadStream(path)) {
      const bytes = Buffer.from(chunk);
      size += bytes.length;
      if (size > LARGEST_FILE) return { problem: `${name} holds more than 64 MiB, which no list of addresses does.` };
      const problem = parser.push(bytes);
      if (problem !== undefined) return { problem: `${name} was not imported: ${problem}.` };
    }
  } catch (error) {
    return { problem: `${name} could not be read: ${printable(error instanceof Error ? error.message : String(error), 200)}.` };
  }
  const list = parser.end();
  return 'problem' in list ? { problem: `${name} was not imported: ${printable(list.problem)}.` } : list;
}

/** Rounded up by at most a sixtieth, so that bans which end within a minute or an hour of each other go into one request. */
function rounded(seconds: number): number {
  const grain = seconds > 216_000 ? 3600 : seconds > 3600 ? 60 : 1;
  return Math.min(315_360_000, Math.ceil(seconds / grain) * grain);
}

/** The requests that make the bans. What the person says goes before what the list says. */
function inParts(entries: readonly ListEntry[], args: Args): Part[] {
  const length = args.for === undefined ? undefined : parseDuration(args.for);
  const [path = '-'] = args.addresses;
  const otherwise = path === '-' ? 'imported' : `imported from ${basename(path)}`.slice(0, LONGEST_REASON);
  const parts = new Map<string, Part & { readonly addresses: string[] }>();
  for (const { prefix, ban: told } of entries) {
    const target = args.target ?? told?.target;
    const remaining = told?.remainingSeconds;
    const seconds = length !== undefined ? toSeconds(length) : typeof remaining === 'number' ? rounded(remaining) : remaining;
    const reason = args.reason ?? told?.reason ?? otherwise;
    const key = JSON.stringify([target, seconds, reason]);
    const part = parts.get(key) ?? { addresses: [], target, seconds, reason };
    parts.set(key, part);
    part.addresses.push(subjectOf(prefix));
  }
  return [...parts.values()].flatMap((part) => inRequests([...new Set(part.addresses)]).map((addresses) => ({ ...part, addresses })));
}

/** `banctl import FILE|- [--target T] [--for D] [--reason S] [--force]`; `import` is a word of the language, hence the name. */
export const importBans: Command = {
  verb: 'import',
  operands: '<file>',
  addresses: { least: 1, most: 1 },
  noun: 'file',
  summary: 'ban what is on a list, of banctl export or others',
  options: ['target', 'for', 'reason', 'force'],
  timeoutSeconds: 120,
  examples: [
    ['banctl import bans.json', 'what banctl export --format json wrote'],
    ['banctl import - --for 7d < banned.txt', 'what fail2ban-client banned said'],
    ['banctl import drop.txt --for 72h', 'a list, once; lists: does it daily'],
  ],
  check: (args) => ban.check?.(args),
  async run(context, args, stdin) {
    const list = await readList(args.addresses[0] ?? '-', stdin);
    if ('problem' in list) return { usage: list.problem };
    const isWide = ({ prefix }: ListEntry): boolean => networkOf(prefix).bits < WIDEST[familyOf(prefix)];
    const wide = list.entries.filter(isWide).map(({ prefix }) => prefix);
    const ask = async ({ addresses, target, seconds, reason }: Part) => {
      const { value, text } = await context.client.call('ban', {
        body: {
          addresses: [...addresses],
          by: context.by,
          reason,
          ...(target !== undefined && { target }),
          ...(seconds !== undefined && { durationSeconds: seconds }),
          ...(args.force ? { force: true } : context.from.length > 0 && { from: [...context.from] }),
        },
      });
      return { items: value.results, text };
    };
    const unread = list.badLines === 0 ? undefined : badLinesText(list);
    const parts = inParts(list.entries.filter((entry) => !isWide(entry)), args);
    return inBatches<Part, BanResult, ExitCode>(context, 'results', parts, ask, (results) => tell(context, importOutcome(results, { wide, unread, unreadLines: list.badLines })));
  },
};
