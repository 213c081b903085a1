import { NEVER, type Subject } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import type { Hits } from '../../../../packages/server/src/enforce/firewall.ts';
import { add, at, drivenList, failing, present, remove, row, type Asked, type DrivenList } from '../../../support/driven-list.ts';
import type { Found } from '../../../../packages/server/src/enforce/queued-list.ts';
import { address, nth } from '../../../support/records.ts';

const [A, B, C] = ['192.0.2.1', '192.0.2.2', '192.0.2.3'] as const;
const a = address(A);

/** A list that was read and has these rows. */
async function known(driven: DrivenList, ...rows: readonly string[]): Promise<void> {
  driven.list.read();
  await (await driven.askedToRead()).answer(present(...rows));
}

/** Answers looks until it is asked something else, which it returns. */
async function looked(driven: DrivenList, found: Found): Promise<Asked | undefined> {
  for (;;) {
    const asked = await driven.asked();
    if (asked?.kind !== 'read') return asked;
    await asked.answer(found);
  }
}

/** The next write, with looks answered on the way. */
async function write(driven: DrivenList, found: Found): Promise<Extract<Asked, { kind: 'write' }>> {
  await looked(driven, found);
  return await driven.askedToWrite();
}

describe('a list that is kept by a program', () => {
  test('is unknown until it has been read, and says when it is', async () => {
    const driven = drivenList();
    expect(driven.list.read()).toEqual({ state: 'unknown' });
    expect(driven.changes()).toBe(0);
    await (await driven.askedToRead()).answer(present(A));
    expect(driven.changes()).toBe(1);
    expect(driven.list.read()).toEqual({ state: 'present', subjects: new Set([a]), pending: new Set(), failures: new Map(), capacity: undefined });
  });

  test('is not read before somebody asks', async () => {
    expect(await drivenList().asked()).toBeUndefined();
  });

  test('has its state and its identity', async () => {
    const driven = drivenList();
    await known(driven, A);
    const first = driven.list.identity();
    expect(first).toBeDefined();
    driven.clock.advance(1000);
    driven.list.read();
    await (await driven.askedToRead()).answer({ state: 'missing', message: 'gone' });
    expect(driven.list.read()).toEqual({ state: 'missing', message: 'gone' });
    expect(driven.list.identity()).toBeUndefined();
    driven.clock.advance(1000);
    driven.list.read();
    await (await driven.askedToRead()).answer(present(A));
    expect(driven.list.identity()).not.toBe(first);
  });

  test('passes on what its driver says of rows', () => {
    const hits = new Map<Subject, Hits>([[a, { packets: 1, bytes: 2, lastAt: undefined }]]);
    const { list } = drivenList({ refuses: (subject) => (subject === a ? 'no' : undefined), hits: () => hits });
    expect([list.refuses(a), list.refuses(nth(1))]).toEqual(['no', undefined]);
    expect(list.hits()).toBe(hits);
    expect(drivenList().list.hits()).toEqual(new Map());
  });
});

