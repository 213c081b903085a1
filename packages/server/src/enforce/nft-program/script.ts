/**
 * What `nft -f -` is given for a change: one transaction, which the kernel does as a whole or not at all. nft(8), "ELEMENT".
 *
 * - `destroy element` needs nft 1.0.7 and Linux 6.3. Adding an element and then deleting it takes it away whether it was there or not.
 * - Adding an element that is there leaves its timeout as it is (before Linux 6.12), so it is deleted in between; within a
 *   transaction no packet sees that.
 */
import type { Subject } from 'banban-shared';
import { NFT_TABLE } from '../names.ts';
import type { ElementSet } from '../nftables/sets.ts';

/** One row of a change. */
export interface Item {
  readonly subject: Subject;
  /** The number of its set, as in `setsOf`. */
  readonly set: number;
  readonly text: string;
  /** How long it is to be there, 0 for ever; undefined when it is to go. */
  readonly seconds: number | undefined;
  /** False when it is not in the set yet, as far as is known. */
  readonly mayBeThere: boolean;
}

/** The text, and which rows each of its lines is about. */
export interface Script {
  readonly text: string;
  /** Line n of the text, counted from 1, is about `lines[n - 1]`. */
  readonly lines: readonly (readonly Item[])[];
}

/** The column, counted from 1, at which a line of the script names the table: an error there says that there is none. */
export const TABLE_COLUMNS: readonly number[] = ['add', 'delete'].map((verb) => `${verb} element inet `.length + 1);

const DAY = 86_400;

const keyOf = ({ set, seconds, mayBeThere }: Item): string => `${seconds === undefined ? 'remove' : 'add'} ${set} ${mayBeThere}`;

/** Days apart from seconds: nft refuses a number of nine digits. */
const timeText = (seconds: number): string => (seconds < DAY ? `${seconds}s` : `${Math.floor(seconds / DAY)}d${seconds % DAY}s`);

/** @param width so many rows in a line, at most */
export function composeScript(items: readonly Item[], sets: readonly ElementSet[], width: number): Script {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  const texts: string[] = [];
  const lines: (readonly Item[])[] = [];
  const isRemoval = (group: readonly Item[]): boolean => group[0]?.seconds === undefined;
  for (const group of [...groups.values()].sort((a, b) => Number(isRemoval(b)) - Number(isRemoval(a)))) {
    const name = sets[group[0]?.set ?? 0]?.name ?? '';
    for (let from = 0; from < group.length; from += width) {
      const rows = group.slice(from, from + width);
      const say = (verb: 'add' | 'delete', elements: readonly string[]): void => {
        texts.push(`${verb} element inet ${NFT_TABLE} ${name} { ${elements.join(', ')} }\n`);
        lines.push(rows);
      };
      const bare = rows.map(({ text }) => text);
      if (rows[0]?.mayBeThere === true) {
        say('add', bare);
        say('delete', bare);
      }
      if (!isRemoval(rows)) say('add', rows.map(({ text, seconds = 0 }) => (seconds === 0 ? text : `${text} timeout ${timeText(seconds)}`)));
    }
  }
  return { text: texts.join(''), lines };
}
