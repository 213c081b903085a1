/** The one shape of a verb. cli.ts makes the command line and the help from it; nothing here knows yargs. */
import type { Readable } from 'node:stream';
import type { Context } from '../context.ts';
import type { ExitCode } from '../exit.ts';

/** A verb's own options, once for all verbs. */
export const verbOptions = {
  target: { type: 'string', describe: 'the kernel list, as the configuration names it', argument: 'TARGET' },
  for: { type: 'string', describe: 'how long: 90s, 10m, 1h30m, 7d, 2w, forever, or a number of seconds', argument: 'LENGTH' },
  reason: { type: 'string', describe: 'why, for the record', argument: 'TEXT' },
  force: { type: 'boolean', describe: 'ban also what is guarded (logins, gateways, yourself); allow also a huge network; lists also one that shrank or grew', argument: undefined },
  format: { type: 'string', describe: 'plain, nft, csv or json', argument: 'FORMAT' },
  all: { type: 'boolean', describe: 'every active ban', argument: undefined },
  canary: { type: 'boolean', describe: 'also send a line of its own through syslog, and follow it to the kernel', argument: undefined },
} as const;
/** The name of an option that a verb may have. */
export type VerbOption = keyof typeof verbOptions;

/** What the command line said; an option that was not given is undefined, or false. */
export interface Args {
  /** The words behind the verb: addresses, for most verbs. */
  readonly addresses: readonly string[];
  readonly target: string | undefined;
  readonly for: string | undefined;
  readonly reason: string | undefined;
  readonly format: string | undefined;
  readonly force: boolean;
  readonly all: boolean;
  readonly canary: boolean;
}

/** A verb: its words for the help, and what it does. */
export interface Command {
  readonly verb: string;
  /** As in the help: `<address...>`; '' for none. */
  readonly operands: string;
  readonly addresses: { readonly least: number; readonly most: number };
  /** What the operands are when they are no addresses: then `-` is no list of them. */
  readonly noun?: string;
  readonly summary: string;
  readonly options: readonly VerbOption[];
  /** How long to wait for an answer unless --timeout says; default 10. More where the daemon itself has to wait for others. */
  readonly timeoutSeconds?: number;
  readonly examples: readonly (readonly [line: string, meaning: string])[];
  /** A sentence when the arguments do not fit together, beyond what their number and names say. */
  check?(args: Args): string | undefined;
  /** Asks the daemon and prints. @throws ApiError, ConnectionError */
  run(context: Context, args: Args, stdin: Readable): Promise<ExitCode | UsageProblem>;
}

/** Found only while running, as in a list read from standard input. */
export interface UsageProblem {
  readonly usage: string;
}
