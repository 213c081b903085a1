/** Syslog over TCP on real sockets of the loopback, with senders good and bad. */
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { instant } from 'banban-shared';
import { describe, expect, onTestFinished, test } from 'vitest';
import { systemClock, type Clock } from '../../packages/server/src/clock.ts';
import type { ListeningSource } from '../../packages/server/src/ingest/listening.ts';
import { syslogTcpSource } from '../../packages/server/src/ingest/syslog-tcp.ts';
import { prefix } from '../support/policies.ts';
import { connected, received } from '../support/syslog-sender.ts';
import { waitFor } from '../support/wait-for.ts';

const made = (clock: Clock = systemClock, host = '127.0.0.1', allow = ['127.0.0.0/30']): ListeningSource => syslogTcpSource({ host, port: 0, allow: allow.map(prefix) }, clock);

/** Cut off: with a reset it is an error first. */
const closed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()));

const LINE = '<38>Mar  3 03:00:00 gate sshd[1]: a';

describe('records', () => {
  test('come as lines or with their length before them, each connection in its own way, in any pieces', async () => {
    const source = made();
    const { lines } = await received(source);
    const one = await connected(source.port() ?? 0);
    const other = await connected(source.port() ?? 0);
    for (const byte of `${LINE} 1\n${LINE} 2\n`) one.write(byte);
    other.write(`${LINE.length + 2} ${LINE} 3${LINE.length + 7} ${LINE} 4\nrest`);
    await waitFor('all', () => lines.length === 4, {}, () => lines);
    expect([...lines].sort()).toEqual([`${LINE} 1`, `${LINE} 2`, `${LINE} 3`, `${LINE} 4#012rest`]);
    expect(source.stats()).toMatchObject({ datagrams: 4, cut: 0, error: undefined });
  });

  test('of a sender that goes away in the middle of them are none', async () => {
    const source = made();
    const { lines } = await received(source);
    const socket = await connected(source.port() ?? 0);
    socket.end(`${LINE} 1\n<38>Mar  3 03:00:00 gate sshd[1]: Invalid user x from 192.0.2.12`);
    await waitFor('the end', () => source.stats().cut === 1);
    expect(lines).toEqual([`${LINE} 1`]);
  });

  test('without end are cut, and hold up nobody', async () => {
    const source = made();
    const { lines } = await received(source);
    const endless = await connected(source.port() ?? 0);
    const good = await connected(source.port() ?? 0);
    for (let i = 0; i < 200; i++) endless.write('x '.repeat(20_000));
    good.write(`${LINE}\n`);
    await waitFor('the good one', () => lines.includes(LINE));
    endless.write('\nafter\n');
    await waitFor('the one after', () => lines.includes('after'));
    expect(source.stats().cut).toBe(1);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(65_536);
  });

  test('of a byte or two come in deliveries that are worked off in a moment each', async () => {
    const source = made();
    const sizes: number[] = [];
    const { lines } = await received(source);
    const counted = made();
    await counted.start((bytes, _at, progress) => {
      sizes.push(bytes.toString('latin1').split('\n').length - 1);
      progress?.done?.();
    });
    onTestFinished(() => counted.stop());
    for (const port of [source.port(), counted.port()]) (await connected(port ?? 0)).write('a\n'.repeat(50_000));
    await waitFor('all', () => lines.length === 50_000 && sizes.reduce((sum, size) => sum + size, 0) === 50_000);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1000);
  });

  test('that are not worked off are not read on: the sender waits, and nothing is lost', async () => {
    const source = made();
    const { lines, waiting } = await received(source, { hold: true });
    const socket = await connected(source.port() ?? 0);
    const count = 100_000;
    let drained = false;
    for (let i = 0; i < count; i++) socket.write(`${LINE} ${i}\n`);
    socket.write('', () => (drained = true));
    await waitFor('the first', () => waiting.length > 0);
    const seen = lines.length;
    expect(seen).toBeLessThan(count);
    expect(drained).toBe(false);
    await waitFor('the rest', () => {
      for (const progress of waiting.splice(0)) progress.done?.();
      return lines.length === count;
    }, { everyMs: 1 });
    expect(lines.map((line) => Number(line.slice(LINE.length + 1)))).toEqual(Array.from({ length: count }, (_, i) => i));
  });
});

