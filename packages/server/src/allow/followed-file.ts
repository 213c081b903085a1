/** One file of the allow list: read at the start and whenever it changes. What it last said stays in force until it says something else. */
import { toIso, type HostName, type Instant, type Prefix } from 'banban-shared';
import type { Clock } from '../clock.ts';
import { readFileEntries, type FileEntries } from './file-entries.ts';
import { lookAtFile, readWholeFile } from './read-file.ts';

/** The file, until it is stopped. */
export interface FollowedFile {
  readonly path: string;
  /** Looks at it, and reads it when it has changed; `first` takes it as it is. One look at a time. Throws nothing. */
  look(first?: boolean): Promise<void>;
  /** The host names among its entries. */
  hosts(): readonly HostName[];
  /** When it was last read and used. */
  readAt(): Instant | undefined;
  /** What is wrong, a sentence each. */
  problems(): readonly string[];
  /** Nothing is called back any more. */
  stop(): void;
}

/** Told what the file allows now. */
export type OnEntries = (prefixes: readonly Prefix[]) => void;

const counted = (count: number): string => (count === 1 ? 'the 1 entry that it had' : `the ${count} entries that it had`);

const others = (count: number): string => (count === 0 ? 'nothing else is in it' : count === 1 ? 'its other entry is in use' : `its other ${count} entries are in use`);

/** A file that has not been looked at. `onEntries` is called when its entries have changed. */
export function followFile(path: string, clock: Clock, onEntries: OnEntries): FollowedFile {
  let used: FileEntries = { prefixes: [], hosts: [], bad: [], moreBad: 0 };
  let readAt: Instant | undefined;
  /** The mark of what was last read, whether it could be used or not. */
  let readMark: string | undefined;
  /** The mark at the last look: one that is being written has another at each. */
  let seenMark: string | undefined;
  /** Why the file is not there to be read. */
  let absent: string | undefined;
  /** Why what it holds is not used. */
  let unusable: string | undefined;
  let looking = false;
  let stopped = false;

  const kept = (): string => {
    const count = used.prefixes.length + used.hosts.length;
    if (count === 0) return 'so nothing of it is allowed';
    return `so ${counted(count)} ${readAt === undefined ? '' : `at ${toIso(readAt) ?? ''} `}${count === 1 ? 'stays' : 'stay'} allowed`;
  };

  async function read(): Promise<void> {
    const found = await readWholeFile(path);
    if ('problem' in found) {
      // Without a mark it is tried again with the next look.
      readMark = found.mark;
      unusable = found.problem;
      return;
    }
    const entries = await readFileEntries(found.text, clock);
    readMark = found.mark;
    const had = used.prefixes.length + used.hosts.length;
    if (entries.prefixes.length + entries.hosts.length === 0 && had > 0) {
      unusable = entries.bad.length === 0 ? 'it has become empty' : `nothing in it can be used (${entries.bad[0] ?? ''})`;
      return;
    }
    unusable = undefined;
    used = entries;
    readAt = clock.now();
    if (!stopped) onEntries(entries.prefixes);
  }

  async function lookOnce(first: boolean): Promise<void> {
    const seen = await lookAtFile(path);
    if ('problem' in seen) {
      absent = seen.problem;
      seenMark = undefined;
      return;
    }
    absent = undefined;
    const isStill = first || seen.mark === seenMark;
    seenMark = seen.mark;
    if (seen.mark !== readMark && isStill) await read();
  }

  return {
    path,
    async look(first = false) {
      if (looking || stopped) return;
      looking = true;
      try {
        await lookOnce(first);
      } finally {
        looking = false;
      }
    },
    hosts: () => used.hosts,
    readAt: () => readAt,
    problems() {
      const why = absent ?? unusable;
      const { bad, moreBad, prefixes, hosts } = used;
      return [
        ...(why === undefined ? [] : [`${path}: ${why}, ${kept()}`]),
        ...bad.map((sentence) => `${path}, ${sentence}`),
        ...(moreBad === 0 ? [] : [`${path}: ${moreBad} more lines can’t be used`]),
        ...(bad.length === 0 || why !== undefined ? [] : [`${path}: ${others(prefixes.length + hosts.length)}`]),
      ];
    },
    stop() {
      stopped = true;
    },
  };
}
