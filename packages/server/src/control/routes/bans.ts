/** Bans: to list them, to make them, to end them. */
import { ApiError, FOREVER, ms, toIso } from 'banban-shared';
import type { Handler } from '../handler.ts';
import { readAddresses, readTarget } from '../input.ts';
import { banView, enforcementMessage } from '../views.ts';

/** GET /v1/bans: the active bans, longest-standing first, each with what the kernel does about it as just read. */
export const bansHandler: Handler<'bans'> = (daemon, { query }) => {
  const target = query.target === undefined ? undefined : readTarget(daemon, query.target);
  const address = query.address === undefined ? undefined : readAddresses([query.address])[0];
  const { engine, clock } = daemon;
  engine.refresh();
  const bans = engine.bans().filter((b) => (target === undefined || b.target === target) && (address === undefined || b.address === address));
  const now = clock.now();
  return { bans: bans.sort((a, b) => a.since - b.since || a.id - b.id).map((b) => banView(b, engine.enforcementOf(b), now)) };
};

/** POST /v1/bans: bans by hand. Answers when the kernel has been read back. */
export const banHandler: Handler<'ban'> = (daemon, { body }) => {
  const { engine } = daemon;
  const first = engine.policy.targets.keys().next();
  if (first.done === true) throw new ApiError('unknown_target', 'no target is configured, so there is no list to put an address in');
  const target = body.target === undefined ? first.value : readTarget(daemon, body.target);
  const length = body.durationSeconds === undefined ? undefined : body.durationSeconds === null ? FOREVER : ms(body.durationSeconds * 1000);
  const outcomes = engine.ban({ addresses: readAddresses(body.addresses), target, length, reason: body.reason, by: body.by });
  const detail = engine.targetStates().find((t) => t.name === target)?.message;
  return {
    results: outcomes.map((o) =>
      o.outcome === 'refused'
        ? { address: o.address, target, outcome: o.outcome, until: null, enforcement: null, message: `the allow list has ${o.allowedBy}: an allowed address is never banned` }
        : { address: o.address, target, outcome: o.outcome, until: toIso(o.ban.until), enforcement: o.enforcement, message: enforcementMessage(o.address, target, o.enforcement, detail) },
    ),
  };
};

/** DELETE /v1/bans: ends bans, whoever set them. Where there was none it says so and is content. */
export const unbanHandler: Handler<'unban'> = (daemon, { body }) => {
  if ((body.addresses === undefined) === (body.all !== true)) throw new ApiError('bad_request', 'give either addresses or "all": true');
  const target = body.target === undefined ? undefined : readTarget(daemon, body.target);
  const outcomes = daemon.engine.unban({ addresses: body.addresses === undefined ? undefined : readAddresses(body.addresses), target, by: body.by });
  return {
    results: outcomes.map(({ address, targets, unreleased }) => ({
      address,
      targets: [...targets],
      released: unreleased.length === 0,
      message: unreleased.length > 0 ? `the ban is ended, but the kernel's list ${unreleased.join(', ')} could not be freed of the address; banband goes on trying` : null,
    })),
  };
};