describe('a change', () => {
  test('is taken at once, pending, and in the list when the program is done', async () => {
    const driven = drivenList();
    await known(driven, B);
    expect(driven.list.write({ remove: [address(B)], add: [row(A)] })).toEqual(new Map());
    expect(driven.present()).toMatchObject({ subjects: new Set([B]), pending: new Set([A]) });
    const asked = await driven.askedToWrite();
    expect(asked.change).toEqual({ remove: [B], add: [row(A)] });
    expect(driven.present()).toMatchObject({ subjects: new Set([B]), pending: new Set([A]) });
    const before = [driven.changes(), driven.list.identity()];
    await asked.answer();
    expect(driven.present()).toMatchObject({ subjects: new Set([A]), pending: new Set() });
    // What it did itself is no news of the list.
    expect([driven.changes(), driven.list.identity()]).toEqual([Number(before[0]) + 1, before[1]]);
  });

  test('goes out together with all that is said in the same turn, and behind the one under way', async () => {
    const driven = drivenList();
    driven.list.write(add(A));
    driven.list.write(add(B));
    const first = await driven.askedToWrite();
    expect(first.change.add.map((one) => one.subject)).toEqual([A, B]);
    driven.list.write(add(C));
    driven.list.write(remove(A));
    expect(await driven.asked()).toBe(first);
    await first.answer();
    expect((await driven.askedToWrite()).change).toEqual({ remove: [A], add: [row(C)] });
  });

  test('of one subject goes by the last word', async () => {
    const driven = drivenList();
    driven.list.write(add(A, B));
    driven.list.write(remove(A));
    driven.list.write({ remove: [address(B)], add: [row(B, at(9)), row(C)] });
    expect((await driven.askedToWrite()).change).toEqual({ remove: [A], add: [row(B, at(9)), row(C)] });
  });

  test('that is taken back while it is under way is pending until that is over', async () => {
    const driven = drivenList();
    await known(driven);
    driven.list.write(add(A));
    const first = await driven.askedToWrite();
    driven.list.write(remove(A));
    expect(driven.present().pending).toEqual(new Set([A]));
    await first.answer();
    expect(driven.present()).toMatchObject({ subjects: new Set([A]), pending: new Set() });
    await (await driven.askedToWrite()).answer();
    expect(driven.present().subjects).toEqual(new Set());
  });

  test('that is said again while it is under way goes out once', async () => {
    const driven = drivenList();
    await known(driven, B);
    const change = { remove: [address(B)], add: [row(A, at(9))] };
    driven.list.write(change);
    const first = await driven.askedToWrite();
    driven.list.write({ remove: [address(B)], add: [row(A, at(9))] });
    await first.answer();
    expect(await driven.asked()).toBeUndefined();
    expect(driven.present()).toMatchObject({ subjects: new Set([A]), pending: new Set() });
  });

  test('that is taken back while it is under way, and said again, goes by the last word', async () => {
    const driven = drivenList();
    driven.list.write(add(A));
    const first = await driven.askedToWrite();
    driven.list.write(remove(A));
    driven.list.write(add(A));
    await first.answer();
    expect((await driven.askedToWrite()).change).toEqual(add(A));
  });

  test('of very many rows goes out in parts, removals first', async () => {
    const driven = drivenList();
    const many = Array.from({ length: 15_000 }, (_, n) => nth(n));
    driven.list.write({ remove: [], add: many.map((subject) => ({ subject, until: NEVER })) });
    driven.list.write(remove(A));
    const first = await driven.askedToWrite();
    expect([first.change.remove, first.change.add.length]).toEqual([[A], 9999]);
    await first.answer();
    expect((await driven.askedToWrite()).change.add).toHaveLength(5001);
  });

  test('leaves alone what somebody was given to read', async () => {
    const driven = drivenList();
    await known(driven, A);
    const { subjects } = driven.present();
    driven.list.write(add(B));
    await (await driven.askedToWrite()).answer();
    expect(subjects).toEqual(new Set([A]));
    expect(driven.present().subjects).toEqual(new Set([A, B]));
  });
});

