import { instant, ms, NEVER } from 'banban-shared';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../../../packages/server/src/clock.ts';
import { ipsetDriver } from '../../../../../packages/server/src/enforce/ipset/ipset.ts';
import { saveReader, type SavedRow, type SavedSet } from '../../../../../packages/server/src/enforce/ipset/listing.ts';
import { ipsetReferences } from '../../../../../packages/server/src/enforce/ipset/references.ts';
import { firstComplaint, stoppedAt } from '../../../../../packages/server/src/enforce/ipset/restore.ts';
import type { ListDriver } from '../../../../../packages/server/src/enforce/queued-list.ts';
import { fakeProgram, type FakeProgram } from '../../../../support/fake-program.ts';
import { found, written } from '../../../../support/namespace-programs.ts';
import { target } from '../../../../support/policies.ts';
import { address, nth } from '../../../../support/records.ts';
import { scaled, seed } from '../../../../support/search.ts';

const EMPTY = `create banban-B-4 hash:ip family inet maxelem 9 timeout 0 counters
create banban-B-6 hash:ip family inet6 maxelem 9 netmask 64 timeout 0 counters
create banban-B-4n hash:net family inet maxelem 9 timeout 0 counters
create banban-B-6n hash:net family inet6 maxelem 9 timeout 0 counters`;
/** Answers a look as an ipset with empty sets does; the rest is for changes. */
const looked = (rest: string): string => `cat > $IN; if [ "$1" = - ]; then printf 'ipset> '; echo "${EMPTY}"; printf 'ipset> '; exit 0; fi\n${rest}`;
const TO_ADD = { add: [{ subject: address('192.0.2.1'), until: NEVER }] };

function driven(text: string, timeout = 20_000): FakeProgram & { readonly driver: ListDriver } {
  const program = fakeProgram('ipset', text);
  return { ...program, driver: ipsetDriver(target('B', { ipv6Prefix: 64 }), { clock: systemClock, path: program.path, timeout: ms(timeout) }) };
}

/** What goes wrong whatever is asked. */
async function both(text: string, timeout?: number): Promise<string | undefined> {
  const { driver } = driven(text, timeout);
  const state = await found(driver);
  const message = 'message' in state ? state.message : undefined;
  expect(state).toEqual({ state: 'failed', message });
  expect(await written(driver, TO_ADD)).toEqual(new Map([['192.0.2.1', message]]));
  return message;
}

describe('ipset', () => {
  test('that is not installed is named, and how to have it', async () => {
    const driver = ipsetDriver(target('B'), { clock: systemClock, path: '/nowhere' });
    const message = 'the program ipset is not installed (looked in /nowhere): install ipset';
    expect(await found(driver)).toEqual({ state: 'failed', message });
    expect(await written(driver, TO_ADD)).toEqual(new Map([['192.0.2.1', message]]));
    expect(await ipsetReferences(systemClock, '/nowhere')).toBeUndefined();
  });

  test('that hangs is killed, at a look and at a change', async () => {
    expect(await both('sleep 1000', 100)).toBe('ipset did not end within 0.1 s and was killed');
    expect(await written(driven(looked('sleep 1000'), 200).driver, TO_ADD)).toEqual(new Map([['192.0.2.1', 'ipset did not end within 0.2 s and was killed']]));
  });

  test('that fails is quoted, without control characters', async () => {
    expect(await both(`printf 'ipset v7.17: no \\007luck\\n' >&2; exit 3`)).toBe('ipset failed (3): no luck');
    expect(await both('kill -9 $$')).toBe('ipset failed (SIGKILL)');
    expect(await written(driven(looked('echo "ipset v7.17: Kernel error received: Out of memory" >&2; exit 1')).driver, TO_ADD)).toEqual(new Map([['192.0.2.1', 'ipset failed (1): Kernel error received: Out of memory']]));
  });

  test('that may not says who may', async () => {
    expect(await both(`echo 'ipset v7.17: Kernel error received: Operation not permitted' >&2; exit 0`)).toBe('ipset may not change the kernel’s sets: run banband as root (it needs CAP_NET_ADMIN)');
    const refused = driven(looked('echo "ipset v7.17: Error in line 1: Kernel error received: Operation not permitted" >&2; exit 1'));
    expect([...(await written(refused.driver, TO_ADD)).values()]).toEqual(['ipset may not change the kernel’s sets: run banband as root (it needs CAP_NET_ADMIN)']);
  });

  test('that prints something else is not believed', async () => {
    for (const text of ['echo hello', 'echo "create banban-B-4"', 'true', 'head -c 1000000 /dev/zero', `echo "${EMPTY}"; printf 'add banban-B-4'`]) {
      expect(await found(driven(text).driver)).toEqual({ state: 'failed', message: 'what ipset printed are not the sets of B' });
    }
  });

  test('that prints without end is stopped', async () => {
    const text = `echo "${EMPTY}"; yes "add banban-B-4 192.0.2.1 timeout 0 comment $(head -c 4000 /dev/zero | tr '\\0' a)"`;
    expect(await found(driven(text).driver)).toEqual({ state: 'failed', message: 'ipset printed more than 64 MiB of the sets of B, which banban does not read' });
  });

  test('is told a whole change at once, with seconds rounded up and two more', async () => {
    const { driver, inputs } = driven(looked('true'));
    const until = instant(systemClock.now() + 9_500);
    const add = [{ subject: address('192.0.2.1'), until }, { subject: address('192.0.2.2'), until: NEVER }, { subject: address('2001:db8::1'), until: instant(systemClock.now() + 1e12) }];
    expect(await written(driver, { remove: [address('192.0.2.9')], add })).toEqual(new Map());
    expect(inputs()[1]?.split('\n')).toEqual([
      'del banban-B-4 192.0.2.9 -exist',
      'add banban-B-4 192.0.2.1 timeout 12 -exist',
      'add banban-B-4 192.0.2.2 timeout 0 -exist',
      'add banban-B-6n 2001:db8::1 timeout 2147483 -exist',
      '',
    ]);
  });

  test('that refuses one row gets all others again', async () => {
    const { driver, inputs } = driven(looked(`if grep -q 192.0.2.2 $IN; then echo "ipset v7.17: Error in line 2: some reason" >&2; exit 1; fi`));
    const add = ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((text) => ({ subject: address(text), until: NEVER }));
    expect(await written(driver, { add })).toEqual(new Map([['192.0.2.2', 'ipset did not write it to the set banban-B-4 (some reason)']]));
    expect(inputs().at(-1)).toBe('add banban-B-4 192.0.2.1 timeout 0 -exist\nadd banban-B-4 192.0.2.3 timeout 0 -exist\n');
  });

  test('that refuses every time is asked a few times only', async () => {
    const { driver, inputs } = driven(looked(`echo "ipset v7.17: Error in line 1: no" >&2; exit 1`));
    const failures = await written(driver, { add: Array.from({ length: 100 }, (_, n) => ({ subject: nth(n), until: NEVER })) });
    expect([failures.size, inputs().length]).toEqual([100, 21]);
    expect([failures.get(nth(0)), failures.get(nth(99))]).toEqual(['ipset did not write it to the set banban-B-4 (no)', 'ipset refused others of the same change; it is tried again']);
  });

  test('that stops at a line that was not given is taken at its word and no more', async () => {
    for (const line of ['0', '7', '99999999999']) {
      const { driver } = driven(looked(`echo "ipset v7.17: Error in line ${line}: no" >&2; exit 1`));
      expect([...(await written(driver, TO_ADD)).values()]).toEqual([`ipset failed (1): Error in line ${line}: no`]);
    }
  });
});

