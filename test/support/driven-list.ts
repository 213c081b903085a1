/** A queued list over a driver that the test answers for. */
import { instant, NEVER, type Instant, type Subject } from 'banban-shared';
import type { KernelList, ListChange, ListFailures, ListState, Row } from '../../packages/server/src/enforce/firewall.ts';
import { queuedList, type Found, type ListDriver } from '../../packages/server/src/enforce/queued-list.ts';
import { fakeClock, type FakeClock } from './fake-clock.ts';
import { address } from './records.ts';

/** What the list has asked of its driver and waits for. */
export type Asked =
  | { readonly kind: 'read'; readonly signal: AbortSignal; answer(found: Found): Promise<void> }
  | { readonly kind: 'write'; readonly change: ListChange; readonly signal: AbortSignal; answer(failures?: ListFailures): Promise<void> };

export interface DrivenList {
  readonly list: KernelList;
  readonly clock: FakeClock;
  /** How often `changed` was called. */
  readonly changes: () => number;
  /** What the driver is asked now, after everything has come to rest; undefined when it is asked nothing. */
  asked(): Promise<Asked | undefined>;
  /** Asserts that the driver is asked to read. */
  askedToRead(): Promise<Extract<Asked, { kind: 'read' }>>;
  askedToWrite(): Promise<Extract<Asked, { kind: 'write' }>>;
  /** The state, which has to be `present`. */
  present(): Extract<ListState, { state: 'present' }>;
}

/** Lets promises and turns of the clock run until nothing more comes of it. */
export async function atRest(clock: FakeClock): Promise<void> {
  for (let i = 0; i < 4; i++) {
    clock.turn();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export const present = (...subjects: readonly string[]): Found => ({ state: 'present', subjects: new Set(subjects.map(address)), capacity: undefined });
export const row = (text: string, until: Instant = NEVER): Row => ({ subject: address(text), until });
export const add = (...texts: readonly string[]): ListChange => ({ remove: [], add: texts.map((text) => row(text)) });
export const remove = (...texts: readonly string[]): ListChange => ({ remove: texts.map(address), add: [] });
export const failing = (reason: string, ...texts: readonly string[]): ListFailures => new Map<Subject, string>(texts.map((text) => [address(text), reason]));
export const at = (seconds: number): Instant => instant(seconds * 1000);

export function drivenList(given: Partial<ListDriver> = {}): DrivenList {
  const clock = fakeClock();
  let current: Asked | undefined;
  let changes = 0;
  const take = async <T>(make: (answer: (value: T) => Promise<void>) => Asked): Promise<T> => {
    if (current !== undefined) throw new Error('two programs at a time');
    return await new Promise<T>((resolve) => {
      const asked = make(async (value) => {
        if (current !== asked) throw new Error('answered already');
        current = undefined;
        resolve(value);
        await atRest(clock);
      });
      current = asked;
    });
  };
  const driver: ListDriver = {
    backend: 'ipset',
    canRead: true,
    refuses: () => undefined,
    read: (signal) => take<Found>((answer) => ({ kind: 'read', signal, answer })),
    write: (change, signal) => take<ListFailures>((answer) => ({ kind: 'write', change, signal, answer: (failures = new Map()) => answer(failures) })),
    ...given,
  };
  const list = queuedList(driver, { clock, changed: () => changes++ });
  const asked = async (): Promise<Asked | undefined> => {
    await atRest(clock);
    return current;
  };
  return {
    list,
    clock,
    changes: () => changes,
    asked,
    async askedToRead() {
      const now = await asked();
      if (now?.kind !== 'read') throw new Error(`not asked to read but ${now?.kind ?? 'nothing'}`);
      return now;
    },
    async askedToWrite() {
      const now = await asked();
      if (now?.kind !== 'write') throw new Error(`not asked to write but ${now?.kind ?? 'nothing'}`);
      return now;
    },
    present() {
      const state = list.read();
      if (state.state !== 'present') throw new Error(`the list is ${state.state}`);
      return state;
    },
  };
}
