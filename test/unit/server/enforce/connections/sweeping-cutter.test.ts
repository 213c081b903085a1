import type { Subject } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../../../packages/server/src/clock.ts';
import { conntrackSweep } from '../../../../../packages/server/src/enforce/connections/conntrack-sweep.ts';
import { socketSweep } from '../../../../../packages/server/src/enforce/connections/socket-sweep.ts';
import { NOT_ALLOWED, type Died, type Outcome, type Sweep } from '../../../../../packages/server/src/enforce/connections/sweep.ts';
import { sweepingCutter } from '../../../../../packages/server/src/enforce/connections/sweeping-cutter.ts';
import { fakeConnections, type FakeEntry, type FakeSocket } from '../../../../support/fake-connections.ts';
import { address, nth } from '../../../../support/records.ts';
import { waitFor } from '../../../../support/wait-for.ts';

const HERE = address('198.51.100.1');
const inbound = (from: string, port: number, state = 3): FakeEntry => ({ protocol: 6, from: [address(from), port], to: [HERE, 22], state });
const accepted = (from: string, port: number): FakeSocket => ({ protocol: 6, near: [HERE, 22], far: [address(from), port] });

/** A cutter over sweeps of the test's own, with what it reports in order. */
function made(sweeps: readonly Sweep[], capacity?: number) {
  const warnings: string[] = [];
  const reports: [Subject, number][] = [];
  const cutter = sweepingCutter({ clock: systemClock, sweeps, warn: (message) => warnings.push(message), ...(capacity === undefined ? {} : { capacity }) });
  const report = (subject: Subject, connections: number): void => void reports.push([subject, connections]);
  const idle = (): Promise<unknown> => waitFor('an idle cutter', () => cutter.stats().queued === 0, { everyMs: 2 });
  return { cutter, warnings, reports, report, idle };
}

/** A sweep whose passes the test ends, each with an outcome. */
function byHand() {
  const passes: { readonly subjects: readonly Subject[]; readonly died: Died; readonly end: (outcome?: Outcome) => void }[] = [];
  const sweep: Sweep = { run: (subjects, died) => new Promise((resolve) => void passes.push({ subjects, died, end: (outcome = { kind: 'done' }) => resolve(outcome) })) };
  const pass = (n: number): Promise<(typeof passes)[number]> => waitFor(`pass ${n}`, () => passes[n], { everyMs: 1 });
  return { sweep, passes, pass };
}
const nothing: Sweep = { run: () => Promise.resolve({ kind: 'done' }) };

describe('a connection', () => {
  test('that had a socket and an entry is one, and all of the others count, too', async () => {
    const fake = fakeConnections(
      // The last two have no socket: one is forwarded, one is over.
      [inbound('192.0.2.1', 1000), inbound('192.0.2.1', 1001), { ...inbound('192.0.2.1', 1002), to: [address('10.0.0.5'), 80] }, inbound('192.0.2.1', 1003, 7), inbound('203.0.113.9', 1000)],
      [accepted('192.0.2.1', 1000), accepted('192.0.2.1', 1001), accepted('203.0.113.9', 1000)],
    );
    const { cutter, reports, report, idle } = made([socketSweep(systemClock, fake.open), conntrackSweep(systemClock, fake.open)]);
    cutter.cut([address('192.0.2.1'), address('192.0.2.2')], report);
    await idle();
    expect(reports).toEqual([['192.0.2.1', 3], ['192.0.2.2', 0]]);
    expect([...fake.entries]).toEqual([inbound('203.0.113.9', 1000)]);
    expect([...fake.sockets]).toEqual([accepted('203.0.113.9', 1000)]);
    expect(cutter.stats()).toEqual({ available: true, queued: 0, cut: 3, failed: 0, lastError: undefined, dropped: 0 });
  });
});

