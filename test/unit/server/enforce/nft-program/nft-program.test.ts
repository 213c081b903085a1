import { instant, ms, NEVER, type Subject } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../../../packages/server/src/clock.ts';
import { complaintsIn, firstComplaint } from '../../../../../packages/server/src/enforce/nft-program/complaints.ts';
import { nftProgramDriver } from '../../../../../packages/server/src/enforce/nft-program/nft-program.ts';
import { composeScript, TABLE_COLUMNS, type Item } from '../../../../../packages/server/src/enforce/nft-program/script.ts';
import { setsOf } from '../../../../../packages/server/src/enforce/nftables/sets.ts';
import type { ListDriver } from '../../../../../packages/server/src/enforce/queued-list.ts';
import { fakeProgram, type FakeProgram } from '../../../../support/fake-program.ts';
import { found, written } from '../../../../support/namespace-programs.ts';
import { target } from '../../../../support/policies.ts';
import { address, nth } from '../../../../support/records.ts';

const SETS = setsOf({ name: 'B' });
const TO_ADD = { add: [{ subject: address('192.0.2.1'), until: NEVER }] };

function driven(text: string, timeout = 20_000): FakeProgram & { readonly driver: ListDriver } {
  const program = fakeProgram('nft', text);
  return { ...program, driver: nftProgramDriver(target('B', { ipv6Prefix: 64 }), { clock: systemClock, path: program.path, timeout: ms(timeout) }) };
}

/** What goes wrong whatever is asked. */
async function both(text: string, timeout?: number): Promise<string | undefined> {
  const { driver } = driven(text, timeout);
  const state = await found(driver);
  const failures = await written(driver, TO_ADD);
  expect([state.state, failures.size]).toEqual(['failed', 1]);
  const message = 'message' in state ? state.message : undefined;
  expect(failures.get(address('192.0.2.1'))).toBe(message);
  return message;
}

describe('nft', () => {
  test('that is not installed is named, and how to have it', async () => {
    const driver = nftProgramDriver(target('B'), { clock: systemClock, path: '/nowhere' });
    const message = 'the program nft is not installed (looked in /nowhere): install nftables';
    expect(await found(driver)).toEqual({ state: 'failed', message });
    expect(await written(driver, TO_ADD)).toEqual(new Map([['192.0.2.1', message]]));
  });

  test('that hangs is killed', async () => {
    expect(await both('sleep 1000', 100)).toBe('nft did not end within 0.1 s and was killed');
  });

  test('that fails is quoted, without control characters', async () => {
    expect(await both(`printf '\\033[31mError: no \\007luck\\n' >&2; exit 3`)).toBe('nft failed (3): no luck');
    expect(await both('kill -9 $$')).toBe('nft failed (SIGKILL)');
  });

  test('that may not says who may', async () => {
    expect(await both(`echo 'netlink: Error: cache initialization failed: Operation not permitted' >&2; exit 1`)).toBe('nft may not change nf_tables: run banband as root (it needs CAP_NET_ADMIN)');
  });

  test('that prints something else is not believed', async () => {
    for (const text of ['echo hello', 'echo "{}"', 'true', 'head -c 1000000 /dev/zero']) {
      expect(await found(driven(text).driver)).toEqual({ state: 'failed', message: 'what nft printed is not its list of the set B_v4' });
    }
  });

  test('that prints without end is stopped', async () => {
    expect(await found(driven(`echo '{"nftables": [{"set": {"elem": ['; yes "\\"$(head -c 4000 /dev/zero | tr '\\0' a)\\","`).driver)).toEqual({ state: 'failed', message: 'nft printed more than 64 MiB of the set B_v4, which banban does not read' });
  });

  test('that complains of lines that were not given is taken at its word and no more', async () => {
    const message = 'nft failed (1): interval overlaps with an existing one';
    for (const line of ['/dev/stdin:0:1-2', '/dev/stdin:99:1-2', 'internal:0:0-0']) {
      const { driver } = driven(`cat > $IN; echo '${line}: Error: interval overlaps with an existing one' >&2; exit 1`);
      expect(await written(driver, TO_ADD)).toEqual(new Map([['192.0.2.1', message]]));
    }
  });

  test('that refuses every time is asked a few times only', async () => {
    const { driver, inputs } = driven(`cat > $IN; echo '/dev/stdin:1:1-2: Error: no' >&2; exit 1`);
    const failures = await written(driver, { add: Array.from({ length: 100 }, (_, n) => ({ subject: nth(n), until: NEVER })) });
    expect([failures.size, inputs().length]).toEqual([100, 8]);
    expect(failures.get(nth(0))).toBe('nft did not write it to the set B_v4 (no)');
    expect(failures.get(nth(99))).toBe('nft refused others of the same change; it is tried again');
  });

  test('is told a whole change at once', async () => {
    const { driver, inputs } = driven('cat > $IN');
    const until = instant(systemClock.now() + 3 * 86_400_000 + 5000);
    await written(driver, { remove: [address('192.0.2.9')], add: [{ subject: address('192.0.2.1'), until }, { subject: address('192.0.2.2'), until: NEVER }] });
    expect(inputs()).toEqual([
      [
        'add element inet banban B_v4 { 192.0.2.9 }',
        'delete element inet banban B_v4 { 192.0.2.9 }',
        'add element inet banban B_v4 { 192.0.2.1, 192.0.2.2 }',
        'delete element inet banban B_v4 { 192.0.2.1, 192.0.2.2 }',
        'add element inet banban B_v4 { 192.0.2.1 timeout 3d7s, 192.0.2.2 }',
        '',
      ].join('\n'),
    ]);
  });

  test('never sees what is no address', async () => {
    const { driver, inputs } = driven('cat > $IN');
    // The type says that it is a subject; nothing else does.
    const failures = await written(driver, { remove: ['1.1.1.1 }; flush ruleset'] as unknown as Subject[] });
    expect([[...failures.values()], inputs()]).toEqual([['it is not an address in canonical form; this is a fault in banban'], []]);
  });
});

