/** Bans as the API shows them, and the bodies of ban and unban. */
import { flag, integer, list, nullable, record, stamp, text, type Infer } from '../schema.ts';

/**
 * What is done about a ban, as last read from the kernel (or from the file, or told by the command); of several backends the worst:
 * `held` all lists have it · `simulated` banband does not touch the kernel (and says why in status) ·
 * `pending` it is being written · `unread` the list has it, and no firewall rule looks at the list ·
 * `missing` the list does not exist: no firewall rule made it · `waiting` the list is full and longer bans have the
 * places · `failed` it was refused or could not be read.
 */
export const enforcement = { type: 'string', enum: ['held', 'simulated', 'pending', 'unread', 'missing', 'waiting', 'failed'] } as const;
export type Enforcement = Infer<typeof enforcement>;

/** Who set a ban: a rule of the configuration, a person, or a list of the configuration. */
export const origin = record({
  kind: { type: 'string', enum: ['rule', 'manual', 'list'] },
  /** The rule, the person as their banctl named them, or the list. */
  name: text,
});
export type Origin = Infer<typeof origin>;

/**
 * One active ban. `since` and `until` are instants (null is never); `remainingSeconds` is what was left when the answer
 * was made.
 */
export const ban = record({
  id: integer,
  /** An address, or a network as address/bits. */
  address: text,
  target: text,
  origin,
  level: nullable({ type: 'integer', description: 'which offence it is, from 1; null for a ban by hand' }),
  reason: nullable(text),
  since: stamp,
  until: nullable(stamp),
  remainingSeconds: nullable({ type: 'integer', description: 'null is for ever' }),
  enforcement,
  /** Existing connections that died of it. */
  connections: integer,
  /** What met it since; null where nothing tells. */
  hits: nullable(
    record({
      packets: nullable(integer),
      bytes: nullable(integer),
      /** The last packet; null when none came, or where the kernel does not tell. */
      lastAt: nullable(stamp),
    }),
  ),
});
export type Ban = Infer<typeof ban>;

/** What to list: the bans of one address, of one target, of both; every ban where neither is given. */
export const bansQuery = {
  type: 'object',
  properties: { address: text, target: text },
  required: [],
  additionalProperties: false,
} as const;

/** Active bans, the one that stands longest first; empty where there are none. */
export const bansResponse = record({ bans: list(ban) });
export type BansResponse = Infer<typeof bansResponse>;

/** 10,000 addresses of the longest kind fit in the 1 MiB that a body may have. */
const addresses = { type: 'array', items: { type: 'string', maxLength: 64 }, minItems: 1, maxItems: 10_000 } as const;
/** A person's name as their own banctl gives it: kept as a claim, not as a proof. */
const by = { type: 'string', minLength: 1, maxLength: 64 } as const;

/** A ban by hand, the same for each of `addresses`, which are read strictly: one that can't be read and none is banned. */
export const banBody = {
  type: 'object',
  properties: {
    addresses,
    target: { type: 'string', maxLength: 64, description: 'default: the first target of the configuration' },
    durationSeconds: { anyOf: [{ type: 'integer', minimum: 1, maximum: 315_360_000 }, { type: 'null' }], description: 'null is for ever; default: the first length of the target' },
    reason: { type: 'string', minLength: 1, maxLength: 500 },
    force: { type: 'boolean', description: 'ban also what is guarded; an allowed address never' },
    from: { type: 'array', items: { type: 'string', maxLength: 64 }, maxItems: 16, description: 'addresses from which the person is connected: guarded for this request; a help to oneself, so what is no address is left out' },
    by,
  },
  required: ['addresses', 'by'],
  additionalProperties: false,
} as const;

const banResult = record({
  address: text,
  target: text,
  /** `banned` new · `extended` it was banned and now lasts longer · `unchanged` it was banned at least that long · `refused` see message. */
  outcome: { type: 'string', enum: ['banned', 'extended', 'unchanged', 'refused'] },
  until: nullable(stamp),
  /** Read back from the kernel after the write; null for a refused ban. */
  enforcement: nullable(enforcement),
  /** The backends that hold it all the same, where another one of the target does not; empty where that is not known. */
  heldIn: list(text),
  /** A sentence where there is something to say: why it was refused, or why the kernel does not hold it. */
  message: nullable(text),
});
/** What became of one address of a request to ban. */
export type BanResult = Infer<typeof banResult>;
/** One result for each address, in the order of the request. */
export const banResponse = record({ results: list(banResult) });

/** Exactly one of `addresses` and `all: true`; without `target`, in every target. */
export const unbanBody = {
  type: 'object',
  properties: { addresses, all: { type: 'boolean' }, target: { type: 'string', maxLength: 64 }, by },
  required: ['by'],
  additionalProperties: false,
} as const;

const unbanResult = record({
  address: text,
  /** The targets in which a ban was ended; empty when there was none. */
  targets: list(text),
  /** False when a kernel list still has the address after the removal; the message says which and why. */
  released: flag,
  /** Bans of networks that still hold the address. */
  heldBy: list(record({ address: text, target: text })),
  message: nullable(text),
});
/** What became of one address of a request to unban; where there was no ban, that is no error. */
export type UnbanResult = Infer<typeof unbanResult>;
/** One result for each address; with `all`, one for each address that was banned. */
export const unbanResponse = record({ results: list(unbanResult) });
