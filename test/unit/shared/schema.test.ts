import { flag, integer, list, nullable, record, text, type Infer } from 'banban-shared';
import { expect, expectTypeOf, test } from 'vitest';

test('every key of a record is required, and no other is allowed', () => {
  const schema = record({ name: text, count: integer });
  expect(schema).toEqual({ type: 'object', properties: { name: { type: 'string' }, count: { type: 'integer' } }, required: ['name', 'count'], additionalProperties: false });
});

test('the type of a schema is that of its values', () => {
  const schema = record({ name: text, kind: { type: 'string', enum: ['a', 'b'] }, tags: list(text), count: nullable(integer), inner: record({ yes: flag }), size: { type: 'number' } });
  interface Value { name: string; kind: 'a' | 'b'; tags: string[]; count: number | null; inner: { yes: boolean }; size: number }
  expectTypeOf<Infer<typeof schema>>().toExtend<Value>();
  expectTypeOf<Value>().toExtend<Infer<typeof schema>>();
});

test('a key that is not required may be left out', () => {
  const schema = { type: 'object', properties: { must: text, may: integer }, required: ['must'], additionalProperties: false } as const;
  expect(schema.required).toEqual(['must']);
  expectTypeOf<Infer<typeof schema>>().toExtend<{ must: string; may?: number }>();
  expectTypeOf<{ must: string; may?: number }>().toExtend<Infer<typeof schema>>();
  expectTypeOf<{ may: number }>().not.toExtend<Infer<typeof schema>>();
});
