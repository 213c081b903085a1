/**
 * The file of the original banban, the Perl daemon, turned into today's form. Its values keep the lines and names of
 * the admin's own file, so that messages point there; nothing else in banban knows of it.
 *
 * `{socket, goodpatterns, ignorenets, blocktypes: {name: {target, minocc, interval, resetconns, patterns}}}`, and beside them
 * `targets`, `database`, `control` and `firewall` of today's form, where an admin has begun to move over.
 */
import { parsePrefix } from 'banban-shared';
import { check } from './check.ts';
import { found, isNothing, placeUnder, visible, type Entry, type MapNode, type Node } from './document.ts';
import type { Issues } from './issues.ts';
import { suggest, unknownKey } from './suggest.ts';

/** Its keys, and what they are called today. */
const TOP = { socket: 'socket', goodpatterns: 'goodpatterns', ignorenets: 'allowlist', blocktypes: 'rules', targets: 'targets', database: 'database', control: 'control', firewall: 'firewall' } as const;
const BLOCK = { target: 'target', minocc: 'occurrences', interval: 'interval', resetconns: 'resetconns', patterns: 'badpatterns' } as const;
const TOP_SYNONYMS = { allowlist: 'ignorenets', rules: 'blocktypes', defaults: 'blocktypes' } as const;
const BLOCK_SYNONYMS = { occurrences: 'minocc', badpatterns: 'patterns' } as const;

/** Only the original's file has `blocktypes`. */
export function isOriginal(root: Node): root is MapNode {
  return root.kind === 'map' && root.entries.some((entry) => entry.name === 'blocktypes');
}

/** Gives the entries today's names; those that the original did not have are reported. */
function renamed(map: MapNode, names: { readonly [key: string]: string }, synonyms: { readonly [word: string]: string }, issues: Issues): Entry[] {
  return map.entries.flatMap(({ name, value }) => {
    const today = Object.hasOwn(names, name) ? names[name] : undefined;
    if (today !== undefined) return [{ name: today, value }];
    issues.error(value.place, () => unknownKey(name, Object.keys(names), synonyms));
    return [];
  });
}

/** A single value where today's form has a list. */
function listed(node: Node): Node {
  return node.kind === 'scalar' && !isNothing(node) ? { kind: 'list', place: node.place, items: [node] } : node;
}

/** `ignorenets` has addresses and networks, and nothing of what the allow list may have today. */
function networks(node: Node, issues: Issues): Node {
  if (node.kind !== 'list') return node;
  check({ type: 'list', items: { type: 'network', description: '' }, description: '' }, node, issues);
  return { ...node, items: node.items.filter((item) => item.kind === 'scalar' && parsePrefix(item.text) !== undefined) };
}

/** Perl had no booleans; admins wrote what YAML 1.1 or Perl takes for one. Anything else is left for the check to report. */
function truth(node: Node): Node {
  if (node.kind !== 'scalar') return node;
  if (/^(?:1|yes|on|true|y)$/i.test(node.text)) return { ...node, value: true };
  if (/^(?:0|no|off|false|n|)$/i.test(node.text) || isNothing(node)) return { ...node, value: false };
  return node;
}

function block({ name, value }: Entry, issues: Issues): Entry[] {
  if (value.kind !== 'map') {
    issues.error(value.place, `found ${found(value)}, wanted a map with target and patterns`);
    return [];
  }
  const entries = renamed(value, BLOCK, BLOCK_SYNONYMS, issues)
    // A key without a value was an absent one.
    .filter((entry) => !isNothing(entry.value))
    .map((entry): Entry => {
      if (entry.name === 'badpatterns') return { name: entry.name, value: listed(entry.value) };
      return entry.name === 'resetconns' ? { name: entry.name, value: truth(entry.value) } : entry;
    });
  if (!entries.some((entry) => entry.name === 'badpatterns')) {
    issues.error(placeUnder(value.place, 'patterns'), 'is missing: a block type without patterns never does anything');
    return [];
  }
  return [{ name, value: { ...value, entries } }];
}

/**
 * The targets of today's form: those that the file gives, then one for each name that a block type uses. The original left the end of a
 * ban to `--seconds` in the firewall rule; banban ends it itself, and says so where nobody has chosen a length.
 */
function targetsOf(given: MapNode | undefined, blocks: readonly Entry[], issues: Issues): Entry[] {
  const targets = new Map((given?.entries ?? []).map((entry) => [entry.name, entry]));
  const chosen = [...targets.keys()];
  for (const { value } of blocks) {
    const target = value.kind === 'map' ? value.entries.find((entry) => entry.name === 'target')?.value : undefined;
    if (target?.kind !== 'scalar' || typeof target.value !== 'string' || targets.has(target.value)) continue;
    const name = target.value;
    targets.set(name, { name, value: { kind: 'map', place: target.place, entries: [] } });
    issues.warn(target.place, () => {
      const near = suggest(name, chosen);
      return (
        `${near === undefined ? '' : `targets has no ${visible(name)} (did you mean ${near}?); `}bans in ${visible(name)} last 48h, because banban ends them itself and ` +
        `no longer leaves that to the firewall; to choose, add targets: { ${visible(name)}: { ban: 48h } } to this file, with seconds: beside ban if its firewall rule has --seconds`
      );
    });
  }
  return [...targets.values()];
}

/** Today's form of the original's document. What is wrong in a way that only its own words can say goes to `issues`, the rest is left to the check. */
export function fromOriginal(root: MapNode, issues: Issues): MapNode {
  const entries = renamed(root, TOP, TOP_SYNONYMS, issues).map((entry): Entry => {
    if (entry.name === 'goodpatterns') return { name: entry.name, value: listed(entry.value) };
    if (entry.name === 'allowlist') return { name: entry.name, value: networks(listed(entry.value), issues) };
    if (entry.name !== 'rules' || entry.value.kind !== 'map') return entry;
    return { name: 'rules', value: { ...entry.value, entries: entry.value.entries.flatMap((each) => block(each, issues)) } };
  });
  const rules = entries.find((entry) => entry.name === 'rules')?.value;
  const given = entries.find((entry) => entry.name === 'targets');
  // A `targets` that is no map is the check's to report.
  if (given !== undefined && given.value.kind !== 'map' && !isNothing(given.value)) return { ...root, entries };
  const map = given?.value.kind === 'map' ? given.value : undefined;
  const targets = targetsOf(map, rules?.kind === 'map' ? rules.entries : [], issues);
  const rest = entries.filter((entry) => entry !== given);
  return { ...root, entries: [...rest, { name: 'targets', value: { kind: 'map', place: map?.place ?? root.place, entries: targets } }] };
}
