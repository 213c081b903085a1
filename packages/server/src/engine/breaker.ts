/**
 * The circuit breaker: a rule that suddenly bans very many, or addresses from which people log in, is more likely wrong than right. Its
 * bans stop, it goes on counting, and a person has to let it go on.
 */
import type { Instant, Subject } from 'banban-shared';
import type { BreakerConfig } from '../config/config.ts';
import { householdOf } from './household.ts';

/** Since when a rule's bans are stopped, and why. */
export interface Stopped {
  readonly since: Instant;
  readonly reason: string;
}

/** What the breaker knows of every rule. */
export interface Breaker {
  stopped(rule: string): Stopped | undefined;
  all(): ReadonlyMap<string, Stopped>;
  /**
   * A new ban is to be made. Undefined when it may be; else the breaker has stopped the rule with it, and says why.
   *
   * @param loggedIn when somebody last logged in from there, within the last 30 days
   */
  admit(rule: string, subject: Subject, at: Instant, loggedIn: Instant | undefined): string | undefined;
  /** Lets it go on. False where it was not stopped. */
  resume(rule: string): boolean;
}

const MINUTE = 60_000;
const DAY = 86_400_000;

interface Watched {
  /** Seconds of the last minute in which there were bans, oldest first, with their number: exact to the second in little room. */
  readonly seconds: { readonly second: number; count: number }[];
  readonly logins: Map<Subject, Instant>;
}

/** @param before what an earlier run stopped */
export function createBreaker(config: () => BreakerConfig, before: ReadonlyMap<string, Stopped>): Breaker {
  const stopped = new Map(before);
  const watched = new Map<string, Watched>();

  function ofRule(rule: string): Watched {
    let own = watched.get(rule);
    if (own === undefined) watched.set(rule, (own = { seconds: [], logins: new Map() }));
    return own;
  }

  function countBan({ seconds }: Watched, at: Instant): number {
    const second = Math.floor(at / 1000);
    // Those ahead of now are from before the clock was put back.
    while (seconds[0] !== undefined && (seconds[0].second <= second - MINUTE / 1000 || seconds[0].second > second)) seconds.shift();
    const last = seconds.at(-1);
    if (last !== undefined && last.second === second) last.count++;
    else seconds.push({ second, count: 1 });
    return seconds.reduce((sum, { count }) => sum + count, 0);
  }

  function countLogin({ logins }: Watched, subject: Subject, at: Instant): number {
    // Or an account and one IPv6 network would be enough to stop every rule.
    logins.set(householdOf(subject), at);
    for (const [other, since] of logins) if (at - since > DAY || since > at) logins.delete(other);
    return logins.size;
  }

  function why(rule: string, subject: Subject, at: Instant, loggedIn: Instant | undefined): string | undefined {
    const { bansAMinute, logins } = config();
    const own = ofRule(rule);
    if (countBan(own, at) > bansAMinute) return `more than ${bansAMinute} new bans within a minute`;
    if (loggedIn === undefined || countLogin(own, subject, at) < logins) return undefined;
    return logins === 1 ? `it was to ban ${subject}, from which somebody logged in within the last 30 days` : `it was to ban ${logins} addresses within a day from which somebody logged in within the last 30 days, the last of them ${subject}`;
  }

  return {
    stopped: (rule) => stopped.get(rule),
    all: () => stopped,
    admit(rule, subject, at, loggedIn) {
      const reason = why(rule, subject, at, loggedIn);
      if (reason === undefined) return undefined;
      stopped.set(rule, { since: at, reason });
      watched.delete(rule);
      return reason;
    },
    resume(rule) {
      watched.delete(rule);
      return stopped.delete(rule);
    },
  };
}
