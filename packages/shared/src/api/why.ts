/** `why`: everything banban knows of one address. */
import { integer, list, nullable, record, stamp, text, type Infer } from '../schema.ts';
import { ban, origin } from './ban.ts';
import { guarded } from './status.ts';

/** A ban that is over, and what ended it. */
export const endedBan = record({
  id: integer,
  target: text,
  origin,
  level: nullable(integer),
  reason: nullable(text),
  since: stamp,
  endedAt: stamp,
  /** `expired` its time was over · `pardoned` a good pattern · `unbanned` a person · `allowlisted` the address became allowed · `target_removed` the target left the configuration · `delisted` it left the list that had set it. */
  endedBy: { type: 'string', enum: ['expired', 'pardoned', 'unbanned', 'allowlisted', 'target_removed', 'delisted'] },
  /** The person, for `unbanned`. */
  endedName: nullable(text),
});
export type EndedBan = Infer<typeof endedBan>;

/** A full window of a rule, and what was decided about it. */
export const offence = record({
  id: integer,
  at: stamp,
  rule: text,
  target: text,
  level: integer,
  /** `banned` it made a ban · `extended` it made one longer · `none` it changed nothing (the reason says why). */
  decision: { type: 'string', enum: ['banned', 'extended', 'none'] },
  reason: nullable(text),
  /** The log lines that filled the window, oldest first. */
  lines: list(text),
});
export type OffenceView = Infer<typeof offence>;

/** A window that has begun to fill but made no offence yet. */
const openWindow = record({
  rule: text,
  matches: integer,
  occurrences: integer,
  intervalSeconds: integer,
  lastAt: stamp,
});

/** The one address that is asked about. */
export const whyQuery = { type: 'object', properties: { address: { type: 'string', maxLength: 64 } }, required: ['address'], additionalProperties: false } as const;

/** All of one address: what stands, what was (the newest first), and what is being counted. */
export const whyResponse = record({
  address: text,
  /** The allow-list entry that holds the address, if any: then it is never banned. */
  allowedBy: nullable(text),
  /** By whose word: the groups of the allow list that have that entry, as in GET /v1/allowlist. */
  allowedGroups: list(text),
  /** Addresses that are it, hold it or are in it and that no rule may ban now, each with the reason; at most 100. */
  guarded: list(guarded),
  bans: list(ban),
  endedBans: list(endedBan),
  offences: list(offence),
  windows: list(openWindow),
});
export type WhyResponse = Infer<typeof whyResponse>;
