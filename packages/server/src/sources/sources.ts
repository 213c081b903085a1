/** All sources of log lines as the configuration has them: started, looked after, and changed by a reload as far as it changes them. */
import { statSync } from 'node:fs';
import { ms, type Instant } from 'banban-shared';
import type { Clock, Timer } from '../clock.ts';
import type { SourceConfig } from '../config/sources.ts';
import type { Engine } from '../engine/contract.ts';
import type { Feed } from '../engine/feed.ts';
import type { Source } from '../ingest/source.ts';
import type { Log } from '../observe/log.ts';
import { buildSource, type BuiltSource } from './build-source.ts';
import { watchSilence, type SilenceWatch } from './silence.ts';

/** What the sources work with. */
export interface SourcesParts {
  readonly clock: Clock;
  readonly engine: Pick<Engine, 'deliver'>;
  readonly log: Log;
  /** What is remembered of how far things were read; it is kept up to date here. */
  readonly positions: Map<string, string>;
  /** The path of the database, which no source may open. */
  readonly database: string;
  /** Forgets the positions of all other names. @throws StoreError */
  readonly keepPositions: (names: ReadonlySet<string>) => void;
}

/** A source as it runs. */
export interface RunningSource {
  readonly source: Source;
  readonly feed: Feed;
  /** Why it does not run, or why it runs and brings nothing. */
  readonly error: string | undefined;
  /** That it has fallen silent, or that nothing of it matches any more. */
  readonly alarm: string | undefined;
}

/** The sources. */
export interface Sources {
  /** In the order of the configuration. */
  list(): readonly RunningSource[];
  /** Starts them. Throws a sentence for a UNIX socket that can't be opened; what else does not work is an error of that source, and tried again. */
  start(configs: readonly SourceConfig[]): Promise<void>;
  /** Stops what is not in the configuration any more, starts what is new, and leaves alone what is the same. */
  configure(configs: readonly SourceConfig[]): Promise<void>;
  stop(): Promise<void>;
}

/** What is wrong shows within a few seconds, and a name that is gone between two files does not. */
const LOOK_EVERY = ms(10_000);
/** What could not be started is tried again. */
const RETRY_AFTER = ms(10_000);
const FORGET_EVERY = ms(3_600_000);

interface Entry {
  readonly config: SourceConfig;
  readonly text: string;
  readonly built: BuiltSource;
  readonly watch: SilenceWatch;
  started: boolean;
  triedAt: Instant;
  failure: string | undefined;
  alarm: string | undefined;
  /** The errors of the last look, and what of them was said. */
  seen: string | undefined;
  said: string | undefined;
}

/** Device and inode; undefined where there is no such file. */
function idOfFile(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? undefined : `${found.dev}:${found.ino}`;
}

/** What makes a source another one. */
const textOf = (config: SourceConfig): string => JSON.stringify(config);

/** What is different in the sources of two configurations, a sentence each. */
export function sourceChanges(before: readonly SourceConfig[], now: readonly SourceConfig[]): string[] {
  const keyed = (configs: readonly SourceConfig[]): Map<string, string> => new Map(configs.map((config) => [`${config.type} ${config.path}`, textOf(config)]));
  const old = keyed(before);
  const fresh = keyed(now);
  return [
    ...[...fresh].flatMap(([name, text]) => (!old.has(name) ? [`source ${name} added`] : old.get(name) === text ? [] : [`source ${name} changed`])),
    ...[...old.keys()].flatMap((name) => (fresh.has(name) ? [] : [`source ${name} removed`])),
  ];
}

