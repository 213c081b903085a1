/**
 * Reads a tree by a schema: gives what can be read, and reports everything that can't, each with its place. It is longer than most files
 * because each kind of field has its reader here, and lists and maps call them all.
 */
import { FOREVER, formatDuration, parseDuration, parseHostName, parsePrefix, type Ms } from 'banban-shared';
import type { Place } from './config.ts';
import { found, isNothing, nodeOf, placeUnder, visible, type MapNode, type Node } from './document.ts';
import { NAME, type AllowedEntry, type Field, type Placed, type Read } from './field.ts';
import type { Issues } from './issues.ts';
import { FORMULA, growing } from './lengths.ts';
import { portsOf } from './ports.ts';
import { suggest, unknownKey } from './suggest.ts';

/** PATH_MAX of Linux. What a socket allows is less, and is checked on the absolute path. */
const LONGEST_PATH = 4095;

type Kind = Field['type'];
type OfKind<K extends Kind> = Extract<Field, { readonly type: K }>;
type Reader<K extends Kind> = (field: OfKind<K>, node: Node, issues: Issues) => unknown;

/** What a field takes, for messages and the manual: `a whole number from 1 to 1000`. */
export function wanted(field: Field): string {
  switch (field.type) {
    case 'path':
      return 'a path';
    case 'account':
      return 'the name or number of a user or group';
    case 'mode':
      return 'permissions in octal such as "0660"';
    case 'integer':
      return `a whole number from ${field.minimum} to ${field.maximum}`;
    case 'boolean':
      return 'true or false';
    case 'duration':
      return 'a duration such as 90s, 10m, 1h30m, 7d or 2w';
    case 'number':
      return `a number from ${field.minimum} to ${field.maximum}`;
    case 'percent':
      return `a percentage from 0% to ${field.maximum}%`;
    case 'lengths':
      if (field.maxItems === 1) return 'a duration such as 10m or 48h, or forever';
      return `a duration such as 10m or 48h, forever, a list of up to ${field.maxItems} of them with forever only at its end, or a formula {base, factor, max, jitter}`;
    case 'network':
      return 'an address, or a network such as 192.0.2.0/24 or 2001:db8::/32';
    case 'allowed':
      return 'an address, a network such as 192.0.2.0/24, a host name with a dot in it, self, or { file: PATH }';
    case 'pattern':
      return field.mayUse ? 'a pattern as text, or use: with the name of a pack' : 'a pattern as text';
    case 'choice':
      return field.of.join(' or ');
    case 'choices':
      return `${field.of.join(', ')}, or a list of several of them`;
    case 'ports':
      return 'a port by number or name, a range such as 6000-6010, or a list of them';
    case 'arguments':
      return 'a list of a program (by its whole path) and its arguments';
    case 'text':
      return 'a text of one line';
    case 'name':
      return 'a name';
    case 'list':
      return 'a list';
    case 'record':
    case 'named':
      return 'a map';
    case 'variants':
      return `a map with type: ${Object.keys(field.of).join(', ')}`;
    case 'either':
      return `${wantedInShort(field)} or a map`;
  }
}

function wantedInShort({ map, shortFor }: OfKind<'either'>): string {
  const property = map.properties[shortFor];
  return property === undefined ? 'a value' : wanted(property);
}

function mismatch(field: Field, node: Node, issues: Issues, hint = ''): undefined {
  issues.error(node.place, () => `found ${found(node)}, wanted ${wanted(field)}${hint}`);
  return undefined;
}

/** A scalar that is text; anything else is reported. */
function textOf(field: Field, node: Node, issues: Issues): string | undefined {
  if (node.kind === 'scalar' && typeof node.value === 'string') return node.value;
  const quotable = node.kind === 'scalar' && node.value !== null;
  return mismatch(field, node, issues, quotable ? `; to mean text, put it in quotes: '${visible(node.text)}'` : '');
}

/** Whole seconds or a text with units; undefined for all else, `forever` included where it is `FOREVER`. */
function durationOf(node: Node): Ms | undefined {
  if (node.kind !== 'scalar') return undefined;
  if (typeof node.value === 'number') return Number.isInteger(node.value) ? parseDuration(node.value) : undefined;
  return typeof node.value === 'string' ? parseDuration(node.value) : undefined;
}

