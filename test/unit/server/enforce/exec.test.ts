import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ms } from 'banban-shared';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../../packages/server/src/clock.ts';
import { exec, findProgram, type ExecOptions } from '../../../../packages/server/src/enforce/exec.ts';
import { tempDir } from '../../../support/temp-dir.ts';
import { waitFor } from '../../../support/wait-for.ts';

const options: ExecOptions = { clock: systemClock, timeout: ms(20_000) };

/** A program of the given shell text, alone in a directory before the usual ones. */
function program(text: string): { path: string; directory: string } {
  const directory = tempDir();
  writeFileSync(join(directory, 'prog'), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  return { path: `${directory}:/usr/bin:/bin`, directory };
}

const alive = (pid: number): boolean => existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));

describe('a program', () => {
  test('gives its exit code and both outputs apart', async () => {
    const { path } = program('echo out; echo err >&2; exit 3');
    expect(await exec('prog', [], { ...options, path })).toEqual({ kind: 'ended', code: 3, signal: undefined, stdout: 'out\n', stderr: 'err\n' });
  });

  test('gets its arguments as they are: there is no shell', async () => {
    const { path } = program('printf "%s|" "$@"');
    expect(await exec('prog', ['$(id)', '; rm -rf x', '*', ''], { ...options, path })).toMatchObject({ stdout: '$(id)|; rm -rf x|*||' });
  });

  test('sees PATH and LC_ALL and nothing else of the environment', async () => {
    const { path } = program('exec env');
    const result = await exec('prog', [], { ...options, path });
    expect(result.kind === 'ended' && result.stdout.trim().split('\n').filter((line) => !/^(PWD|SHLVL|_)=/.test(line)).sort()).toEqual(['LC_ALL=C', `PATH=${path}`]);
  });

  test('ended by a signal says which', async () => {
    const { path } = program('kill -9 $$');
    expect(await exec('prog', [], { ...options, path })).toMatchObject({ kind: 'ended', code: undefined, signal: 'SIGKILL' });
  });

  test('that prints without end is bounded, and not blocked', async () => {
    const { path } = program('head -c 10000000 /dev/zero; head -c 10000000 /dev/zero >&2');
    const result = await exec('prog', [], { ...options, path });
    expect(result).toMatchObject({ kind: 'ended', code: 0 });
    expect(result.kind === 'ended' && [result.stdout.length, result.stderr.length]).toEqual([65_536, 65_536]);
  });

  test('may have its output taken as it comes', async () => {
    const { path } = program('head -c 1000000 /dev/zero');
    let bytes = 0;
    expect(await exec('prog', [], { ...options, path, onStdout: (chunk) => (bytes += chunk.length) })).toMatchObject({ stdout: '' });
    expect(bytes).toBe(1_000_000);
  });

  test('that is not there, or can’t be run, is missing', async () => {
    const { path, directory } = program('true');
    const missing = { kind: 'missing', message: `the program nope is not installed (looked in ${path})` };
    expect(await exec('nope', [], { ...options, path })).toEqual(missing);
    mkdirSync(join(directory, 'nope'));
    expect(await exec('nope', [], { ...options, path })).toEqual(missing);
    chmodSync(join(directory, 'prog'), 0o644);
    expect(await exec('prog', [], { ...options, path })).toMatchObject({ kind: 'missing' });
    const whole = join(directory, 'nope');
    expect(await exec(whole, [], { ...options, path }), 'by its whole path it is looked for nowhere else').toEqual({ kind: 'missing', message: `the program ${whole} is not installed` });
  });

  test('that is there and no program fails with a reason', async () => {
    const { path, directory } = program('true');
    writeFileSync(join(directory, 'prog'), '#!/no/such/interpreter\n');
    expect(await exec('prog', [], { ...options, path })).toMatchObject({ kind: 'failed', message: expect.stringMatching(/^prog could not be started: /) as string });
  });
});

describe('a program that hangs', () => {
  const hanging = 'echo $$ > pids; sleep 1000 & echo $! >> pids; trap "" TERM; wait';

  async function started(directory: string): Promise<number[]> {
    return await waitFor('both pids', () => {
      const pids = existsSync(join(directory, 'pids')) ? readFileSync(join(directory, 'pids'), 'utf8').trim().split('\n').map(Number) : [];
      return pids.length === 2 ? pids : undefined;
    });
  }

  test('is killed when its time is over, with its children', async () => {
    const { path, directory } = program('');
    writeFileSync(join(directory, 'prog'), `#!/bin/sh\ncd ${directory}; ${hanging}\n`);
    const result = await exec('prog', [], { ...options, path, timeout: ms(300) });
    expect(result).toEqual({ kind: 'timeout', message: 'prog did not end within 0.3 s and was killed' });
    for (const pid of await started(directory)) await waitFor('the end of the child', () => !alive(pid));
  });

  test('is killed when it is told to stop', async () => {
    const { path, directory } = program('');
    writeFileSync(join(directory, 'prog'), `#!/bin/sh\ncd ${directory}; ${hanging}\n`);
    const abort = new AbortController();
    const result = exec('prog', [], { ...options, path, signal: abort.signal });
    const pids = await started(directory);
    abort.abort();
    expect(await result).toEqual({ kind: 'stopped', message: 'prog was stopped' });
    for (const pid of pids) await waitFor('the end of the child', () => !alive(pid));
    expect(await exec('prog', [], { ...options, path, signal: abort.signal })).toMatchObject({ kind: 'stopped' });
  });
});

test('a program is looked for in absolute directories only', () => {
  const { path, directory } = program('true');
  expect(findProgram('prog', path)).toBe(join(directory, 'prog'));
  expect(findProgram('prog', '.:relative::')).toBeUndefined();
  expect(findProgram(join(directory, 'prog'), '')).toBe(join(directory, 'prog'));
});