describe('senders', () => {
  test('that are not on the list are cut off, counted and not heard', async () => {
    const source = made(systemClock, '127.0.0.1', ['127.0.0.1']);
    const { lines } = await received(source);
    const socket = createConnection({ host: '127.0.0.1', port: source.port() ?? 0, localAddress: '127.0.0.9' });
    socket.on('error', () => undefined);
    socket.write(`${LINE}\n`);
    await closed(socket);
    expect(source.stats().refused).toEqual({ count: 1, last: '127.0.0.9' });
    const good = await connected(source.port() ?? 0);
    good.write('good\n');
    await waitFor('the good one', () => lines.length > 0);
    expect(lines).toEqual(['good']);
  });

  test('may have a few connections each, and one that opens more keeps nobody out', async () => {
    const source = made();
    const { lines } = await received(source);
    for (let i = 0; i < 32; i++) await connected(source.port() ?? 0);
    const tooMany = createConnection({ host: '127.0.0.1', port: source.port() ?? 0 });
    tooMany.on('error', () => undefined);
    await closed(tooMany);
    expect(source.stats()).toMatchObject({ refused: { count: 1, last: '127.0.0.1' }, error: expect.stringContaining('at most 256 at once') as string });
    const other = await connected(source.port() ?? 0, '127.0.0.2');
    other.write('other\n');
    await waitFor('the other', () => lines.includes('other'));
  });

  test('that write nonsense where a length should be are cut off, with a reason', async () => {
    const source = made();
    const { lines } = await received(source);
    const socket = await connected(source.port() ?? 0);
    const over = closed(socket);
    socket.write('3 abc99999999999999999999 x');
    await over;
    expect(lines).toEqual(['abc']);
    expect(source.stats().error).toMatch(/^a connection of 127\.0\.0\.1 was closed: its frames begin with their length/);
  });

  test('that never end a record are cut off, and those that have nothing to say are not', async () => {
    let now: number = systemClock.now();
    let look = (): void => undefined;
    const clock: Clock = {
      ...systemClock,
      now: () => instant(now),
      after(_delay, action) {
        look = action;
        return { cancel: () => undefined };
      },
    };
    const source = made(clock);
    await received(source);
    const quiet = await connected(source.port() ?? 0);
    const slow = await connected(source.port() ?? 0);
    slow.write('never');
    await waitFor('the half record to be seen', () => {
      now += 61_000;
      look();
      return slow.destroyed;
    });
    expect(quiet.destroyed).toBe(false);
    expect(source.stats().error).toContain('the rest of a record did not come within 60 s');
    now += 86_500_000;
    const over = closed(quiet);
    look();
    await over;
  });
});

test('what is in the way is said in a sentence', async () => {
  const source = made();
  await received(source);
  await expect(syslogTcpSource({ host: '127.0.0.1', port: source.port() ?? 0, allow: [] }, systemClock).start(() => undefined)).rejects.toThrow(/^can't receive syslog by TCP on 127\.0\.0\.1:\d+: another program listens there/);
  await expect(made(systemClock, 'localhost').start(() => undefined)).rejects.toThrow('it has to be an address');
});

test('the stop waits for what is being worked off, and closes all', async () => {
  const source = made();
  const { waiting } = await received(source, { hold: true });
  const socket = await connected(source.port() ?? 0);
  socket.write(`${LINE}\n`);
  await waitFor('it', () => waiting.length === 1);
  let stopped = false;
  const over = source.stop().then(() => (stopped = true));
  await once(socket, 'close');
  expect(stopped).toBe(false);
  waiting[0]?.done?.();
  await over;
});
