/** The configuration's schema as JSON Schema, for editors: what it refuses banban refuses too (the other way round it can't know names and places). */
import type { Json } from './document.ts';
import { NAME, type Field, type RecordField } from './field.ts';
import { FORMULA } from './lengths.ts';
import { schema } from './schema.ts';

/** An object of JSON Schema, draft 7. */
export type JsonSchema = { readonly [keyword: string]: Json };

const DURATION = { anyOf: [{ type: 'integer', minimum: 1, maximum: 315_360_000 }, { type: 'string', pattern: '^(?:\\d+|(?=.)(?:\\d+w)?(?:\\d+d)?(?:\\d+h)?(?:\\d+m)?(?:\\d+s)?)$' }] } as const;
/** A length that may be without end. */
const LENGTH = { anyOf: [...DURATION.anyOf, { type: 'string', enum: ['forever'] }] } as const;

function record(field: RecordField): JsonSchema {
  const properties: Record<string, Json> = {};
  for (const [name, property] of Object.entries(field.properties)) properties[name] = described(property);
  return { type: ['object', 'null'], properties, required: [...field.required], additionalProperties: false };
}

function variant(word: string, map: RecordField): JsonSchema {
  const properties: Record<string, Json> = { type: { type: 'string', enum: [word] } };
  for (const [name, property] of Object.entries(map.properties)) properties[name] = described(property);
  return { type: 'object', properties, required: ['type', ...map.required], additionalProperties: false };
}

const name = (longest: number): JsonSchema => ({ type: 'string', pattern: `^${NAME}$`, maxLength: longest });

function shape(field: Field): JsonSchema {
  switch (field.type) {
    case 'path':
      return { type: 'string', minLength: 1, pattern: '[^/]$' };
    case 'account':
      return { anyOf: [{ type: 'string', pattern: '^[^\\s:/]{1,256}$' }, { type: 'integer', minimum: 0 }] };
    case 'mode':
      return { anyOf: [{ type: 'string', pattern: '^0?o?[67][0-7]{2}$' }, { type: 'integer' }] };
    case 'integer':
      return { type: 'integer', minimum: field.minimum, maximum: field.maximum };
    case 'boolean':
      return { type: 'boolean' };
    case 'duration':
      return DURATION;
    case 'number':
      return { type: 'number', minimum: field.minimum, maximum: field.maximum };
    case 'percent':
      return { type: 'string', pattern: '^\\d{1,3}(?:\\.\\d{1,3})? ?%$' };
    case 'lengths':
      if (field.maxItems === 1) return LENGTH;
      return { anyOf: [...LENGTH.anyOf, { type: 'array', items: LENGTH, minItems: 1, maxItems: field.maxItems }, { ...record(FORMULA), type: 'object' }] };
    case 'network':
      return { type: 'string', pattern: '^[0-9A-Fa-f:.]+(/\\d{1,3})?$' };
    case 'allowed':
      return {
        anyOf: [
          { type: 'string', enum: ['self'] },
          { type: 'string', pattern: '^[0-9A-Fa-f:.]+(/\\d{1,3})?$' },
          { type: 'string', pattern: '^(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\\.)+(?!\\d+\\.?$)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\\.?$' },
          { type: 'object', properties: { file: { type: 'string', minLength: 1, pattern: '[^/]$' } }, required: ['file'], additionalProperties: false },
        ],
      };
    case 'pattern':
      return field.mayUse ? { anyOf: [{ type: 'string', minLength: 1 }, { type: 'object', properties: { use: { type: 'string' } }, required: ['use'], additionalProperties: false }] } : { type: 'string', minLength: 1 };
    case 'choice':
      return { type: 'string', enum: [...field.of] };
    case 'choices':
      return { anyOf: [{ type: 'string', enum: [...field.of] }, { type: 'array', items: { type: 'string', enum: [...field.of] }, minItems: 1, uniqueItems: true }] };
    case 'ports': {
      const port: JsonSchema[] = [{ type: 'integer', minimum: 1, maximum: 65_535 }, { type: 'string', pattern: '^(?:[A-Za-z][A-Za-z0-9-]*|[1-9]\\d{0,4}(?:[-:][1-9]\\d{0,4})?)$' }];
      return { anyOf: [...port, { type: 'array', items: { anyOf: port }, minItems: 1, maxItems: field.maxItems }] };
    }
    case 'arguments':
      return { type: 'array', items: [{ type: 'string', pattern: '^/' }], additionalItems: { type: ['string', 'number', 'boolean'] }, minItems: 1 };
    case 'text':
      return { type: ['string', 'number', 'boolean'] };
    case 'name':
      return name(field.longest);
    case 'list':
      return { type: field.minItems === undefined ? ['array', 'null'] : 'array', items: described(field.items), minItems: field.minItems ?? 0 };
    case 'record':
      return record(field);
    case 'variants':
      return { anyOf: Object.entries(field.of).map(([word, map]) => ({ ...variant(word, map), description: map.description })) };
    case 'named':
      return { type: ['object', 'null'], propertyNames: name(field.longest), additionalProperties: described(field.values) };
    case 'either':
      return { anyOf: [record(field.map), ...Object.entries(field.map.properties).flatMap(([key, property]) => (key === field.shortFor ? [described(property)] : []))] };
  }
}

function described(field: Field): JsonSchema {
  return { ...shape(field), description: field.description, ...(field.default === undefined ? {} : { default: field.default }) };
}

/** A JSON Schema (draft 7) of the configuration file. */
export function configJsonSchema(): JsonSchema {
  return { $schema: 'http://json-schema.org/draft-07/schema#', title: 'banban.yml', ...described(schema) };
}