/** None yet. */
export function createSources({ clock, engine, log, positions, database, keepPositions }: SourcesParts): Sources {
  let entries: Entry[] = [];
  let timer: Timer | undefined;
  let forgotAt = clock.now();
  let changing = Promise.resolve();
  let stopped = false;
  // With what SQLite and the lock put beside it.
  const own = ['', '-wal', '-shm', '-journal', '.lock'].map((end) => `${database}${end}`);
  const spared = (path: string, id?: string): boolean => own.includes(path) || (id !== undefined && own.some((file) => idOfFile(file) === id));
  const warn = (message: string): void => log.warn('source', { message });

  function entryOf(config: SourceConfig): Entry {
    const now = clock.now();
    return { config, text: textOf(config), built: buildSource(config, { clock, positions, spared, warn }), watch: watchSilence(config.silentAfter, now), started: false, triedAt: now, failure: undefined, alarm: undefined, seen: undefined, said: undefined };
  }

  /** Never rejects; `failure` says what was in the way. */
  async function startOne(entry: Entry): Promise<void> {
    const { source, feed } = entry.built;
    entry.triedAt = clock.now();
    try {
      await source.start((bytes, at, progress) => engine.deliver(bytes, at, feed, progress));
      entry.started = true;
      entry.failure = undefined;
    } catch (error) {
      entry.failure = error instanceof Error ? error.message : String(error);
    }
  }

  async function stopOne({ started, built, config }: Entry): Promise<void> {
    if (!started) return;
    try {
      await built.source.stop();
    } catch (error) {
      log.warn('source', { source: config.path, message: `it could not be stopped: ${error instanceof Error ? error.message : String(error)}` });
    }
  }

  async function change(configs: readonly SourceConfig[]): Promise<void> {
    const wanted = new Set(configs.map(textOf));
    const kept = new Map(entries.filter((entry) => wanted.has(entry.text)).map((entry) => [entry.text, entry]));
    // First, so that a socket of the same path can be opened again.
    for (const entry of entries) if (!kept.has(entry.text)) await stopOne(entry);
    const next: Entry[] = [];
    for (const config of configs) {
      const same = kept.get(textOf(config));
      if (same !== undefined) {
        next.push(same);
        continue;
      }
      try {
        const entry = entryOf(config);
        next.push(entry);
        if (!stopped) await startOne(entry);
        fail(entry);
      } catch (error) {
        log.error('source_failed', { source: `${config.type} ${config.path}`, message: error instanceof Error ? error.message : String(error) });
      }
    }
    entries = next;
  }

  const errorOf = (entry: Entry): string | undefined => entry.failure ?? entry.built.source.stats().error;

  function say(entry: Entry, error: string | undefined): void {
    const source = `${entry.config.type} ${entry.config.path}`;
    if (error !== undefined && entry.said === undefined) log.error('source_failed', { source, message: error });
    if (error === undefined && entry.said !== undefined) log.info('source_works_again', { source });
    entry.said = error;
  }

  /** What can't be started at all is said at once. */
  function fail(entry: Entry): void {
    if (entry.failure === undefined) return;
    entry.seen = entry.failure;
    say(entry, entry.failure);
  }

  function look(): void {
    if (stopped) return;
    timer = clock.after(LOOK_EVERY, look);
    const now = clock.now();
    for (const entry of entries) {
      const { source, feed } = entry.built;
      if (!entry.started && now - entry.triedAt >= RETRY_AFTER) void startOne(entry);
      const error = errorOf(entry);
      // What is over by the next look is nobody's business: between two files a name leads nowhere for a moment.
      say(entry, entry.seen === undefined ? undefined : error);
      entry.seen = error;
      const { lines, matched, lastMatchAt } = feed.counters;
      const alarm = entry.watch.look(now, { lines, matched, lastMatchAt, lastAt: source.stats().lastAt });
      if (alarm !== undefined && entry.alarm === undefined) log.error('source_alarm', { source: `${entry.config.type} ${entry.config.path}`, message: alarm });
      entry.alarm = alarm;
    }
    if (now - forgotAt >= FORGET_EVERY) forget(now);
  }

  /** Positions of files that are long gone. */
  function forget(now: Instant): void {
    forgotAt = now;
    const needed = new Set(entries.flatMap(({ built }) => [...(built.source.keys?.() ?? [])]));
    // Other sources than files have one position each, which nobody has to look after.
    const kept = new Set([...positions.keys()].filter((name) => needed.has(name) || !name.startsWith('file ')));
    for (const name of needed) kept.add(name);
    for (const name of positions.keys()) if (!kept.has(name)) positions.delete(name);
    try {
      keepPositions(kept);
    } catch (error) {
      warn(`positions of files that are gone could not be forgotten: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  return {
    list: () => entries.map((entry) => ({ source: entry.built.source, feed: entry.built.feed, error: errorOf(entry), alarm: entry.alarm })),
    async start(configs) {
      entries = configs.map(entryOf);
      for (const entry of entries) {
        await startOne(entry);
        if (entry.failure !== undefined && entry.config.type === 'unix') throw new Error(entry.failure);
        fail(entry);
      }
      timer = clock.after(LOOK_EVERY, look);
    },
    configure(configs) {
      changing = changing.then(() => change(configs));
      return changing;
    },
    async stop() {
      stopped = true;
      timer?.cancel();
      await changing;
      // Side by side: each waits until what it delivered is worked off.
      await Promise.all(entries.map(stopOne));
    },
  };
}
