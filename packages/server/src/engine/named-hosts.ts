/**
 * Lines that have a host name where the address should be. What such a line counts for waits here until it is known which addresses the
 * name has; the lines that come behind it don't.
 */
import { ms, type Address, type HostName, type Instant } from 'banban-shared';
import type { Clock } from '../clock.ts';
import type { RuleConfig } from '../config/config.ts';
import type { NameHit } from '../match/host-names.ts';
import type { Pattern } from '../match/pattern.ts';
import type { Log } from '../observe/log.ts';

/** All addresses that a name has; a text says in a few words why they are not known. */
export type LookUp = (name: HostName) => Promise<readonly Address[] | string>;

/** A line that counts as soon as its name's addresses are known. */
export interface NamedLine {
  readonly text: string;
  readonly at: Instant;
  /** More than one where a syslog daemon folded lines. */
  readonly times: number;
  readonly hits: readonly { readonly rule: string; readonly pattern: Pattern }[];
}

/** What became of names since the start. */
export interface NameCounters {
  /** Lines with a name where the address should be. */
  seen: number;
  /** Names that the DNS was asked for, or what it said not long ago. */
  lookedUp: number;
  /** Of those, the ones whose addresses could not be found out. */
  failed: number;
  /** And those with an address that must not be banned. */
  spared: number;
  /** Lines that were given up, because too many waited. */
  dropped: number;
}

/** What the engine has its names looked up by. */
export interface NamedHosts {
  /** Takes one line and the rules that want it. */
  take(line: Omit<NamedLine, 'hits'>, found: readonly NameHit[], ruleOf: (hit: NameHit) => RuleConfig | undefined): void;
  counters(): Readonly<NameCounters>;
  /** What is looked up comes to nothing. */
  stop(): void;
}

/** What it works with. */
export interface NamedHostsParts {
  readonly clock: Clock;
  readonly log: Log;
  /** Undefined where nothing is looked up, as in a replay. */
  readonly lookUp: LookUp | undefined;
  /** Why an address must not be banned; undefined when it may. */
  readonly whyNot: (address: Address) => string | undefined;
  /** Counts the lines of one name, each for all of its addresses. */
  readonly count: (lines: readonly NamedLine[], addresses: readonly Address[]) => void;
}

/** With 2 KiB each, 2 MB. */
const MOST_LINES = 1000;
/** A name that is slow to find must not take all of the room. */
const MOST_OF_ONE = 100;
/** Fewer than the resolver has places; names whose servers are silent hold theirs for seconds. */
const MOST_AT_ONCE = 64;
/** A name is said once in this time, and so many names: a flood of them must not be one in banban's log. */
const SAID_FOR = ms(3_600_000);
const MOST_SAID = 100;

/** Makes one that waits for nothing yet. */
export function createNamedHosts({ clock, log, lookUp, whyNot, count }: NamedHostsParts): NamedHosts {
  const counters: NameCounters = { seen: 0, lookedUp: 0, failed: 0, spared: 0, dropped: 0 };
  /** Each name with its lines: of those in `asked` it is being looked up, the others wait for it. */
  const waiting = new Map<HostName, NamedLine[]>();
  const asked = new Map<HostName, NamedLine[]>();
  let lines = 0;
  let stopped = false;
  const said = new Set<string>();
  let saidSince = clock.now();

  function say(event: string, name: HostName, message: string): void {
    const now = clock.now();
    if (Math.abs(now - saidSince) >= SAID_FOR) {
      said.clear();
      saidSince = now;
    }
    const what = `${event} ${name}`;
    if (said.has(what) || said.size > MOST_SAID) return;
    said.add(what);
    if (said.size > MOST_SAID) log.warn('host_names', { message: `more than ${MOST_SAID} host names stood where an address should be; others are not named for an hour (banctl status counts them)` });
    else log.warn(event, { name, message });
  }

  function wait(name: HostName, line: NamedLine): void {
    const own = asked.get(name) ?? waiting.get(name);
    if (lines >= MOST_LINES || (own !== undefined && own.length >= MOST_OF_ONE)) {
      counters.dropped++;
      return;
    }
    lines++;
    if (own === undefined) waiting.set(name, [line]);
    else own.push(line);
    advance();
  }

  /** Has as many names looked up as may be at once. */
  function advance(): void {
    for (const [name, own] of waiting) {
      if (asked.size >= MOST_AT_ONCE) return;
      waiting.delete(name);
      asked.set(name, own);
      void find(name);
    }
  }

  async function find(name: HostName): Promise<void> {
    let answer: readonly Address[] | string;
    try {
      answer = lookUp === undefined ? 'nothing is looked up here' : await lookUp(name);
    } catch (error) {
      answer = error instanceof Error ? error.message : 'the look-up failed';
    }
    if (stopped) return;
    const own = asked.get(name) ?? [];
    asked.delete(name);
    lines -= own.length;
    counters.lookedUp++;
    know(name, answer, own);
    advance();
  }

  function know(name: HostName, answer: readonly Address[] | string, own: readonly NamedLine[]): void {
    if (typeof answer === 'string' || answer.length === 0) {
      counters.failed++;
      say('host_name_unknown', name, `a host name stands where the address should be, and its addresses are not known: ${typeof answer === 'string' ? answer : 'it has none'}`);
      return;
    }
    for (const address of answer) {
      const why = whyNot(address);
      if (why === undefined) continue;
      // One that leads to a friend is not believed in anything.
      counters.spared++;
      say('host_name_spared', name, `a host name stands where the address should be, and none of its addresses counts, because it has ${address}, and ${why}`);
      return;
    }
    count(own, answer);
  }

  return {
    take(line, found, ruleOf) {
      if (found.length === 0 || stopped) return;
      counters.seen++;
      const byName = new Map<HostName, NamedLine['hits'][number][]>();
      for (const hit of found) {
        const rule = ruleOf(hit);
        if (rule?.usedns === 'warn') say('host_name', hit.name, `a host name stands where the address should be in a line of rule ${rule.name}; it is not counted (usedns: warn)`);
        else if (rule?.usedns === 'yes') byName.set(hit.name, [...(byName.get(hit.name) ?? []), { rule: rule.name, pattern: hit.pattern }]);
      }
      for (const [name, hits] of byName) wait(name, { ...line, hits });
    },
    counters: () => counters,
    stop() {
      stopped = true;
      waiting.clear();
      asked.clear();
    },
  };
}
