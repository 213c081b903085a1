/** What the sweeps end in random tables, against a reference that looks at addresses one by one. */
import { familyOf, holds, networkOf, parseSubject, prefixOf, subjectOf, type Address, type Subject } from 'banban-shared';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { conntrackSweep } from '../../packages/server/src/enforce/connections/conntrack-sweep.ts';
import { entryOf } from '../../packages/server/src/enforce/connections/conntrack-messages.ts';
import { farSideIn, socketOf } from '../../packages/server/src/enforce/connections/socket-messages.ts';
import { socketSweep } from '../../packages/server/src/enforce/connections/socket-sweep.ts';
import { subjectMatcher } from '../../packages/server/src/enforce/connections/subject-matcher.ts';
import { systemClock } from '../../packages/server/src/clock.ts';
import { conditionHolds, entryMessage, fakeConnections, type FakeEntry, type FakeSocket } from '../support/fake-connections.ts';
import { address } from '../support/records.ts';
import { scaled } from '../support/search.ts';

const RUNS = { numRuns: scaled(500) };

/** Few enough that they meet each other and the networks. */
const ipv4 = fc.tuple(fc.constantFrom(0, 10, 192, 255), fc.constantFrom(0, 127, 128), fc.nat(3), fc.nat(3)).map((octets) => address(octets.join('.')));
const ipv6 = fc.tuple(fc.constantFrom('2001:db8', '2001:db9', '0'), fc.constantFrom(0, 1, 0x8000), fc.nat(2)).map(([head, a, b]) => address(`${head}:${a.toString(16)}::${b}`));
const pair = fc.oneof(fc.tuple(ipv4, ipv4), fc.tuple(ipv6, ipv6));
const port = fc.constantFrom(22, 80, 1000, 65_535);
const subject = fc.tuple(fc.oneof(ipv4, ipv6), fc.oneof(fc.constant(128), fc.nat(128))).map(([one, bits]) => subjectOf(prefixOf(one, Math.min(bits, familyOf(one) === 4 ? 32 : 128))));
const subjects = fc.uniqueArray(subject, { minLength: 1, maxLength: 40 });

const entry: fc.Arbitrary<FakeEntry> = fc
  .record({ pair, ports: fc.tuple(port, port), protocol: fc.constantFrom(1, 6, 17), state: fc.constantFrom(1, 3, 5, 7, 8), zone: fc.option(fc.nat(3), { nil: undefined }) })
  .map(({ pair: [from, to], ports: [a, b], protocol, state, zone }) => ({ protocol, from: [from, a], to: [to, b], state, ...(zone === undefined || zone === 0 ? {} : { zone }) }));
const socket: fc.Arbitrary<FakeSocket> = fc
  .record({ pair, ports: fc.tuple(port, port), protocol: fc.constantFrom(6, 17), mapped: fc.boolean() })
  .map(({ pair: [near, far], ports: [a, b], protocol, mapped }) => ({ protocol, near: [near, a], far: [far, b], mapped: mapped && familyOf(far) === 4 }));

/** The narrowest of the subjects that holds an address. */
function narrowest(wanted: readonly Subject[], one: Address): Subject | undefined {
  const all = wanted.filter((candidate) => holds(candidate, one));
  return all.sort((a, b) => networkOf(b).bits - networkOf(a).bits)[0];
}

const tally = (): { readonly died: (subject: Subject) => void; readonly counts: Map<Subject, number> } => {
  const counts = new Map<Subject, number>();
  return { counts, died: (one) => void counts.set(one, (counts.get(one) ?? 0) + 1) };
};
const never = new AbortController().signal;

test('a sweep of conntrack’s table deletes what a subject opened or was opened to, nothing else, and counts what was not over', async () => {
  await fc.assert(fc.asyncProperty(subjects, fc.array(entry, { maxLength: 60 }), async (wanted, all) => {
    const expected = new Map<Subject, number>();
    const stay = all.filter((one) => {
      const found = narrowest(wanted, one.from[0]) ?? narrowest(wanted, one.to[0]);
      if (found !== undefined && !(one.protocol === 6 && (one.state === 7 || one.state === 8))) expected.set(found, (expected.get(found) ?? 0) + 1);
      return found === undefined;
    });
    const fake = fakeConnections(all);
    const { died, counts } = tally();
    expect(await conntrackSweep(systemClock, fake.open).run(wanted, died, never)).toEqual({ kind: 'done' });
    expect([...fake.entries]).toEqual(stay);
    expect(counts).toEqual(expected);
    expect(fake.counts).toEqual({ table: all.length === 0 ? 0 : 1, sockets: 0, open: 0 });
  }), RUNS);
});

