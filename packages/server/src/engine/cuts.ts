/** Has the existing connections of bans cut, and writes what died of each to its ban. */
import type { Subject } from 'banban-shared';
import type { Clock } from '../clock.ts';
import type { ConnectionCutter } from '../enforce/firewall.ts';
import type { BanRecord } from '../store/store.ts';

/** The bans whose connections are being cut. */
export interface Cuts {
  cut(bans: readonly BanRecord[]): void;
  /** Writes what is known and not yet written. */
  flush(): void;
}

/** What it works with. */
export interface CutsParts {
  readonly clock: Clock;
  readonly cutter: ConnectionCutter;
  /** Adds the connections to the stored bans. */
  readonly save: (cuts: readonly { readonly id: number; readonly connections: number }[]) => void;
  /** Tells of a ban whose connections died; it may have ended meanwhile. */
  readonly note: (ban: BanRecord, connections: number) => void;
}

/** Reports come one by one, in a storm thousands in a moment: they are written together, in the next turn of the loop. */
export function createCuts({ clock, cutter, save, note }: CutsParts): Cuts {
  let waiting: { readonly id: number; readonly connections: number }[] = [];
  let armed = false;

  function flush(): void {
    armed = false;
    if (waiting.length === 0) return;
    const all = waiting;
    waiting = [];
    save(all);
  }

  return {
    cut(bans) {
      if (bans.length === 0) return;
      const bySubject = new Map<Subject, BanRecord[]>();
      for (const ban of bans) bySubject.set(ban.address, [...(bySubject.get(ban.address) ?? []), ban]);
      cutter.cut([...bySubject.keys()], (subject, connections) => {
        const [first] = bySubject.get(subject) ?? [];
        if (first === undefined || connections === 0) return;
        note(first, connections);
        waiting.push({ id: first.id, connections });
        if (armed) return;
        armed = true;
        clock.soon(flush);
      });
    },
    flush,
  };
}