function readPath(field: Field, node: Node, issues: Issues) {
  const path = textOf(field, node, issues);
  if (path === undefined) return undefined;
  if (path === '' || path.length > LONGEST_PATH || path.includes('\0') || path.endsWith('/'))
    return mismatch(field, node, issues, path.endsWith('/') ? ' of a file, not of a directory' : '');
  return { value: path, place: node.place };
}

/** Three octal digits however they are written. YAML 1.2 would make decimal 660 of `0660`, so the characters are read, not the number. */
function readMode(field: Field, node: Node, issues: Issues) {
  const digits = node.kind === 'scalar' ? /^0?o?([0-7]{3})$/.exec(node.text)?.[1] : undefined;
  if (digits === undefined) return mismatch(field, node, issues);
  const mode = parseInt(digits, 8);
  // banband itself needs no permission, but a decimal 432 for 0660 would show here and nowhere else.
  if ((mode & 0o600) !== 0o600) return mismatch(field, node, issues, ': its owner needs to read and write (6 or 7 as the first digit)');
  return mode;
}

function readAccount(field: Field, node: Node, issues: Issues) {
  if (node.kind === 'scalar' && typeof node.value === 'number' && /^\d{1,10}$/.test(node.text)) return node.text;
  const name = textOf(field, node, issues);
  if (name === undefined || /^[^\s:/\p{C}]{1,256}$/u.test(name)) return name;
  return mismatch(field, node, issues);
}

function readInteger(field: OfKind<'integer'>, node: Node, issues: Issues) {
  if (node.kind === 'scalar' && typeof node.value === 'number' && Number.isInteger(node.value) && node.value >= field.minimum && node.value <= field.maximum) return node.value;
  const quoted = node.kind === 'scalar' && typeof node.value === 'string' && /^\d+$/.test(node.value);
  return mismatch(field, node, issues, quoted ? ' without the quotes' : '');
}

function readBoolean(field: Field, node: Node, issues: Issues) {
  if (node.kind === 'scalar' && typeof node.value === 'boolean') return node.value;
  const word = node.kind === 'scalar' && /^(?:yes|no|on|off|y|n)$/i.test(node.text) ? node.text : undefined;
  return mismatch(field, node, issues, word === undefined ? '' : `; ${word} is plain text since YAML 1.2`);
}

function readDuration(field: OfKind<'duration'>, node: Node, issues: Issues) {
  const length = durationOf(node);
  if (length === FOREVER) return mismatch(field, node, issues, '; forever has no meaning here');
  if (length === undefined) return mismatch(field, node, issues, ', more than nothing and at most 3650d');
  if (length < field.minimumSeconds * 1000) return mismatch(field, node, issues, ` of at least ${field.minimumSeconds}s`);
  return length;
}

function readNumber(field: OfKind<'number'>, node: Node, issues: Issues) {
  if (node.kind === 'scalar' && typeof node.value === 'number' && node.value >= field.minimum && node.value <= field.maximum) return node.value;
  return mismatch(field, node, issues);
}

function readPercent(field: OfKind<'percent'>, node: Node, issues: Issues) {
  const digits = node.kind === 'scalar' ? /^(\d{1,3}(?:\.\d{1,3})?) ?%$/.exec(node.text)?.[1] : undefined;
  const percent = Number(digits);
  if (digits !== undefined && percent <= field.maximum) return percent / 100;
  return mismatch(field, node, issues, node.kind === 'scalar' && typeof node.value === 'number' ? ` with a percent sign, such as ${node.text}%` : '');
}

/** `{ base: 10m, factor: 2, max: 5w, jitter: 10% }` */
function readFormula(node: MapNode, issues: Issues) {
  const { base, factor, max, jitter } = check(FORMULA, node, issues) ?? {};
  const longest = max?.value.lengths[0];
  if (base === undefined || factor === undefined || longest === undefined || jitter === undefined) return undefined;
  if (longest < base) {
    issues.error(node.place, `max (${formatDuration(longest)}) is shorter than base (${formatDuration(base)})`);
    return undefined;
  }
  return { value: { lengths: growing(base, factor, longest), jitter }, place: node.place };
}

