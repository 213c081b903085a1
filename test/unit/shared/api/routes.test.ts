import { ApiError, banBody, errorBody, errorCodes, LONGEST_DURATION, routes, toSeconds, type ErrorCode, type ObjectSchema, type Route, type Schema } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import { misfit } from '../../../../packages/client/src/conforms.ts';

const all: readonly [string, Route][] = Object.entries(routes);

/** Every object in a schema, with its place. */
function* objects(schema: Schema, place: string): Generator<readonly [string, ObjectSchema]> {
  if ('anyOf' in schema) for (const one of schema.anyOf) yield* objects(one, place);
  else if (schema.type === 'array') yield* objects(schema.items, `${place}[]`);
  else if (schema.type === 'object') {
    yield [place, schema];
    for (const [key, one] of Object.entries(schema.properties)) yield* objects(one, `${place}.${key}`);
  }
}

describe('the routes', () => {
  test('no two are the same, all are under /v1, and addresses never stand in a path', () => {
    expect(new Set(all.map(([, r]) => `${r.method} ${r.path}`)).size).toBe(all.length);
    for (const [, route] of all) expect(route.path).toMatch(/^\/v1(?:\/[a-z]+){1,2}$/);
  });
  test.each(all)('%s names only errors that there are, and requires only keys that there are', (_, route) => {
    for (const code of route.errors) expect(errorCodes).toHaveProperty(code);
    for (const part of [route.query, route.body, route.response]) {
      if (part === undefined) continue;
      for (const [place, schema] of objects(part, '$')) {
        expect(schema.additionalProperties, place).toBe(false);
        for (const key of schema.required) expect(Object.keys(schema.properties), place).toContain(key);
      }
    }
  });
  test.each(all)('%s answers with every key every time', (_, route) => {
    for (const [place, schema] of objects(route.response, '$')) expect([...schema.required].sort(), place).toEqual(Object.keys(schema.properties).sort());
  });
  test('what has a body is not a GET', () => {
    for (const [, route] of all) if (route.body !== undefined) expect(route.method).not.toBe('GET');
  });
});

describe('the body of a ban', () => {
  test('of as many addresses as it may have, each as long as it may be, is under a mebibyte', () => {
    const { maxItems, items } = banBody.properties.addresses;
    expect(JSON.stringify({ addresses: Array.from({ length: maxItems }, () => 'f'.repeat(items.maxLength)), by: 'x'.repeat(64), reason: '\0'.repeat(500) }).length).toBeLessThan(1024 * 1024);
  });
  test('may last as long as any duration', () => {
    expect(banBody.properties.durationSeconds.anyOf[0].maximum).toBe(toSeconds(LONGEST_DURATION));
  });
});

describe('an error', () => {
  test.each(Object.keys(errorCodes) as ErrorCode[])('%s has the status of its code and a body of the one shape', (code) => {
    const error = new ApiError(code, 'why', ['one', 'two'], { cause: new Error('deeper') });
    expect(error.status).toBe(errorCodes[code].status);
    expect(error.status).toBeGreaterThanOrEqual(400);
    expect(error.toBody()).toEqual({ error: { code, message: 'why', details: ['one', 'two'] } });
    expect(misfit(error.toBody(), errorBody)).toBeUndefined();
    expect(error.cause).toEqual(new Error('deeper'));
    expect(errorCodes[code].meaning).not.toBe('');
  });
  test('without details has an empty list of them', () => {
    expect(new ApiError('internal', 'why').toBody().error.details).toEqual([]);
  });
});
