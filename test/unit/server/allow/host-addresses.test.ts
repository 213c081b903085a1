import type { HostName } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import { hostAddresses, type HostAddresses } from '../../../../packages/server/src/allow/host-addresses.ts';
import type { NameAnswer } from '../../../../packages/server/src/names/resolver.ts';
import { StoreError, type AllowStore, type HostRecord } from '../../../../packages/server/src/store/store.ts';
import { fakeClock } from '../../../support/fake-clock.ts';
import { HOUR } from '../../../support/policies.ts';
import { address, hostName } from '../../../support/records.ts';

const MINUTE = 60_000;
const HOME = hostName('home.example.org');
const found = (...texts: string[]): NameAnswer => ({ kind: 'found', addresses: texts.map(address), leftOut: 0, unknown: [], why: undefined });
const SILENT: NameAnswer = { kind: 'failed', why: 'no name server answered in time' };
const flush = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function room() {
  const clock = fakeClock();
  const rows = new Map<HostName, HostRecord>();
  const answers = new Map<HostName, NameAnswer>();
  const asked: number[] = [];
  const begun = clock.now();
  let isBroken = false;
  const check = (): void => {
    if (isBroken) throw new StoreError('the disk is full');
  };
  const store: Pick<AllowStore, 'hosts' | 'saveHost' | 'forgetHosts'> = {
    hosts: () => (check(), [...rows.values()]),
    saveHost: (record) => (check(), void rows.set(record.name, record)),
    forgetHosts: (names) => (check(), names.forEach((name) => rows.delete(name))),
  };
  const inForce = new Map<HostName, readonly string[]>();
  const resolver = {
    lookUp: (name: HostName) => {
      asked.push(clock.now() - begun);
      return Promise.resolve(answers.get(name) ?? SILENT);
    },
  };
  const begin = (): HostAddresses => hostAddresses({ clock, store, resolver }, (name, prefixes) => void (prefixes.length === 0 ? inForce.delete(name) : inForce.set(name, prefixes)));
  return {
    clock, rows, answers, asked, inForce, begin, hosts: begin(),
    pass: async (milliseconds: number): Promise<void> => {
      clock.advance(milliseconds);
      await flush();
    },
    breakIt: (): void => void (isBroken = true),
  };
}

