import { readAddresses } from '../input.ts';
import { ApiError } from 'banban-shared';
import type { Handler } from '../handler.ts';
import { banView, endedBanView, isoOf, offenceView } from '../views.ts';

/** GET /v1/why: all that is known of one address. */
export const whyHandler: Handler<'why'> = (daemon, { query }) => {
  const { engine, clock } = daemon;
  const address = readAddresses([query.address])[0];
  if (address === undefined) throw new ApiError('bad_address', 'give one address');
  engine.refresh();
  const history = engine.history(address);
  const rules = new Map(engine.policy.rules.map((r) => [r.config.name, r.config]));
  const now = clock.now();
  return {
    address,
    allowedBy: history.allowedBy ?? null,
    bans: history.bans.map((b) => banView(b, engine.enforcementOf(b), now)),
    endedBans: history.endedBans.map(endedBanView),
    offences: history.offences.map(offenceView),
    windows: history.windows.map(({ rule, matches, lastAt }) => ({
      rule,
      matches,
      occurrences: rules.get(rule)?.occurrences ?? 0,
      intervalSeconds: Math.round((rules.get(rule)?.interval ?? 0) / 1000),
      lastAt: isoOf(lastAt),
    })),
  };
};
