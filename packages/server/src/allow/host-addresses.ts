/** Host names of the allow list: asked for at the start and every hour, with the last good answer kept for as long as there is none. */
import { familyOf, ms, parsePrefix, toIso, type Address, type HostName, type Instant, type Ms, type Prefix } from 'banban-shared';
import type { Clock, Timer } from '../clock.ts';
import type { NameAnswer, NameResolver } from '../names/resolver.ts';
import { StoreError, type AllowStore } from '../store/store.ts';

/** The hosts that are wanted. */
export interface HostAddresses {
  /** Begins with those that are new, ends those that are not wanted any more. Unless these are all, the last run's answers for others are kept. */
  want(names: readonly HostName[], areAll: boolean): void;
  /** When each was last answered; undefined for never. */
  answeredAt(name: HostName): Instant | undefined;
  /** What is wrong, a sentence each. */
  problems(): readonly string[];
  stop(): void;
}

/** What it works with. */
export interface HostAddressesParts {
  readonly clock: Clock;
  readonly store: Pick<AllowStore, 'hosts' | 'saveHost' | 'forgetHosts'>;
  readonly resolver: Pick<NameResolver, 'lookUp'>;
}

/** What a host has now, none where it is not wanted any more. */
export type OnAddresses = (name: HostName, prefixes: readonly Prefix[]) => void;

const EVERY = ms(3_600_000);
/** After a failure, and twice as long after each that follows. */
const AGAIN = ms(60_000);

interface Host {
  readonly name: HostName;
  addresses: readonly Address[];
  at: Instant | undefined;
  problem: string | undefined;
  again: Ms;
  timer: Timer | undefined;
}

/** Ready for `want`, with the answers of the last run. `onAddresses` is called with them at once. */
export function hostAddresses({ clock, store, resolver }: HostAddressesParts, onAddresses: OnAddresses): HostAddresses {
  const hosts = new Map<HostName, Host>();
  const before = new Map(quietly(() => store.hosts(), []).map((record) => [record.name, record]));
  let stopped = false;

  function take(host: Host, answer: NameAnswer & { readonly kind: 'found' }): void {
    // What could not be asked for this time is as it was.
    const missing = host.addresses.filter((address) => answer.unknown.includes(familyOf(address)));
    const addresses = [...answer.addresses, ...missing];
    const isNew = addresses.length !== host.addresses.length || addresses.some((address, i) => address !== host.addresses[i]);
    host.addresses = addresses;
    host.at = clock.now();
    quietly(() => store.saveHost({ name: host.name, at: clock.now(), addresses }), undefined);
    if (isNew) onAddresses(host.name, prefixesOf(addresses));
    const part = answer.unknown.length === 0 ? undefined : `${host.name}: its IPv${answer.unknown.join(' and IPv')} addresses could not be found out (${answer.why ?? ''})${missing.length === 0 ? '' : ', so those known before stay allowed'}`;
    host.problem = answer.leftOut === 0 ? part : `${host.name} has ${answer.leftOut} more addresses than the ${answer.addresses.length} that are allowed; write its networks instead`;
  }

  async function ask(host: Host): Promise<void> {
    const answer = await resolver.lookUp(host.name, true);
    if (stopped || hosts.get(host.name) !== host) return;
    if (answer.kind === 'found') take(host, answer);
    else {
      const why = answer.kind === 'none' ? 'the DNS has no address of it' : answer.why;
      const kept = host.addresses.length === 0 ? 'so nothing of it is allowed' : `so ${host.addresses.join(', ')}, its last answer (${host.at === undefined ? '' : (toIso(host.at) ?? '')}), ${host.addresses.length === 1 ? 'stays' : 'stay'} allowed`;
      host.problem = `${host.name}: ${why}, ${kept}`;
    }
    const isGood = answer.kind === 'found' && answer.unknown.length === 0;
    host.timer = clock.after(isGood ? EVERY : host.again, () => void ask(host));
    host.again = isGood ? AGAIN : ms(Math.min(EVERY, host.again * 2));
  }

  return {
    want(names, areAll) {
      const wanted = new Set(names);
      const gone = [...hosts.values()].filter(({ name }) => !wanted.has(name));
      for (const host of gone) {
        host.timer?.cancel();
        hosts.delete(host.name);
        onAddresses(host.name, []);
      }
      const forgotten = [...gone.map(({ name }) => name), ...(areAll ? [...before.keys()].filter((name) => !wanted.has(name)) : [])];
      quietly(() => store.forgetHosts(forgotten), undefined);
      for (const name of wanted) {
        if (hosts.has(name)) continue;
        const known = before.get(name);
        before.delete(name);
        const host: Host = { name, addresses: known?.addresses ?? [], at: known?.at, problem: undefined, again: AGAIN, timer: undefined };
        hosts.set(name, host);
        if (host.addresses.length > 0) onAddresses(name, prefixesOf(host.addresses));
        void ask(host);
      }
      if (areAll) before.clear();
    },
    answeredAt: (name) => hosts.get(name)?.at,
    problems: () => [...hosts.values()].flatMap(({ problem }) => problem ?? []),
    stop() {
      stopped = true;
      for (const { timer } of hosts.values()) timer?.cancel();
    },
  };
}

const prefixesOf = (addresses: readonly Address[]): Prefix[] => addresses.flatMap((address) => parsePrefix(address) ?? []);

/** A database that can't be written keeps nobody from being allowed; the engine says what is wrong with it. */
function quietly<T>(action: () => T, otherwise: T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return otherwise;
  }
}
