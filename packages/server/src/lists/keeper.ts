/**
 * Keeps the lists of the configuration: fetches them when they are due, looks at what has come before it is believed, and puts what is on
 * them into the engine. It is longer than most files because a list's whole life is here; each step has its own file.
 */
import { badLinesText, instant, ms, subjectOf, type Instant, type ListText, type Ms, type Prefix, type Subject } from 'banban-shared';
import type { Clock, Timer } from '../clock.ts';
import type { ListConfig } from '../config/config.ts';
import type { Log } from '../observe/log.ts';
import { throughSteps } from '../slices.ts';
import type { Copies, Copy } from './copy.ts';
import { shownUrl, type Fetched, type FetchOptions, type Validators } from './fetch.ts';
import { mergeNetworks } from './merge.ts';
import { fileStamp, readListFile } from './read-file.ts';
import { whySudden } from './sudden.ts';
import { whyUnfit, WIDEST } from './unfit.ts';

/** What the lists need of the engine. */
export interface ListBans {
  readonly allowed: { overlap(subject: Subject): Prefix | undefined };
  /** Makes `subjects` the bans of the list: extends those that stand, lifts those that are not among them. */
  replaceList(name: string, list: { readonly target: string; readonly subjects: readonly Subject[]; readonly length: Ms }): Promise<ListChange>;
  /** Lifts the bans of every list that is not among these. */
  keepLists(names: ReadonlySet<string>): Promise<number>;
}

/** What became of the entries of a list. */
export interface ListChange {
  readonly added: number;
  readonly kept: number;
  readonly lifted: number;
  readonly refused: readonly { readonly subject: Subject; readonly why: string }[];
}

/** A list as it is now. */
export interface ListState {
  readonly name: string;
  readonly kind: 'url' | 'file';
  /** A URL without what stands behind its question mark, or a path. */
  readonly from: string;
  readonly target: string;
  /** So many networks are banned by it, after merging. */
  readonly entries: number;
  /** So many entries are left out because no list may have them (`unfit: skip`). */
  readonly skipped: number;
  /** When what is in force was fetched, and when it was last known to be the same still. */
  readonly fetchedAt: Instant | undefined;
  readonly checkedAt: Instant | undefined;
  readonly nextAt: Instant | undefined;
  /** Why the last look brought nothing; what is in force is older then. */
  readonly error: string | undefined;
  /** What was wrong with what is in force, a sentence each. */
  readonly warnings: readonly string[];
}

/** The lists at work. */
export interface Lists {
  /** Takes the lists of a configuration; those that did not change go on as they were. */
  configure(lists: readonly ListConfig[]): void;
  /** Fetches some of them now, or all. `force`: believes one that has shrunk or grown. Ends when all have ended; unknown names are left out. */
  refresh(names: readonly string[] | undefined, force: boolean): Promise<readonly ListState[]>;
  state(): readonly ListState[];
  stop(): Promise<void>;
}

/** What lists work with. */
export interface ListParts {
  readonly clock: Clock;
  readonly engine: ListBans;
  readonly copies: Copies;
  readonly log: Log;
  /** Told of trouble once, when it begins. */
  readonly tell: (list: string, message: string) => void;
  readonly fetch: (options: FetchOptions) => Promise<Fetched>;
  /** From 0 to 1, so that not all machines fetch at once. */
  readonly chance: () => number;
}

/** A file is looked at this often; it is read when two looks have found it the same, because it may still be being written. */
const LOOK_EVERY = ms(2_000);
/** After a failure the next try comes so late, and twice as late after each. */
const FIRST_RETRY = ms(60_000);
/** A list comes up to so much of its `refresh` sooner. */
const JITTER = 0.1;
/** Entries are looked at in pieces of a millisecond or two. */
const SLICE = 500;
/** So many of those that no list may have are named. */
const MOST_NAMED = 5;

