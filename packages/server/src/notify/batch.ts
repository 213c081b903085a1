/** What has happened since the last message: the first of it in full and the rest as numbers, so that no storm fills the memory. */
import type { Instant } from 'banban-shared';
import { aboutOf, linesOf, type Notice } from './notice.ts';

/** So many notices are told in full; nobody reads more of one message. */
const MOST_WHOLE = 50;
/** Kinds of notices that are counted apart; a configuration with more rules and targets than that has the rest in one number. */
const MOST_KINDS = 100;
/** Of one notice: the first lines and the last one say what happened. */
const MOST_LINES = 10;
const LONGEST_LINE = 500;
/** A sentence of ours may have the words of a program in it. */
const LONGEST_TEXT = 1000;

/** So many of one kind. */
export interface Count {
  readonly type: Notice['type'];
  readonly target: string | undefined;
  readonly rule: string | undefined;
  readonly count: number;
}

/** What one message is about. */
export interface Batch {
  /** The first of them, oldest first; at least one. */
  readonly whole: readonly Notice[];
  /** All of them by kind, those in `whole` included. */
  readonly counts: readonly Count[];
  readonly total: number;
  readonly from: Instant;
  readonly to: Instant;
}

/** Gathers for one message. */
export interface Gathering {
  add(notice: Notice): void;
  readonly size: number;
  /** What was gathered, and begins anew; undefined for nothing. */
  take(): Batch | undefined;
}

/** `text` cut to `longest` characters, and not within a pair of surrogates. */
export function cut(text: string, longest: number): string {
  if (text.length <= longest) return text;
  return `${text.slice(0, longest - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

function shortened(notice: Notice): Notice {
  const lines = linesOf(notice);
  const kept = (lines.length <= MOST_LINES ? lines : [...lines.slice(0, MOST_LINES - 1), ...lines.slice(-1)]).map((line) => cut(line, LONGEST_LINE));
  switch (notice.type) {
    case 'ban':
      return { ...notice, lines: kept };
    case 'refused':
    case 'breakin':
      return { ...notice, lines: kept, reason: cut(notice.reason, LONGEST_TEXT) };
    case 'error':
    case 'list':
      return { ...notice, message: cut(notice.message, LONGEST_TEXT) };
    default:
      return notice;
  }
}

/** The words of what is said again and again while it lasts: told once, and counted. */
const saying = (notice: Notice): string | undefined => (notice.type === 'error' ? notice.message : notice.type === 'list' ? `${notice.list}\n${notice.message}` : undefined);

/** A gathering with nothing in it. */
export function gathering(): Gathering {
  let whole: Notice[] = [];
  let said = new Set<string>();
  let counts = new Map<string, { type: Notice['type']; target: string | undefined; rule: string | undefined; count: number }>();
  let total = 0;
  let to: Instant | undefined;
  return {
    add(notice) {
      total++;
      to = notice.at;
      const { target, rule } = aboutOf(notice);
      const key = `${notice.type}\n${target ?? ''}\n${rule ?? ''}`;
      const known = counts.get(key) ?? counts.get(notice.type);
      if (known !== undefined) known.count++;
      else if (counts.size < MOST_KINDS) counts.set(key, { type: notice.type, target, rule, count: 1 });
      else counts.set(notice.type, { type: notice.type, target: undefined, rule: undefined, count: 1 });
      if (whole.length >= MOST_WHOLE) return;
      const words = saying(notice);
      if (words !== undefined && said.has(words)) return;
      if (words !== undefined) said.add(words);
      whole.push(shortened(notice));
    },
    get size() {
      return total;
    },
    take() {
      const [first] = whole;
      if (first === undefined || to === undefined) return undefined;
      const batch: Batch = { whole, counts: [...counts.values()], total, from: first.at, to };
      whole = [];
      said = new Set();
      counts = new Map();
      total = 0;
      return batch;
    },
  };
}

/** A message about one thing. */
export function batchOf(notice: Notice): Batch {
  const gathered = gathering();
  gathered.add(notice);
  const { target, rule } = aboutOf(notice);
  return gathered.take() ?? { whole: [notice], counts: [{ type: notice.type, target, rule, count: 1 }], total: 1, from: notice.at, to: notice.at };
}
