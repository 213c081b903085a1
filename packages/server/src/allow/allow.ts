/** Everything of the allow list that the configuration does not say itself: files, host names, this machine's addresses, people by hand. */
import { ms, subjectOf, type HostName, type Instant, type Prefix, type Subject } from 'banban-shared';
import type { Clock, Timer } from '../clock.ts';
import type { NameResolver } from '../names/resolver.ts';
import type { NativeNetlink } from '../netlink/native.ts';
import type { Log } from '../observe/log.ts';
import type { AllowStore } from '../store/store.ts';
import { byHand, type ByHand } from './by-hand.ts';
import { followFile, type FollowedFile } from './followed-file.ts';
import { hostAddresses } from './host-addresses.ts';
import { followOwnAddresses, type OwnAddresses, type OwnAddressesParts } from './own-addresses.ts';

/** The part of a configuration that is followed here. */
export interface AllowConfig {
  readonly allowFiles: readonly string[];
  readonly allowHosts: readonly HostName[];
  readonly allowSelf: boolean;
}

/** What it works with. */
export interface AllowParts {
  readonly clock: Clock;
  readonly store: AllowStore;
  readonly native: NativeNetlink | undefined;
  /** One of its own: names from logs must not keep these waiting. */
  readonly resolver: Pick<NameResolver, 'lookUp'>;
  readonly log: Log;
  /** Puts a group in force at once, in the place of what it had. */
  setAllowed(group: string, prefixes: readonly Prefix[]): void;
  /** For tests. */
  readonly readOwn?: OwnAddressesParts['read'];
}

/** The allow list as it is followed. */
export interface Allow {
  /** Follows what a configuration names, and nothing that it does not. Resolved when the files that are new have been read once. */
  configure(config: AllowConfig): Promise<void>;
  readonly byHand: ByHand;
  /** When a group was last heard of; undefined where that means nothing, or for never. */
  checkedAt(group: string): Instant | undefined;
  /** What is wrong, a sentence each. */
  problems(): readonly string[];
  stop(): void;
}

/** The group of what people have allowed. */
export const BY_HAND = 'by hand';
/** The group of this machine's addresses. */
const SELF = 'self';
const fileGroup = (path: string): string => `file ${path}`;
const hostGroup = (name: HostName): string => `host ${name}`;

/** Files are looked at this often, and one that has changed is read with the look after that. */
const LOOK_EVERY = ms(1000);
/** As in the configuration: each takes a look-up an hour. */
const MOST_HOSTS = 100;
/** So many are named in the log. */
const MOST_LOGGED = 5;

/** What is new in a list, for the log. */
function named(subjects: readonly Subject[]): string[] {
  return subjects.length > MOST_LOGGED ? [...subjects.slice(0, MOST_LOGGED), `and ${subjects.length - MOST_LOGGED} more`] : [...subjects];
}

/** Puts in force what the database has, and follows nothing else until `configure`. @throws StoreError when the database can't be read */
export function createAllow(parts: AllowParts): Allow {
  const { clock, store, native, resolver, log } = parts;
  const files = new Map<string, FollowedFile>();
  const told = new Map<string, ReadonlySet<Prefix>>();
  let configured: readonly HostName[] = [];
  let own: OwnAddresses | undefined;
  let timer: Timer | undefined;
  let stopped = false;
  let said: ReadonlySet<string> = new Set();

  function put(group: string, prefixes: readonly Prefix[]): void {
    const before = told.get(group) ?? new Set();
    const now = new Set(prefixes);
    const added = prefixes.filter((prefix) => !before.has(prefix));
    const removed = [...before].filter((prefix) => !now.has(prefix));
    if (added.length + removed.length === 0) return;
    if (now.size === 0) told.delete(group);
    else told.set(group, now);
    parts.setAllowed(group, prefixes);
    log.info('allow_list_changed', { group, added: named(added.map(subjectOf)), removed: named(removed.map(subjectOf)) });
  }

  const people = byHand(clock, store, (prefixes) => put(BY_HAND, prefixes));
  const hosts = hostAddresses({ clock, store, resolver }, (name, prefixes) => put(hostGroup(name), prefixes));

  /** All names, and how many of them are too many. */
  function names(): { readonly wanted: readonly HostName[]; readonly left: number } {
    const all = [...new Set([...configured, ...[...files.values()].flatMap((file) => file.hosts())])];
    return { wanted: all.slice(0, MOST_HOSTS), left: Math.max(0, all.length - MOST_HOSTS) };
  }

  function problems(): string[] {
    const { left } = names();
    return [
      ...[...files.values()].flatMap((file) => file.problems()),
      ...hosts.problems(),
      ...(left === 0 ? [] : [`${left} host names of its files are not looked up, because there are more than ${MOST_HOSTS}: write their networks instead`]),
    ];
  }

  /** Each problem is said once, when it begins. */
  function sayProblems(): void {
    const now = problems();
    for (const message of now) if (!said.has(message)) log.warn('allow_list', { message });
    said = new Set(now);
  }

  function wantHosts(): void {
    // A file that could not be read yet may have more.
    hosts.want(names().wanted, [...files.values()].every((file) => file.readAt() !== undefined));
  }

  function aim(): void {
    timer?.cancel();
    timer = clock.after(LOOK_EVERY, () => void lookAll());
  }

  async function lookAll(): Promise<void> {
    timer = undefined;
    const before = names().wanted.join();
    await Promise.all([...files.values()].map((file) => file.look()));
    if (stopped) return;
    if (names().wanted.join() !== before) wantHosts();
    sayProblems();
    aim();
  }

  return {
    byHand: people,
    async configure({ allowFiles, allowHosts, allowSelf }) {
      configured = allowHosts;
      for (const [path, file] of files) {
        if (allowFiles.includes(path)) continue;
        file.stop();
        files.delete(path);
        put(fileGroup(path), []);
      }
      const fresh = allowFiles.filter((path) => !files.has(path));
      for (const path of fresh) files.set(path, followFile(path, clock, (prefixes) => put(fileGroup(path), prefixes)));
      if (allowSelf) own ??= followOwnAddresses({ clock, native, ...(parts.readOwn !== undefined && { read: parts.readOwn }) }, (addresses) => put(SELF, addresses));
      else if (own !== undefined) {
        own.stop();
        own = undefined;
        put(SELF, []);
      }
      wantHosts();
      await Promise.all(fresh.map((path) => files.get(path)?.look(true)));
      if (stopped) return;
      wantHosts();
      sayProblems();
      aim();
    },
    checkedAt(group) {
      const file = [...files.values()].find(({ path }) => fileGroup(path) === group);
      if (file !== undefined) return file.readAt();
      const name = names().wanted.find((each) => hostGroup(each) === group);
      return name === undefined ? undefined : hosts.answeredAt(name);
    },
    problems,
    stop() {
      stopped = true;
      timer?.cancel();
      own?.stop();
      hosts.stop();
      people.stop();
      for (const file of files.values()) file.stop();
    },
  };
}