interface Kept {
  readonly config: ListConfig;
  readonly gone: AbortController;
  copy: Copy | undefined;
  entries: number;
  skipped: number;
  nextAt: Instant | undefined;
  error: string | undefined;
  failures: number;
  /** Of what is in force: of its text, and of what the engine said. */
  unreadable: string | undefined;
  unbanned: string | undefined;
  timer: Timer | undefined;
  look: Timer | undefined;
  /** Of a file: as it was read last, and as it was seen last. */
  stamp: string | undefined;
  seen: string | undefined;
  loading: Promise<void> | undefined;
  /** Until its copy was looked for: what is fetched before would be taken for the first, and the copy then for newer. */
  begun: Promise<void>;
}

/** Lists over their parts. None are kept until `configure`. */
export function createLists({ clock, engine, copies, log, tell, fetch, chance }: ListParts): Lists {
  let kept = new Map<string, Kept>();
  /** Lists are put into the engine one after the other. */
  let putting: Promise<void> = Promise.resolve();

  const isCurrent = (list: Kept): boolean => kept.get(list.config.name) === list;
  const turn = (): Promise<void> => new Promise((resolve) => clock.soon(resolve));
  const sourceOf = ({ from }: ListConfig): string => (from.kind === 'url' ? from.url : from.path);

  /** How long what is on it is still banned: what is no more to be had runs out. */
  const lengthOf = ({ ban }: ListConfig, { checkedAt }: Copy): Ms => ms(ban - Math.max(0, clock.now() - checkedAt));

  // ── trouble ─────────────────────────────────────────────────────────────────────────────────────────────────────

  function trouble(list: Kept, message: string): void {
    const isNew = list.error !== message;
    list.error = message;
    list.failures++;
    if (!isNew) return;
    log.warn('list_trouble', { list: list.config.name, message });
    tell(list.config.name, message);
  }

  function well(list: Kept): void {
    if (list.error !== undefined) log.info('list_works_again', { list: list.config.name });
    list.error = undefined;
    list.failures = 0;
  }

  function warnOnce(list: Kept, key: 'unreadable' | 'unbanned', message: string | undefined): void {
    const isNew = list[key] !== message;
    list[key] = message;
    if (!isNew || message === undefined) return;
    log.warn('list_trouble', { list: list.config.name, message });
    tell(list.config.name, message);
  }

  // ── what has come ───────────────────────────────────────────────────────────────────────────────────────────────

  /** The entries that a list may have, and the others with the reason. */
  async function sift(entries: readonly Prefix[]): Promise<{ readonly fit: Prefix[]; readonly unfit: number; readonly named: readonly string[] }> {
    const fit: Prefix[] = [];
    const named: string[] = [];
    let unfit = 0;
    const allowed = (subject: Subject): Prefix | undefined => engine.allowed.overlap(subject);
    for (let from = 0; from < entries.length; from += SLICE) {
      if (from > 0) await turn();
      for (const entry of entries.slice(from, from + SLICE)) {
        const why = whyUnfit(entry, allowed);
        if (why === undefined) fit.push(entry);
        else if (++unfit <= MOST_NAMED) named.push(`${subjectOf(entry)} ${why}`);
      }
    }
    return { fit, unfit, named };
  }

  /** Why a list that has come must not be used; undefined when it may. */
  async function whyRefused(list: Kept, entries: readonly Prefix[], force: boolean): Promise<string | undefined> {
    const { config, copy } = list;
    const sudden = force || copy === undefined ? undefined : whySudden(copy.entries.length, entries.length, config);
    if (sudden !== undefined) return `${sudden}; if that is right: banctl lists refresh ${config.name} --force`;
    if (config.unfit === 'skip') return undefined;
    const { unfit, named } = await sift(entries);
    if (unfit === 0) return undefined;
    const more = unfit > named.length ? `, and so on: ${unfit} in all` : '';
    return `has entries that no list may have: ${named.join('; ')}${more}; with unfit: skip they are left out and the rest is used`;
  }

  // ── into the engine ─────────────────────────────────────────────────────────────────────────────────────────────

  function put(list: Kept): Promise<void> {
    putting = putting.then(() => putNow(list));
    return putting;
  }

  /** Bans what is on the list, for as long as the list is to be believed. */
  async function putNow(list: Kept): Promise<void> {
    const { config, copy } = list;
    if (copy === undefined || !isCurrent(list)) return;
    const length = lengthOf(config, copy);
    // So old that all of it has run out.
    if (length <= 0) return;
    const { fit, unfit } = await sift(copy.entries);
    const subjects = (await throughSteps(clock, mergeNetworks(fit, WIDEST))).map(subjectOf);
    if (!isCurrent(list)) return;
    try {
      const { added, lifted, refused } = await engine.replaceList(config.name, { target: config.target, subjects, length });
      list.entries = subjects.length - refused.length;
      list.skipped = unfit;
      const [first] = refused;
      warnOnce(list, 'unbanned', first === undefined ? undefined : `${refused.length} of its ${subjects.length} entries could not be banned, such as ${first.subject}: ${first.why}`);
      if (added > 0 || lifted > 0) log.info('list', { list: config.name, target: config.target, entries: list.entries, added, lifted, skipped: unfit });
    } catch (error) {
      trouble(list, `what is on it could not be banned: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  async function save(list: Kept): Promise<void> {
    if (list.copy === undefined) return;
    try {
      await copies.save(list.config.name, list.copy);
    } catch (error) {
      // It is in force all the same, and is fetched anew after a restart.
      log.warn('list_not_kept', { list: list.config.name, message: error instanceof Error ? error.message : String(error) });
    }
  }

  // ── fetching ────────────────────────────────────────────────────────────────────────────────────────────────────

  async function accept(list: Kept, text: ListText, validators: Validators, force: boolean): Promise<void> {
    const { config } = list;
    const entries = [...new Set(text.entries.map(({ prefix }) => prefix))];
    const refused = await whyRefused(list, entries, force);
    if (!isCurrent(list)) return;
    if (refused !== undefined) return trouble(list, `it was refused, and ${list.copy === undefined ? 'nothing is banned by it' : 'the one before stays'}: it ${refused}`);
    const now = clock.now();
    well(list);
    warnOnce(list, 'unreadable', text.badLines === 0 ? undefined : `${text.badLines} of its lines can’t be read and ${text.badLines === 1 ? 'is' : 'are'} left out, the rest is used: ${badLinesText(text)}`);
    list.copy = { from: sourceOf(config), validators, fetchedAt: now, checkedAt: now, entries };
    await save(list);
    await put(list);
  }

  async function load(list: Kept, force: boolean): Promise<void> {
    const { config, copy, gone } = list;
    if (config.from.kind === 'file') {
      const read = await readListFile(clock, config.from.path, config.mostEntries);
      if (!isCurrent(list)) return;
      if (read.kind === 'failed') return trouble(list, read.problem);
      list.stamp = read.stamp;
      return accept(list, read.list, { etag: undefined, modified: undefined }, force);
    }
    const fetched = await fetch({ clock, url: config.from.url, known: copy?.validators, most: config.mostEntries, signal: gone.signal });
    if (!isCurrent(list)) return;
    if (fetched.kind === 'failed') return trouble(list, fetched.problem);
    if (fetched.kind === 'list') return accept(list, fetched.list, fetched.validators, force);
    well(list);
    if (copy !== undefined) list.copy = { ...copy, checkedAt: clock.now() };
    await save(list);
    await put(list);
  }

  /** Loads it, unless that is being done; then sets the next time. Never rejects. */
  function loadOnce(list: Kept, force: boolean): Promise<void> {
    list.loading ??= (async () => {
      list.timer?.cancel();
      try {
        await load(list, force);
      } catch (error) {
        trouble(list, `a fault in banband: ${error instanceof Error ? error.message : String(error)}`);
      }
      list.loading = undefined;
      const { refresh } = list.config;
      const wait = list.failures > 0 ? Math.min(refresh, FIRST_RETRY * 2 ** (list.failures - 1)) : refresh;
      schedule(list, ms(wait * (1 - JITTER * chance())));
    })();
    return list.loading;
  }

  function schedule(list: Kept, wait: Ms): void {
    list.timer?.cancel();
    if (!isCurrent(list)) return;
    list.nextAt = instant(clock.now() + Math.max(0, wait));
    list.timer = clock.after(wait, () => {
      // A clock waits no longer than it can; see there.
      const left = (list.nextAt ?? 0) - clock.now();
      if (left > 0 && left < wait) schedule(list, ms(left));
      else void loadOnce(list, false);
    });
  }

  /** Looks at a file, and reads it when it is another one than it was and no longer changes. */
  function watch(list: Kept): void {
    const { from } = list.config;
    if (from.kind !== 'file' || !isCurrent(list)) return;
    list.look = clock.after(LOOK_EVERY, () => {
      void fileStamp(from.path).then(async (stamp) => {
        const isStill = stamp === list.seen;
        list.seen = stamp;
        if (stamp !== list.stamp && isStill && isCurrent(list)) await loadOnce(list, false);
        // What it was refused for does not change until the file does.
        if (isStill) list.stamp = stamp;
        watch(list);
      });
    });
  }

  // ── its life ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Uses the copy that is there, and fetches when that is due by its age. */
  async function begin(list: Kept): Promise<void> {
    const { config } = list;
    const copy = list.copy ?? (await copies.load(config.name));
    if (!isCurrent(list)) return;
    if (copy?.from === sourceOf(config)) list.copy = copy;
    if (list.copy !== undefined) await put(list);
    if (!isCurrent(list)) return;
    watch(list);
    const age = list.copy === undefined ? Infinity : clock.now() - list.copy.checkedAt;
    // A file costs nothing to read; a copy from the future is one of a clock that was put back.
    if (config.from.kind === 'file' || age < 0 || age >= config.refresh) await loadOnce(list, false);
    else schedule(list, ms((config.refresh - age) * (1 - JITTER * chance())));
  }

  function end(list: Kept): void {
    list.timer?.cancel();
    list.look?.cancel();
    list.gone.abort();
  }

  const fingerprint = (config: ListConfig): string => JSON.stringify({ ...config, place: undefined });

  const stateOf = ({ config, copy, entries, skipped, nextAt, error, unreadable, unbanned }: Kept): ListState => ({
    name: config.name,
    kind: config.from.kind,
    from: config.from.kind === 'url' ? shownUrl(config.from.url) : config.from.path,
    target: config.target,
    entries: copy !== undefined && lengthOf(config, copy) > 0 ? entries : 0,
    skipped,
    fetchedAt: copy?.fetchedAt,
    checkedAt: copy?.checkedAt,
    nextAt,
    error,
    warnings: [unreadable, unbanned].filter((sentence) => sentence !== undefined),
  });

  return {
    configure(lists) {
      const before = kept;
      kept = new Map(
        lists.map((config): [string, Kept] => {
          const old = before.get(config.name);
          if (old !== undefined && fingerprint(old.config) === fingerprint(config)) return [config.name, old];
          const copy = old !== undefined && sourceOf(old.config) === sourceOf(config) ? old.copy : undefined;
          return [config.name, {
            config, gone: new AbortController(), copy, entries: 0, skipped: 0, nextAt: undefined, error: undefined, failures: 0, unreadable: undefined, unbanned: undefined,
            timer: undefined, look: undefined, stamp: undefined, seen: undefined, loading: undefined, begun: Promise.resolve(),
          }];
        }),
      );
      for (const [name, old] of before) {
        if (kept.get(name) === old) continue;
        end(old);
        if (!kept.has(name)) void copies.forget(name).catch(() => undefined);
      }
      engine.keepLists(new Set(kept.keys())).catch((error: unknown) => log.warn('list_trouble', { message: `bans of lists that are gone could not be lifted: ${error instanceof Error ? error.message : String(error)}` }));
      for (const list of kept.values()) if (before.get(list.config.name) !== list) list.begun = begin(list);
    },
    async refresh(names, force) {
      const chosen = [...kept.values()].filter(({ config }) => names === undefined || names.includes(config.name));
      await Promise.all(chosen.map(async (list) => {
        await list.begun;
        // One that is under way was asked without force, or before the person did what is to be seen; so may be one that began meanwhile.
        while (list.loading !== undefined) await list.loading;
        await loadOnce(list, force);
      }));
      return chosen.map(stateOf);
    },
    state: () => [...kept.values()].map(stateOf),
    async stop() {
      const all = [...kept.values()];
      kept = new Map();
      for (const list of all) end(list);
      await Promise.all(all.map(({ loading }) => loading));
      await putting;
    },
  };
}
