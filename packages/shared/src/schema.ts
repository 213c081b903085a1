/**
 * The part of JSON Schema (draft 7) that banban writes, and the TypeScript type that a literal of it stands for.
 * One literal is the type, the check and the documentation; nothing is described twice.
 */

/** A schema, any of those that banban writes. */
export type Schema =
  | { readonly type: 'string'; readonly enum?: readonly string[]; readonly minLength?: number; readonly maxLength?: number; readonly pattern?: string; readonly description?: string }
  | { readonly type: 'integer' | 'number'; readonly minimum?: number; readonly maximum?: number; readonly description?: string }
  | { readonly type: 'boolean'; readonly description?: string }
  | { readonly type: 'null'; readonly description?: string }
  | { readonly type: 'array'; readonly items: Schema; readonly minItems?: number; readonly maxItems?: number; readonly description?: string }
  | ObjectSchema
  | { readonly anyOf: readonly Schema[]; readonly description?: string };

/** An object with exactly these keys; any other is refused. */
export interface ObjectSchema {
  readonly type: 'object';
  readonly properties: { readonly [key: string]: Schema };
  /** Keys that must be there; every other one of `properties` may be left out. */
  readonly required: readonly string[];
  readonly additionalProperties: false;
  readonly description?: string;
}

/** The value type that a schema literal (`as const`) describes. */
export type Infer<S> = S extends { readonly anyOf: readonly (infer U)[] }
  ? Infer<U>
  : S extends { readonly type: 'string'; readonly enum: readonly (infer E)[] }
    ? E
    : S extends { readonly type: 'string' }
      ? string
      : S extends { readonly type: 'integer' | 'number' }
        ? number
        : S extends { readonly type: 'boolean' }
          ? boolean
          : S extends { readonly type: 'null' }
            ? null
            : S extends { readonly type: 'array'; readonly items: infer I }
              ? Infer<I>[]
              : S extends { readonly type: 'object'; readonly properties: infer P; readonly required: readonly (infer R)[] }
                ? { [K in keyof P as K extends R ? K : never]: Infer<P[K]> } & { [K in keyof P as K extends R ? never : K]?: Infer<P[K]> }
                : never;

/** An object schema whose keys are all required: the shape of every response. */
export function record<const P extends { readonly [key: string]: Schema }>(properties: P) {
  return { type: 'object', properties, required: Object.keys(properties) as (keyof P & string)[], additionalProperties: false } as const;
}

/** `schema` or null. */
export function nullable<const S extends Schema>(schema: S) {
  return { anyOf: [schema, { type: 'null' }] } as const;
}

/** Any number of `items`; none is `[]`, never null. */
export function list<const S extends Schema>(items: S) {
  return { type: 'array', items } as const;
}

/** Any text. */
export const text = { type: 'string' } as const;
/** A whole number. */
export const integer = { type: 'integer' } as const;
/** True or false. */
export const flag = { type: 'boolean' } as const;
/** ISO 8601 in UTC. */
export const stamp = { type: 'string' } as const;
