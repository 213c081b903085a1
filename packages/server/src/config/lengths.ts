/** Lengths of bans that grow by a formula: `{ base: 10m, factor: 2, max: 5w, jitter: 10% }` is 10m, 20m, 40m … 5w. */
import { FOREVER, ms, type Ms } from 'banban-shared';
import type { RecordField } from './field.ts';

/** The longest duration that the configuration takes, 3650 days: what grows beyond it is for ever where `max` allows that. */
const LONGEST = 315_360_000_000;

/** The keys of a formula. */
export const FORMULA = {
  type: 'record',
  description: 'a length that grows with every offence',
  required: ['base'],
  synonyms: { min: 'base', first: 'base', bantime: 'base', multiplier: 'factor', maxtime: 'max', rndtime: 'jitter', random: 'jitter' },
  properties: {
    base: { type: 'duration', minimumSeconds: 1, description: 'the first ban' },
    // Below 1.1 it would take hundreds of offences to get anywhere.
    factor: { type: 'number', minimum: 1.1, maximum: 100, default: 2, description: 'each ban is so many times as long as the one before' },
    max: { type: 'lengths', maxItems: 1, default: '5w', description: 'the longest ban; may be forever' },
    jitter: { type: 'percent', maximum: 50, default: '0%', description: 'by chance a ban is up to so much shorter, so that nobody can wait for its end' },
  },
} as const satisfies RecordField;

/** Every length from `base` on to `max`, which is the last. */
export function growing(base: Ms, factor: number, max: Ms): Ms[] {
  const lengths: Ms[] = [];
  const end = Math.min(max, LONGEST);
  for (let length: number = base; length < end; length *= factor) lengths.push(ms(Math.round(length / 1000) * 1000));
  lengths.push(max === FOREVER ? FOREVER : max);
  return lengths;
}
