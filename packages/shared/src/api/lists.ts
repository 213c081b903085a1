/** `lists`: the lists of addresses that others keep, as they are now; and fetching them at once. */
import { flag, integer, list, nullable, record, stamp, text, type Infer } from '../schema.ts';

const addressList = record({
  name: text,
  kind: { type: 'string', enum: ['url', 'file'] },
  /** A URL without what stands behind its question mark, or a path. */
  from: text,
  target: text,
  /** So many addresses and networks are banned by it, after merging. */
  entries: integer,
  /** So many of its entries are left out, because no list may have them. */
  skipped: integer,
  /** When what is in force was fetched, and when it was last known to be what the list says; null when nothing ever was. */
  fetchedAt: nullable(stamp),
  checkedAt: nullable(stamp),
  nextAt: nullable(stamp),
  /** Why the last look brought nothing new; what is in force is older then. */
  error: nullable(text),
  /** What is wrong with what is in force, a sentence each. */
  warnings: list(text),
});
/** A list of addresses that others keep, as it is now. */
export type AddressList = Infer<typeof addressList>;

/** In the order of the configuration. */
export const listsResponse = record({ lists: list(addressList) });

/** Which to fetch, all where none are named. `force` believes a list that has shrunk or grown beyond its limits, once. */
export const refreshBody = {
  type: 'object',
  properties: { lists: { type: 'array', items: { type: 'string', maxLength: 64 }, minItems: 1, maxItems: 1000 }, force: flag },
  required: [],
  additionalProperties: false,
} as const;
