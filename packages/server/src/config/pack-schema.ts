/** What a pack's file may hold: one service, its groups, its patterns with the samples that prove them. */
import type { Field, Read } from './field.ts';

/** Longer names of packs, groups and patterns would not fit a line of `banctl rules`. */
const LONGEST_NAME = 64;

const begins = { type: 'list', minItems: 1, description: 'how a line of the service begins, up to where the patterns begin to match', items: { type: 'text', description: 'an RE2 expression' } } as const satisfies Field;

/** The file of a pack. */
export const packSchema = {
  type: 'record',
  description: 'a pack: ready patterns for one service',
  required: ['service', 'source', 'groups', 'patterns'],
  properties: {
    service: { type: 'text', description: 'the service, for people' },
    source: { type: 'text', description: 'where the formats of its messages come from' },
    begins,
    groups: {
      type: 'named',
      nameShown: 'GROUP',
      longest: LONGEST_NAME,
      description: 'kinds of behaviour',
      values: {
        type: 'either',
        shortFor: 'about',
        description: 'what it means',
        map: {
          type: 'record',
          description: 'what it means',
          required: ['about'],
          properties: {
            about: { type: 'text', description: 'what the far side did' },
            good: { type: 'boolean', default: false, description: 'for goodpatterns: it pardons' },
            weak: { type: 'boolean', default: false, description: 'honest clients do it, too: only used where it is named' },
          },
        },
      },
    },
    patterns: {
      type: 'named',
      nameShown: 'PATTERN',
      longest: LONGEST_NAME,
      description: 'the patterns',
      values: {
        type: 'record',
        description: 'a pattern',
        required: ['group', 'match', 'source', 'samples'],
        properties: {
          group: { type: 'name', longest: LONGEST_NAME, description: 'its group' },
          begins: { ...begins, description: 'in place of those of the pack' },
          opens: { type: 'pattern', mayUse: false, description: 'for a service that names the address in another line: what follows the beginning there, with <ip>, and with <key> for the connection’s number' },
          match: { type: 'pattern', mayUse: false, description: 'an RE2 expression for what follows the beginning, with <ip>, or with <key> where there is opens' },
          source: { type: 'text', description: 'where the service writes this line, and since which version' },
          samples: {
            type: 'list',
            minItems: 1,
            description: 'lines that it must match',
            items: {
              type: 'record',
              description: 'a line and what it must yield',
              required: ['line', 'address'],
              properties: {
                line: { type: 'text', description: 'the line' },
                address: { type: 'text', description: 'the address' },
                user: { type: 'text', description: 'the user' },
                after: { type: 'text', description: 'the line that opens has to match, before it' },
              },
            },
          },
          misses: { type: 'list', default: [], description: 'lines that it must not match', items: { type: 'text', description: 'a line' } },
        },
      },
    },
  },
} as const satisfies Field;

/** A pack's file, read. */
export type RawPack = Read<typeof packSchema>;
