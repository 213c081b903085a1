/** I1 while the allow list changes: whatever is allowed, by whose word ever, is not banned; and no text of a file does harm. */
import { holds, isNetwork, parseHostName, parsePrefix, subjectOf, type Prefix, type Subject } from 'banban-shared';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readFileEntries } from '../../packages/server/src/allow/file-entries.ts';
import { engineRoom, failed } from '../support/engine-room.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { prefix } from '../support/policies.ts';
import { subject } from '../support/records.ts';
import { scaled } from '../support/search.ts';

const SUBJECTS = ['192.0.2.1', '192.0.2.2', '192.0.2.129', '198.51.100.1', '2001:db8::1', '2001:db8::2', '2001:db8:0:1::1'] as const;
const NETWORKS = ['192.0.2.0/24', '192.0.2.128/25', '2001:db8::/64', '2001:db8::/32'] as const;
const entry = fc.constantFrom(...SUBJECTS, ...NETWORKS);

const step = fc.oneof(
  fc.record({ kind: fc.constant('allow' as const), group: fc.constantFrom('configuration', 'file /x', 'self', 'by hand'), entries: fc.array(entry, { maxLength: 3 }) }),
  fc.record({ kind: fc.constant('attack' as const), address: fc.constantFrom(...SUBJECTS) }),
  fc.record({ kind: fc.constant('ban' as const), subject: entry }),
  fc.record({ kind: fc.constant('pass' as const), minutes: fc.integer({ min: 1, max: 90 }) }),
);

const shares = (a: Subject, b: Subject): boolean => holds(a, b) || holds(b, a);

test('I1: an address that becomes allowed is unbanned, and none that is allowed gets banned', () => {
  let freed = 0;
  fc.assert(fc.property(fc.array(step, { minLength: 5, maxLength: 30 }), (steps) => {
    const room = engineRoom();
    const allowed = new Map<string, readonly Prefix[]>();
    for (const one of steps) {
      const before = room.banned().length;
      if (one.kind === 'allow') {
        const prefixes = one.entries.map(prefix);
        allowed.set(one.group, prefixes);
        room.engine.setAllowed(one.group, prefixes);
        if (room.banned().length < before) freed++;
      } else if (one.kind === 'attack') room.hear(failed(one.address), failed(one.address), failed(one.address));
      else if (one.kind === 'ban') room.engine.ban({ subjects: [subject(one.subject)], target: 'BLOCKER', length: undefined, reason: undefined, by: 'ann' });
      else room.clock.advance(one.minutes * 60_000);
      room.clock.turn();
      const entries = [...allowed.values()].flat().map(subjectOf);
      for (const ban of room.engine.bans()) for (const each of entries) expect(shares(ban.address, each), `${ban.address} is banned and ${each} is allowed`).toBe(false);
      for (const row of room.kernel.written('BLOCKER')) for (const each of entries) expect(shares(row, each), `${row} is in the kernel and ${each} is allowed`).toBe(false);
      // And nobody else is let go by it.
      const free = one.kind === 'attack' && !entries.some((each) => holds(each, subject(one.address)));
      if (free) expect(room.engine.bans().some(({ address }) => address === one.address || (isNetwork(address) && holds(address, subject(one.address))))).toBe(true);
    }
    room.engine.stop();
  }), { numRuns: scaled(40) });
  expect(freed).toBeGreaterThan(5);
});

test('no text of a file makes it throw; what is used is canonical, once, and narrower than a large part of the Internet', async () => {
  const word = fc.oneof(entry, fc.constantFrom('home.example.org', '0.0.0.0/0', '::/0', '10.0.0.300', '#', ';', '\r', '\0', ' ', '\t', '/', '..', '\u2028', '\ud800'), fc.string({ unit: 'binary', maxLength: 20 }));
  const text = fc.array(fc.oneof({ weight: 3, arbitrary: word }, { weight: 2, arbitrary: fc.constant('\n') }), { maxLength: 60 }).map((words) => words.join(''));
  await fc.assert(fc.asyncProperty(text, async (written) => {
    const { prefixes, hosts, bad, moreBad } = await readFileEntries(written, fakeClock());
    expect(new Set(prefixes).size).toBe(prefixes.length);
    expect(new Set(hosts).size).toBe(hosts.length);
    for (const one of prefixes) {
      expect(parsePrefix(one)).toBe(one);
      expect(Number(one.split('/')[1])).toBeGreaterThanOrEqual(one.includes(':') ? 16 : 8);
    }
    for (const one of hosts) expect(parseHostName(one)).toBe(one);
    const lines = written.split('\n').length;
    expect(prefixes.length + hosts.length + bad.length + moreBad).toBeLessThanOrEqual(lines);
    for (const sentence of bad) expect(sentence, 'nothing that a terminal obeys').toMatch(/^line \d+: [^\x00-\x1f]*$/);
  }), { numRuns: scaled(2000) });
});