describe('a storm', () => {
  test('of 10,000 subjects in many calls of one turn is one pass of each kind', async () => {
    const fake = fakeConnections(Array.from({ length: 300 }, (_, i) => inbound(nth(i * 33), 1000)));
    const { cutter, reports, report, idle } = made([socketSweep(systemClock, fake.open), conntrackSweep(systemClock, fake.open)]);
    await waitFor('the first passes', () => fake.counts.open === 0);
    for (let i = 0; i < 10_000; i++) cutter.cut([nth(i)], report);
    await idle();
    expect(reports).toHaveLength(10_000);
    expect(reports.reduce((sum, [, count]) => sum + count, 0)).toBe(300);
    // Two dumps for each of TCP and UDP: sockets of one family, and of both.
    expect(fake.counts).toEqual({ table: 1, sockets: 4, open: 0 });
  });

  test('beyond the capacity is dropped, counted and reported as nothing', async () => {
    const { cutter, reports, report, idle } = made([nothing], 50);
    cutter.cut(Array.from({ length: 80 }, (_, i) => nth(i)), report);
    expect(cutter.stats()).toMatchObject({ queued: 50, dropped: 30 });
    await idle();
    await waitFor('all reports', () => reports.length === 80);
    cutter.cut([nth(1)], report);
    await idle();
    expect(cutter.stats()).toMatchObject({ queued: 0, dropped: 30 });
  });
});

describe('a subject', () => {
  test('that is asked for again while it waits is looked for once; each who asked hears of it, the first with the count', async () => {
    const { sweep, pass } = byHand();
    const { cutter, reports, report, idle } = made([sweep]);
    (await pass(0)).end();
    cutter.cut([nth(1)], report);
    cutter.cut([nth(1), nth(2)], report);
    const { subjects, died, end } = await pass(1);
    expect(subjects).toEqual([nth(1), nth(2)]);
    died(nth(1), []);
    died(nth(1), ['a']);
    end();
    await idle();
    expect(reports).toEqual([[nth(1), 2], [nth(1), 0], [nth(2), 0]]);
  });

  test('that is asked for again while it is worked on is looked for again', async () => {
    const { sweep, pass } = byHand();
    const { cutter, reports, report, idle } = made([sweep]);
    (await pass(0)).end();
    cutter.cut([nth(1)], report);
    const first = await pass(1);
    cutter.cut([nth(1)], report);
    first.died(nth(1), []);
    first.end();
    (await pass(2)).end();
    await idle();
    expect(reports).toEqual([[nth(1), 1], [nth(1), 0]]);
  });

  test('whose turn did not come is in the next pass, and reported once', async () => {
    const { sweep, pass } = byHand();
    const { cutter, reports, report, idle } = made([sweep]);
    (await pass(0)).end();
    cutter.cut([nth(1), nth(2)], report);
    const first = await pass(1);
    first.died(nth(1), []);
    first.end({ kind: 'failed', message: 'half of it', left: new Set([nth(2)]) });
    const second = await pass(2);
    expect(second.subjects).toEqual([nth(2)]);
    expect(reports).toEqual([[nth(1), 1]]);
    second.end();
    await idle();
    expect(reports).toEqual([[nth(1), 1], [nth(2), 0]]);
    expect(cutter.stats()).toMatchObject({ failed: 1, lastError: 'half of it' });
  });
});