describe('what failed', () => {
  test('says why, and is tried again later and later until it succeeds', async () => {
    const driven = drivenList();
    await known(driven);
    driven.list.write(add(A));
    await (await driven.askedToWrite()).answer(failing('no room', A));
    expect(driven.present()).toMatchObject({ subjects: new Set(), pending: new Set(), failures: failing('no room', A) });
    for (const seconds of [1, 2, 4, 8, 16, 32, 60, 60]) {
      // A failure makes it look, too: the list may be gone.
      expect(await looked(driven, present())).toBeUndefined();
      driven.clock.advance(seconds * 1000 - 1);
      expect(await looked(driven, present())).toBeUndefined();
      driven.clock.advance(1);
      const asked = await write(driven, present());
      expect(asked.change).toEqual(add(A));
      expect(driven.present().failures).toEqual(failing('no room', A));
      await asked.answer(failing('no room', A));
    }
    await looked(driven, present());
    driven.clock.advance(60_000);
    await (await write(driven, present())).answer();
    expect(driven.present()).toMatchObject({ subjects: new Set([A]), failures: new Map() });
  });

  test('makes nobody else wait', async () => {
    const driven = drivenList();
    driven.list.write(add(A, B));
    await (await driven.askedToWrite()).answer(failing('no', A));
    driven.list.write(add(C));
    expect((await write(driven, present(B))).change).toEqual(add(C));
  });

  test('with all others makes the next wait, too', async () => {
    const driven = drivenList();
    await known(driven);
    driven.list.write(add(A));
    await (await driven.askedToWrite()).answer(failing('no', A));
    driven.list.write(add(B));
    expect(await driven.asked()).toBeUndefined();
    expect(driven.present()).toMatchObject({ pending: new Set([B]), failures: failing('no', A) });
    driven.clock.advance(1000);
    const asked = await write(driven, present());
    expect(asked.change).toEqual(add(B));
    await asked.answer();
    // It works again, so what failed before is tried at once.
    expect((await write(driven, present(B))).change).toEqual(add(A));
  });

  test('and is said again as it was waits as before, and said anew goes out', async () => {
    const driven = drivenList();
    driven.list.write(add(A, B));
    await (await driven.askedToWrite()).answer(failing('no', A));
    await (await driven.askedToRead()).answer(present(B));
    driven.list.write(add(A));
    expect(await driven.asked()).toBeUndefined();
    driven.list.write({ remove: [], add: [row(A, at(5))] });
    expect((await driven.askedToWrite()).change.add).toEqual([row(A, at(5))]);
    expect(driven.present()).toMatchObject({ pending: new Set([A]), failures: new Map() });
  });

  test('does not come after a later word', async () => {
    const driven = drivenList();
    driven.list.write(add(A, B));
    const first = await driven.askedToWrite();
    driven.list.write(remove(A));
    await first.answer(failing('no', A));
    const second = await write(driven, present(B));
    expect(second.change).toEqual(remove(A));
    await second.answer();
    await looked(driven, present(B));
    driven.clock.advance(600_000);
    expect(await driven.asked()).toBeUndefined();
  });

  test('to be removed is forgotten when the list has not got it', async () => {
    const driven = drivenList();
    await known(driven, A, B);
    driven.list.write(remove(A, B));
    await (await driven.askedToWrite()).answer(failing('no', A));
    expect(driven.present()).toMatchObject({ subjects: new Set([A]), failures: failing('no', A) });
    driven.clock.advance(999);
    driven.list.read();
    driven.clock.advance(1);
    const asked = await driven.asked();
    if (asked?.kind === 'write') await asked.answer(failing('no', A));
    await (await driven.askedToRead()).answer(present());
    expect(driven.present()).toMatchObject({ subjects: new Set(), failures: new Map() });
    driven.clock.advance(600_000);
    expect((await driven.asked())?.kind).not.toBe('write');
  });

  test('is tried at once when the list is there again', async () => {
    const driven = drivenList();
    driven.list.read();
    await (await driven.askedToRead()).answer({ state: 'missing' });
    driven.list.write(add(A));
    for (const seconds of [1, 2, 4, 8]) {
      await (await write(driven, { state: 'missing' })).answer(failing('missing', A));
      for (let second = 0; second < seconds; second++) {
        await looked(driven, { state: 'missing' });
        driven.clock.advance(1000);
      }
    }
    await (await write(driven, { state: 'missing' })).answer(failing('missing', A));
    await looked(driven, { state: 'missing' });
    driven.clock.advance(1000);
    driven.list.read();
    await (await driven.askedToRead()).answer(present());
    expect((await driven.askedToWrite()).change).toEqual(add(A));
  });

  test('of removals is bounded', async () => {
    const driven = drivenList();
    await known(driven, A);
    const full: Found = { state: 'present', subjects: new Set(Array.from({ length: 126_000 }, (_, n) => nth(n))), capacity: undefined };
    for (let from = 0; from < 120_000; from += 9000) {
      // One that succeeds, so that nobody waits.
      driven.list.write({ remove: Array.from({ length: 9000 }, (_, n) => nth(from + n)), add: [row(A, at(from))] });
      const asked = await write(driven, full);
      await asked.answer(new Map(asked.change.remove.map((subject) => [subject, 'no'])));
    }
    await driven.asked();
    const { failures } = driven.present();
    expect(failures.size).toBe(100_000);
    expect([failures.has(nth(0)), failures.has(nth(125_999))]).toEqual([false, true]);
  });
});

