/** What patterns may cost: one that takes more of the machine than it is worth is switched off, with a message. */
import type { Ms } from 'banban-shared';
import type { Policy, UsedPattern } from './policy.ts';

/** Watches the cost of patterns. */
export interface Budget {
  /**
   * The patterns that took more than their part since the last call, with a sentence for each; they count as switched off
   * from now on.
   *
   * @param since the time since the last call
   */
  overdrawn(policy: Policy, since: Ms): readonly { readonly pattern: UsedPattern; readonly message: string }[];
  switchedOff(): ReadonlyMap<string, string>;
  /** Begins anew: after a reload all patterns run again. */
  reset(): void;
}

/**
 * A quarter of one CPU. Every pattern takes time in proportion to what arrives, so a flood makes all of them dear: what is
 * switched off has to cost ten times as much as the pattern in the middle, too.
 */
const MOST_SHARE = 0.25;
const MOST_TIMES_MEDIAN = 10;

/** Makes a budget for the patterns of a policy. */
export function createBudget(): Budget {
  let before = new Map<string, number>();
  const off = new Map<string, string>();
  return {
    overdrawn(policy, since) {
      const now = new Map([...policy.patterns.values()].map((p): [string, number] => [p.name, Math.max(0, ...p.compiled.map((c) => policy.matcher.costOf(c)))]));
      const spent = [...now].map(([name, cost]): [string, number] => [name, cost - (before.get(name) ?? 0)]);
      before = now;
      const sorted = spent.map(([, cost]) => cost).sort((a, b) => a - b);
      // Of two the cheaper one: the dear one must not be its own measure.
      const median = sorted[(sorted.length - 1) >> 1] ?? 0;
      return spent.flatMap(([name, cost]) => {
        const pattern = policy.patterns.get(name);
        const share = cost / since;
        if (pattern === undefined || off.has(name) || share < MOST_SHARE || (sorted.length > 1 && cost < MOST_TIMES_MEDIAN * median)) return [];
        const message = `the pattern ${name} took ${Math.round(share * 100)} % of one CPU in the last minute, so it is switched off until the next reload; make it begin with ^ and the program’s name`;
        off.set(name, message);
        return [{ pattern, message }];
      });
    },
    switchedOff: () => off,
    reset() {
      before = new Map();
      off.clear();
    },
  };
}
