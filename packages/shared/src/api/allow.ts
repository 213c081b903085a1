/** The allow list: who is never banned, by whose word, and what people do about it by hand. */
import { flag, list, nullable, record, stamp, text, type Infer } from '../schema.ts';

const allowGroup = record({
  /** `configuration`, `file PATH`, `host NAME`, `self` (this machine's own addresses), `by hand`, or whoever else keeps one. */
  name: text,
  /** Addresses, and networks as address/bits. */
  addresses: list(text),
  /** When a file was last read, when a host name was last answered; null where that means nothing, or for never. */
  checkedAt: nullable(stamp),
});

const allowedByHand = record({
  address: text,
  since: stamp,
  until: nullable(stamp),
  reason: nullable(text),
  /** The person, as their banctl named them. */
  by: text,
});

/** Every entry by the group that has it; `byHand` has more of those that people made. */
export const allowlistResponse = record({
  groups: list(allowGroup),
  byHand: list(allowedByHand),
  /** What is wrong with files and host names, a sentence each. */
  problems: list(text),
});
export type AllowlistResponse = Infer<typeof allowlistResponse>;

/** As for bans. */
const addresses = { type: 'array', items: { type: 'string', maxLength: 64 }, minItems: 1, maxItems: 10_000 } as const;
const by = { type: 'string', minLength: 1, maxLength: 64 } as const;

/** Addresses and networks to be allowed, the same for each; one that can't be read and none is. */
export const allowBody = {
  type: 'object',
  properties: {
    addresses,
    durationSeconds: { anyOf: [{ type: 'integer', minimum: 1, maximum: 315_360_000 }, { type: 'null' }], description: 'null, and the default, is for ever' },
    reason: { type: 'string', minLength: 1, maxLength: 500 },
    by,
    force: { type: 'boolean', description: 'also a network wider than /8, or /16 for IPv6' },
  },
  required: ['addresses', 'by'],
  additionalProperties: false,
} as const;

const allowResult = record({
  address: text,
  /** `allowed` new · `extended` it was allowed by hand and now is for longer · `unchanged` it was allowed by hand for at least as long. */
  outcome: { type: 'string', enum: ['allowed', 'extended', 'unchanged'] },
  until: nullable(stamp),
  /** The bans that ended because of it. */
  unbanned: list(record({ address: text, target: text })),
  /** A sentence where there is something to say. */
  message: nullable(text),
});
/** What became of one address of a request to allow. */
export type AllowResult = Infer<typeof allowResult>;
/** One result for each address. */
export const allowResponse = record({ results: list(allowResult) });

/** Entries made by hand to be taken out, exactly as they stand in the list. */
export const disallowBody = { type: 'object', properties: { addresses, by }, required: ['addresses', 'by'], additionalProperties: false } as const;

const disallowResult = record({
  address: text,
  /** False where no person had allowed it. */
  removed: flag,
  /** The entry that allows it, or a part of it, all the same; null where none does. */
  allowedBy: nullable(text),
  /** The groups that have that entry. */
  groups: list(text),
});
/** What became of one address of a request not to allow it any longer. */
export type DisallowResult = Infer<typeof disallowResult>;
/** One result for each address. */
export const disallowResponse = record({ results: list(disallowResult) });
