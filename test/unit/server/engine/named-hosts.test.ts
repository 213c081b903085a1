/** What lines with a host name in place of the address come to: nothing, a word in the log, or a ban of the addresses that the name has. */
import { ms, type Address } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import type { RuleConfig } from '../../../../packages/server/src/config/config.ts';
import type { LookUp } from '../../../../packages/server/src/engine/named-hosts.ts';
import { policy as compile, prefix, rule, target } from '../../../support/policies.ts';
import { accepted, engineRoom, failed, type EngineRoom } from '../../../support/engine-room.ts';
import { address } from '../../../support/records.ts';

const A = '192.0.2.1';
const B = '2001:db8::1';
const HOST = 'bad.example.com';

/** A DNS whose answers come when the test lets them. */
function dns(names: Readonly<Record<string, readonly string[] | string>> = { [HOST]: [A, B] }): { readonly lookUp: LookUp; readonly asked: string[]; readonly answer: () => Promise<void> } {
  const asked: string[] = [];
  let due: (() => void)[] = [];
  return {
    asked,
    lookUp(name) {
      asked.push(name);
      const known = names[name] ?? 'there is no such name';
      return new Promise((resolve) => due.push(() => resolve(typeof known === 'string' ? known : known.map((text): Address => address(text)))));
    },
    async answer() {
      for (let rounds = 0; due.length > 0 && rounds < 10_000; rounds++) {
        const now = due;
        due = [];
        for (const one of now) one();
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
    },
  };
}

const roomOf = (given: Partial<RuleConfig>, lookUp?: LookUp, allowlist: readonly string[] = []): EngineRoom =>
  engineRoom({ rules: [rule('ssh', { usedns: 'yes', occurrences: 2, ...given })], allowlist: allowlist.map(prefix) }, undefined, undefined, undefined, undefined, lookUp);

describe('usedns: no', () => {
  test('does nothing, and has nothing made for it', () => {
    const { lookUp, asked } = dns();
    const room = roomOf({ usedns: 'no' }, lookUp);
    expect(room.engine.policy.hostNames).toBeUndefined();
    room.hear(failed(HOST), failed(HOST));
    expect(asked).toEqual([]);
    expect(room.engine.nameCounters()).toMatchObject({ seen: 0 });
    expect(room.banned()).toEqual([]);
  });
});

describe('usedns: warn', () => {
  test('counts and says a name once an hour, and asks nobody', () => {
    const { lookUp, asked } = dns();
    const room = roomOf({ usedns: 'warn' }, lookUp);
    const said = () => room.log.said.filter(({ event }) => event === 'host_name').map(({ fields }) => fields.name);
    room.hear(failed(HOST), failed(HOST), failed('other.example.com'));
    expect(said()).toEqual([HOST, 'other.example.com']);
    room.clock.advance(3_600_000);
    room.hear(failed(HOST));
    expect(said()).toEqual([HOST, 'other.example.com', HOST]);
    expect(asked).toEqual([]);
    expect(room.engine.nameCounters()).toEqual({ seen: 4, lookedUp: 0, failed: 0, spared: 0, dropped: 0 });
    expect(room.engine.ruleCounters('ssh').matches).toBe(0);
  });

  test('does not make a flood of names one of banban’s own', () => {
    const room = roomOf({ usedns: 'warn' });
    for (let i = 0; i < 1000; i++) room.hear(failed(`h${i}.example.com`));
    expect(room.log.said.length).toBeLessThan(120);
    expect(room.log.events().filter((event) => event === 'host_names')).toHaveLength(1);
    expect(room.engine.nameCounters().seen).toBe(1000);
  });
});

describe('usedns: yes', () => {
  test('bans each address of the name, with the lines and from when they came', async () => {
    const { lookUp, answer } = dns();
    const room = roomOf({}, lookUp);
    const began = room.clock.now();
    room.hear(failed(HOST), failed(HOST, 'guest'));
    room.clock.advance(3000);
    expect(room.banned()).toEqual([]);
    await answer();
    expect(room.banned().sort()).toEqual([`BLOCKER ${A}`, `BLOCKER ${B}`]);
    expect(room.ban('BLOCKER', address(A)).since).toBe(began);
    const [offence] = room.engine.history(address(A)).offences;
    expect(offence?.lines).toEqual([expect.stringContaining(HOST), expect.stringContaining('guest')]);
    expect(room.engine.nameCounters()).toEqual({ seen: 2, lookedUp: 1, failed: 0, spared: 0, dropped: 0 });
    expect(room.engine.ruleCounters('ssh')).toMatchObject({ matches: 2, offences: 2, bans: 2 });
  });

  test('goes on with other lines meanwhile, and asks once for a name', async () => {
    const { lookUp, asked, answer } = dns();
    const room = roomOf({}, lookUp);
    room.hear(failed(HOST), failed('198.51.100.1'), failed(HOST), failed('198.51.100.1'));
    expect(room.banned()).toEqual(['BLOCKER 198.51.100.1']);
    expect(asked).toEqual([HOST]);
    await answer();
    expect(room.banned()).toHaveLength(3);
  });

  test('adds to what was counted by address', async () => {
    const { lookUp, answer } = dns();
    const room = roomOf({}, lookUp);
    room.hear(failed(A), failed(HOST));
    await answer();
    expect(room.banned()).toEqual([`BLOCKER ${A}`]);
  });

  test('counts IPv6 addresses of one network once', async () => {
    const { lookUp, answer } = dns({ [HOST]: ['2001:db8::1', '2001:db8::2', '2001:db8::3'] });
    const room = engineRoom({ targets: [target('BLOCKER', { ipv6Prefix: 64 })], rules: [rule('ssh', { usedns: 'yes', occurrences: 2 })] }, undefined, undefined, undefined, undefined, lookUp);
    room.hear(failed(HOST));
    await answer();
    expect(room.banned()).toEqual([]);
    room.hear(failed(HOST));
    await answer();
    expect(room.banned()).toEqual(['BLOCKER 2001:db8::/64']);
  });

  test.each([['is', [`${A}/32`]], ['is in a network that is', ['2001:db8::/32']]])('counts none where one of them %s allowed', async (_, allowlist) => {
    const { lookUp, answer } = dns();
    const room = roomOf({}, lookUp, allowlist);
    room.hear(failed(HOST), failed(HOST));
    await answer();
    room.hear(failed(HOST));
    await answer();
    expect(room.banned()).toEqual([]);
    expect(room.engine.ruleCounters('ssh')).toEqual({ matches: 0, offences: 0, bans: 0 });
    expect(room.engine.nameCounters()).toMatchObject({ lookedUp: 2, spared: 2 });
    expect(room.log.events().filter((event) => event === 'host_name_spared')).toHaveLength(1);
  });

  test('counts none where one of them is guarded', async () => {
    const { lookUp, answer } = dns();
    const room = roomOf({}, lookUp);
    room.engine.setGuarded([{ prefix: prefix(`${B}/128`), why: 'it is the default gateway' }]);
    room.hear(failed(HOST), failed(HOST));
    await answer();
    expect(room.banned()).toEqual([]);
    expect(room.log.said.find(({ event }) => event === 'host_name_spared')?.fields.message).toContain('it is the default gateway');
  });

  test('looks at the allow list when the answer is there, not when the line came', async () => {
    const { lookUp, answer } = dns();
    const room = roomOf({}, lookUp);
    room.hear(failed(HOST), failed(HOST));
    room.engine.setAllowed('self', [prefix(`${B}/128`)]);
    await answer();
    expect(room.banned()).toEqual([]);
  });

  test('never pardons by a name', async () => {
    const { lookUp, asked, answer } = dns();
    const room = roomOf({}, lookUp);
    room.hear(failed(A), failed(A));
    expect(room.banned()).toEqual([`BLOCKER ${A}`]);
    room.hear(accepted(HOST));
    await answer();
    expect(asked).toEqual([]);
    expect(room.banned()).toEqual([`BLOCKER ${A}`]);
  });

  test.each([['is not known', 'there is no such name'], ['has no address', []]])('counts nothing for a name that %s', async (_, said) => {
    const { lookUp, answer } = dns({ [HOST]: said });
    const room = roomOf({ occurrences: 1 }, lookUp);
    room.hear(failed(HOST));
    await answer();
    expect(room.banned()).toEqual([]);
    expect(room.engine.nameCounters()).toMatchObject({ seen: 1, lookedUp: 1, failed: 1 });
  });

  test('lives with a resolver that throws', async () => {
    for (const lookUp of [() => Promise.reject(new Error('out of order')), () => { throw new Error('out of order'); }] satisfies LookUp[]) {
      const room = roomOf({ occurrences: 1 }, lookUp);
      room.hear(failed(HOST));
      await new Promise<void>((resolve) => setImmediate(resolve));
      expect(room.engine.nameCounters()).toMatchObject({ lookedUp: 1, failed: 1 });
      expect(room.log.said.find(({ event }) => event === 'host_name_unknown')?.fields.message).toContain('out of order');
    }
  });

  test('keeps so many lines waiting, and counts those it drops', async () => {
    const { lookUp, asked, answer } = dns();
    const room = roomOf({ occurrences: 1000 }, lookUp);
    for (let i = 0; i < 150; i++) room.hear(failed(HOST));
    expect(room.engine.nameCounters()).toMatchObject({ seen: 150, dropped: 50 });
    for (let i = 0; i < 1000; i++) room.hear(failed(`h${i}.example.com`));
    expect(room.engine.nameCounters()).toMatchObject({ seen: 1150, dropped: 150 });
    expect(asked).toHaveLength(64);
    await answer();
    expect(new Set(asked).size).toBe(901);
    expect(room.engine.ruleCounters('ssh').matches).toBe(100);
    // And has room again.
    room.hear(failed(HOST));
    await answer();
    expect(room.engine.nameCounters()).toMatchObject({ dropped: 150 });
    expect(room.engine.ruleCounters('ssh').matches).toBe(101);
  });

  test('asks what the configuration says when the answer is there', async () => {
    const { lookUp, answer } = dns();
    const room = roomOf({ occurrences: 1 }, lookUp);
    room.hear(failed(HOST));
    room.engine.reload(compile({ rules: [rule('ssh', { usedns: 'warn', occurrences: 1 })] }));
    await answer();
    expect(room.banned()).toEqual([]);
  });

  test('comes to nothing after the end', async () => {
    const { lookUp, answer } = dns();
    const room = roomOf({ occurrences: 1 }, lookUp);
    room.hear(failed(HOST));
    room.engine.stop();
    await answer();
    expect(room.log.events()).not.toContain('ban');
  });

  test('counts a folded line as often as it came', async () => {
    const { lookUp, answer } = dns();
    const room = roomOf({ occurrences: 3 }, lookUp);
    room.hear(`message repeated 3 times: [ ${failed(HOST)}]`);
    await answer();
    expect(room.banned()).toHaveLength(2);
  });

  test('counts in its window of time, by when the line came', async () => {
    const { lookUp, answer } = dns();
    const room = roomOf({ interval: ms(60_000) }, lookUp);
    room.hear(failed(HOST));
    room.clock.advance(61_000);
    room.hear(failed(HOST));
    await answer();
    expect(room.banned()).toEqual([]);
    room.hear(failed(HOST));
    await answer();
    expect(room.banned()).toHaveLength(2);
  });
});

test('what would become of such a line is foreseen, whatever the rule does about names', () => {
  const room = engineRoom({ rules: [rule('ssh'), rule('strict', { usedns: 'yes' })] });
  const foresee = (line: string) => room.engine.forecast(Buffer.from(`sshd[1]: ${line}`)).names.map(({ rule: { name, usedns }, name: host }) => [name, usedns, host]);
  expect(foresee(failed(HOST))).toEqual([['ssh', 'no', HOST], ['strict', 'yes', HOST]]);
  expect(foresee(failed(A))).toEqual([]);
  expect(foresee(accepted(HOST))).toEqual([]);
  expect(room.engine.nameCounters().seen).toBe(0);
});
