/** The messages of a change, read back as the kernel reads them. */
import { instant, NEVER, parseSubject, type Subject } from 'banban-shared';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Row } from '../../../../../packages/server/src/enforce/firewall.ts';
import { counterAt, eachElement } from '../../../../../packages/server/src/enforce/nftables/elements.ts';
import { rowsOf, timeoutOf } from '../../../../../packages/server/src/enforce/nftables/rows.ts';
import { setsOf } from '../../../../../packages/server/src/enforce/nftables/sets.ts';
import { canStamp, stepsOf } from '../../../../../packages/server/src/enforce/nftables/steps.ts';
import { FIRST_PART, transactionOf } from '../../../../../packages/server/src/enforce/nftables/transaction.ts';
import { attributesOf, eachAttribute, eachMessage, textOf } from '../../../../../packages/server/src/netlink/message.ts';
import { T0 } from '../../../../support/records.ts';
import { scaled } from '../../../../support/search.ts';

const RUNS = { numRuns: scaled(300) };
const ACK = 4;
const CREATE = 0x400;
const EXCL = 0x200;
const sets = setsOf({ name: 'BLOCKER' });
const NAMES: Readonly<Record<number, string>> = { 16: 'begin', 17: 'end', 0xa0c: 'new', 0xa0e: 'delete', 0xa1e: 'destroy' };

/** A message as the kernel reads it: its attributes decoded from nothing but their types and lengths. */
interface Sent {
  readonly what: string | undefined;
  readonly flags: number;
  readonly sequence: number;
  readonly set: string;
  readonly elements: readonly { readonly key: string; readonly isEnd: boolean; readonly timeout: bigint | undefined; readonly expiration: bigint | undefined; readonly counter: string; readonly other: readonly number[] }[];
}

function decode(bytes: Buffer): Sent[] {
  const found: Sent[] = [];
  let length = 0;
  eachMessage(bytes, bytes.length, ({ type, flags, sequence, start, end }) => {
    length = end;
    const attributes = attributesOf(bytes, start + 4, end);
    const list: Sent['elements'][number][] = [];
    const nested = attributes.get(3) ?? Buffer.alloc(0);
    expect(nested.length).toBeLessThanOrEqual(0xffff - 4);
    eachAttribute(nested, 0, nested.length, (kind, from, to) => {
      expect(kind).toBe(1);
      const element = attributesOf(nested, from, to);
      const key = attributesOf(element.get(1) ?? Buffer.alloc(0), 0, element.get(1)?.length ?? 0).get(1);
      list.push({
        key: key?.toString('hex') ?? '',
        isEnd: element.get(3)?.readUInt32BE(0) === 1,
        timeout: element.get(4)?.readBigUInt64BE(0),
        expiration: element.get(5)?.readBigUInt64BE(0),
        counter: element.get(7)?.toString() ?? '',
        other: [...element.keys()].filter((one) => ![1, 3, 4, 5, 7].includes(one)),
      });
    });
    if (type !== 16 && type !== 17) expect([bytes.readUInt8(start), textOf(attributes.get(1) ?? Buffer.alloc(0))]).toEqual([1, 'banban']);
    else expect(bytes.readUInt16BE(start + 2)).toBe(10);
    found.push({ what: NAMES[type], flags, sequence, set: textOf(attributes.get(2) ?? Buffer.alloc(0)), elements: list });
  });
  expect(length).toBe(bytes.length);
  return found;
}

