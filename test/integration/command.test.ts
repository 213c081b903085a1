import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { instant, ms, type Subject } from 'banban-shared';
import { describe, expect, onTestFinished, test } from 'vitest';
import { systemClock, type Clock } from '../../packages/server/src/clock.ts';
import { commandList } from '../../packages/server/src/enforce/command.ts';
import { prefix, target } from '../support/policies.ts';
import { address, nth } from '../support/records.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait-for.ts';

/** The machine's clock, on which what is tried again is tried soon; programs have the time that they are given. */
const hurried = (timeout: number): Clock => ({ ...systemClock, after: (delay, action) => systemClock.after(delay === timeout ? delay : ms(Math.min(delay, 200)), action) });

/** A target of three programs, which are one that runs `script` with the verb as its first argument; `calls` are those that came to its end. */
function made(script: string, { flush = true, timeout = 30_000, args = ['{address}'] } = {}) {
  const directory = tempDir();
  const program = join(directory, 'block it');
  const log = join(directory, 'log');
  writeFileSync(log, '');
  writeFileSync(program, `#!/bin/sh\nverb=$1; what=$2; dir='${directory}'\n${script}\nfor word in "$@"; do printf '<%s>' "$word"; done | { read -r line; printf '%s\\n' "$line" >> '${log}'; }\nexit 0\n`, { mode: 0o755 });
  const list = commandList(
    target('X', {
      backends: ['command'],
      command: { ban: [program, 'ban', ...args], unban: [program, 'unban', ...args], flush: flush ? [program, 'flush', '{target}'] : undefined, timeout: ms(timeout) },
    }),
    { clock: hurried(timeout), changed: () => void changes++ },
  );
  onTestFinished(() => list.close());
  let changes = 0;
  const put = (add: readonly Subject[], remove: readonly Subject[] = []): void =>
    expect(list.write({ remove, add: add.map((subject) => ({ subject, until: instant(0) })) }).size).toBe(0);
  const present = () => {
    const state = list.read();
    if (state.state !== 'present') throw new Error(JSON.stringify(state));
    return state;
  };
  const settled = () => waitFor('nothing pending', () => present().pending.size === 0 && present(), {}, () => ({ state: list.read(), calls: calls() }));
  const calls = (): string[] => readFileSync(log, 'utf8').trim().split('\n').filter(Boolean);
  return { ...list, directory, program, put, present, settled, calls, changes: () => changes };
}

describe('programs', () => {
  test('flush first and once, then ban and unban, each subject as it is written', async () => {
    const { put, settled, calls, changes, backend, hits } = made('');
    const all = [nth(1), address('2001:db8::1'), prefix('203.0.113.0/24'), prefix('2001:db8:1::/48')];
    put(all);
    const state = await settled();
    expect(backend).toBe('command');
    expect([...state.subjects].sort()).toEqual([...all].sort());
    expect([state.failures.size, state.capacity, hits().size]).toEqual([0, undefined, 0]);
    expect(calls()[0]).toBe('<flush><X>');
    expect(calls().slice(1).sort()).toEqual(all.map((subject) => `<ban><${subject}>`).sort());
    put([], [nth(1)]);
    await waitFor('the end of a ban', () => calls().length === 6);
    expect(calls()[5]).toBe('<unban><10.0.0.1>');
    await waitFor('the row to go', async () => !(await settled()).subjects.has(nth(1)));
    expect(changes()).toBeGreaterThan(0);
  });

  test('are not asked to flush where there is none', async () => {
    const { put, settled, calls } = made('', { flush: false });
    put([nth(1)]);
    await settled();
    expect(calls()).toEqual(['<ban><10.0.0.1>']);
  });

  test('get every argument as one, whatever is in it, and no shell looks at it', async () => {
    const args = ['{address}', 'a b', '"quoted"', "it's", '$HOME `id` $(id) ; rm -rf x | cat > y & *', '--to={target}/{address}', '{unknown}', ''];
    const { put, settled, calls } = made('', { args, flush: false });
    put([nth(1)]);
    await settled();
    expect(calls()).toEqual([`<ban><10.0.0.1>${args.slice(1).map((arg) => `<${arg.replace('{target}', 'X').replace('{address}', '10.0.0.1')}>`).join('')}`]);
  });

  test('run four at a time at most', async () => {
    const { put, settled, directory } = made('touch "$dir/running.$$"; ls "$dir" | grep -c running >> "$dir/counts"; sleep 0.02; rm "$dir/running.$$"', { flush: false });
    put(Array.from({ length: 24 }, (_, i) => nth(i)));
    expect((await settled()).subjects.size).toBe(24);
    const counts = readFileSync(join(directory, 'counts'), 'utf8').trim().split('\n').map(Number);
    expect(counts).toHaveLength(24);
    expect(Math.max(...counts)).toBeLessThanOrEqual(4);
    expect(Math.max(...counts)).toBeGreaterThan(1);
  });

  test('take out before they put in', async () => {
    const { put, settled, calls } = made('test $verb = unban && sleep 0.05', { flush: false });
    put([nth(1), nth(2)]);
    await settled();
    put([nth(3)], [nth(1), nth(2)]);
    await settled();
    expect(calls().slice(-3).map((line) => line.slice(1, 4))).toEqual(['unb', 'unb', 'ban']);
  });
});

