/** usedns over a real name server and a real database: from a line that names a host to the ban of its addresses. */
import { join } from 'node:path';
import { ms, type HostName } from 'banban-shared';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../packages/server/src/clock.ts';
import { simulatedCutter, simulatedFirewall } from '../../packages/server/src/enforce/simulated.ts';
import type { Engine } from '../../packages/server/src/engine/contract.ts';
import { createEngine } from '../../packages/server/src/engine/engine.ts';
import { allAddresses } from '../../packages/server/src/names/all-addresses.ts';
import { askDns } from '../../packages/server/src/names/ask-dns.ts';
import { createNameResolver } from '../../packages/server/src/names/resolver.ts';
import { openStore } from '../../packages/server/src/store/sqlite.ts';
import { dnsServer, type DnsServer, type Said } from '../support/dns-server.ts';
import { policy, prefix, rule } from '../support/policies.ts';
import { quietLog } from '../support/quiet-log.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait-for.ts';

const PATIENCE = ms(500);

async function room(names: Readonly<Record<string, Said>>, allowlist: readonly string[] = []): Promise<{ readonly engine: Engine; readonly dns: DnsServer; readonly hear: (host: string, user?: string) => void; readonly banned: () => string[] }> {
  const dns = await dnsServer(names);
  const clock = systemClock;
  const resolver = createNameResolver({ clock, ask: askDns(clock, { servers: [dns.place], patience: PATIENCE }) });
  const store = openStore(join(tempDir(), 'banban.db'));
  const rules = [rule('ssh', { usedns: 'yes', occurrences: 2 })];
  const engine = createEngine({ clock, store, firewall: simulatedFirewall(), cutter: simulatedCutter(), log: quietLog(), lookUp: (name: HostName) => allAddresses(resolver, name) }, policy({ rules, allowlist: allowlist.map(prefix) }));
  engine.start();
  onTestFinished(() => {
    resolver.stop();
    engine.stop();
    store.close();
  });
  return {
    engine,
    dns,
    hear: (host, user = 'root') => engine.deliver(Buffer.from(`<38>Jan  2 03:04:05 host sshd[1]: Failed password for ${user} from ${host} port 4242 ssh2\n`), clock.now()),
    banned: () => engine.bans().map((ban) => ban.address).sort(),
  };
}

test('a name is looked up once, and all its addresses are banned', async () => {
  const { engine, dns, hear, banned } = await room({ 'bad.example.com': { a: ['203.0.113.7', '203.0.113.8'], aaaa: ['2001:db8::7'] } });
  hear('bad.example.com');
  hear('BAD.example.com');
  await waitFor('three bans', () => banned().length === 3);
  expect(banned()).toEqual(['2001:db8::7', '203.0.113.7', '203.0.113.8']);
  expect([...dns.asked].sort()).toEqual(['A bad.example.com', 'AAAA bad.example.com']);
  expect(engine.nameCounters()).toEqual({ seen: 2, lookedUp: 1, failed: 0, spared: 0, dropped: 0 });
});

test('nobody is banned by a name that leads to an allowed network too', async () => {
  const { engine, hear, banned } = await room({ 'bad.example.com': { a: ['203.0.113.7'], aaaa: ['2001:db8::7'] } }, ['2001:db8::/48']);
  hear('bad.example.com');
  hear('bad.example.com');
  await waitFor('the answer', () => engine.nameCounters().spared > 0);
  expect(banned()).toEqual([]);
  expect(engine.ruleCounters('ssh').matches).toBe(0);
});

test('an allowed address that came as ::ffff: in the answer is seen for what it is', async () => {
  const { engine, hear, banned } = await room({ 'bad.example.com': { a: ['203.0.113.7'], aaaa: ['198.51.100.1'] } }, ['198.51.100.0/24']);
  hear('bad.example.com');
  hear('bad.example.com');
  await waitFor('the answer', () => engine.nameCounters().spared > 0);
  expect(banned()).toEqual([]);
});

test.each<[string, Said | undefined]>([
  ['does not exist', undefined],
  ['has no address', {}],
  ['its server can’t find out', 'servfail'],
  ['is never answered for', 'silent'],
  ['is answered for with garbage', 'garbage'],
  ['is an alias of itself', 'loop'],
  ['is answered for with another name', 'other'],
  ['has more addresses than can be looked at', { a: Array.from({ length: 40 }, (_, i) => `203.0.113.${i + 1}`) }],
])('a name that %s counts nothing, and keeps no line waiting', async (_, said) => {
  const { engine, hear, banned } = await room(said === undefined ? {} : { 'bad.example.com': said });
  hear('bad.example.com');
  hear('bad.example.com');
  hear('203.0.113.99');
  hear('203.0.113.99');
  await waitFor('the ban of the address', () => banned().length === 1);
  await waitFor('the end of a look-up', () => engine.nameCounters().failed > 0);
  expect(banned()).toEqual(['203.0.113.99']);
  expect(engine.nameCounters()).toMatchObject({ seen: 2, lookedUp: 1, failed: 1, spared: 0 });
});

test('a storm of names that are never answered for is bounded, and the addresses in it are banned meanwhile', async () => {
  const names = Array.from({ length: 3000 }, (_, i) => `n${i}.example.com`);
  const { engine, hear, banned } = await room(Object.fromEntries(names.map((name) => [name, 'silent'])));
  for (const name of names) hear(name);
  hear('203.0.113.99');
  hear('203.0.113.99');
  await waitFor('the ban of the address', () => banned().length === 1);
  expect(engine.nameCounters()).toMatchObject({ seen: 3000, dropped: 2000 });
  await waitFor('the end of a look-up', () => engine.nameCounters().failed > 0);
});