function readLengths(field: OfKind<'lengths'>, node: Node, issues: Issues) {
  if (node.kind === 'map' && field.maxItems > 1) return readFormula(node, issues);
  const items = node.kind === 'list' ? node.items : [node];
  if (items.length < 1) return mismatch(field, node, issues, '; the list is empty');
  if (items.length > field.maxItems) return mismatch(field, node, issues, `; this list has ${items.length}`);
  const lengths: Ms[] = [];
  for (const [i, item] of items.entries()) {
    const length = durationOf(item);
    if (length === undefined) mismatch(field, item, issues);
    else if (length === FOREVER && i < items.length - 1) issues.error(item.place, 'forever can only be the last of the lengths: nothing comes after it');
    else lengths.push(length);
  }
  return lengths.length === items.length ? { value: { lengths, jitter: 0 }, place: node.place } : undefined;
}

function readNetwork(field: Field, node: Node, issues: Issues) {
  const text = textOf(field, node, issues);
  if (text === undefined) return undefined;
  const prefix = parsePrefix(text);
  if (prefix !== undefined) return { value: prefix, place: node.place };
  const hint = /[g-z]/i.test(text) ? '; host names are not looked up here' : /\/\d+\./.test(text) ? '; write a netmask as a number of bits' : '';
  return mismatch(field, node, issues, hint);
}

function readAllowed(field: OfKind<'allowed'>, node: Node, issues: Issues): Placed<AllowedEntry> | undefined {
  const { place } = node;
  if (node.kind === 'map') {
    const [entry] = node.entries;
    if (entry === undefined || entry.name !== 'file' || node.entries.length > 1) return mismatch(field, node, issues, '; put an IPv6 address in quotes');
    const path = readPath({ type: 'path', description: '' }, entry.value, issues);
    return path === undefined ? undefined : { value: { kind: 'file', path: path.value }, place: path.place };
  }
  const text = textOf(field, node, issues);
  if (text === undefined) return undefined;
  if (text === 'self') return { value: { kind: 'self' }, place };
  const prefix = parsePrefix(text);
  if (prefix !== undefined) return { value: { kind: 'network', prefix }, place };
  const name = parseHostName(text);
  if (name !== undefined) return { value: { kind: 'host', name }, place };
  return mismatch(field, node, issues, /\/\d+\./.test(text) ? '; write a netmask as a number of bits' : text.startsWith('/') ? '; write a file as { file: PATH }' : '');
}

function wordOf(of: readonly string[], field: Field, node: Node, issues: Issues): string | undefined {
  if (node.kind === 'scalar' && of.includes(node.text)) return node.text;
  const near = node.kind === 'scalar' ? suggest(node.text, of) : undefined;
  return mismatch(field, node, issues, near === undefined ? '' : `; did you mean ${near}?`);
}

function readChoice(field: OfKind<'choice'>, node: Node, issues: Issues) {
  const value = wordOf(field.of, field, node, issues);
  return value === undefined ? undefined : { value, place: node.place };
}

function readChoices(field: OfKind<'choices'>, node: Node, issues: Issues) {
  const items = node.kind === 'list' ? node.items : [node];
  const words = items.map((item) => wordOf(field.of, field, item, issues));
  if (items.length === 0) return mismatch(field, node, issues, '; the list is empty');
  const twice = words.find((word, i) => word !== undefined && words.indexOf(word) !== i);
  if (twice !== undefined) issues.error(node.place, `has ${twice} twice`);
  const value = words.filter((word) => word !== undefined);
  return value.length === items.length && twice === undefined ? { value, place: node.place } : undefined;
}

function readPorts(field: OfKind<'ports'>, node: Node, issues: Issues) {
  const items = node.kind === 'list' ? node.items : [node];
  if (items.length === 0) return mismatch(field, node, issues, '; the list is empty');
  if (items.length > field.maxItems) return mismatch(field, node, issues, ` of at most ${field.maxItems}`);
  const value = items.map((item) => {
    const ports = item.kind === 'scalar' ? portsOf(item.text) : undefined;
    if (ports === undefined) mismatch(field, item, issues, item.kind === 'scalar' && /^[a-z]/i.test(item.text) ? '; a service that is not known here is written by its number (see /etc/services)' : ', from 1 to 65535');
    return ports;
  });
  const known = value.filter((ports) => ports !== undefined);
  return known.length === items.length ? { value: known, place: node.place } : undefined;
}