describe('a program that fails', () => {
  test('is told with its code and its words, is tried again, and keeps no other ban from its place', async () => {
    const { put, settled, directory, present, program } = made('test $what = 10.0.0.1 && test ! -e "$dir/mended" && { echo "no route"; printf "bad \\033[1mthing\\nmore\\n" >&2; exit 7; }', { flush: false });
    put([nth(1), nth(2)]);
    const state = await settled();
    expect([...state.subjects]).toEqual([nth(2)]);
    expect([...state.failures]).toEqual([[nth(1), `${program} ended with exit code 7: bad [1mthing`]]);
    writeFileSync(join(directory, 'mended'), '');
    await waitFor('another try', () => present().failures.size === 0);
    expect(present().subjects).toEqual(new Set([nth(1), nth(2)]));
  });

  test('is killed when it hangs, and tried again', async () => {
    const { put, settled, directory, present, program } = made('test $what = 10.0.0.1 && test ! -e "$dir/mended" && sleep 600', { flush: false, timeout: 1000 });
    put([nth(1), nth(2)]);
    const state = await settled();
    expect([...state.failures]).toEqual([[nth(1), `${program} did not end within 1 s and was killed`]]);
    writeFileSync(join(directory, 'mended'), '');
    await waitFor('another try', () => present().subjects.size === 2);
  });

  test('by hanging holds up nobody for long: when all that run at once hang, the rest is put off', async () => {
    const { put, settled, directory, present } = made('echo x >> "$dir/tries"; test -e "$dir/mended" || sleep 600', { flush: false, timeout: 1000 });
    put(Array.from({ length: 100 }, (_, i) => nth(i)));
    const state = await settled();
    expect(state.failures.size).toBe(100);
    expect(readFileSync(join(directory, 'tries'), 'utf8')).toMatch(/^(?:x\n){4,12}$/);
    writeFileSync(join(directory, 'mended'), '');
    await waitFor('all of them', () => present().subjects.size === 100);
  });

  test('on some subjects, by hanging, does not keep the others from being banned', async () => {
    const { put, present } = made('case $what in 10.0.0.*) sleep 600;; esac', { flush: false, timeout: 1000 });
    put([...Array.from({ length: 12 }, (_, i) => nth(i)), ...Array.from({ length: 20 }, (_, i) => nth(256 + i))]);
    await waitFor('those that can be banned', () => present().subjects.size === 20, { timeoutMs: 60_000 });
    expect(present().failures.size).toBe(12);
  });

  test('is not there: it is said, and found when it is', async () => {
    const { put, settled, present, program } = made('', { flush: false });
    renameSync(program, `${program}.away`);
    put([nth(1)]);
    expect([...(await settled()).failures]).toEqual([[nth(1), expect.stringContaining(`the program ${program} is not installed`)]]);
    renameSync(`${program}.away`, program);
    await waitFor('the ban', () => present().subjects.has(nth(1)));
  });

  test('and prints without end is read and forgotten', async () => {
    const { put, settled } = made('head -c 3000000 /dev/urandom; head -c 3000000 /dev/urandom >&2; test $what = 10.0.0.2 && exit 1', { flush: false });
    put([nth(1), nth(2)]);
    const state = await settled();
    expect([...state.subjects]).toEqual([nth(1)]);
    expect(state.failures.get(nth(2))).toMatch(/^.+ ended with exit code 1(?:: [^\x00-\x1f\x7f]{1,200})?$/su);
  });

  test('to flush is told, and tried again before anything is put in', async () => {
    const { put, read, directory, calls, settled } = made('test $verb = flush && test ! -e "$dir/mended" && { echo "not now" >&2; exit 1; }');
    expect(read()).toEqual({ state: 'unknown' });
    const state = await waitFor('the failure', () => {
      const found = read();
      return found.state === 'failed' && found;
    });
    expect(state.message).toMatch(/^the bans of X could not be taken out before they are put in anew: .+ ended with exit code 1: not now$/);
    expect(calls()).toEqual([]);
    writeFileSync(join(directory, 'mended'), '');
    await waitFor('the flush', () => read().state === 'present');
    put([nth(1)]);
    await settled();
    expect(calls()).toEqual(['<flush><X>', '<ban><10.0.0.1>']);
  });
});

test('closing ends what runs, with all that it has begun', async () => {
  const { put, close, directory } = made('sleep 600 & echo $! > "$dir/pid.new"; mv "$dir/pid.new" "$dir/pid"; wait', { flush: false });
  put([nth(1)]);
  const pid = Number(await waitFor('the program', () => readFileSync(join(directory, 'pid'), 'utf8')));
  close();
  await waitFor('its end', () => {
    try {
      // A zombie of nobody's has a stat, and no command line.
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8') === '';
    } catch {
      return true;
    }
  });
});

test('a target without a command says so', () => {
  const list = commandList(target('X', { command: undefined }), { clock: systemClock, changed: () => undefined });
  onTestFinished(() => list.close());
  list.write({ remove: [], add: [{ subject: nth(1), until: instant(0) }] });
  return waitFor('the failure', () => {
    const state = list.read();
    return state.state === 'present' && state.failures.get(nth(1)) === 'the target X has no command';
  });
});
