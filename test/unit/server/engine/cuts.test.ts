import { ms } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import { createCuts } from '../../../../packages/server/src/engine/cuts.ts';
import type { CutReport } from '../../../../packages/server/src/enforce/firewall.ts';
import type { BanRecord } from '../../../../packages/server/src/store/store.ts';
import { engineRoom, failed } from '../../../support/engine-room.ts';
import { fakeClock } from '../../../support/fake-clock.ts';
import { HOUR, rule, target } from '../../../support/policies.ts';
import { address, nth, T0 } from '../../../support/records.ts';

const X = '192.0.2.1';
const x = address(X);

function desk() {
  const clock = fakeClock();
  const asked: string[][] = [];
  let report: CutReport = () => undefined;
  const saved: unknown[] = [];
  const noted: string[] = [];
  const cutter = { cut: (subjects: readonly string[], tell: CutReport) => void (asked.push([...subjects]), (report = tell)), stats: () => ({ available: true, queued: 0, cut: 0, failed: 0, lastError: undefined, dropped: 0 }), stop: () => Promise.resolve() };
  const cuts = createCuts({ clock, cutter, save: (all) => void saved.push(all), note: ({ target: list, address: who }, count) => void noted.push(`${list} ${who} ${count}`) });
  const ban = (id: number, who: number, list = 'A'): BanRecord => ({ id, address: nth(who), target: list, origin: { kind: 'rule', name: 'ssh' }, level: 1, reason: undefined, since: T0, until: T0, connections: 0 });
  return { clock, asked, saved, noted, cuts, ban, report: (who: number, count: number) => report(nth(who), count) };
}

describe('connections that died of bans', () => {
  test('are noted at once and written together, in the next turn of the loop', () => {
    const d = desk();
    d.cuts.cut([d.ban(1, 1), d.ban(2, 2), d.ban(3, 3)]);
    d.report(1, 4);
    d.report(2, 0);
    d.report(3, 1);
    expect([d.noted, d.saved]).toEqual([[`A ${nth(1)} 4`, `A ${nth(3)} 1`], []]);
    d.clock.turn();
    expect(d.saved).toEqual([[{ id: 1, connections: 4 }, { id: 3, connections: 1 }]]);
    d.report(2, 7);
    d.clock.turn();
    expect(d.saved[1]).toEqual([{ id: 2, connections: 7 }]);
  });

  test('of an address banned in two targets are asked for once and counted once', () => {
    const d = desk();
    d.cuts.cut([d.ban(1, 1), d.ban(2, 1, 'B')]);
    expect(d.asked).toEqual([[nth(1)]]);
    d.report(1, 2);
    d.report(9, 5);
    d.clock.turn();
    expect([d.noted, d.saved]).toEqual([[`A ${nth(1)} 2`], [[{ id: 1, connections: 2 }]]]);
  });

  test('are written before the end, once', () => {
    const d = desk();
    d.cuts.cut([d.ban(1, 1)]);
    d.report(1, 2);
    d.cuts.flush();
    d.clock.turn();
    d.cuts.flush();
    expect(d.saved).toEqual([[{ id: 1, connections: 2 }]]);
  });

  test('are asked for only where there are bans', () => {
    const d = desk();
    d.cuts.cut([]);
    expect(d.asked).toEqual([]);
  });
});

describe('the engine', () => {
  const cutting = { rules: [rule('ssh', { occurrences: 1, resetconns: true })] };
  test('shows them with the ban, while it stands, when it is extended and when it is over, also after a restart', () => {
    const room = engineRoom(cutting);
    room.hear(failed(X));
    expect(room.ban('BLOCKER', x).connections).toBe(0);
    room.cuts[0]?.report(x, 3);
    expect(room.ban('BLOCKER', x).connections).toBe(3);
    room.clock.turn();
    expect(room.store.activeBans()).toEqual(room.engine.bans());
    room.engine.ban({ subjects: [x], target: 'BLOCKER', length: ms(2 * HOUR), reason: undefined, by: 'ann' });
    room.cuts[1]?.report(x, 1);
    room.clock.turn();
    room.restart();
    expect(room.ban('BLOCKER', x)).toMatchObject({ connections: 4 });
    room.clock.advance(2 * HOUR);
    expect(room.engine.history(x).endedBans).toMatchObject([{ endedBy: 'expired', connections: 4 }]);
  });

  test('writes those that are told after the ban’s end to that ban, and not to the next', () => {
    const room = engineRoom(cutting);
    room.hear(failed(X));
    room.engine.unban({ subjects: [x], target: undefined, by: 'ann' });
    room.hear(failed(X));
    room.cuts[0]?.report(x, 3);
    room.clock.turn();
    expect(room.engine.history(x).endedBans).toMatchObject([{ connections: 3 }]);
    expect(room.ban('BLOCKER', x).connections).toBe(0);
    expect(room.store.activeBans()).toEqual(room.engine.bans());
  });

  test('knows them before a stop', () => {
    const room = engineRoom(cutting);
    room.hear(failed(X));
    room.cuts[0]?.report(x, 2);
    room.engine.stop();
    expect(room.store.activeBans()).toMatchObject([{ connections: 2 }]);
  });

  test('goes on when they can’t be written', () => {
    const room = engineRoom({ ...cutting, targets: [target('BLOCKER')] });
    room.hear(failed(X));
    room.whileUnwritable(() => {
      room.cuts[0]?.report(x, 2);
      room.clock.turn();
      expect(room.engine.storeProblem()).toBeDefined();
    });
    expect(room.ban('BLOCKER', x).connections).toBe(2);
  });
});