describe('a host name', () => {
  test('is asked for at the start and every hour, and what it says is in force', async () => {
    const { hosts, answers, inForce, asked, pass } = room();
    answers.set(HOME, found('203.0.113.7', '2001:db8::7'));
    hosts.want([HOME], true);
    await flush();
    expect(inForce.get(HOME)).toEqual(['203.0.113.7/32', '2001:db8::7/128']);
    answers.set(HOME, found('203.0.113.8'));
    await pass(HOUR - 1);
    expect(asked).toEqual([0]);
    await pass(1);
    expect(asked).toEqual([0, HOUR]);
    expect(inForce.get(HOME)).toEqual(['203.0.113.8/32']);
    expect(hosts.problems()).toEqual([]);
  });

  test('keeps its last good answer for as long as there is none, says so, and is asked for again sooner', async () => {
    const { hosts, answers, inForce, asked, pass, clock } = room();
    answers.set(HOME, found('203.0.113.7'));
    hosts.want([HOME], true);
    await flush();
    const at = new Date(clock.now()).toISOString();
    answers.set(HOME, SILENT);
    await pass(HOUR);
    expect(inForce.get(HOME)).toEqual(['203.0.113.7/32']);
    expect(hosts.problems()).toEqual([`home.example.org: no name server answered in time, so 203.0.113.7, its last answer (${at}), stays allowed`]);
    await pass(MINUTE);
    await pass(2 * MINUTE);
    await pass(4 * MINUTE);
    expect(asked).toEqual([0, HOUR, HOUR + MINUTE, HOUR + 3 * MINUTE, HOUR + 7 * MINUTE]);
    for (let i = 0; i < 20; i++) await pass(HOUR);
    expect(asked.slice(-2).reduce((a, b) => b - a), 'at least every hour').toBe(HOUR);
    answers.set(HOME, { kind: 'none' });
    await pass(HOUR);
    expect(hosts.problems()[0]).toMatch(/^home\.example\.org: the DNS has no address of it, so 203\.0\.113\.7, its last answer/);
    expect(inForce.get(HOME)).toEqual(['203.0.113.7/32']);
    answers.set(HOME, found('203.0.113.9'));
    await pass(HOUR);
    expect(hosts.problems()).toEqual([]);
    expect(inForce.get(HOME)).toEqual(['203.0.113.9/32']);
  });

  test('that was never answered allows nothing, and is shown', async () => {
    const { hosts, inForce } = room();
    hosts.want([HOME], true);
    await flush();
    expect(inForce.size).toBe(0);
    expect(hosts.problems()).toEqual(['home.example.org: no name server answered in time, so nothing of it is allowed']);
    expect(hosts.answeredAt(HOME)).toBeUndefined();
  });

  test('has the last answer of the run before until there is one', async () => {
    const { hosts, answers, inForce, begin, clock } = room();
    answers.set(HOME, found('203.0.113.7'));
    hosts.want([HOME], true);
    await flush();
    clock.crash(5 * HOUR);
    inForce.clear();
    answers.delete(HOME);
    const next = begin();
    next.want([HOME], true);
    expect(inForce.get(HOME), 'before anybody is asked').toEqual(['203.0.113.7/32']);
    await flush();
    expect(inForce.get(HOME)).toEqual(['203.0.113.7/32']);
    expect(next.problems()[0]).toMatch(/203\.0\.113\.7, its last answer/);
  });

  test('whose addresses of one kind could not be asked for keeps those', async () => {
    const { hosts, answers, inForce, pass } = room();
    answers.set(HOME, found('203.0.113.7', '2001:db8::7'));
    hosts.want([HOME], true);
    await flush();
    answers.set(HOME, { kind: 'found', addresses: [address('203.0.113.8')], leftOut: 0, unknown: [6], why: 'the name server refused to answer' });
    await pass(HOUR);
    expect(inForce.get(HOME)).toEqual(['203.0.113.8/32', '2001:db8::7/128']);
    expect(hosts.problems()).toEqual(['home.example.org: its IPv6 addresses could not be found out (the name server refused to answer), so those known before stay allowed']);
  });

  test('with a crowd of addresses says that not all are allowed', async () => {
    const { hosts, answers } = room();
    answers.set(HOME, { kind: 'found', addresses: [address('203.0.113.8')], leftOut: 12, unknown: [], why: undefined });
    hosts.want([HOME], true);
    await flush();
    expect(hosts.problems()).toEqual(['home.example.org has 12 more addresses than the 1 that are allowed; write its networks instead']);
  });

  test('that is not wanted any more allows nothing, is not asked for, and is forgotten', async () => {
    const { hosts, answers, inForce, rows, asked, pass } = room();
    answers.set(HOME, found('203.0.113.7'));
    hosts.want([HOME], true);
    await flush();
    hosts.want([], true);
    expect([inForce.size, rows.size]).toEqual([0, 0]);
    await pass(5 * HOUR);
    expect(asked).toHaveLength(1);
  });

  test('that may yet be wanted keeps the answer of the run before', async () => {
    const { hosts, answers, rows, begin, inForce } = room();
    answers.set(HOME, found('203.0.113.7'));
    hosts.want([HOME], true);
    await flush();
    inForce.clear();
    answers.clear();
    const next = begin();
    next.want([], false);
    expect(rows.size).toBe(1);
    next.want([HOME], true);
    expect(inForce.get(HOME)).toEqual(['203.0.113.7/32']);
    const last = begin();
    last.want([], true);
    expect(rows.size).toBe(0);
  });

  test('whose answer comes when it is not wanted any more allows nothing', async () => {
    const { hosts, answers, inForce } = room();
    answers.set(HOME, found('203.0.113.7'));
    hosts.want([HOME], true);
    hosts.want([], true);
    await flush();
    expect(inForce.size).toBe(0);
    hosts.want([HOME], true);
    hosts.stop();
    await flush();
    expect(inForce.size).toBe(0);
  });
});

test('a database that can’t be read or written keeps nobody from being allowed', async () => {
  const { breakIt, begin, answers, inForce, hosts } = room();
  hosts.stop();
  breakIt();
  answers.set(HOME, found('203.0.113.7'));
  const next = begin();
  next.want([HOME], true);
  await flush();
  expect(inForce.get(HOME)).toEqual(['203.0.113.7/32']);
  next.want([], true);
  expect(inForce.size).toBe(0);
});
