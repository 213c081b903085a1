/** A YAML document as a tree in which everything knows where the admin wrote it. */
import type { Place } from './config.ts';

/** Any part of a document. */
export type Node = ScalarNode | ListNode | MapNode;

/** A single value. */
export interface ScalarNode {
  readonly kind: 'scalar';
  readonly place: Place;
  /** The characters as written, without quotes: `0660` stays `0660`. */
  readonly text: string;
  /** What YAML 1.2 makes of them; a quoted scalar is always text. */
  readonly value: string | number | boolean | null;
}

/** A list, in the order of the file. */
export interface ListNode {
  readonly kind: 'list';
  readonly place: Place;
  readonly items: readonly Node[];
}

/** Names are unique; the order is the file's. A list of entries and not an object, so that no name (`__proto__`) is special. */
export interface MapNode {
  readonly kind: 'map';
  readonly place: Place;
  readonly entries: readonly Entry[];
}

/** A name of a map with what stands under it. */
export interface Entry {
  readonly name: string;
  /** Its place is the entry's: the line of the name. */
  readonly value: Node;
}

/** What can be written as JSON: how the schema states its defaults. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** A tree for a value that is not in the file; every part of it has the same place. */
export function nodeOf(value: Json, place: Place): Node {
  if (isJsonList(value)) return { kind: 'list', place, items: value.map((item) => nodeOf(item, place)) };
  if (typeof value === 'object' && value !== null)
    return { kind: 'map', place, entries: Object.entries(value).map(([name, item]) => ({ name, value: nodeOf(item, place) })) };
  return { kind: 'scalar', place, text: String(value), value };
}

// Array.isArray does not narrow a readonly array out of a union.
const isJsonList = (value: Json): value is readonly Json[] => Array.isArray(value);

/** What stands under `name`; undefined where the map has no such name. */
export const entryOf = (map: MapNode, name: string): Node | undefined => map.entries.find((entry) => entry.name === name)?.value;

/** True where YAML has nothing after the colon: the usual state of a list whose every line is commented out. */
export const isNothing = (node: Node): boolean => node.kind === 'scalar' && node.value === null;

/** The place of a key under `parent` that is not in the file: the parent's line, because that is where to add it. */
export function placeUnder(parent: Place, name: string): Place {
  return { file: parent.file, line: parent.line, key: parent.key === '' ? visible(name) : `${parent.key}.${visible(name)}` };
}

const LONGEST_SHOWN = 60;

/** Text of the file made fit for a terminal and a log: no control or direction characters, at most 60 characters. */
export function visible(text: string): string {
  const safe = text.slice(0, LONGEST_SHOWN).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`);
  return text.length > LONGEST_SHOWN ? `${safe}…` : safe;
}

/** What stands in the file, for messages: `the number 5`, `the text "x"`, `a list`, `nothing`. */
export function found(node: Node): string {
  if (node.kind === 'list') return 'a list';
  if (node.kind === 'map') return 'a map';
  if (node.value === null) return 'nothing';
  if (typeof node.value === 'string') return node.value === '' ? 'an empty text' : `the text "${visible(node.value)}"`;
  return typeof node.value === 'number' ? `the number ${visible(node.text)}` : `the boolean ${visible(node.text)}`;
}
