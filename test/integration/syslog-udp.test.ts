/** Syslog over UDP on real sockets of the loopback. */
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { systemClock } from '../../packages/server/src/clock.ts';
import type { ListeningSource } from '../../packages/server/src/ingest/listening.ts';
import { syslogUdpSource } from '../../packages/server/src/ingest/syslog-udp.ts';
import { prefix } from '../support/policies.ts';
import { received, sendDatagrams } from '../support/syslog-sender.ts';
import { waitFor } from '../support/wait-for.ts';

const made = (host = '127.0.0.1', allow = ['127.0.0.1']): ListeningSource => syslogUdpSource({ host, port: 0, allow: allow.map(prefix) }, systemClock);

test('each datagram is one record, whatever is in it', async () => {
  const source = made();
  const { lines } = await received(source);
  await sendDatagrams(source.port() ?? 0, ['<38>Mar  3 03:00:00 gate sshd[1]: a\n', 'x\n<38>Mar  3 03:00:00 gate sshd[1]: forged', '', '\n\0', 'x'.repeat(60_000)]);
  await waitFor('all of it', () => lines.length === 3, {}, () => lines.length);
  expect(lines.slice(0, 2)).toEqual(['<38>Mar  3 03:00:00 gate sshd[1]: a', 'x#012<38>Mar  3 03:00:00 gate sshd[1]: forged']);
  expect(source.stats()).toMatchObject({ datagrams: 5, error: undefined, lost: 0, refused: { count: 0 } });
});

test('who is not on the list is counted and not heard', async () => {
  const source = made('0.0.0.0');
  const { lines } = await received(source);
  await sendDatagrams(source.port() ?? 0, ['evil', 'evil'], '127.0.0.2');
  await sendDatagrams(source.port() ?? 0, ['good']);
  await waitFor('the good one', () => lines.length === 1 && source.stats().refused?.count === 2, {}, () => source.stats());
  expect(lines).toEqual(['good']);
  expect(source.stats().refused).toEqual({ count: 2, last: '127.0.0.2' });
});

test('on :: it is heard by both families, and IPv4 senders are known as such', async () => {
  const source = made('::', ['127.0.0.1', '::1']);
  const { lines } = await received(source);
  await sendDatagrams(source.port() ?? 0, ['four']);
  await sendDatagrams(source.port() ?? 0, ['six'], '::1', '::1');
  await waitFor('both', () => lines.length === 2, {}, () => source.stats());
});

test('what the kernel drops is told', async () => {
  const source = made();
  const { lines } = await received(source);
  // Nobody receives while this holds the loop, and more is sent than the kernel keeps.
  const flood = `const s = require('dgram').createSocket('udp4'); let sent = 0;
    const next = () => { if (++sent === 40000) s.close(); else if (sent % 100 === 0) go(); };
    const go = () => { for (let k = 0; k < 100; k++) s.send('${'x'.repeat(1000)}', ${source.port()}, '127.0.0.1', next); };
    go();`;
  execFileSync(process.execPath, ['-e', flood]);
  await waitFor('a count', () => (source.stats().lost ?? 0) > 0, {}, () => source.stats());
  await waitFor('the rest', () => lines.length + (source.stats().lost ?? 0) === 40_000, {}, () => ({ ...source.stats(), lines: lines.length }));
});

test('what is in the way is said in a sentence', async () => {
  const source = made();
  await received(source);
  await expect(syslogUdpSource({ host: '127.0.0.1', port: source.port() ?? 0, allow: [] }, systemClock).start(() => undefined)).rejects.toThrow(/^can't receive syslog by UDP on 127\.0\.0\.1:\d+: another program listens there/);
  await expect(made('192.0.2.77').start(() => undefined)).rejects.toThrow('no such address');
  await expect(made('localhost').start(() => undefined)).rejects.toThrow('it has to be an address, not a name');
});

test('after the stop the port is free', async () => {
  const source = made();
  await source.start(() => undefined);
  const port = source.port() ?? 0;
  await source.stop();
  const again = syslogUdpSource({ host: '127.0.0.1', port, allow: [] }, systemClock);
  await again.start(() => undefined);
  await again.stop();
  await again.stop();
});
