/**
 * Sees to the firewall rules that read the lists: puts them back where banband manages them, and otherwise knows which list nobody
 * reads. A list that no rule looks at bans nobody, whatever is in it.
 */
import { ms, type Instant, type Ms } from 'banban-shared';
import type { Clock, Timer } from '../clock.ts';
import type { BackendName, TargetConfig } from '../config/config.ts';
import type { Finding, FirewallRules } from '../enforce/firewall.ts';
import type { Log } from '../observe/log.ts';
import type { Unread } from './ledger.ts';

/** The keeper of the rules. */
export interface Supervisor {
  /** Looks at the rules in a moment, once for many calls: something may have changed them. */
  look(): void;
  /** Looks now; resolves when it is known and, where they are managed, mended. */
  looked(): Promise<void>;
  /** What is in the way of the rules, a sentence each; empty when all is well. */
  problems(): readonly string[];
  /** Ends the watch; what is under way is waited for. */
  stop(): Promise<void>;
}

/** What it works with. */
export interface SupervisorParts {
  readonly clock: Clock;
  readonly rules: FirewallRules;
  readonly log: Log;
  /** Asked anew at every look: a reload may have changed them. */
  readonly targets: () => readonly TargetConfig[];
  readonly managed: () => boolean;
  /** Whether the kernel tells of changes; where it does not they are looked for. */
  readonly hasEvents: () => Promise<boolean>;
  /** Told of every list that no rule reads, by target and backend. */
  readonly onUnread: (unread: ReadonlyMap<string, ReadonlyMap<BackendName, Unread>>) => void;
  /** Called when rules were put in: lists may be there again. */
  readonly onMended: () => void;
}

/** Several rules are changed at once by whoever changes any: the last of them is waited for. */
const SETTLE = ms(20);
/** Where nobody tells of changes: back within the two seconds that are promised, what it takes to look and to mend included. */
const POLL = ms(1000);
/** Where the kernel tells, for what it may have failed to tell. */
const SELDOM = ms(30_000);
/** After a failure: 1 s, 2 s, 4 s … */
const LONGEST_WAIT = 60_000;

/** What the check finds when a list has the bans, and the packets of those in it pass all the same. */
const NOTHING_DROPPED: ReadonlySet<string> = new Set(['no-rule', 'rule-after-accept', 'wrong-direction', 'hitcount-too-high']);
/** Mended so often within a second it is somebody who takes away what is put in: then not more often than this. */
const FIGHT = 3;
const TRUCE = ms(500);

/** Backends that firewall rules read. */
const READ_BY_RULES: readonly BackendName[] = ['xt_recent', 'nftables', 'ipset'];

/** A supervisor that has not looked yet. */
export function createSupervisor({ clock, rules, log, targets, managed, hasEvents, onUnread, onMended }: SupervisorParts): Supervisor {
  let timer: Timer | undefined;
  let timerIsSoon = false;
  let running: Promise<void> | undefined;
  let again = false;
  let stopped = false;
  let failures = 0;
  let problems: readonly string[] = [];

  /** When rules were put in, the latest. */
  let mended: readonly Instant[] = [];
  const isFight = (): boolean => {
    const [first] = mended;
    return mended.length === FIGHT && first !== undefined && Math.abs(clock.now() - first) < 1000;
  };

  const wanted = (): readonly TargetConfig[] => targets().filter((target) => target.backends.some((backend) => READ_BY_RULES.includes(backend)));

  function wait(delay: Ms, isSoon: boolean): void {
    if (stopped || (timerIsSoon && timer !== undefined)) return;
    timer?.cancel();
    timerIsSoon = isSoon;
    timer = clock.after(delay, () => {
      timer = undefined;
      timerIsSoon = false;
      void looked();
    });
  }

  function say(now: readonly string[]): void {
    for (const sentence of now) if (!problems.includes(sentence)) log.error('firewall', { message: sentence });
    if (now.length === 0 && problems.length > 0) log.info('firewall_works_again', {});
    problems = now;
  }

  function unreadOf(findings: readonly Finding[]): ReadonlyMap<string, ReadonlyMap<BackendName, Unread>> {
    const unread = new Map<string, Map<BackendName, Unread>>();
    for (const { severity, code, target, backend, message } of findings) {
      if (severity !== 'error' || target === undefined || backend === undefined) continue;
      const family = code === 'ipv4-forgotten' ? 4 : code === 'ipv6-forgotten' ? 6 : undefined;
      if (family === undefined && !NOTHING_DROPPED.has(code)) continue;
      const own = unread.get(target) ?? new Map<BackendName, Unread>();
      // Of both families goes before of one.
      if (family === undefined || !own.has(backend)) unread.set(target, own.set(backend, family === undefined ? message : { family, message }));
    }
    return unread;
  }

  async function once(): Promise<void> {
    const list = wanted();
    const manage = managed();
    if (list.length === 0) {
      say([]);
      onUnread(new Map());
      return;
    }
    if (manage) {
      if (await rules.isIntact(list)) {
        say([]);
        failures = 0;
        onUnread(new Map());
        return;
      }
      const { changes, problems: said } = await rules.install(list);
      let inTheWay = said;
      if (changes.length > 0) {
        log.info('firewall_installed', { changes });
        mended = [...mended, clock.now()].slice(-FIGHT);
        onMended();
        // A program may say that it is done, and not be.
        if (said.length === 0 && !(await rules.isIntact(list))) inTheWay = ['the firewall rules were put in, and are not all there: somebody takes them out again, or nft or iptables does not do what it says'];
      }
      say(inTheWay);
      failures = inTheWay.length === 0 ? 0 : failures + 1;
      if (inTheWay.length === 0 && changes.length > 0) {
        onUnread(new Map());
        return;
      }
    }
    onUnread(unreadOf(await rules.check(list, { managed: manage })));
  }

  async function run(): Promise<void> {
    do {
      again = false;
      await once();
    } while (again && !stopped);
    const delay = failures > 0 ? ms(Math.min(LONGEST_WAIT, 1000 * 2 ** Math.min(failures - 1, 10))) : (await hasEvents()) ? SELDOM : POLL;
    wait(delay, false);
  }

  function looked(): Promise<void> {
    if (stopped) return running ?? Promise.resolve();
    if (running !== undefined) {
      again = true;
      return running;
    }
    running = run().finally(() => (running = undefined));
    return running;
  }

  return {
    look: () => wait(isFight() ? TRUCE : SETTLE, true),
    looked,
    problems: () => problems,
    async stop() {
      stopped = true;
      timer?.cancel();
      await running;
    },
  };
}
