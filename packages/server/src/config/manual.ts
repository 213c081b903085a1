/** The configuration's schema as the rows of a manual page. */
import { wanted } from './check.ts';
import type { Json } from './document.ts';
import type { Field, RecordField, VariantsField } from './field.ts';
import { schema } from './schema.ts';

/** One key of the configuration as a row of the manual. */
export interface ManualEntry {
  /** Dotted; `NAME` stands for a name of the admin's own: `rules.NAME.occurrences`. */
  readonly key: string;
  /** What it takes: `a whole number from 1 to 1000`. */
  readonly takes: string;
  /** As it would be written in the file, on one line; undefined when an absent key has no default of its own. */
  readonly default: string | undefined;
  readonly required: boolean;
  readonly description: string;
}

function inYaml(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value).replaceAll('"', '').replaceAll(',', ', ');
}

function rowsOf(record: RecordField, prefix: string): ManualEntry[] {
  return Object.entries(record.properties).flatMap(([name, field]): ManualEntry[] => {
    const key = `${prefix}${name}`;
    const empty = field.default !== undefined && ['{}', '[]'].includes(inYaml(field.default));
    const own = { key, takes: wanted(field), default: field.default === undefined || empty ? undefined : inYaml(field.default), required: record.required.includes(name), description: field.description };
    return [own, ...below(field, key)];
  });
}

/** `sources[file].path`; the word itself is a row as well. */
function variants({ of, nameShown }: VariantsField, key: string): ManualEntry[] {
  const own: ManualEntry = { key: `${key}[${nameShown}].type`, takes: Object.keys(of).join(', '), default: undefined, required: true, description: Object.entries(of).map(([word, map]) => `${word}: ${map.description}`).join('; ') };
  return [own, ...Object.entries(of).flatMap(([word, map]) => rowsOf(map, `${key}[${word}].`))];
}

function below(field: Field, key: string): ManualEntry[] {
  if (field.type === 'record') return rowsOf(field, `${key}.`);
  if (field.type === 'list') return below(field.items, `${key}[]`);
  if (field.type === 'variants') return variants(field, key.replace(/\[\]$/, ''));
  if (field.type === 'named') return below(field.values, `${key}.${field.nameShown}`);
  return field.type === 'either' ? rowsOf(field.map, `${key}.`) : [];
}

/** Every key of the configuration, in the order of the schema, a key before those below it. */
export function configManual(): ManualEntry[] {
  return rowsOf(schema, '');
}
