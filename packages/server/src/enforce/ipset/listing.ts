/** Reads what `ipset save` prints: a line that would make the set, and one for each row. ipset(8). */
import type { Hits } from '../firewall.ts';

/** How a set was made. */
export interface SavedSet {
  readonly name: string;
  /** `hash:ip`. */
  readonly type: string;
  /** What follows: names of options, and values of those that have one. */
  readonly options: readonly string[];
}

/** One row. */
export interface SavedRow {
  /** The set's name. */
  readonly set: string;
  readonly text: string;
  /** How long it is still to be there, 0 for ever. */
  readonly seconds: number;
  readonly hits: Hits;
}

/** Takes the output piece by piece. */
export interface SaveReader {
  feed(chunk: Buffer): void;
  /** Whether all that came could be read; no more comes. */
  end(): boolean;
}

/** A row is some 70 characters, and a comment at most 255 more. */
const LONGEST_LINE = 4096;

/** Most rows have met nothing; one object does for all of them. */
const NOTHING_MET: Hits = { packets: 0, bytes: 0, lastAt: undefined };
const NOT_COUNTED: Hits = { packets: undefined, bytes: undefined, lastAt: undefined };

/** The number behind an option; undefined without it. */
function numberOf(options: readonly string[], name: string): number | undefined {
  const at = options.indexOf(name);
  const text = at < 0 ? '' : (options[at + 1] ?? '');
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function hitsOf(options: readonly string[]): Hits {
  const packets = numberOf(options, 'packets');
  const bytes = numberOf(options, 'bytes');
  if (packets === undefined || bytes === undefined) return NOT_COUNTED;
  return packets === 0 ? NOTHING_MET : { packets, bytes, lastAt: undefined };
}

/** The value of an option of a set; undefined when it has none of the name. */
export function optionOf({ options }: SavedSet, name: string): string | undefined {
  const at = options.indexOf(name);
  return at < 0 ? undefined : options[at + 1];
}

/** @param set called with each set, before its rows */
export function saveReader(set: (set: SavedSet) => void, row: (row: SavedRow) => void): SaveReader {
  let rest = '';
  let isFaulty = false;

  function line(text: string): void {
    // In a conversation (`ipset -`) it asks for each command, and does not end the question with a newline.
    const words = text.replace(/^(?:ipset> )+/, '').split(' ');
    const [verb, name = '', what = '', ...options] = words;
    if (verb === 'create' && what !== '') set({ name, type: what, options });
    else if (verb === 'add' && what !== '') row({ set: name, text: what, seconds: numberOf(options, 'timeout') ?? 0, hits: hitsOf(options) });
    else if (verb !== '') isFaulty = true;
  }

  return {
    feed(chunk) {
      const text = rest + chunk.toString('latin1');
      let from = 0;
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
        line(text.slice(from, end));
        from = end + 1;
      }
      rest = text.slice(from);
      if (rest.length <= LONGEST_LINE) return;
      isFaulty = true;
      rest = '';
    },
    end: () => !isFaulty && rest.replace(/^(?:ipset> )+/, '') === '',
  };
}
