import { ms, type Instant } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import type { Notice } from '../../../../packages/server/src/notify/notice.ts';
import { failed, refused, SENT } from '../../../../packages/server/src/notify/receiver.ts';
import { channelRoom, rest, type ChannelRoom } from '../../../support/channel-room.ts';
import { banNotice } from '../../../support/notices.ts';
import { nth } from '../../../support/records.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const ban = (room: ChannelRoom, n = 0): Notice => banNotice({ address: nth(n) }, [], room.clock.now());
const totals = (room: ChannelRoom): number[] => room.tried.map((message) => message.total);

describe('without every', () => {
  test('one ban is told within two seconds', async () => {
    const room = channelRoom();
    room.channel.tell(ban(room));
    await room.pass(1500);
    expect(room.tried).toHaveLength(0);
    await room.pass(500);
    expect(totals(room)).toEqual([1]);
    expect(room.channel.stats()).toMatchObject({ sent: 1, failed: 0, dropped: 0, waiting: 0, error: undefined, lastAt: room.clock.now() });
  });

  test('a storm of 10,000 bans is one message, and none of them takes longer than telling nobody', async () => {
    const room = channelRoom();
    for (let n = 0; n < 10_000; n++) room.channel.tell(ban(room, n));
    expect(room.channel.stats().waiting).toBe(10_000);
    await room.pass(2 * HOUR);
    expect(totals(room)).toEqual([10_000]);
    expect(room.tried[0]?.whole).toHaveLength(50);
    expect(room.tried[0]?.counts).toEqual([{ type: 'ban', target: 'BLOCKER', rule: 'ssh', count: 10_000 }]);
  });

  test('a ban a second for a day is at most so many messages in any hour, and none is lost', async () => {
    const room = channelRoom({ atMost: 5 });
    const sent: Instant[] = [];
    for (let second = 0; second < 24 * 3600; second += 10) {
      room.channel.tell(ban(room, second));
      const before = room.tried.length;
      room.clock.advance(10_000);
      await rest();
      if (room.tried.length > before) sent.push(room.clock.now());
    }
    await room.pass(2 * HOUR);
    expect(sent.length).toBeGreaterThan(24);
    for (const at of sent) expect(sent.filter((other) => other > at - HOUR && other <= at).length).toBeLessThanOrEqual(5);
    expect(totals(room).reduce((a, b) => a + b)).toBe(8640);
  });
});

describe('with every', () => {
  test('all of an hour is one message, an hour after the first of it', async () => {
    const room = channelRoom({ every: ms(HOUR) });
    room.channel.tell(ban(room, 1));
    await room.pass(30 * MINUTE);
    room.channel.tell(ban(room, 2));
    await room.pass(29 * MINUTE);
    expect(totals(room)).toEqual([]);
    await room.pass(MINUTE);
    expect(totals(room)).toEqual([2]);
    await room.pass(5 * HOUR);
    expect(totals(room), 'nothing happened, so there is nothing to tell').toEqual([2]);
  });
});

describe('a receiver that fails', () => {
  test('is tried again, less and less often, with the same message, while what comes is gathered for the next', async () => {
    const room = channelRoom();
    room.answer = failed('nobody listens');
    room.channel.tell(ban(room, 1));
    await room.pass(2000);
    room.channel.tell(ban(room, 2));
    room.channel.tell(ban(room, 3));
    await room.pass(HOUR);
    const before = room.tried.length;
    expect(before).toBeGreaterThan(10);
    expect(before).toBeLessThan(25);
    expect(new Set(room.tried).size, 'the very same').toBe(1);
    expect(room.channel.stats()).toMatchObject({ sent: 0, failed: before, dropped: 0, waiting: 3, error: 'nobody listens' });
    expect(room.log.events(), 'said once').toEqual(['notify_failed']);
    room.answer = SENT;
    await room.pass(10 * MINUTE);
    expect(totals(room).slice(before)).toEqual([1, 2]);
    expect(room.channel.stats()).toMatchObject({ sent: 2, dropped: 0, waiting: 0, error: undefined });
    expect(room.log.events()).toEqual(['notify_failed', 'notify_works_again']);
  });

  test('for a day has lost the message; that is counted and said once', async () => {
    const room = channelRoom({ every: ms(HOUR) });
    room.answer = failed('nobody listens');
    for (let hour = 0; hour < 80; hour++) {
      room.channel.tell(ban(room, hour));
      await room.pass(HOUR);
    }
    expect(room.channel.stats().dropped).toBeGreaterThan(20);
    expect(room.channel.stats().dropped + room.channel.stats().waiting).toBe(80);
    expect(room.log.events().filter((event) => event === 'notify_dropped')).toHaveLength(1);
  });

  test('for good has lost the message at once, and is not asked more often than one that works', async () => {
    const room = channelRoom({ atMost: 3 });
    room.answer = refused('no such user');
    for (let second = 0; second < HOUR; second += 10_000) {
      room.channel.tell(ban(room, second));
      await room.pass(10_000);
    }
    expect(room.tried.length).toBe(3);
    expect(room.channel.stats()).toMatchObject({ failed: 3, error: 'no such user' });
    expect(room.channel.stats().dropped + room.channel.stats().waiting).toBe(360);
  });

  test('by hanging is given up after its time, and holds no more than one message', async () => {
    const room = channelRoom({ timeout: ms(30_000) });
    room.answer = 'hang';
    room.channel.tell(ban(room));
    await room.pass(31_000);
    expect(room.channel.stats()).toMatchObject({ failed: 0, waiting: 1 });
    await room.pass(1500);
    expect(room.channel.stats()).toMatchObject({ failed: 1, error: 'it did not take the message within 30 s' });
    for (let n = 0; n < 100_000; n++) room.channel.tell(ban(room, n));
    expect(room.channel.stats().waiting).toBe(100_001);
  });

  test('by a fault of its own ends nothing', async () => {
    const room = channelRoom();
    room.answer = 'throw';
    room.channel.tell(ban(room));
    await room.pass(2500);
    expect(room.channel.stats()).toMatchObject({ failed: 1, error: 'it broke' });
  });

  test('and is mended: a test that arrives brings what waits', async () => {
    const room = channelRoom();
    room.answer = failed('nobody listens');
    room.channel.tell(ban(room));
    await room.pass(HOUR);
    expect(await room.channel.test('anna')).toMatchObject({ ok: false, message: 'nobody listens' });
    room.answer = SENT;
    expect(await room.channel.test('anna')).toEqual({ name: 'mail root@localhost', ok: true, milliseconds: 0, message: undefined });
    await rest();
    expect(room.channel.stats()).toMatchObject({ sent: 1, waiting: 0 });
  });
});

