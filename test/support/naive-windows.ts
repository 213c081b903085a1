/** The windows as one would write them without a thought for memory: objects in a list, the least recently hit first. What count/window.ts is compared with. */
import type { Instant, Ms, Subject } from 'banban-shared';
import { PIECE } from '../../packages/server/src/count/line-store.ts';
import type { FullWindow, Threshold, Windows } from '../../packages/server/src/count/window.ts';

interface NaiveWindow {
  readonly rule: string;
  readonly address: Subject;
  matches: { at: Instant; line: string | undefined }[];
}

/** What a line takes: pieces, of which the first has 8 bytes for itself and each other 4. */
function roomOf(line: string): number {
  const bytes = [...Array(line.length).keys()].some((i) => line.charCodeAt(i) > 0xff) ? 2 * line.length : line.length;
  return PIECE * (1 + Math.max(0, Math.ceil((bytes - (PIECE - 8)) / (PIECE - 4))));
}

export function naiveWindows(capacity: number, evidence: number): Windows {
  let windows: NaiveWindow[] = [];
  let evicted = 0;
  const intervals = new Map<string, Ms>();
  const find = (rule: string, address: Subject): NaiveWindow | undefined => windows.find((w) => w.rule === rule && w.address === address);
  const drop = (window: NaiveWindow): void => void (windows = windows.filter((w) => w !== window));
  const held = (): number => windows.flatMap((w) => w.matches).reduce((sum, { line }) => sum + (line === undefined ? 0 : roomOf(line)), 0);

  return {
    hit({ rule, occurrences, interval }: Threshold, address, at, line): FullWindow | undefined {
      if (occurrences === 1) return { rule, address, at, lines: [line] };
      const window = find(rule, address) ?? { rule, address, matches: [] };
      window.matches = window.matches.map((m) => (m.at > at ? { ...m, at } : m)).filter((m) => at - m.at <= interval);
      drop(window);
      if (window.matches.length + 1 >= occurrences) return { rule, address, at, lines: [...window.matches.map((m) => m.line), line].filter((one) => one !== undefined) };
      intervals.set(rule, interval);
      windows.push(window);
      while (held() + roomOf(line) > evidence) {
        const first = windows.find((w) => w.matches.some((m) => m.line !== undefined));
        if (first === undefined) break;
        first.matches = first.matches.map((m) => ({ ...m, line: undefined }));
      }
      window.matches.push({ at, line: held() + roomOf(line) > evidence ? undefined : line });
      while (windows.length > capacity) {
        windows.shift();
        evicted++;
      }
      return undefined;
    },
    forget: (rules, address) => rules.forEach((rule) => (windows = windows.filter((w) => !(w.rule === rule && w.address === address)))),
    keepRules: (rules) => void (windows = windows.filter((w) => rules.has(w.rule))),
    of: (thresholds, address, now) =>
      thresholds.flatMap(({ rule, interval }) => {
        const left = find(rule, address)?.matches.filter((m) => now - m.at <= interval) ?? [];
        const last = left.at(-1);
        return last === undefined ? [] : [{ rule, matches: left.length, lastAt: last.at }];
      }),
    // As if `limit` were all of them.
    sweep: (now: Instant, longest: Ms) => void (windows = windows.filter((w) => now - (w.matches.at(-1)?.at ?? now) <= Math.min(longest, intervals.get(w.rule) ?? longest))),
    get size() {
      return windows.length;
    },
    capacity,
    get evicted() {
      return evicted;
    },
  };
}
