/** Whether an answer has the shape that a view relies on. */
import type { Infer, Schema } from 'banban-shared';

/**
 * Finds the first place where `value` is not of `schema`. Keys that the schema does not name are let through: a newer
 * daemon may say more.
 *
 * @returns undefined when it fits, else the path, `$.bans[3].until`
 */
export function misfit(value: unknown, schema: Schema, path = '$'): string | undefined {
  if ('anyOf' in schema) return schema.anyOf.some((one) => misfit(value, one, path) === undefined) ? undefined : path;
  switch (schema.type) {
    case 'string':
      return typeof value === 'string' && (schema.enum === undefined || schema.enum.includes(value)) ? undefined : path;
    case 'integer':
    case 'number':
      return typeof value === 'number' && Number.isFinite(value) ? undefined : path;
    case 'boolean':
      return typeof value === 'boolean' ? undefined : path;
    case 'null':
      return value === null ? undefined : path;
    case 'array':
      if (!Array.isArray(value)) return path;
      for (let i = 0; i < value.length; i++) {
        const wrong = misfit(value[i], schema.items, `${path}[${i}]`);
        if (wrong !== undefined) return wrong;
      }
      return undefined;
    case 'object': {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return path;
      for (const [key, one] of Object.entries(schema.properties)) {
        if (!Object.hasOwn(value, key)) {
          if (schema.required.includes(key)) return `${path}.${key}`;
          continue;
        }
        const wrong = misfit(Reflect.get(value, key), one, `${path}.${key}`);
        if (wrong !== undefined) return wrong;
      }
      return undefined;
    }
  }
}

/** `misfit` as a type guard. */
export function conforms<const S extends Schema>(value: unknown, schema: S): value is Infer<S> {
  return misfit(value, schema) === undefined;
}
