/** The machine's facts that keep an address from being banned by a rule, looked at anew every few seconds. */
import { ms, type Prefix } from 'banban-shared';
import type { Clock, Timer } from '../clock.ts';
import { gatewayGuards, logindSessions, PLACES, resolverGuards, sessionGuards, utmpSessions, type GuardPlaces } from './facts.ts';
import type { Guard, Login } from './guard.ts';
import { sshdSessions } from './sshd-sessions.ts';

/** What is guarded, by kind. */
export interface GuardKinds {
  readonly sessions: boolean;
  readonly gateway: boolean;
  readonly resolvers: boolean;
}

/** What a watch is made of. */
export interface GuardParts {
  readonly clock: Clock;
  /** Asked at every look: a reload may change it. */
  readonly kinds: () => GuardKinds;
  /** Given all guards whenever they are others than before. */
  readonly onChange: (guards: readonly Guard[]) => void;
  /** A sentence about what can't be read, once until it can. */
  readonly warn: (message: string) => void;
  readonly places?: GuardPlaces;
}

/** The watch; it does nothing until `start`. */
export interface Guards {
  /** Resolves when it has looked once. */
  start(): Promise<void>;
  /** What is guarded as of the last look, each address once. */
  list(): readonly Guard[];
  /** Somebody has just logged in: looks when the session should be there, and once more for a slow one. */
  loggedIn(): void;
  /** Looks now; when it resolves `list` is of a moment after the call. Never rejects. */
  look(): Promise<void>;
  stop(): void;
}

/** An admin who has just logged in is guarded before a client that offers a handful of wrong keys is done. */
const LOOK_EVERY = ms(3000);
/** sshd says "Accepted" some milliseconds before the process of the session is there; PAM may take longer. */
const AFTER_LOGIN = [ms(100), ms(700)] as const;
/** More than any machine has; each is a row that a ban is compared with. */
const MOST_GUARDS = 4096;

/** One kind of fact; what was found last stays while it can't be read. */
interface Fact<Found> {
  readonly what: string;
  readonly kind: keyof GuardKinds;
  read(): Promise<readonly Found[]>;
  last: readonly Found[];
  failed: boolean;
}

const fact = <Found>(what: string, kind: keyof GuardKinds, read: () => Promise<readonly Found[]>): Fact<Found> => ({ what, kind, read, last: [], failed: false });

/** Makes one. */
export function createGuards({ clock, kinds, onChange, warn, places = PLACES }: GuardParts): Guards {
  const sshd = sshdSessions(clock, places.proc);
  const logins: readonly Fact<Login>[] = [
    fact(`who is logged in by ${places.utmp}`, 'sessions', () => utmpSessions(clock, places)),
    fact(`who is logged in by ${places.logind}`, 'sessions', () => logindSessions(places)),
    fact('who is logged in by sshd', 'sessions', () => sshd.look()),
  ];
  const others: readonly Fact<Guard>[] = [
    fact('the default gateway', 'gateway', () => gatewayGuards(places)),
    fact('the resolvers', 'resolvers', () => resolverGuards(places)),
  ];
  let current: readonly Guard[] = [];
  let timer: Timer | undefined;
  let stopped = false;
  /** Looks that a login has asked for. */
  let soon: readonly Timer[] = [];
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;

  async function refresh<Found>(one: Fact<Found>): Promise<readonly Found[]> {
    if (!kinds()[one.kind]) return [];
    try {
      one.last = await one.read();
      one.failed = false;
    } catch (error) {
      if (!one.failed) warn(`${one.what} can't be read (${error instanceof Error ? error.message : String(error)}); what was last known of it stays guarded`);
      one.failed = true;
    }
    return one.last;
  }

  async function lookOnce(): Promise<void> {
    const loggedIn: Login[] = [];
    for (const one of logins) loggedIn.push(...(await refresh(one)));
    const needed: Guard[] = [];
    for (const one of others) needed.push(...(await refresh(one)));
    // Nobody with an account and thousands of sessions pushes the gateway out.
    const found = [...sessionGuards(loggedIn).slice(0, MOST_GUARDS - needed.length), ...needed];
    if (stopped) return;
    // Sessions first: of an address that is several things, whoever is there matters most.
    const whys = new Map<Prefix, string>();
    for (const { prefix, why } of found) {
      const before = whys.get(prefix);
      if (before !== undefined || whys.size < MOST_GUARDS) whys.set(prefix, before === undefined ? why : `${before}, and ${why}`);
    }
    const fresh = [...whys].map(([prefix, why]) => ({ prefix, why })).sort((a, b) => (a.prefix < b.prefix ? -1 : 1));
    if (fresh.length === current.length && fresh.every(({ prefix, why }, i) => prefix === current[i]?.prefix && why === current[i]?.why)) return;
    current = fresh;
    onChange(fresh);
  }

  /** One look at a time: one that hangs on a process must not be joined by others. */
  function look(): Promise<void> {
    if (running === undefined) {
      running = lookOnce().finally(() => (running = undefined));
      return running;
    }
    next ??= running.then(() => {
      next = undefined;
      return look();
    });
    return next;
  }

  function again(): void {
    timer = clock.after(LOOK_EVERY, () => {
      // Whoever asked meanwhile has looked already.
      void (running ?? look()).then(() => {
        if (!stopped) again();
      });
    });
  }

  return {
    start() {
      const first = look();
      again();
      return first;
    },
    list: () => current,
    look,
    loggedIn() {
      // A busy mail server has logins all the time: they are looked at together.
      if (stopped || soon.length > 0) return;
      soon = AFTER_LOGIN.map((delay, i) =>
        clock.after(delay, () => {
          if (i === AFTER_LOGIN.length - 1) soon = [];
          void look();
        }),
      );
    },
    stop() {
      stopped = true;
      for (const one of soon) one.cancel();
      timer?.cancel();
    },
  };
}