const subject = (text: string): Subject => {
  const parsed = parseSubject(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
};
const NOTHING = { there: new Map<number, Uint8Array>(), overlaps: new Map<number, string>(), leaving: new Set<string>() };

function sent(remove: readonly string[], add: readonly (readonly [string, number])[], { stamps = true, ipv6Prefix = 64, there = [] as readonly number[], alone = [] as readonly number[] } = {}): Sent[] {
  const rows = rowsOf({ remove: remove.map(subject), add: add.map(([text, length]): Row => ({ subject: subject(text), until: length === Infinity ? NEVER : instant(T0 + length) })) }, ipv6Prefix, T0);
  const counter = Buffer.from([8, 0, 7, 0x80, 0x41, 0x42, 0x43, 0x44]);
  const found = { ...NOTHING, there: new Map(there.map((row) => [row, counter])) };
  const steps = stepsOf(rows, rows.subjects.map((_, row) => row), found, sets, stamps);
  return decode(transactionOf(rows, sets, steps, { alone: new Set(alone), counters: stamps ? new Map() : found.there }).bytes);
}

const brief = (messages: readonly Sent[]): string[] => messages.map(({ what, set, elements }) => [what, set, ...elements.map(({ key, isEnd }) => key + (isEnd ? '!' : ''))].filter(Boolean).join(' '));

describe('a transaction', () => {
  test('has every row in its set, removals first, between its begin and its end', () => {
    const messages = sent(['192.0.2.9', '10.0.0.0/8', '2001:db8:9::/64'], [['192.0.2.1', 1000], ['198.51.100.0/24', 1000], ['2001:db8:1::/64', 1000], ['2001:db8::1', 1000], ['2001:db8::/48', 1000], ['240.0.0.0/4', 1000]], { there: [1] });
    expect(brief(messages)).toEqual([
      'begin',
      'destroy BLOCKER_v4 c0000209',
      'destroy BLOCKER_v6 20010db8000900000000000000000000',
      'delete BLOCKER_v4_net 0a000000 0b000000!',
      'new BLOCKER_v4 c0000201',
      'new BLOCKER_v6 20010db8000100000000000000000000',
      'new BLOCKER_v4_net c6336400 c6336500! f0000000',
      'new BLOCKER_v6_net 20010db8000000000000000000000001 20010db8000000000000000000000002! 20010db8000000000000000000000000 20010db8000100000000000000000000!',
      'end',
    ]);
    expect(messages.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(FIRST_PART).toBe(2);
    expect(messages.filter(({ flags }) => (flags & ACK) !== 0).map(({ sequence }) => sequence), 'the last says that all was seen').toEqual([8]);
    expect(messages.filter(({ what }) => what === 'new').every(({ flags }) => (flags & (CREATE | EXCL)) === CREATE)).toBe(true);
    expect(messages[6]?.elements.map(({ other }) => other), 'nft is told of the open end').toEqual([[], [], [6]]);
  });

  test('gives a time with which the kernel begins anew, and none to an end or to what is for ever', () => {
    const [, hosts, nets] = sent([], [['192.0.2.1', 5000], ['192.0.2.2', Infinity], ['10.0.0.0/8', 5000]]);
    expect(hosts?.elements.map(({ timeout, expiration }) => [timeout, expiration])).toEqual([[7000n, 7000n], [0n, undefined]]);
    expect(nets?.elements.map(({ timeout, expiration }) => [timeout, expiration])).toEqual([[7000n, 7000n], [undefined, undefined]]);
  });

  test('of a kernel that gives no new time takes out what is there, and puts it in again with its counter', () => {
    const messages = sent(['192.0.2.9', '192.0.2.8', '10.0.0.0/8'], [['192.0.2.1', 1000], ['192.0.2.2', 1000], ['11.0.0.0/8', 1000]], { stamps: false, there: [0, 3, 5] });
    expect(brief(messages)).toEqual(['begin', 'delete BLOCKER_v4 c0000209 c0000201', 'delete BLOCKER_v4_net 0b000000 0c000000!', 'new BLOCKER_v4 c0000201 c0000202', 'new BLOCKER_v4_net 0b000000 0c000000!', 'end']);
    expect(messages[3]?.elements.map(({ counter, expiration }) => [counter, expiration])).toEqual([['ABCD', undefined], ['', undefined]]);
    expect(messages[4]?.elements.map(({ counter }) => counter)).toEqual(['ABCD', '']);
    expect(messages.filter(({ what }) => what === 'new').every(({ flags }) => (flags & EXCL) !== 0)).toBe(true);
  });

  test('has messages of their own for rows that are to be answered for alone', () => {
    expect(brief(sent([], [['1.0.0.1', 1], ['1.0.0.2', 1], ['1.0.0.3', 1], ['1.0.0.4', 1]], { alone: [1, 2] }))).toEqual(['begin', 'new BLOCKER_v4 01000001', 'new BLOCKER_v4 01000002', 'new BLOCKER_v4 01000003', 'new BLOCKER_v4 01000004', 'end']);
  });

  test('of any rows has each once, in lists that a netlink attribute can hold', () => {
    const family = fc.constantFrom(4, 6);
    const any = fc.record({ family, bits: fc.constantFrom(8, 24, 32, 64, 128), n: fc.nat(2 ** 24 - 1) }).map(({ family: of, bits, n }) =>
      of === 4 ? subject(`${n >> 16}.${(n >> 8) & 255}.${n & 255}.7/${Math.min(32, bits)}`) : subject(`2001:db8:${(n >> 8).toString(16)}::${(n & 0xff).toString(16)}/${bits}`));
    const many = fc.uniqueArray(any, { maxLength: 300 }).chain((all) => fc.record({ all: fc.constant(all), times: fc.constantFrom(1, 10, 40), cut: fc.nat(all.length) }));
    fc.assert(fc.property(many, fc.boolean(), fc.constantFrom(64, 128), ({ all, times, cut }, stamps, ipv6Prefix) => {
      const add = all.slice(cut).flatMap((one): [string, number][] => Array.from({ length: times }, () => [one, 60_000]));
      const messages = sent(all.slice(0, cut), add, { stamps, ipv6Prefix });
      const added = messages.filter(({ what }) => what === 'new').flatMap(({ elements }) => elements.filter(({ isEnd }) => !isEnd));
      expect(added).toHaveLength(add.length);
      expect(added.every(({ timeout }) => timeout === 62_000n)).toBe(true);
    }), RUNS);
  });
});

test('a row lasts in the kernel a little longer than its ban, and never too long for the kernel’s clock', () => {
  expect(timeoutOf(instant(T0 + 1000), T0)).toBe(3000);
  expect(timeoutOf(instant(T0 - 1_000_000), T0)).toBe(2000);
  expect(timeoutOf(NEVER, T0)).toBe(0);
  expect(timeoutOf(instant(Number.MAX_SAFE_INTEGER), T0)).toBe(100 * 365 * 86_400_000);
});

test.each([['6.12.0', true], ['6.18.44-x', true], ['7.0', true], ['10.1.2', true], ['6.11.9', false], ['5.14.0-503.el9', false], ['6', false], ['', false], ['x6.12', false]])('Linux %s gives a new time: %s', (release, can) => {
  expect(canStamp(release)).toBe(can);
});

test('elements of any bytes are read without leaving them', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(50), (raw, cut) => {
    const good = transactionOf(rowsOf({ remove: [], add: [{ subject: subject('10.0.0.0/8'), until: NEVER }] }, 64, T0), sets, [{ verb: 'stamp', set: 2, rows: [0] }], { alone: new Set(), counters: new Map() }).bytes;
    const bytes = Buffer.concat([good.subarray(20 + 16, 20 + 16 + 4 + cut), Buffer.from(raw)]);
    eachElement(bytes, 0, bytes.length, (key, width, _isEnd, expression) => {
      expect(key + width).toBeLessThanOrEqual(bytes.length);
      expect(expression).toBeLessThan(bytes.length);
      counterAt(bytes, expression);
    });
  }), { numRuns: scaled(2000) });
});
