/** Host names by a real name server on loopback: what it says, and what it does to those who believe it. */
import { ms, type HostName } from 'banban-shared';
import { expect, test } from 'vitest';
import { systemClock } from '../../packages/server/src/clock.ts';
import { askDns } from '../../packages/server/src/names/ask-dns.ts';
import { createNameResolver, type NameResolver } from '../../packages/server/src/names/resolver.ts';
import { dnsServer, type DnsServer, type Said } from '../support/dns-server.ts';
import { hostName } from '../support/records.ts';

/** A large answer fits in no datagram: the server would be asked by TCP, which it does not speak. */
const many = (count: number): string[] => Array.from({ length: count }, (_, i) => `198.51.100.${i + 1}`);

async function room(names: Readonly<Record<string, Said>>, patience = ms(5000)): Promise<{ readonly server: DnsServer; readonly resolver: NameResolver; look(name: string): ReturnType<NameResolver['lookUp']> }> {
  const server = await dnsServer(names);
  const resolver = createNameResolver({ clock: systemClock, ask: askDns(systemClock, { servers: [server.place], patience }) });
  return { server, resolver, look: (name) => resolver.lookUp(hostName(name)) };
}

test('a name has its addresses of both kinds, canonical and in order, and is asked for once', async () => {
  const { server, resolver, look } = await room({ 'home.example.org': { a: ['203.0.113.9', '203.0.113.7'], aaaa: ['2001:db8:0:0:0:0:0:1', '::ffff:192.0.2.1'] } });
  expect(await look('Home.Example.org.')).toEqual({ kind: 'found', addresses: ['203.0.113.7', '203.0.113.9', '192.0.2.1', '2001:db8::1'], leftOut: 0, unknown: [], why: undefined });
  expect(await look('home.example.org')).toMatchObject({ kind: 'found' });
  expect(resolver.known(hostName('home.example.org'))).toMatchObject({ kind: 'found' });
  expect([...server.asked].sort()).toEqual(['A home.example.org', 'AAAA home.example.org']);
});

test('a name that does not exist has no address, and is remembered as such', async () => {
  const { server, look } = await room({ 'empty.example.org': {} });
  expect(await look('nowhere.example.org')).toEqual({ kind: 'none' });
  expect(await look('empty.example.org')).toEqual({ kind: 'none' });
  const { length } = server.asked;
  expect(await look('nowhere.example.org')).toEqual({ kind: 'none' });
  expect(server.asked).toHaveLength(length);
});

test('a name with one kind of address is known by that', async () => {
  const { look } = await room({ 'v4.example.org': { a: ['203.0.113.7'] }, 'v6.example.org': { aaaa: ['2001:db8::7'] } });
  expect(await look('v4.example.org')).toMatchObject({ addresses: ['203.0.113.7'], unknown: [] });
  expect(await look('v6.example.org')).toMatchObject({ addresses: ['2001:db8::7'], unknown: [] });
});

test('a name with a crowd of addresses is known by eight of them, always the same', async () => {
  const { server, look, resolver } = await room({ 'crowd.example.org': { a: many(20), aaaa: ['2001:db8::1', '2001:db8::2'] } });
  const first = await look('crowd.example.org');
  expect(first).toMatchObject({ kind: 'found', leftOut: 14 });
  expect(first.kind === 'found' ? first.addresses : []).toHaveLength(8);
  server.names.set('crowd.example.org', { a: many(20).reverse(), aaaa: ['2001:db8::2', '2001:db8::1'] });
  expect(await resolver.lookUp(hostName('crowd.example.org'), true)).toEqual(first);
});

test.each<[Said, RegExp]>([
  ['servfail', /could not find out/],
  ['garbage', /can’t be read|in time/],
  ['silent', /in time/],
  ['other', /in time/],
])('a name server that says %j leads to no address, and a reason', async (said, why) => {
  const { look } = await room({ 'bad.example.org': said }, ms(700));
  const answer = await look('bad.example.org');
  expect(answer).toMatchObject({ kind: 'failed' });
  expect(answer.kind === 'failed' ? answer.why : '').toMatch(why);
});

test('a name that is an alias of itself has no address', async () => {
  const { look } = await room({ 'loop.example.org': 'loop' }, ms(2000));
  expect((await look('loop.example.org')).kind).not.toBe('found');
});

test('a silent name server is given up in time, however many names wait for it', async () => {
  const names = Array.from({ length: 15 }, (_, i) => hostName(`n${i}.example.org`));
  const { resolver } = await room(Object.fromEntries(names.map((name): [string, Said] => [name, 'silent'])), ms(500));
  const begun = performance.now();
  const answers = await Promise.all(names.map((name: HostName) => resolver.lookUp(name)));
  expect(answers.every(({ kind }) => kind === 'failed')).toBe(true);
  expect(performance.now() - begun).toBeLessThan(4000);
  expect(resolver.stats().waiting).toBe(0);
});

test('no name server at all is a reason, too', async () => {
  const server = await dnsServer();
  const ask = askDns(systemClock, { servers: ['127.0.0.1:1'], patience: ms(3000) });
  expect(await ask(hostName('home.example.org'), 4)).toMatchObject({ kind: 'failed' });
  expect(server.asked).toEqual([]);
});
