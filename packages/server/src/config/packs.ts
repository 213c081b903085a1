/** The packs that `use:` can name: found in folders, read when first asked for, tried on their own samples. */
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { ADMIN_PACKS, PACKAGED_PACKS } from 'banban-shared';
import { compilePack, type Pack, type PackSource } from '../match/pack.ts';
import { check } from './check.ts';
import { ConfigError } from './config-error.ts';
import type { Issue, Place } from './config.ts';
import { found, isNothing } from './document.ts';
import { issues, type Issues } from './issues.ts';
import { parseYaml } from './load.ts';
import { packSchema, type RawPack } from './pack-schema.ts';
import { readText } from './read-text.ts';

/** A pack and what is wrong with it: `pack` has the patterns that can be used, and is absent when there is none. */
export interface FoundPack {
  readonly pack: Pack | undefined;
  readonly file: string;
  readonly issues: readonly Issue[];
}

/** The packs of a machine. */
export interface PackLibrary {
  /** Undefined when there is no pack of that name. */
  get(name: string): FoundPack | undefined;
  /** The names of all packs, sorted. */
  names(): readonly string[];
}

/** The folder with the packs of this very banband: the checkout's, or where a package put them. */
function packaged(): string {
  // From packages/server/dist, where the built program is, and from packages/server/src/config.
  const own = ['../../../config/packs', '../../../../config/packs'].map((path) => resolve(import.meta.dirname, path));
  return own.find((path) => existsSync(path)) ?? PACKAGED_PACKS;
}

/** Where packs are looked for, the first goes before the others. */
export const packFolders = (configPath: string | undefined): readonly string[] => [
  ADMIN_PACKS,
  ...(configPath === undefined ? [] : [join(dirname(resolve(configPath)), 'packs')]),
  packaged(),
];

function toSource(name: string, raw: RawPack, problems: Issues): PackSource {
  const groups = raw.groups.map((g) => ({ name: g.name, about: g.value.about.value, good: g.value.good, weak: g.value.weak }));
  const patterns = raw.patterns.flatMap(({ name: pattern, place, value }) => {
    const begins = value.begins ?? raw.begins;
    if (begins === undefined) problems.error(place, 'has no begins, and neither has the pack');
    if (!groups.some((g) => g.name === value.group.value)) problems.error(value.group.place, `there is no group ${value.group.value} in this pack`);
    if (groups.some((g) => g.name === pattern)) problems.error(place, `has the name of a group; use: ${name}/${pattern} could mean both`);
    return [{
      name: pattern,
      group: value.group.value,
      begins: (begins ?? []).map((b) => b.value),
      opens: value.opens?.source,
      match: value.match.source,
      source: value.source.value,
      samples: value.samples.map((s) => ({ line: s.line.value, address: s.address.value, user: s.user?.value, after: s.after?.value })),
      misses: value.misses.map((m) => m.value),
    }];
  });
  return { name, service: raw.service.value, source: raw.source.value, groups, patterns };
}

function load(name: string, file: string): FoundPack {
  const whole: Place = { file, line: 0, key: '' };
  const refuse = (message: string): FoundPack => ({ pack: undefined, file, issues: [{ ...whole, severity: 'error', message }] });
  const read = readText(file);
  if ('problem' in read) return refuse(read.problem);
  const problems = issues();
  let document;
  try {
    document = parseYaml(read.text, file, problems);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { pack: undefined, file, issues: error.issues };
  }
  if (document === undefined) return { pack: undefined, file, issues: problems.all(file) };
  if (isNothing(document)) return refuse('the file is empty');
  if (document.kind !== 'map') return refuse(`found ${found(document)}, wanted a map with service, groups and patterns`);
  const raw = check(packSchema, document, problems);
  if (raw === undefined || problems.failed) return { pack: undefined, file, issues: problems.all(file) };
  const source = toSource(name, raw, problems);
  if (problems.failed) return { pack: undefined, file, issues: problems.all(file) };
  const { pack, faults } = compilePack(source);
  const places = new Map(raw.patterns.map((p) => [p.name, p]));
  const told = new Set<string>();
  for (const { pattern, sample, miss, message } of faults) {
    // What follows from the first fault would only distract.
    if (told.has(pattern)) continue;
    told.add(pattern);
    const at = places.get(pattern);
    const line = sample !== undefined ? at?.value.samples[sample]?.line : miss !== undefined ? at?.value.misses[miss] : undefined;
    problems.error(line?.place ?? at?.place ?? whole, `the pattern ${name}/${pattern} can't be used: ${message}${line === undefined ? '' : `: ${line.value}`}`);
  }
  return { pack: pack.patterns.length === 0 ? undefined : pack, file, issues: problems.all(file) };
}

const NAME = /^[a-z0-9][a-z0-9_-]*$/;

/** What is in a folder; nothing where this user may not look, and where there is none. */
function listing(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** The packs in these folders. Every pack is read and tried once; a new library reads them anew. */
export function packLibrary(folders: readonly string[]): PackLibrary {
  const known = new Map<string, FoundPack | undefined>();
  return {
    get(name) {
      if (!known.has(name)) {
        // A name and no path: what stands elsewhere is no pack.
        const file = !NAME.test(name) ? undefined : folders.map((folder) => join(folder, `${name}.yml`)).find((path) => existsSync(path));
        known.set(name, file === undefined ? undefined : load(name, file));
      }
      return known.get(name);
    },
    names() {
      const found = folders.flatMap(listing).flatMap((file) => (file.endsWith('.yml') ? [file.slice(0, -'.yml'.length)] : []));
      return [...new Set(found.filter((name) => NAME.test(name)))].sort();
    },
  };
}