test('a test goes past every limit, and is no message of the hour', async () => {
  const room = channelRoom({ on: [], atMost: 1 });
  for (let i = 0; i < 5; i++) expect(await room.channel.test('anna')).toMatchObject({ ok: true });
  expect(room.tried.map(({ whole }) => whole[0])).toEqual(Array.from({ length: 5 }, () => ({ at: room.clock.now(), type: 'test', by: 'anna' })));
});

describe('whois', () => {
  test('goes with the message, and is asked once for it however often it is tried', async () => {
    const said = [{ subject: nth(1), text: 'netname: EVIL' }];
    const room = channelRoom({ whois: true }, said);
    room.answer = failed('nobody listens');
    room.channel.tell(ban(room, 1));
    await room.pass(10_000);
    expect(room.tried.length).toBeGreaterThan(1);
    for (const message of room.tried) expect(message.whois).toBe(said);
  });

  test('that hangs is waited for 20 seconds, and at the stop not at all', async () => {
    const room = channelRoom({ whois: true }, 'hang');
    room.channel.tell(ban(room));
    await room.pass(21_500);
    expect(room.tried).toHaveLength(0);
    await room.pass(1000);
    expect(room.tried).toHaveLength(1);
    const other = channelRoom({ whois: true }, 'hang');
    other.channel.tell(ban(other));
    await other.pass(3000);
    await other.channel.stop(new AbortController().signal);
    expect(totals(other)).toEqual([1]);
  });
});

describe('at the stop', () => {
  test('what is gathered is sent at once, and what comes later is not heard', async () => {
    const room = channelRoom({ every: ms(HOUR) });
    room.channel.tell(ban(room, 1));
    room.channel.tell(ban(room, 2));
    await room.channel.stop(new AbortController().signal);
    expect(totals(room)).toEqual([2]);
    room.channel.tell(ban(room, 3));
    await room.pass(2 * HOUR);
    expect(totals(room)).toEqual([2]);
  });

  test('what waits for another try gets one, and what fails is counted and said', async () => {
    const room = channelRoom();
    room.answer = failed('nobody listens');
    room.channel.tell(ban(room, 1));
    await room.pass(2100);
    room.channel.tell(ban(room, 2));
    await room.channel.stop(new AbortController().signal);
    expect(totals(room)).toEqual([1, 1, 1]);
    expect(room.channel.stats()).toMatchObject({ dropped: 2, waiting: 0 });
    expect(room.log.said.filter(({ event }) => event === 'notify_dropped').map(({ fields }) => fields['notices'])).toEqual([1, 1]);
  });

  test('what hangs is ended with the time that there is', async () => {
    const room = channelRoom();
    room.answer = 'hang';
    room.channel.tell(ban(room, 1));
    await room.pass(2100);
    room.channel.tell(ban(room, 2));
    const control = new AbortController();
    const stopped = room.channel.stop(control.signal);
    await rest();
    control.abort();
    await stopped;
    expect(room.channel.stats()).toMatchObject({ dropped: 2, waiting: 0 });
  });
});

describe('when the machine’s clock is set', () => {
  test('back by a year, nobody waits for a year', async () => {
    const room = channelRoom({ atMost: 1 });
    room.channel.tell(ban(room, 1));
    await room.pass(2000);
    room.channel.tell(ban(room, 2));
    room.skew = -365 * 24 * HOUR;
    await room.pass(HOUR);
    expect(totals(room)).toEqual([1, 1]);
  });

  test('back while a digest is gathered, it comes when it was due', async () => {
    const room = channelRoom({ every: ms(HOUR) });
    room.channel.tell(ban(room, 1));
    await room.pass(1000);
    room.skew = -24 * HOUR;
    room.channel.tell(ban(room, 2));
    await room.pass(HOUR);
    expect(totals(room)).toEqual([2]);
    room.channel.tell(ban(room, 3));
    await room.pass(HOUR);
    expect(totals(room)).toEqual([2, 1]);
  });

  test('from 1970 to now, what could not be delivered before there was a network is still tried', async () => {
    const room = channelRoom();
    room.answer = failed('there is no network');
    room.channel.tell(ban(room));
    await room.pass(2000);
    room.skew = 50 * 365 * 24 * HOUR;
    await room.pass(10_000);
    expect(room.channel.stats().dropped).toBe(0);
    room.answer = SENT;
    await room.pass(MINUTE);
    expect(room.channel.stats()).toMatchObject({ sent: 1, dropped: 0, waiting: 0 });
  });
});