describe('what can’t be done', () => {
  const refusing = (errnos: Readonly<Record<number, number>>) => fakeConnections([inbound('192.0.2.1', 1)], [accepted('192.0.2.1', 1)], (_, type) => errnos[type] ?? 0);
  const both = (fake: ReturnType<typeof fakeConnections>) => made([socketSweep(systemClock, fake.open), conntrackSweep(systemClock, fake.open)]);
  const [STATS, LIST, DELETE, DIAG, DESTROY] = [0x105, 0x101, 0x102, 20, 21];

  test('without CAP_NET_ADMIN is said once, from the start', async () => {
    const { cutter, warnings, reports, report, idle } = both(refusing({ [STATS]: 1, [DESTROY]: 1 }));
    await waitFor('the warning', () => warnings.length > 0);
    expect(cutter.stats()).toMatchObject({ available: false, failed: 0 });
    for (let i = 0; i < 3; i++) {
      cutter.cut([address('192.0.2.1')], report);
      await idle();
    }
    expect(warnings).toEqual([NOT_ALLOWED]);
    expect(reports).toEqual(Array.from({ length: 3 }, () => ['192.0.2.1', 0]));
    expect(cutter.stats()).toMatchObject({ available: false, failed: 6, lastError: NOT_ALLOWED });
  });

  test('is said once of a kernel that closes no sockets, and conntrack goes on', async () => {
    const { cutter, warnings, reports, report, idle } = both(refusing({ [DESTROY]: 95 }));
    for (let i = 0; i < 2; i++) {
      cutter.cut([address('192.0.2.1')], report);
      await idle();
    }
    expect(warnings).toEqual([expect.stringContaining('CONFIG_INET_DIAG_DESTROY')]);
    expect(reports).toEqual([['192.0.2.1', 1], ['192.0.2.1', 0]]);
    expect(cutter.stats()).toMatchObject({ available: true, cut: 1, failed: 2 });
  });

  test('is said once of a kernel without conntrack, and sockets are closed', async () => {
    const { cutter, warnings, reports, report, idle } = both(refusing({ [STATS]: 22 }));
    cutter.cut([address('192.0.2.1')], report);
    await idle();
    expect(warnings).toEqual([expect.stringContaining('nf_conntrack_netlink')]);
    expect(reports).toEqual([['192.0.2.1', 1]]);
    expect(cutter.stats()).toMatchObject({ available: true, cut: 1, failed: 1 });
  });

  test('is said once of a kernel without tcp_diag', async () => {
    const { warnings, cutter, report, idle } = both(refusing({ [DIAG]: 2 }));
    cutter.cut([address('192.0.2.1')], report);
    await idle();
    expect(warnings).toEqual([expect.stringContaining('tcp_diag')]);
    expect(cutter.stats()).toMatchObject({ available: true, cut: 1 });
  });

  test.each([
    ['an entry that may not be deleted', { [DELETE]: 16 }, 'conntrack would not delete an entry: EBUSY (it is in a flowtable, and kernels before 6.4 delete none of those)'],
    ['a table that can’t be listed', { [LIST]: 12 }, 'conntrack would not list its entries: ENOMEM'],
    ['sockets that can’t be listed', { [DIAG]: 12 }, 'sockets would not be listed: ENOMEM'],
    ['a socket that would not close', { [DESTROY]: 16 }, 'sockets would not be closed: EBUSY'],
  ])('is counted, with the kernel’s word: %s', async (_, errnos, message) => {
    const { warnings, cutter, report, idle } = both(refusing(errnos));
    cutter.cut([address('192.0.2.1')], report);
    await idle();
    expect(warnings).toEqual([]);
    expect(cutter.stats()).toMatchObject({ available: true, failed: 1, lastError: message });
  });

  test.each([['EPROTONOSUPPORT', 2, 2], ['EMFILE', 0, 2]])('is no crash where sockets of netlink fail with %s', async (code, said, failed) => {
    const open = (): never => {
      throw Object.assign(new Error(`netlink socket: ${code}`), { code });
    };
    const { cutter, warnings, reports, report, idle } = made([socketSweep(systemClock, open), conntrackSweep(systemClock, open)]);
    cutter.cut([nth(1)], report);
    await idle();
    expect(warnings).toHaveLength(said);
    expect(reports).toEqual([[nth(1), 0]]);
    expect(cutter.stats()).toMatchObject({ available: said === 0, failed });
  });
});

describe('stop()', () => {
  test('waits for the pass that runs, reports nothing more, and nothing is taken after it', async () => {
    const { sweep, pass, passes } = byHand();
    const { cutter, reports, report } = made([sweep]);
    (await pass(0)).end();
    cutter.cut([nth(1)], report);
    const running = await pass(1);
    cutter.cut([nth(2)], report);
    let stopped = false;
    const stopping = cutter.stop().then(() => (stopped = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(stopped).toBe(false);
    running.died(nth(1), []);
    running.end();
    await stopping;
    cutter.cut([nth(3)], report);
    await new Promise((resolve) => setImmediate(resolve));
    expect(reports).toEqual([]);
    expect(passes).toHaveLength(2);
    expect(cutter.stats()).toMatchObject({ queued: 0 });
  });
});