describe('a look', () => {
  test('is good for 700 ms, and whoever asked meanwhile has another after them', async () => {
    const driven = drivenList();
    await known(driven, A);
    driven.clock.advance(699);
    driven.list.read();
    expect(await driven.asked()).toBeUndefined();
    driven.clock.advance(1);
    await driven.askedToRead();
  });

  test('is good for longer where nobody asks', async () => {
    const driven = drivenList();
    await known(driven, A);
    driven.clock.advance(60_000);
    expect(await driven.asked()).toBeUndefined();
  });

  test('is good for nothing when somebody is known to have changed the list, even one under way', async () => {
    const driven = drivenList();
    await known(driven, A);
    driven.list.reread?.();
    const first = await driven.askedToRead();
    driven.list.reread?.();
    await first.answer(present(A));
    await (await driven.askedToRead()).answer(present());
    expect(driven.present().subjects).toEqual(new Set());
  });

  test('that took long is good for twenty times as long, and a minute at most', async () => {
    const driven = drivenList();
    for (const [took, good] of [[300, 6000], [10_000, 60_000]] as const) {
      driven.list.read();
      const asked = await driven.askedToRead();
      driven.clock.advance(took);
      await asked.answer(present());
      driven.clock.advance(good - 1);
      driven.list.read();
      expect(await driven.asked()).toBeUndefined();
      driven.clock.advance(1);
    }
  });

  test('that finds the same is no news, and one that finds something else is', async () => {
    const driven = drivenList();
    await known(driven, A);
    const before = [driven.changes(), driven.list.identity()];
    driven.clock.advance(1000);
    await known(driven, A);
    expect([driven.changes(), driven.list.identity()]).toEqual(before);
    driven.clock.advance(1000);
    await known(driven, B);
    expect(driven.changes()).toBe(2);
    expect(driven.list.identity()).not.toBe(before[1]);
    expect(driven.present().subjects).toEqual(new Set([B]));
  });

  test('is broken off for a ban, and comes after it', async () => {
    const driven = drivenList();
    driven.list.read();
    const look = await driven.askedToRead();
    driven.list.write(add(A));
    expect(look.signal.aborted).toBe(true);
    await look.answer({ state: 'failed', message: 'killed' });
    expect(driven.list.read()).toEqual({ state: 'unknown' });
    await (await driven.askedToWrite()).answer();
    await (await driven.askedToRead()).answer(present(A));
    expect(driven.present().subjects).toEqual(new Set([A]));
  });

  test('has its turn where bans never end', async () => {
    const driven = drivenList();
    driven.list.read();
    let looks = 0;
    for (let n = 0; n < 200; n++) {
      const asked = await driven.asked();
      driven.list.write(add(nth(n)));
      if (asked?.kind === 'read') {
        if (!asked.signal.aborted) looks++;
        await asked.answer(present());
      } else await asked?.answer();
      driven.clock.advance(30);
      driven.list.read();
    }
    expect(looks).toBeGreaterThan(2);
  });
});

describe('a list that can only be told', () => {
  test('is made empty before the first row, and once', async () => {
    const driven = drivenList({ canRead: false });
    driven.list.write(add(A));
    const flush = await driven.askedToRead();
    expect(flush.signal.aborted).toBe(false);
    await flush.answer(present());
    expect(driven.present()).toMatchObject({ subjects: new Set(), pending: new Set([A]) });
    await (await driven.askedToWrite()).answer();
    expect(driven.present().subjects).toEqual(new Set([A]));
    driven.clock.advance(600_000);
    driven.list.read();
    expect(await driven.asked()).toBeUndefined();
  });

  test('is asked again when that failed', async () => {
    const driven = drivenList({ canRead: false });
    driven.list.read();
    await (await driven.askedToRead()).answer({ state: 'failed', message: 'no such program' });
    expect(driven.list.read()).toEqual({ state: 'failed', message: 'no such program' });
    driven.clock.advance(1000);
    await known(driven);
    expect(driven.present().subjects).toEqual(new Set());
  });
});

test('closed, it kills what runs and calls nobody', async () => {
  const driven = drivenList();
  driven.list.write(add(A));
  const asked = await driven.askedToWrite();
  driven.list.write(add(B));
  driven.list.close();
  expect(asked.signal.aborted).toBe(true);
  await asked.answer(failing('stopped', A));
  expect(await driven.asked()).toBeUndefined();
  driven.clock.advance(600_000);
  expect([await driven.asked(), driven.changes()]).toEqual([undefined, 0]);
  expect([...driven.list.write(add(C)).keys()]).toEqual([C]);
});
