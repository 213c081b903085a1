/** Outcomes of changes to the firewall, put together. */
import type { RulesOutcome } from '../firewall.ts';

/** Nothing to do. */
export const NOTHING: RulesOutcome = { changes: [], problems: [] };

/** Several outcomes as one. */
export const together = (...outcomes: readonly RulesOutcome[]): RulesOutcome => ({
  changes: outcomes.flatMap(({ changes }) => changes),
  problems: outcomes.flatMap(({ problems }) => problems),
});

/** A failure. */
export const problem = (message: string): RulesOutcome => ({ changes: [], problems: [message] });

/** An outcome of what nobody needs: that it did not work is no news. */
export const unlessIdle = (isNeeded: boolean, outcome: RulesOutcome): RulesOutcome => (isNeeded ? outcome : { ...outcome, problems: [] });
