/** What a request to ban must not hit unless it is forced: the machine's guards, and the person who asks. */
import { familyOf, ms, parseAddress, prefixOf, prefixSet, type Prefix, type Subject } from 'banban-shared';
import type { DaemonView, EngineView } from './daemon-view.ts';

/** An address, and why it is better not banned. */
interface Guarded {
  readonly prefix: Prefix;
  readonly why: string;
}

/** A look takes milliseconds; should it hang on a process that does, the last one's answer has to do. */
const PATIENCE = ms(1000);

/** The guards as of now, and those addresses from which the person says to be connected. */
export async function guardsNow({ clock, guards }: DaemonView, from: readonly string[]): Promise<Guarded[]> {
  await new Promise<void>((resolve) => {
    const patience = clock.after(PATIENCE, resolve);
    void guards.look().then(() => {
      patience.cancel();
      resolve();
    });
  });
  const own = from.flatMap((text) => parseAddress(text) ?? []).map((address) => ({ prefix: prefixOf(address, familyOf(address) === 4 ? 32 : 128), why: 'you are connected from there' }));
  return [...own, ...guards.list()];
}

/**
 * Tells the subjects of a request (each with what would be banned for it) that may be banned from those that share an address with a guard.
 * What is allowed is left to the engine: no force bans it.
 */
export function setApart(engine: EngineView, subjects: readonly (readonly [asked: Subject, unit: Subject])[], guards: readonly Guarded[]): { readonly free: readonly Subject[]; readonly guarded: ReadonlyMap<Subject, Guarded> } {
  const set = prefixSet(guards.map(({ prefix }) => prefix));
  const guarded = new Map<Subject, Guarded>();
  const free = subjects.filter(([, unit]) => {
    const prefix = set.size === 0 ? undefined : set.overlap(unit);
    const guard = prefix === undefined || engine.allowed.overlap(unit) !== undefined ? undefined : guards.find((one) => one.prefix === prefix);
    if (guard !== undefined) guarded.set(unit, guard);
    return guard === undefined;
  });
  return { free: free.map(([asked]) => asked), guarded };
}
