/** What the parts of guards/ have in common: who must not be banned by a rule, and who is logged in. */
import type { Address, Prefix } from 'banban-shared';

/** An address that no rule may ban as things stand on this machine, and why, a sentence without its full stop. */
export interface Guard {
  readonly prefix: Prefix;
  readonly why: string;
}

/** Somebody who has logged in on this machine from elsewhere. */
export interface Login {
  readonly address: Address;
  /** Fit to be printed, as everything here. */
  readonly user: string;
  /** `pts/0`; undefined where there is none, as for a copy of files. */
  readonly terminal: string | undefined;
}

/** What a login's guard says. */
export const loginWords = ({ user, terminal }: Login): string => `${user === '' ? 'somebody' : user} is logged in from there${terminal === undefined ? '' : ` (${terminal})`}`;

/** Names are cut to this: those of accounts have 32 characters (useradd(8)), terminals fewer. */
const LONGEST_WORD = 32;

/** A name as it may be shown: it stands in sentences, in the log and on terminals, and files such as utmp can be written by others than root. */
export const shown = (text: string): string => text.slice(0, LONGEST_WORD).replace(/[^\x21-\x7e]/g, '?');
