/** What a verb works with: the daemon, the streams, the clock and the person. */
import { userInfo } from 'node:os';
import type { Instant } from 'banban-shared';
import type { Client } from './client.ts';
import type { Paint } from './view/paint.ts';

/** Everything from outside that a verb may touch; a test gives its own. */
export interface Context {
  readonly client: Client;
  readonly json: boolean;
  /** No confirmations and notes; answers and errors all the same. */
  readonly quiet: boolean;
  readonly paint: Paint;
  /** Of the terminal that stdout is; undefined when it is none. */
  readonly columns: number | undefined;
  /** The person, for the record. */
  readonly by: string;
  /** Where the person is connected from, as far as the environment says. */
  readonly from: readonly string[];
  now(): Instant;
  /** An answer: always printed. Adds the newline. */
  answer(text: string): void;
  /** A confirmation or note that --quiet leaves out. */
  note(text: string): void;
  /** What went wrong, on stderr, prefixed with the program's name. */
  complain(text: string): void;
  /** A /v1 body on stdout, unchanged. */
  body(text: string): void;
}

/**
 * Who is asking: the person behind sudo, else the user's name, else the number of a user without one.
 * A claim for the record, not a proof; at most 64 characters, as the API takes it.
 */
export function whoAsks(env: NodeJS.ProcessEnv = process.env): string {
  return (env['SUDO_USER'] || userName()).slice(0, 64);
}

function userName(): string {
  try {
    const { username, uid } = userInfo();
    return username || String(uid);
  } catch {
    // userInfo throws for a uid without an entry in passwd.
    return String(process.getuid?.() ?? 'unknown');
  }
}

/** What the API takes for an address. */
const LONGEST_ADDRESS = 64;

/**
 * The address from which the person's own ssh has come, by what sshd put into the environment (ssh(1)), without the interface of a link-local one;
 * sudo may have taken it out again. Only a help against banning oneself: the daemon looks for sessions by itself.
 */
export function connectedFrom(env: NodeJS.ProcessEnv = process.env): string[] {
  const words = ['SSH_CONNECTION', 'SSH_CLIENT'].map((name) => (env[name] ?? '').replace(/[ %].*$/s, ''));
  return [...new Set(words.filter((word) => word !== '' && word.length <= LONGEST_ADDRESS))];
}
