/**
 * The bans that lists of the configuration ask for: made, kept up and lifted in steps, because a list may have 100,000 entries. What
 * another list, a rule or a person asks for beside it stands when an entry goes.
 */
import { after, instant, isNetwork, NEVER, type Address, type Instant, type Ms, type Subject } from 'banban-shared';
import type { Clock } from '../clock.ts';
import type { BanRecord, BanWrite, BeneathRecord, BeneathStore, EndCause } from '../store/store.ts';

/** What a list asks for. */
export interface ListWish {
  readonly target: string;
  readonly subjects: readonly Subject[];
  /** Every entry is banned for so long from now on. */
  readonly length: Ms;
}

/** What became of it. */
export interface ListOutcome {
  readonly added: number;
  readonly kept: number;
  readonly lifted: number;
  /** What is not banned, each with a sentence. */
  readonly refused: readonly { readonly subject: Subject; readonly why: string }[];
}

/** What it needs of the engine. */
export interface ListBansParts {
  readonly clock: Clock;
  readonly store: BeneathStore;
  get(target: string, subject: Subject): BanRecord | undefined;
  all(): readonly BanRecord[];
  unitOf(address: Address, target: string): Subject;
  /** Why it may not be banned by a list; undefined when it may. */
  whyNot(target: string, subject: Subject): string | undefined;
  /** Stores and enforces. False when the database can't be written, which has been said. */
  write(writes: readonly BanWrite[]): boolean;
  /** Ends bans. False when the database can't be written. */
  end(bans: readonly BanRecord[], list: string): boolean;
}

/** The bans of all lists. */
export interface ListBans {
  /** One at a time, in the order of the calls. */
  replace(list: string, wish: ListWish): Promise<ListOutcome>;
  /** Lifts the bans of lists that are not among these. */
  keep(lists: ReadonlySet<string>): Promise<number>;
  /** Remembers what a rule or a person asks for where a list has banned for longer. @throws StoreError, and then nothing is remembered */
  beneath(asked: readonly BeneathRecord[]): void;
  /** Puts in force what is asked for where a crash came between the end of a list's ban and that. @throws StoreError */
  resume(): void;
  /** Forgets what rules asked for there. @throws StoreError */
  pardon(target: string, subject: Subject): void;
  /** Bans have ended: puts in their place what is still asked for, where it was their time or a good pattern that ended them. @throws StoreError */
  ended(bans: readonly BanRecord[], by: EndCause): void;
}

interface Next {
  readonly write: BanWrite;
  readonly patience: number;
}

/** Entries of one step: about 2 ms. */
const STEP = 256;
/** As with offences: what makes a ban longer by less is no write. */
const WORTHWHILE = 1 / 20;
/** More than a list has; what is forgotten is only who else wanted it. */
const MOST_BENEATH = 100_000;

const keyOf = (target: string, subject: Subject): string => `${target} ${subject}`;

