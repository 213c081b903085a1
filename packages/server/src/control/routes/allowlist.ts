/** The allow list: to see it, to allow by hand, to end that. */
import { after, ApiError, familyOf, ms, networkOf, NEVER, parsePrefix, prefixSet, subjectOf, toIso, type AllowResult, type DisallowResult, type Prefix, type Subject } from 'banban-shared';
import type { DaemonView } from '../daemon-view.ts';
import type { Handler } from '../handler.ts';
import { readSubjects } from '../input.ts';
import { isoOf } from '../views.ts';

/** As for bans: the largest network that somebody has. A wider one is a slip of the finger that lets everybody in. */
const WIDEST = { 4: 8, 6: 16 } as const;
/** So many are named. */
const MOST_NAMED = 20;

const prefixesOf = (subjects: readonly Subject[]): Prefix[] => [...new Set(subjects.flatMap((subject) => parsePrefix(subject) ?? []))];

/** GET /v1/allowlist: who is never banned, and by whose word. */
export const allowlistHandler: Handler<'allowlist'> = ({ engine, allow }) => ({
  groups: [...engine.allowed.groups()].map(([name, prefixes]) => {
    const checkedAt = allow.checkedAt(name);
    return { name, addresses: prefixes.map(subjectOf), checkedAt: checkedAt === undefined ? null : isoOf(checkedAt) };
  }),
  byHand: allow.byHand.list().map(({ prefix, since, until, reason, by }) => ({ address: subjectOf(prefix), since: isoOf(since), until: toIso(until), reason: reason ?? null, by })),
  problems: [...allow.problems()],
});

/** Refuses what would allow a large part of the Internet. @throws ApiError `bad_address` */
function refuseWide(prefixes: readonly Prefix[]): void {
  const wide = prefixes.filter((prefix) => networkOf(subjectOf(prefix)).bits < WIDEST[familyOf(prefix)]);
  if (wide.length === 0) return;
  const shown = `${wide.slice(0, MOST_NAMED).join(', ')}${wide.length > MOST_NAMED ? ` and ${wide.length - MOST_NAMED} more` : ''}`;
  throw new ApiError('bad_address', `${shown} would allow a large part of the Internet, of which nothing could ever be banned; say --force ("force": true) if that is meant; nothing was done`, wide.slice(0, MOST_NAMED));
}

/** The active bans of which some address is in one of the networks, by that network. */
function bansIn({ engine }: DaemonView, prefixes: readonly Prefix[]) {
  const set = prefixSet(prefixes);
  return engine.bans().flatMap((ban) => {
    const prefix = set.overlap(ban.address);
    return prefix === undefined ? [] : [{ ban, prefix }];
  });
}

/** POST /v1/allowlist: answers when it is on disk, in force, and what it holds is unbanned. */
export const allowHandler: Handler<'allow'> = (daemon, { body }) => {
  const prefixes = prefixesOf(readSubjects(body.addresses));
  if (body.force !== true) refuseWide(prefixes);
  const { durationSeconds } = body;
  const until = durationSeconds === undefined || durationSeconds === null ? NEVER : after(daemon.clock.now(), ms(durationSeconds * 1000));
  const before = bansIn(daemon, prefixes);
  const outcomes = daemon.allow.byHand.allow({ prefixes, until, reason: body.reason, by: body.by });
  const key = ({ target, address }: { readonly target: string; readonly address: Subject }): string => `${target} ${address}`;
  const left = new Set(bansIn(daemon, prefixes).map(({ ban }) => key(ban)));
  const results = outcomes.map(({ outcome, record }): AllowResult => {
    const own = before.filter(({ prefix }) => prefix === record.prefix).map(({ ban }) => ban);
    const still = own.filter((ban) => left.has(key(ban)));
    const unbanned = own.filter((ban) => !left.has(key(ban))).map(({ address, target }) => ({ address, target }));
    const message = still.length === 0 ? null : `the end of ${still.length} of its bans could not be written yet (${daemon.engine.storeProblem() ?? 'the database'}); banband goes on trying`;
    return { address: subjectOf(record.prefix), outcome, until: toIso(record.until), unbanned, message };
  });
  return { results };
};

/** DELETE /v1/allowlist: ends what people allowed by hand. Where there was none it says so and is content. */
export const disallowHandler: Handler<'disallow'> = ({ engine, allow }, { body }) => {
  const prefixes = prefixesOf(readSubjects(body.addresses));
  const removed = allow.byHand.remove(prefixes, body.by);
  const results = prefixes.map((prefix, i): DisallowResult => {
    const allowedBy = engine.allowed.overlap(subjectOf(prefix));
    return { address: subjectOf(prefix), removed: removed[i] === true, allowedBy: allowedBy === undefined ? null : subjectOf(allowedBy), groups: allowedBy === undefined ? [] : [...engine.allowed.groupsOf(allowedBy)] };
  });
  return { results };
};
