import { subjectOf } from 'banban-shared';
import { isAbout } from '../about.ts';
import { readSubject } from '../input.ts';
import type { Handler } from '../handler.ts';
import { banView, endedBanView, guardView, hitsOfBans, isoOf, offenceView } from '../views.ts';

/** So many guarded addresses of a network are named. */
const MOST_GUARDED = 100;

/** GET /v1/why: all that is known of one address or network. */
export const whyHandler: Handler<'why'> = (daemon, { query }) => {
  const { engine, clock } = daemon;
  const subject = readSubject(query.address);
  engine.refresh();
  const history = engine.history(subject);
  const isAsked = isAbout(subject);
  const rules = new Map(engine.policy.rules.map((r) => [r.config.name, r.config]));
  const hitsOf = hitsOfBans(engine, history.bans);
  const now = clock.now();
  return {
    address: subject,
    allowedBy: history.allowedBy ?? null,
    allowedGroups: history.allowedBy === undefined ? [] : [...engine.allowed.groupsOf(history.allowedBy)],
    guarded: daemon.guards.list().filter(({ prefix }) => isAsked(subjectOf(prefix))).slice(0, MOST_GUARDED).map(guardView),
    bans: history.bans.map((ban) => banView(ban, { enforcement: engine.enforcementOf(ban), hits: hitsOf(ban), now })),
    endedBans: history.endedBans.map(endedBanView),
    offences: history.offences.map(offenceView),
    windows: history.windows.map(({ rule, matches, occurrences, lastAt }) => ({
      rule,
      matches,
      occurrences,
      intervalSeconds: Math.round((rules.get(rule)?.interval ?? 0) / 1000),
      lastAt: isoOf(lastAt),
    })),
  };
};