function readArguments(field: OfKind<'arguments'>, node: Node, issues: Issues) {
  if (node.kind !== 'list') return mismatch(field, node, issues, '; there is no shell, so each argument stands by itself: [/usr/local/sbin/ban, "{address}"]');
  const value = node.items.map((item) => (item.kind === 'scalar' && item.value !== null && !item.text.includes('\0') ? item.text : mismatch(field, item, issues)));
  const [program] = value;
  if (program === undefined || !program.startsWith('/')) return mismatch(field, node, issues, '; the program has to be given by its whole path');
  const words = value.filter((word) => word !== undefined);
  return words.length === node.items.length ? { value: words, place: node.place } : undefined;
}

/** What `use:` takes: a pack, or a group or pattern of one. */
const USED = /^[a-z0-9][a-z0-9_-]{0,63}(?:\/[a-z0-9][a-z0-9_-]{0,63})?$/;

function readUse({ entries, place }: MapNode, issues: Issues) {
  const [entry] = entries;
  if (entry === undefined || entry.name !== 'use' || entries.length > 1) {
    issues.error(place, 'found a map, wanted a pattern as text, or use: with the name of a pack; put a pattern with a colon or a # in single quotes');
    return undefined;
  }
  const name = entry.value.kind === 'scalar' ? entry.value.text : '';
  if (USED.test(name)) return { source: `use: ${name}`, use: name, place: entry.value.place };
  issues.error(entry.value.place, `found ${found(entry.value)}, wanted the name of a pack such as sshd, or a part of one such as sshd/failed-login`);
  return undefined;
}

function readTextField(field: Field, node: Node, issues: Issues) {
  if (node.kind !== 'scalar' || node.value === null) return mismatch(field, node, issues);
  if (/[\n\r]/.test(node.text)) return mismatch(field, node, issues, '; it has a line break');
  return { value: node.text, place: node.place };
}

function readPattern(field: OfKind<'pattern'>, node: Node, issues: Issues) {
  if (node.kind === 'map' && field.mayUse) return readUse(node, issues);
  const source = textOf(field, node, issues);
  if (source === undefined) return undefined;
  if (source.trim() === '') issues.error(node.place, 'the pattern is empty');
  else if (/[\n\r]/.test(source)) issues.error(node.place, 'the pattern contains a line break, so no log line could match it; write it on one line in single quotes');
  else return { source, place: node.place };
  return undefined;
}

/** What is wrong with a name, or undefined. */
function badName(name: string, longest: number): string | undefined {
  if (new RegExp(`^${NAME}$`).test(name) && name.length <= longest) return undefined;
  return `the name "${visible(name)}" can't be used: a name has 1 to ${longest} letters, digits, dots, dashes and underscores, the first a letter or digit`;
}

function readName(field: OfKind<'name'>, node: Node, issues: Issues) {
  const name = textOf(field, node, issues);
  if (name === undefined) return undefined;
  const wrong = badName(name, field.longest);
  if (wrong === undefined) return { value: name, place: node.place };
  issues.error(node.place, wrong);
  return undefined;
}

function readList(field: OfKind<'list'>, node: Node, issues: Issues) {
  if (node.kind !== 'list') return mismatch(field, node, issues, node.kind === 'scalar' ? ': begin the line with a dash' : '');
  if (node.items.length < (field.minItems ?? 0)) return mismatch(field, node, issues, ' with something in it');
  return node.items.map((item) => readAny(field.items, item, issues)).filter((value) => value !== undefined);
}

