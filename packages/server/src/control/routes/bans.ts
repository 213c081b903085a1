/** Bans: to list them, to make them, to end them. */
import { ApiError, FOREVER, ms, toIso, type BanResult, type Subject, type UnbanResult } from 'banban-shared';
import { isAbout } from '../about.ts';
import type { EngineView } from '../daemon-view.ts';
import { guardsNow, setApart } from '../guarded.ts';
import type { Handler } from '../handler.ts';
import { filterInSlices, inSlices, SLICE } from '../in-slices.ts';
import { readBannable, readSubject, readSubjects, readTarget, readTargetOrFirst } from '../input.ts';
import { bannedNotes, enforcementMessage, guardedMessage, holders, refusedMessage, unbanMessage, unitOf, widenedBy } from '../sentences.ts';
import { banView, hitsOfBans } from '../views.ts';

/**
 * GET /v1/bans: the active bans, longest-standing first, each with what the kernel does about it as just read. With an address
 * those that hold it; with a network those that hold it and those inside it.
 */
export const bansHandler: Handler<'bans'> = async (daemon, { query }) => {
  const target = query.target === undefined ? undefined : readTarget(daemon, query.target);
  const isAsked = query.address === undefined ? () => true : isAbout(readSubject(query.address));
  const { engine, clock } = daemon;
  engine.refresh();
  const bans = await filterInSlices(clock, engine.bans(), (ban) => (target === undefined || ban.target === target) && isAsked(ban.address));
  bans.sort((a, b) => a.since - b.since || a.id - b.id);
  const hitsOf = hitsOfBans(engine, bans);
  const now = clock.now();
  const view = (ban: (typeof bans)[number]) => banView(ban, { enforcement: engine.enforcementOf(ban), hits: hitsOf(ban), now });
  return bans.length <= SLICE ? { bans: bans.map(view) } : inSlices(clock, 'bans', bans, view);
};

/** POST /v1/bans: bans by hand. What is guarded now is refused, unless it is forced. Answers when the kernel has been read back. */
export const banHandler: Handler<'ban'> = async (daemon, { body }) => {
  const { engine } = daemon;
  const guards = body.force === true ? [] : await guardsNow(daemon, body.from ?? []);
  const target = readTargetOrFirst(daemon, body.target);
  const length = body.durationSeconds === undefined ? undefined : body.durationSeconds === null ? FOREVER : ms(body.durationSeconds * 1000);
  const subjects = readBannable(body.addresses);
  const bits = engine.policy.targets.get(target)?.ipv6Prefix ?? 128;
  const { free, guarded } = setApart(engine, subjects.map((subject) => [subject, unitOf(subject, bits)]), guards);
  // By force, because what is guarded was set apart, with those of the person who asks.
  const outcomes = free.length === 0 ? [] : engine.ban({ subjects: free, target, length, reason: body.reason, by: body.by, force: true });
  const isHeld = outcomes.every((outcome) => outcome.outcome === 'refused' || outcome.enforcement === 'held');
  const state = isHeld ? undefined : engine.targetStates().find((t) => t.name === target);
  const widened = widenedBy(subjects, bits);
  const holdersOf = holders(state, bits);
  const refused = (address: Subject, message: string): BanResult => ({ address, target, outcome: 'refused', until: null, enforcement: null, heldIn: [], message });
  const made = (outcome: (typeof outcomes)[number]): BanResult => {
    const asked = widened.get(outcome.subject);
    if (outcome.outcome === 'refused') return refused(outcome.subject, refusedMessage(outcome, asked));
    const { ban, enforcement } = outcome;
    const why = enforcementMessage(ban.address, target, enforcement, state);
    const notes = [...(why === undefined ? [] : [why]), ...bannedNotes(outcome, asked)];
    return { address: ban.address, target, outcome: outcome.outcome, until: toIso(ban.until), enforcement, heldIn: enforcement === 'held' ? [] : holdersOf(ban.address), message: notes.length === 0 ? null : notes.join('; ') };
  };
  // In the order of the request.
  const results = new Map<Subject, BanResult | undefined>(subjects.map((subject) => [unitOf(subject, bits), undefined]));
  for (const [subject, guard] of guarded) results.set(subject, refused(subject, guardedMessage(subject, guard, widened.get(subject))));
  for (const outcome of outcomes) results.set(outcome.subject, made(outcome));
  return { results: [...results.values()].flatMap((result) => result ?? []) };
};

const unbanView = (outcome: ReturnType<EngineView['unban']>[number], target: string | undefined): UnbanResult => {
  // Who asked for one target has left the others as they are.
  const heldBy = outcome.heldBy.filter((ban) => target === undefined || ban.target === target);
  return {
    address: outcome.subject,
    targets: [...outcome.targets],
    released: outcome.unreleased.length === 0,
    heldBy: heldBy.map((ban) => ({ address: ban.address, target: ban.target })),
    message: unbanMessage({ ...outcome, heldBy }) ?? null,
  };
};

/** DELETE /v1/bans: ends bans, whoever set them. Where there was none it says so and is content. */
export const unbanHandler: Handler<'unban'> = async (daemon, { body }) => {
  if ((body.addresses === undefined) === (body.all !== true)) throw new ApiError('bad_request', 'give either addresses or "all": true');
  const target = body.target === undefined ? undefined : readTarget(daemon, body.target);
  const outcomes = daemon.engine.unban({ subjects: body.addresses === undefined ? undefined : readSubjects(body.addresses), target, by: body.by });
  const view = (outcome: (typeof outcomes)[number]) => unbanView(outcome, target);
  return outcomes.length <= SLICE ? { results: outcomes.map(view) } : inSlices(daemon.clock, 'results', outcomes, view);
};
