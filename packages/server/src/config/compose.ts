/** Builds the tree of a document from what the YAML parser gives: places, one entry per name, aliases and merge keys written out. */
import type { Place } from './config.ts';
import { visible, type Entry, type MapNode, type Node } from './document.ts';
import type { Issues } from './issues.ts';

/**
 * A node of the parser's. In `content`, lists hold nodes, and maps hold values under keys `#7` that stand for the node
 * of that id, because keys come out of the parser as text and would lose their line. A bare null is a node that is not in the file.
 */
export interface Parsed {
  readonly id: number;
  /** From 1. */
  readonly line: number;
  readonly content: unknown;
  /** Without quotes or an explicit tag: then `10` is a number. */
  readonly plain: boolean;
}

/** A file of 1 MiB has at most a quarter of a million nodes; only aliases of aliases come to more. */
const MOST_NODES = 300_000;
/** Deeper than any configuration; an alias that contains itself has no end. */
const DEEPEST = 100;

/** The core schema of YAML 1.2.2, section 10.3.2: `no` and `0777` are not what they were in YAML 1.1. */
function plainValue(text: string): string | number | boolean | null {
  if (/^(?:null|Null|NULL|~|)$/.test(text)) return null;
  if (/^(?:true|True|TRUE)$/.test(text)) return true;
  if (/^(?:false|False|FALSE)$/.test(text)) return false;
  if (/^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/.test(text)) return Number(text);
  if (/^0o[0-7]+$/.test(text) || /^0x[0-9a-fA-F]+$/.test(text)) return Number(text);
  if (/^[-+]?\.(?:inf|Inf|INF)$/.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  return /^\.(?:nan|NaN|NAN)$/.test(text) ? NaN : text;
}

/**
 * @param isParsed tells the parser's nodes from its bare values
 * @param keyOf the node that a key of the parser's maps stands for
 * @returns undefined, with the reason in `issues`, for a document that has no end or is too large written out
 */
export function compose(root: unknown, file: string, isParsed: (value: unknown) => value is Parsed, keyOf: (key: string) => Parsed | undefined, issues: Issues): Node | undefined {
  let left = MOST_NODES;
  let endless: Place | undefined;

  function build(value: unknown, place: Place, depth: number): Node {
    if (--left < 0 || depth > DEEPEST) {
      endless ??= place;
      return { kind: 'scalar', place, text: '', value: null };
    }
    const content = isParsed(value) ? value.content : value;
    // An alias of a scalar is a node within a node.
    if (isParsed(content)) return build(content, place, depth + 1);
    if (Array.isArray(content)) return { kind: 'list', place, items: content.map((item, i) => build(item, { file, line: lineOf(item, place), key: `${place.key}[${i}]` }, depth + 1)) };
    if (typeof content === 'object' && content !== null) return buildMap(content, place, depth);
    const text = typeof content === 'string' ? content : '';
    return { kind: 'scalar', place, text, value: content === null || (isParsed(value) && value.plain) ? plainValue(text) : text };
  }

  function buildMap(content: object, place: Place, depth: number): MapNode {
    const entries = new Map<string, Entry>();
    const merged: Node[] = [];
    for (const [id, value] of Object.entries(content)) {
      const key = keyOf(id);
      let named: unknown = key;
      for (let i = 0; i < DEEPEST && isParsed(named); i++) named = named.content;
      const line = key?.line ?? place.line;
      if (typeof named !== 'string') {
        issues.error({ file, line, key: place.key }, 'a key has to be a word');
        continue;
      }
      const at = { file, line, key: place.key === '' ? visible(named) : `${place.key}.${visible(named)}` };
      if (named === '<<' && key?.plain === true) {
        merged.push(build(value, place, depth + 1));
        continue;
      }
      const first = entries.get(named);
      if (first !== undefined) issues.error(at, `is given twice; the first is in line ${first.value.place.line}`);
      else entries.set(named, { name: named, value: build(value, at, depth + 1) });
    }
    // What stands in the map itself goes before what is merged into it, and an earlier source before a later one.
    for (const source of merged.flatMap((node) => (node.kind === 'list' ? node.items : [node]))) {
      if (source.kind === 'map') for (const entry of source.entries) if (!entries.has(entry.name)) entries.set(entry.name, entry);
      if (source.kind !== 'map' && endless === undefined) issues.error(source.place, 'a merge key (<<) takes a map, or a list of maps');
    }
    return { kind: 'map', place, entries: [...entries.values()] };
  }

  const lineOf = (value: unknown, parent: Place): number => (isParsed(value) ? value.line : parent.line);

  const node = build(root, { file, line: 0, key: '' }, 0);
  if (endless === undefined) return node;
  issues.error({ file, line: endless.line, key: '' }, `the document is nested more than ${DEEPEST} deep or has more than ${MOST_NODES} parts once its aliases (*) are written out; write it without them`);
  return undefined;
}