function readRecord(field: OfKind<'record'>, node: Node, issues: Issues) {
  // A record of the wrong kind is reported and then read as an empty one, so that its name is still known to others.
  if (node.kind !== 'map' && !isNothing(node)) mismatch(field, node, issues);
  const known = Object.keys(field.properties);
  const given = new Map<string, Node>();
  for (const { name, value } of node.kind === 'map' ? node.entries : []) {
    if (Object.hasOwn(field.properties, name)) given.set(name, value);
    else issues.error(value.place, () => unknownKey(name, known, field.synonyms));
  }
  const values: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(field.properties)) {
    const place = placeUnder(node.place, name);
    const value = given.get(name);
    let result: unknown;
    if (value !== undefined && !(isNothing(value) && takesNothing(property))) result = readAny(property, value, issues);
    else if (field.required.includes(name)) issues.error(place, `is missing: ${property.description}`);
    if (result === undefined && property.default !== undefined) result = readAny(property, nodeOf(property.default, { ...place, line: 0 }), issues);
    if (result !== undefined) values[name] = result;
  }
  return field.required.every((name) => Object.hasOwn(values, name)) ? values : undefined;
}

/** The record that the word of `type` stands for, with that word. Whatever else is wrong with it, it is said with the keys of that record. */
function readVariants(field: OfKind<'variants'>, node: Node, issues: Issues) {
  if (node.kind !== 'map') return mismatch(field, node, issues);
  const words = Object.keys(field.of);
  const given = node.entries.find((entry) => entry.name === 'type')?.value;
  if (given === undefined) {
    issues.error(placeUnder(node.place, 'type'), `is missing: one of ${words.join(', ')}`);
    return undefined;
  }
  const kind = wordOf(words, { type: 'choice', of: words, description: '' }, given, issues);
  const record = kind === undefined ? undefined : field.of[kind];
  if (record === undefined) return undefined;
  const value = readRecord(record, { ...node, entries: node.entries.filter((entry) => entry.name !== 'type') }, issues);
  return value === undefined ? undefined : { kind, place: node.place, value };
}

/** A list or map with nothing after its colon is an absent one: the usual state when all its lines are commented out. */
const takesNothing = (field: Field): boolean => ['list', 'record', 'named'].includes(field.type);

function readNamed(field: OfKind<'named'>, node: Node, issues: Issues) {
  if (node.kind !== 'map') return mismatch(field, node, issues, node.kind === 'list' ? ' from names to what they stand for; leave out the dashes' : '');
  const entries: { readonly name: string; readonly place: Place; readonly value: unknown }[] = [];
  for (const { name, value } of node.entries) {
    const wrong = badName(name, field.longest);
    if (wrong !== undefined) issues.error(value.place, wrong);
    const read = readAny(field.values, value, issues);
    if (wrong === undefined && read !== undefined) entries.push({ name, place: value.place, value: read });
  }
  return entries;
}

function readEither(field: OfKind<'either'>, node: Node, issues: Issues) {
  if (node.kind === 'list') return mismatch(field, node, issues);
  const map: Node = node.kind === 'map' ? node : { kind: 'map', place: node.place, entries: [{ name: field.shortFor, value: node }] };
  return readAny(field.map, map, issues);
}

const readers: { readonly [K in Kind]: Reader<K> } = {
  path: readPath,
  account: readAccount,
  mode: readMode,
  integer: readInteger,
  boolean: readBoolean,
  duration: readDuration,
  number: readNumber,
  percent: readPercent,
  lengths: readLengths,
  network: readNetwork,
  allowed: readAllowed,
  pattern: readPattern,
  choice: readChoice,
  choices: readChoices,
  ports: readPorts,
  arguments: readArguments,
  text: readTextField,
  name: readName,
  list: readList,
  record: readRecord,
  variants: readVariants,
  named: readNamed,
  either: readEither,
};

/** TypeScript can't see that the reader found by a field's type takes that very field. */
const readAny = (field: Field, node: Node, issues: Issues): unknown => (readers[field.type] as (f: Field, n: Node, i: Issues) => unknown)(field, node, issues);

/**
 * Reads `node` by `field`, with every default filled in. Parts that can't be read are reported and left out, so that the rest can
 * still be judged; whoever uses the value asks `issues.failed` first.
 *
 * @returns undefined when nothing of it can be read
 */
export function check<F extends Field>(field: F, node: Node, issues: Issues): Read<F> | undefined {
  return readAny(field, node, issues) as Read<F> | undefined;
}
