/** Host names to addresses, off the path of the lines: so many look-ups a second, so many that wait, and what was learnt is remembered. */
import { after, instant, ms, type Address, type Family, type HostName, type Instant } from 'banban-shared';
import type { Clock, Timer } from '../clock.ts';
import type { AskDns, DnsAnswer } from './ask-dns.ts';

/** What is known of a name. */
export type NameAnswer =
  | {
      readonly kind: 'found';
      /** In order, at most 8. */
      readonly addresses: readonly Address[];
      /** How many more it has, which are left out. */
      readonly leftOut: number;
      /** Kinds of addresses that could not be asked for; a few words say why. */
      readonly unknown: readonly Family[];
      readonly why: string | undefined;
    }
  /** There is no such name, or it has no address. */
  | { readonly kind: 'none' }
  /** It could not be found out; a few words. */
  | { readonly kind: 'failed'; readonly why: string };

/** Looks names up. Nothing of it throws, and nothing waits but the look-up itself. */
export interface NameResolver {
  /**
   * What the DNS says of a name, or what it said not long ago. Whoever asks for a name that is being asked for gets the same promise. A
   * name that would have to wait behind too many fails at once, and is not remembered as failed.
   *
   * @param fresh asks, whatever is remembered
   */
  lookUp(name: HostName, fresh?: boolean): Promise<NameAnswer>;
  /** What is remembered. */
  known(name: HostName): NameAnswer | undefined;
  stats(): { readonly waiting: number; readonly remembered: number; readonly refused: number };
  /** What waits fails, and so does what comes later. */
  stop(): void;
}

/** A look-up is two questions. A log in which every line has another name must not become a flood at the name servers. */
const EACH_SECOND = 20;
const SECOND = ms(1000);
/** Those that are asked for and those that wait for their turn. */
const MOST_WAITING = 100;
const MOST_REMEMBERED = 10_000;
/** What a name server says is kept to within these. */
const LEAST_KEPT = ms(300_000);
const MOST_KEPT = ms(3_600_000);
/** Those of a large service; a name with more stands for a network. */
const MOST_ADDRESSES = 8;

interface Remembered {
  readonly answer: NameAnswer;
  readonly until: Instant;
}

interface Turn {
  readonly begin: () => void;
  readonly refuse: () => void;
}

const TOO_MANY: NameAnswer = { kind: 'failed', why: `more than ${MOST_WAITING} look-ups were waiting` };
const STOPPED: NameAnswer = { kind: 'failed', why: 'banband stops' };

/** Both kinds of addresses as one answer. */
function joined(ipv4: DnsAnswer, ipv6: DnsAnswer): NameAnswer {
  const failed = ([[4, ipv4], [6, ipv6]] as const).flatMap(([family, answer]) => (answer.kind === 'failed' ? [{ family, why: answer.why }] : []));
  // In order, so that servers that hand them out in turn always give the same ones.
  const of4 = ipv4.kind === 'found' ? [...ipv4.addresses].sort() : [];
  // An AAAA record may hold an IPv4 address.
  const of6 = ipv6.kind === 'found' ? ipv6.addresses.filter((address) => !of4.includes(address)).sort() : [];
  const addresses = shared(of4, of6);
  if (addresses.length > 0) return { kind: 'found', addresses, leftOut: of4.length + of6.length - addresses.length, unknown: failed.map(({ family }) => family), why: failed[0]?.why };
  return failed[0] === undefined ? { kind: 'none' } : { kind: 'failed', why: failed[0].why };
}

/** Half of the room for each kind, and what one leaves over for the other. */
function shared(ipv4: readonly Address[], ipv6: readonly Address[]): Address[] {
  const half = MOST_ADDRESSES / 2;
  const of4 = ipv4.slice(0, Math.max(half, MOST_ADDRESSES - ipv6.length));
  return [...of4, ...ipv6.slice(0, MOST_ADDRESSES - of4.length)];
}

/** A resolver that remembers nothing yet. */
export function createNameResolver({ clock, ask }: { readonly clock: Clock; readonly ask: AskDns }): NameResolver {
  const remembered = new Map<HostName, Remembered>();
  const underWay = new Map<HostName, Promise<NameAnswer>>();
  const queue: Turn[] = [];
  /** When the last ones began. */
  let begun: Instant[] = [];
  let timer: Timer | undefined;
  let refused = 0;
  let stopped = false;

  function known(name: HostName): NameAnswer | undefined {
    const own = remembered.get(name);
    if (own === undefined) return undefined;
    const left = own.until - clock.now();
    // A time that is longer than it can be: the clock was put back.
    if (left > 0 && left <= MOST_KEPT) return own.answer;
    remembered.delete(name);
    return undefined;
  }

  function remember(name: HostName, answer: NameAnswer, seconds: number): void {
    remembered.delete(name);
    const [oldest] = remembered.keys();
    if (remembered.size >= MOST_REMEMBERED && oldest !== undefined) remembered.delete(oldest);
    const kept = answer.kind === 'found' ? Math.min(MOST_KEPT, Math.max(LEAST_KEPT, seconds * 1000)) : LEAST_KEPT;
    remembered.set(name, { answer, until: after(clock.now(), ms(kept)) });
  }

  /** Begins as many as may begin now. */
  function advance(): void {
    timer = undefined;
    const now = clock.now();
    begun = begun.filter((at) => at > now - SECOND && at <= now);
    while (queue.length > 0 && begun.length < EACH_SECOND) {
      begun.push(now);
      queue.shift()?.begin();
    }
    const [first] = begun;
    if (queue.length > 0 && first !== undefined) timer = clock.after(ms(Math.max(1, instant(first + SECOND) - now)), advance);
  }

  async function find(name: HostName): Promise<NameAnswer> {
    const isTurn = await new Promise<boolean>((resolve) => {
      queue.push({ begin: () => resolve(true), refuse: () => resolve(false) });
      if (timer === undefined) advance();
    });
    if (!isTurn) return STOPPED;
    const [ipv4, ipv6] = await Promise.all([ask(name, 4), ask(name, 6)]);
    const answer = joined(ipv4, ipv6);
    const seconds = [ipv4, ipv6].flatMap((one) => (one.kind === 'found' ? [one.seconds] : []));
    // What is known in part is asked for again soon.
    const isWhole = answer.kind === 'found' && answer.unknown.length === 0;
    if (!stopped) remember(name, answer, isWhole ? Math.min(...seconds) : 0);
    return answer;
  }

  return {
    lookUp(name, fresh = false) {
      const waiting = underWay.get(name);
      if (waiting !== undefined) return waiting;
      const own = fresh ? undefined : known(name);
      if (own !== undefined) return Promise.resolve(own);
      if (stopped) return Promise.resolve(STOPPED);
      if (underWay.size >= MOST_WAITING) {
        refused++;
        return Promise.resolve(TOO_MANY);
      }
      const answer = find(name).finally(() => underWay.delete(name));
      underWay.set(name, answer);
      return answer;
    },
    known,
    stats: () => ({ waiting: underWay.size, remembered: remembered.size, refused }),
    stop() {
      stopped = true;
      timer?.cancel();
      for (const { refuse } of queue.splice(0)) refuse();
    },
  };
}