/** None yet: lists are put in force again at each start. @throws StoreError */
export function createListBans({ clock, store, get, all, unitOf, whyNot, write, end }: ListBansParts): ListBans {
  const claims = new Map<string, { readonly target: string; readonly subjects: Set<Subject>; readonly length: Ms; readonly until: Instant }>();
  const beneath = new Map<string, BeneathRecord>(store.all().map((record) => [keyOf(record.target, record.address), record]));
  let last: Promise<unknown> = Promise.resolve();

  /** After what was asked before it, whatever came of that. */
  function inTurn<T>(action: () => Promise<T>): Promise<T> {
    const own = last.then(action, action);
    last = own.catch(() => undefined);
    return own;
  }

  async function inSteps<T>(items: readonly T[], step: (part: readonly T[]) => void): Promise<void> {
    for (let i = 0; i < items.length; i += STEP) {
      step(items.slice(i, i + STEP));
      await new Promise<void>((resolve) => clock.soon(resolve));
    }
  }

  const failed = (): never => {
    throw new Error('the database could not be written; the list is put in force when it can');
  };

  const wishOf = (list: string, subject: Subject, target: string, at: Instant, until: Instant): BanWrite => ({
    address: subject, target, origin: { kind: 'list', name: list }, level: undefined, reason: undefined, at, until, offence: undefined, quiet: true,
  });

  /** What of it is new, as it is to be remembered. A person's stays a person's, though a rule makes it longer. */
  function newBeneath(asked: BeneathRecord): BeneathRecord[] {
    const known = beneath.get(keyOf(asked.target, asked.address));
    if (known === undefined) return beneath.size < MOST_BENEATH ? [asked] : [];
    const isTheirs = known.origin.kind === 'manual' && asked.origin.kind === 'rule';
    const isEnough = known.until >= asked.until || (Number.isFinite(asked.until) && asked.until - known.until < (asked.until - clock.now()) * WORTHWHILE);
    if (isEnough && (isTheirs || known.origin.kind === asked.origin.kind)) return [];
    const until = instant(Math.max(known.until, asked.until));
    return [isTheirs ? { ...known, until } : { ...asked, until }];
  }

  function remember(asked: readonly BeneathRecord[]): void {
    const put = asked.flatMap(({ target, address, origin, level, reason, until }) => newBeneath({ target, address, origin, level, reason, until }));
    if (put.length === 0) return;
    store.change({ put, remove: [] }, put.some(({ origin }) => origin.kind === 'manual') ? 'power' : 'process');
    for (const one of put) beneath.set(keyOf(one.target, one.address), one);
  }

  function forget(gone: readonly { readonly target: string; readonly address: Subject }[]): void {
    const remove = gone.filter(({ target, address }) => beneath.has(keyOf(target, address)));
    if (remove.length === 0) return;
    store.change({ put: [], remove }, 'process');
    for (const { target, address } of remove) beneath.delete(keyOf(target, address));
  }

  /** Who of those that still ask for it does so for longest; a list's has to be put up with longer than it asked for by so much. */
  function nextOf({ target, address }: BanRecord, now: Instant): Next | undefined {
    const under = beneath.get(keyOf(target, address));
    let next: Next | undefined = under === undefined || under.until <= now ? undefined : { write: { ...under, at: now, offence: undefined, quiet: true }, patience: 0 };
    for (const [name, own] of claims) {
      if (own.target !== target || own.until <= (next?.write.until ?? now) || !own.subjects.has(address)) continue;
      next = { write: wishOf(name, address, target, now, own.until), patience: Number.isFinite(own.length) ? own.length * WORTHWHILE : 0 };
    }
    return next === undefined || whyNot(target, address) !== undefined ? undefined : next;
  }

  const isOfPeople = ({ origin }: BanWrite): boolean => origin.kind !== 'list';

  async function lift(list: string, bans: readonly BanRecord[]): Promise<number> {
    let lifted = 0;
    await inSteps(bans, (part) => {
      const now = clock.now();
      const writes: BanWrite[] = [];
      const ends: BanRecord[] = [];
      for (const known of part) {
        const ban = get(known.target, known.address);
        if (ban?.origin.kind !== 'list' || ban.origin.name !== list) continue;
        const next = nextOf(ban, now);
        if (next !== undefined) writes.push(next.write);
        if (next === undefined || isOfPeople(next.write)) lifted++;
        // Nobody asks for all of its time any more, and a ban that stands is never made shorter.
        if (next === undefined || next.write.until + next.patience < ban.until) ends.push(ban);
      }
      if (ends.length > 0 && !end(ends, list)) failed();
      if (writes.length > 0 && !write(writes)) failed();
      forget([...writes.filter(isOfPeople), ...ends.filter(({ target, address }) => (beneath.get(keyOf(target, address))?.until ?? NEVER) <= now)]);
    });
    return lifted;
  }

  return {
    replace: (list, { target, subjects, length }) =>
      inTurn(async () => {
        const refused: { subject: Subject; why: string }[] = [];
        const wanted = new Set<Subject>();
        await inSteps(subjects, (part) => {
          for (const subject of part) {
            const unit = isNetwork(subject) ? subject : unitOf(subject, target);
            const why = whyNot(target, unit);
            if (why === undefined) wanted.add(unit);
            else refused.push({ subject, why });
          }
        });
        const until = after(clock.now(), length);
        claims.set(list, { target, subjects: wanted, length, until });
        const own = all().filter((ban) => ban.origin.kind === 'list' && ban.origin.name === list);
        const lifted = await lift(list, own.filter((ban) => ban.target !== target || !wanted.has(ban.address)));
        let added = 0;
        await inSteps([...wanted], (part) => {
          const at = clock.now();
          const covered: BanRecord[] = [];
          const writes = part.flatMap((subject): BanWrite[] => {
            // Allowed since it was looked at.
            if (whyNot(target, subject) !== undefined) return [];
            const standing = get(target, subject);
            if (standing === undefined) added++;
            else if (standing.until >= until || (Number.isFinite(until) && until - standing.until < length * WORTHWHILE)) return [];
            else if (standing.origin.kind !== 'list') covered.push(standing);
            return [wishOf(list, subject, target, at, until)];
          });
          remember(covered);
          if (writes.length > 0 && !write(writes)) failed();
        });
        return { added, kept: wanted.size - added, lifted, refused };
      }),
    keep: (lists) =>
      inTurn(async () => {
        for (const name of claims.keys()) if (!lists.has(name)) claims.delete(name);
        const gone = new Map<string, BanRecord[]>();
        for (const ban of all()) {
          if (ban.origin.kind !== 'list' || lists.has(ban.origin.name)) continue;
          const known = gone.get(ban.origin.name);
          if (known === undefined) gone.set(ban.origin.name, [ban]);
          else known.push(ban);
        }
        let lifted = 0;
        for (const [name, bans] of gone) lifted += await lift(name, bans);
        return lifted;
      }),
    beneath: remember,
    resume() {
      const now = clock.now();
      const lost = [...beneath.values()].filter(({ target, address }) => get(target, address) === undefined);
      const writes = lost.flatMap((under): BanWrite[] => (under.until <= now || whyNot(under.target, under.address) !== undefined ? [] : [{ ...under, at: now, offence: undefined, quiet: true }]));
      if (writes.length === 0 || write(writes)) forget(lost);
    },
    pardon(target, subject) {
      if (beneath.get(keyOf(target, subject))?.origin.kind === 'rule') forget([{ target, address: subject }]);
    },
    ended(bans, by) {
      const now = clock.now();
      // A person has the last word until the list is read again; of what is allowed or has no target nobody can ask for a ban.
      if (by === 'unbanned') for (const { target, address } of bans) for (const claim of claims.values()) if (claim.target === target) claim.subjects.delete(address);
      const isOver = by !== 'expired' && by !== 'pardoned';
      forget(bans.filter(({ target, address }) => isOver || (beneath.get(keyOf(target, address))?.until ?? NEVER) <= now || (by === 'pardoned' && beneath.get(keyOf(target, address))?.origin.kind === 'rule')));
      if (isOver) return;
      const writes = bans.flatMap((ban) => nextOf(ban, now)?.write ?? []);
      if (writes.length > 0 && write(writes)) forget(writes.filter(isOfPeople));
    },
  };
}