describe('what ipset saves', () => {
  function read(...pieces: readonly string[]): { readonly sets: readonly SavedSet[]; readonly rows: readonly SavedRow[]; readonly isWhole: boolean } {
    const sets: SavedSet[] = [];
    const rows: SavedRow[] = [];
    const reader = saveReader((set) => sets.push(set), (row) => rows.push(row));
    for (const piece of pieces) reader.feed(Buffer.from(piece));
    return { isWhole: reader.end(), sets, rows };
  }
  const text = 'ipset> create s hash:ip family inet timeout 0\nadd s 192.0.2.1 timeout 7 packets 2 bytes 99 comment "timeout 9"\nadd s 192.0.2.2\nipset> ipset> create t hash:net\nipset> ';
  const all = {
    isWhole: true,
    sets: [{ name: 's', type: 'hash:ip', options: ['family', 'inet', 'timeout', '0'] }, { name: 't', type: 'hash:net', options: [] }],
    rows: [
      { set: 's', text: '192.0.2.1', seconds: 7, hits: { packets: 2, bytes: 99, lastAt: undefined } },
      { set: 's', text: '192.0.2.2', seconds: 0, hits: { packets: undefined, bytes: undefined, lastAt: undefined } },
    ],
  };

  test('may come in any pieces', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(text.length), { maxLength: 12 }), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), text.length];
        expect(read(...at.slice(1).map((end, i) => text.slice(at[i], end)))).toEqual(all);
      }),
      { seed, numRuns: scaled(300) },
    );
  });

  test.each([['a half line', 'create s hash:ip'], ['another word', 'flush s\n'], ['a line without end', 'x'.repeat(10_000)], ['lines without a name', 'create\n']])('and is %s is not believed', (_, given) => {
    expect(read(given).isWhole).toBe(false);
  });

  test('never throws', () => {
    fc.assert(fc.property(fc.array(fc.oneof(fc.constantFrom('add ', 'create ', '\n', 's ', 'timeout ', 'ipset> '), fc.string()), { maxLength: 40 }), (pieces) => void read(...pieces)), { seed, numRuns: scaled(1000) });
  });
});

test('the line at which ipset stopped is read, and what it says is short', () => {
  expect(stoppedAt('ipset v7.17: Error in line 3: Hash is full, cannot add more elements\n')).toEqual({ line: 3, message: 'Hash is full, cannot add more elements' });
  expect(stoppedAt('ipset v6.38: Error in line 12: a\u0007b')).toEqual({ line: 12, message: 'a b' });
  expect(stoppedAt('ipset v7.17: The set with the given name does not exist')).toBeUndefined();
  expect(firstComplaint('ipset v7.17: The set with the given name does not exist\nmore')).toBe('The set with the given name does not exist');
  expect(firstComplaint('x'.repeat(9999))).toHaveLength(300);
});

test('references that are not told are not made up', async () => {
  const { path } = fakeProgram('ipset', `printf 'Name: a\\nReferences: 2\\n\\nName: b\\nReferences: many\\n\\nReferences: 3\\n'`);
  expect(await ipsetReferences(systemClock, path)).toEqual(new Map([['a', 2]]));
});