test('a sweep of sockets closes those whose far side is in a subject, and nothing else', async () => {
  await fc.assert(fc.asyncProperty(subjects, fc.array(socket, { maxLength: 60 }), async (wanted, all) => {
    const expected = new Map<Subject, number>();
    const stay = all.filter((one) => {
      const found = narrowest(wanted, one.far[0]);
      if (found !== undefined) expected.set(found, (expected.get(found) ?? 0) + 1);
      return found === undefined;
    });
    const fake = fakeConnections([], all);
    const { died, counts } = tally();
    expect(await socketSweep(systemClock, fake.open).run(wanted, died, never)).toEqual({ kind: 'done' });
    expect([...fake.sockets]).toEqual(stay);
    expect(counts).toEqual(expected);
    expect(fake.counts.open).toBe(0);
  }), RUNS);
});

test('the condition for the kernel lets through every socket of a subject, and the kernel takes it', () => {
  fc.assert(fc.property(fc.uniqueArray(subject, { minLength: 1, maxLength: 32 }), socket, (wanted, one) => {
    const code = farSideIn(wanted);
    if (code === undefined) throw new Error('32 are not too many');
    const isWanted = narrowest(wanted, one.far[0]) !== undefined;
    // An IPv6 network may hold the form in which an IPv4 address stands in IPv6.
    if (isWanted) expect(conditionHolds(code, one)).toBe(true);
    else if (one.mapped !== true) expect(conditionHolds(code, one)).toBe(false);
  }), { numRuns: scaled(3000) });
});

test('a socket and its conntrack entry have a name in common, whoever opened the connection', async () => {
  await fc.assert(fc.asyncProperty(socket, fc.boolean(), fc.option(fc.tuple(ipv4, port), { nil: undefined }), async (one, inbound, translated) => {
    const { protocol, near, far } = one;
    // What was opened to this machine may have been meant for another address: the reply comes from the socket's own.
    const nat = inbound && translated !== undefined && familyOf(far[0]) === 4;
    const record: FakeEntry = inbound ? { protocol, from: far, to: nat ? translated : near, reply: [near, far] } : { protocol, from: near, to: far };
    const wanted = await subjectMatcher(systemClock, [far[0]]);
    const seen = fakeConnections([record], [one]);
    const keys: string[] = [];
    await seen.open(4, never).dump(socketDump(one), (message, bytes) => keys.push(socketOf(message, bytes, protocol, wanted)?.key ?? 'none'));
    await seen.open(12, never).dump(tableDump(), (message, bytes) => keys.push(...(entryOf(message, bytes, wanted)?.keys ?? [])));
    expect(keys.slice(1)).toContain(keys[0]);
  }), RUNS);
});

/** A request that the fake reads no more of than this. */
const tableDump = (): Buffer => Buffer.from([20, 0, 0, 0, 1, 1, 1, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
function socketDump(one: FakeSocket): Buffer {
  const request = Buffer.alloc(72);
  request.set([72, 0, 0, 0, 20, 0, 1, 3], 0);
  request[16] = familyOf(one.far[0]) === 6 || one.mapped === true ? 10 : 2;
  request[17] = one.protocol;
  return request;
}

test('no bytes make a reader throw', async () => {
  const wanted = await subjectMatcher(systemClock, ['0.0.0.0/0', '::/0'].map((text) => parseSubject(text)).filter((one): one is Subject => one !== undefined));
  const { message, bytes } = entryMessage({ protocol: 6, from: [address('192.0.2.1'), 1], to: [address('198.51.100.1'), 22], zone: 3 }, 7);
  fc.assert(fc.property(fc.array(fc.tuple(fc.nat(message.end), fc.nat(255)), { maxLength: 8 }), fc.nat(message.end - message.start), (changes, cut) => {
    const broken = Buffer.from(bytes);
    for (const [at, value] of changes) broken[at] = value;
    entryOf({ ...message, end: message.end - cut }, broken, wanted);
    socketOf({ ...message, type: 20, end: message.end - cut }, broken, 6, wanted);
  }), { numRuns: scaled(5000) });
});