describe('a script', () => {
  const item = (text: string, set: number, given: Partial<Item> = {}): Item => ({ subject: address(text), text, set, seconds: 0, mayBeThere: true, ...given });

  test('removes first, and says of each line which rows it is about', () => {
    const items = [item('192.0.2.1', 0), item('192.0.2.2', 0, { seconds: undefined }), item('192.0.2.3', 2, { mayBeThere: false, seconds: 9 }), item('192.0.2.4', 0)];
    const { text, lines } = composeScript(items, SETS, 1);
    expect(text.split('\n')).toEqual([
      ...['add', 'delete'].map((verb) => `${verb} element inet banban B_v4 { 192.0.2.2 }`),
      ...['add', 'delete', 'add'].map((verb) => `${verb} element inet banban B_v4 { 192.0.2.1 }`),
      ...['add', 'delete', 'add'].map((verb) => `${verb} element inet banban B_v4 { 192.0.2.4 }`),
      'add element inet banban B_v4_net { 192.0.2.3 timeout 9s }',
      '',
    ]);
    expect(lines.map(([first]) => first?.subject)).toEqual([...Array(2).fill('192.0.2.2'), ...Array(3).fill('192.0.2.1'), ...Array(3).fill('192.0.2.4'), '192.0.2.3']);
    expect(composeScript(items, SETS, 1000).lines.map((rows) => rows.length)).toEqual([1, 1, 2, 2, 2, 1]);
  });

  test('names the table where an error about it is looked for', () => {
    const { text } = composeScript([item('192.0.2.1', 0)], SETS, 1);
    for (const line of text.trim().split('\n')) expect(TABLE_COLUMNS).toContain(line.indexOf(' banban ') + 2);
  });
});

describe('complaints', () => {
  test('are read with line, column and words', () => {
    const text = [
      '/dev/stdin:4:36-46: Error: interval overlaps with an existing one',
      'add element inet banban B_v4_net { 12.1.0.0/16 }',
      '                                   ^^^^^^^^^^^',
      '<stdin>:5:1: Error: Could not process rule: Invalid argument',
      'internal:0:0-0: Error: No such file or directory',
    ].join('\n');
    expect(complaintsIn(text)).toEqual([
      { line: 4, column: 36, message: 'interval overlaps with an existing one' },
      { line: 5, column: 1, message: 'Could not process rule: Invalid argument' },
      { line: 0, column: 0, message: 'No such file or directory' },
    ]);
  });

  test('are short in a sentence', () => {
    expect(firstComplaint('\n\u001b[1mError: bad\u0000 thing\nmore')).toBe('bad thing');
    expect(firstComplaint('x'.repeat(10_000))).toHaveLength(300);
    expect(firstComplaint('')).toBe('');
  });
});
