/**
 * The bans that lists of the configuration ask for: made, kept up and lifted in steps, because a list may have 100,000 entries. What
 * another list, a rule or a person asks for beside it stands when an entry goes.
 */
import { after, isNetwork, type Address, type Instant, type Ms, type Subject } from 'banban-shared';
import type { Clock } from '../clock.ts';
import type { BanOrigin, BanRecord, BanWrite } from '../store/store.ts';

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

/** What somebody else asked for, beneath the ban of a list. */
interface Beneath {
  readonly origin: BanOrigin;
  readonly level: number | undefined;
  readonly reason: string | undefined;
  readonly until: Instant;
}

/** The bans of all lists. */
export interface ListBans {
  /** One at a time, in the order of the calls. */
  replace(list: string, wish: ListWish): Promise<ListOutcome>;
  /** Lifts the bans of lists that are not among these. */
  keep(lists: ReadonlySet<string>): Promise<number>;
  /** A rule would have banned what a list has banned for longer. */
  beneath(target: string, subject: Subject, what: Beneath): void;
  /** Puts back what lists ask for after something else has ended it. */
  ended(bans: readonly BanRecord[]): void;
}

/** Entries of one step: about 2 ms. */
const STEP = 256;
/** As with offences: what makes a ban longer by less is no write. */
const WORTHWHILE = 1 / 20;
/** More than a list has; what is forgotten is only who else wanted it. */
const MOST_BENEATH = 100_000;

const keyOf = (target: string, subject: Subject): string => `${target} ${subject}`;

/** None yet: lists are put in force again at each start. */
export function createListBans({ clock, get, all, unitOf, whyNot, write, end }: ListBansParts): ListBans {
  const claims = new Map<string, { readonly target: string; readonly subjects: Set<Subject>; until: Instant }>();
  const beneath = new Map<string, Beneath>();
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

  /** Another list that asks for the same. */
  const otherClaim = (list: string, target: string, subject: Subject) => [...claims].find(([name, claim]) => name !== list && claim.target === target && claim.subjects.has(subject));

  async function lift(list: string, bans: readonly BanRecord[]): Promise<number> {
    let lifted = 0;
    await inSteps(bans, (part) => {
      const now = clock.now();
      const writes: BanWrite[] = [];
      const ends: BanRecord[] = [];
      for (const known of part) {
        const ban = get(known.target, known.address);
        if (ban?.origin.kind !== 'list' || ban.origin.name !== list) continue;
        const other = otherClaim(list, ban.target, ban.address);
        if (other !== undefined) {
          writes.push(wishOf(other[0], ban.address, ban.target, now, other[1].until));
          continue;
        }
        const key = keyOf(ban.target, ban.address);
        const under = beneath.get(key);
        beneath.delete(key);
        ends.push(ban);
        if (under !== undefined && under.until > now) writes.push({ ...under, address: ban.address, target: ban.target, at: now, offence: undefined, quiet: true });
      }
      if (ends.length > 0 && !end(ends, list)) failed();
      if (writes.length > 0 && !write(writes)) failed();
      lifted += ends.length;
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
        claims.set(list, { target, subjects: wanted, until });
        const own = all().filter((ban) => ban.origin.kind === 'list' && ban.origin.name === list);
        const lifted = await lift(list, own.filter((ban) => ban.target !== target || !wanted.has(ban.address)));
        let added = 0;
        await inSteps([...wanted], (part) => {
          const at = clock.now();
          const writes = part.flatMap((subject): BanWrite[] => {
            // Allowed since it was looked at.
            if (whyNot(target, subject) !== undefined) return [];
            const standing = get(target, subject);
            if (standing === undefined) added++;
            else if (standing.until >= until || (Number.isFinite(until) && until - standing.until < length * WORTHWHILE)) return [];
            else if (standing.origin.kind !== 'list' && beneath.size < MOST_BENEATH) beneath.set(keyOf(target, subject), standing);
            return [wishOf(list, subject, target, at, until)];
          });
          if (writes.length > 0 && !write(writes)) failed();
        });
        return { added, kept: wanted.size - added, lifted, refused };
      }),
    keep: (lists) =>
      inTurn(async () => {
        for (const name of claims.keys()) if (!lists.has(name)) claims.delete(name);
        const gone = new Map<string, BanRecord[]>();
        for (const ban of all()) if (ban.origin.kind === 'list' && !lists.has(ban.origin.name)) gone.set(ban.origin.name, [...(gone.get(ban.origin.name) ?? []), ban]);
        let lifted = 0;
        for (const [name, bans] of gone) lifted += await lift(name, bans);
        return lifted;
      }),
    beneath(target, subject, what) {
      const key = keyOf(target, subject);
      const known = beneath.get(key);
      if (known !== undefined ? known.until < what.until : beneath.size < MOST_BENEATH) beneath.set(key, what);
    },
    ended(bans) {
      const now = clock.now();
      const writes = bans.flatMap((ban): BanWrite[] => {
        beneath.delete(keyOf(ban.target, ban.address));
        const claim = [...claims].find(([, own]) => own.target === ban.target && own.until > now && own.subjects.has(ban.address));
        return claim === undefined || whyNot(ban.target, ban.address) !== undefined ? [] : [wishOf(claim[0], ban.address, ban.target, now, claim[1].until)];
      });
      if (writes.length > 0) write(writes);
    },
  };
}
