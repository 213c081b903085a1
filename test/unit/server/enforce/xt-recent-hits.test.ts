import { instant, type Instant } from 'banban-shared';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { TickReading } from '../../../../packages/server/src/enforce/jiffies.ts';
import { ownStamps } from '../../../../packages/server/src/enforce/xt-recent-hits.ts';
import { eachStampedRow, rowReader, type StampedRow } from '../../../../packages/server/src/enforce/xt-recent-rows.ts';
import { nth, T0 } from '../../../support/records.ts';

/** 250 ticks a second, the first at moment 0; instants are known from moment 0 on. */
const tickOf = (moment: number): number => 5_000_000_000 + Math.floor(moment / 4);
const reading: TickReading = {
  moment: (stamp) => (stamp - 5_000_000_000) * 4,
  instant: (moment) => (moment < 0 ? undefined : instant(T0 + moment)),
};

const A = nth(1);

/** What is told of these rows. */
const told = (own: ReturnType<typeof ownStamps>, rows: readonly StampedRow[]) => own.hits((action) => rows.forEach(action), reading);

/** A row as the kernel keeps it: a ring of `size` stamps. */
function ring(size: number) {
  const stamps: number[] = [];
  let index = 0;
  return {
    stamp(moment: number): void {
      index %= size;
      stamps[index++] = tickOf(moment);
    },
    row: (subject = A): StampedRow => ({ subject, index, stamps: [...stamps] }),
  };
}

/** A row to which banban and packets come at these moments; what is told at the end. */
function met(events: readonly (readonly ['own' | 'packet', number])[], size = 32, others: readonly StampedRow[] = [longRow]) {
  let time = 0;
  const own = ownStamps(() => time);
  const kernel = ring(size);
  for (const [kind, moment] of events) {
    time = moment;
    kernel.stamp(moment);
    if (kind === 'own') own.wrote(A);
  }
  return told(own, [kernel.row(), ...others]).get(A);
}

/** Another row of the list, by which its rings are known to have 32 places. */
const longRow: StampedRow = { subject: nth(2), index: 17, stamps: Array.from({ length: 17 }, (_, i) => tickOf(-100_000 + i)) };
const at = (moment: number): Instant => instant(T0 + Math.floor(moment / 4) * 4);

describe('the stamps of a row', () => {
  test('beyond banban’s own are packets, the last of them with its time', () => {
    expect(met([['own', 100], ['packet', 5000], ['packet', 9000]])).toEqual({ packets: 2, bytes: undefined, lastAt: at(9000) });
  });

  test('of banban’s own are no packets, however often it wrote', () => {
    expect(met([['own', 100], ['own', 60_000], ['own', 120_000]])).toBeUndefined();
    expect(met([['own', 100], ['packet', 30_000], ['own', 60_000], ['own', 120_000]])).toEqual({ packets: 1, bytes: undefined, lastAt: at(30_000) });
  });

  test('are not counted when the ring has come round, and the last packet is known all the same', () => {
    const many = Array.from({ length: 33 }, (_, i) => ['packet', 5000 + i * 1000] as const);
    expect(met([['own', 100], ...many])).toEqual({ packets: undefined, bytes: undefined, lastAt: at(37_000) });
  });

  test('are not counted when they may just have come round to the beginning', () => {
    const burst = Array.from({ length: 3 }, (_, i) => ['packet', 110 + i] as const);
    // Own, three packets at once, and three more: in a ring of four the first four are gone.
    expect(met([['own', 100], ...burst, ['packet', 5000], ['packet', 6000], ['packet', 7000], ['packet', 8000]], 4, [])).toEqual({ packets: undefined, bytes: undefined, lastAt: at(8000) });
    expect(met([['own', 100], ['packet', 5000]], 32, [])).toEqual({ packets: undefined, bytes: undefined, lastAt: at(5000) });
  });

  test('are not counted in a row that was there before banban wrote it', () => {
    expect(met([['packet', 10], ['own', 5000], ['packet', 9000]])).toEqual({ packets: undefined, bytes: undefined, lastAt: at(9000) });
  });

  test('tell of the last packet in a row that banban never wrote, and nothing where it came before banban did', () => {
    expect(met([['packet', 2000]])).toEqual({ packets: undefined, bytes: undefined, lastAt: at(2000) });
    expect(met([['packet', -2000]])).toBeUndefined();
  });

  test('tell nothing where one of banban’s own is missing that should be there', () => {
    const own = ownStamps(() => 500_000);
    own.wrote(A);
    expect(told(own, [{ subject: A, index: 2, stamps: [tickOf(100), tickOf(200)] }]).has(A)).toBe(false);
  });

  test('are all strange once the list is gone, or the row was taken out', () => {
    for (const forget of ['clear', 'removed'] as const) {
      const own = ownStamps(() => 1000);
      own.wrote(A);
      own[forget](A);
      expect(told(own, [longRow, { subject: A, index: 2, stamps: [tickOf(5000), tickOf(6000)] }]).get(A)).toEqual({ packets: undefined, bytes: undefined, lastAt: at(6000) });
    }
  });

  test('never tell more packets than came, nor another time than the last one’s, whatever happened', () => {
    const event = fc.tuple(fc.constantFrom('own' as const, 'packet' as const), fc.integer({ min: 0, max: 20_000 }));
    fc.assert(
      fc.property(fc.array(event, { minLength: 1, maxLength: 80 }), fc.constantFrom(1, 2, 4, 32), (gaps, size) => {
        let time = 0;
        // Two writes of one row come in different turns of the loop.
        const events = gaps.map(([kind, gap]) => [kind, (time += gap + (kind === 'own' ? 20 : 0))] as const);
        const hits = met(events, size, []);
        const packets = events.filter(([kind]) => kind === 'packet');
        if (hits === undefined) return;
        if (hits.packets !== undefined && events[0]?.[0] === 'own') expect(hits.packets).toBe(packets.length);
        // Where a packet and a write come within a second, which is which may be taken the wrong way round.
        if (hits.lastAt !== undefined) expect(Math.abs(hits.lastAt - at(packets.at(-1)?.[1] ?? Infinity))).toBeLessThanOrEqual(1000);
      }),
    );
  });
});

describe('rows', () => {
  const row = (text: string): StampedRow[] => {
    const rows: StampedRow[] = [];
    eachStampedRow(text, rowReader(128), ({ stamps, ...rest }) => void rows.push({ ...rest, stamps: [...stamps] }));
    return rows;
  };

  test('that a packet has stamped have its TTL, and only they are looked at', () => {
    const text = [
      'src=10.0.0.1 ttl: 64 last_seen: 4298081388 oldest_pkt: 2 4298081355, 4298081388',
      'src=10.0.0.2 ttl: 0 last_seen: 4298081355 oldest_pkt: 1 4298081355',
      '',
    ].join('\n');
    expect(row(text)).toEqual([{ subject: nth(1), index: 2, stamps: [4298081355, 4298081388] }]);
  });

  test.each([
    'src=10.0.0.1 ttl: 64 last_seen: 1 oldest_pkt: 2',
    'src=10.0.0.1 ttl: 64 last_seen: 1 oldest_pkt: 2 1,2',
    'src=10.0.0.1 ttl: 64 last_seen: 1 oldest_pkt: 2 1, 2x',
    'src=10.0.0.1 ttl: x last_seen: 1 oldest_pkt: 2 1, 2',
    'src=010.0.0.1 ttl: 64 last_seen: 1 oldest_pkt: 1 1',
  ])('of another form are none: %s', (text) => {
    expect(row(text)).toEqual([]);
  });
});
