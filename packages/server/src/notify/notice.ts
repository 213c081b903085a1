/** What people can be told of, and what each of it is about. */
import type { Instant, Subject } from 'banban-shared';
import type { NotifyWord } from '../config/notify.ts';
import type { EngineEvent } from '../engine/events.ts';

/** Something that happened in the engine or to the daemon, or a test of the way to a receiver. */
export type Notice =
  | EngineEvent
  | ({ readonly at: Instant } & (
      | { readonly type: 'start'; readonly version: string; readonly bans: number }
      | { readonly type: 'stop' }
      /** A person asked for it. */
      | { readonly type: 'test'; readonly by: string }
    ));

/** What it is about, each where it is about one. */
export interface About {
  readonly address: Subject | undefined;
  readonly target: string | undefined;
  readonly rule: string | undefined;
}

/** The address, target and rule of a notice. A ban by hand has no rule. */
export function aboutOf(notice: Notice): About {
  switch (notice.type) {
    case 'ban':
    case 'unban': {
      const { address, target, origin } = notice.ban;
      return { address, target, rule: origin.kind === 'rule' ? origin.name : undefined };
    }
    case 'refused':
      return { address: notice.address, target: notice.target, rule: notice.rule };
    case 'breakin':
      return { address: notice.address, target: undefined, rule: undefined };
    case 'breaker':
      return { address: undefined, target: undefined, rule: notice.rule };
    default:
      return { address: undefined, target: undefined, rule: undefined };
  }
}

/** The log lines that led to it, oldest first. */
export const linesOf = (notice: Notice): readonly string[] => ('lines' in notice ? notice.lines : []);

/** Words of `on` that a receiver may have for a notice; none is for what is told to everybody. */
function wordsFor(notice: Notice): readonly NotifyWord[] {
  if (notice.type === 'test') return [];
  return notice.type === 'breakin' || notice.type === 'breaker' ? [notice.type, 'error'] : [notice.type];
}

/** Bans of a list come by the ten thousand, and are what an admin asked for: of these, only the trouble is told. */
const TOLD_OF: ReadonlySet<string> = new Set(['rule', 'manual']);

/** What a receiver asked for. */
export interface Interest {
  readonly on: readonly NotifyWord[];
  /** Undefined for all. */
  readonly targets: ReadonlySet<string> | undefined;
  readonly rules: ReadonlySet<string> | undefined;
}

/** Whether it asked for this. What is about no target or rule is not held back by a choice of them. */
export function wants({ on, targets, rules }: Interest, notice: Notice): boolean {
  const words = wordsFor(notice);
  if (words.length > 0 && !words.some((word) => on.includes(word))) return false;
  if ((notice.type === 'ban' || notice.type === 'unban') && !TOLD_OF.has(notice.ban.origin.kind)) return false;
  const { target, rule } = aboutOf(notice);
  if (targets !== undefined && target !== undefined && !targets.has(target)) return false;
  if (rules === undefined) return true;
  // A ban by hand is by no rule: who chose rules did not mean it.
  return rule === undefined ? notice.type !== 'ban' && notice.type !== 'unban' : rules.has(rule);
}
