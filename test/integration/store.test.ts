import { spawn, spawnSync, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { holdInstanceLock } from '../../packages/server/src/store/instance-lock.ts';
import { openStore } from '../../packages/server/src/store/sqlite.ts';
import { StoreError } from '../../packages/server/src/store/store.ts';
import { bundled } from '../support/bundled.ts';
import { describeKernel } from '../support/kernel-gate.ts';
import { tempDir } from '../support/temp-dir.ts';

const built = mkdtempSync(join(tmpdir(), 'banban-store-'));
afterAll(() => rmSync(built, { recursive: true, force: true }));
chmodSync(built, 0o755);
const program = bundled('test/support/store-program.ts', built);

/** The program's lines, for commands that end by themselves. */
function ask(argv: readonly string[], prefix: readonly string[] = []): unknown[] {
  const [file = '', ...args] = [...prefix, process.execPath, program.file, ...argv];
  const result = spawnSync(file, args, { env: program.env, encoding: 'utf8', timeout: 30_000 });
  if (result.stderr !== '' || result.stdout === '') throw new Error(`${file} ${args.join(' ')}: ${result.stderr}${result.error ?? ''}`);
  return result.stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as unknown);
}

function start(...argv: string[]): ChildProcessByStdio<Writable, Readable, null> {
  const child = spawn(process.execPath, [program.file, ...argv], { env: program.env, stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

async function lockedElsewhere(path: string): Promise<ReturnType<typeof start>> {
  const child = start('lock', path);
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  expect(line).toBe('"held"');
  return child;
}

describe('the instance lock', () => {
  test('keeps a second banband out and names the first, and is gone when that one is killed', async () => {
    const path = join(tempDir(), 'state/banban.db');
    const first = await lockedElsewhere(path);
    expect(() => holdInstanceLock(path)).toThrow(StoreError);
    expect(() => holdInstanceLock(path)).toThrow(`${path} is in use by another banband (pid ${first.pid}): stop that one first, or name another file as database`);
    first.kill('SIGKILL');
    await once(first, 'exit');
    const lock = holdInstanceLock(path);
    expect(statSync(lock.path).mode & 0o777).toBe(0o600);
    lock.release();
  });

  test('is not lost when the same process is refused it again, and can be taken again after its release', async () => {
    const path = join(tempDir(), 'banban.db');
    const lock = holdInstanceLock(path);
    expect(() => holdInstanceLock(path)).toThrow(`in use by this banband (pid ${process.pid}) already`);
    expect(ask(['lock', path])).toEqual([expect.stringContaining(`in use by another banband (pid ${process.pid})`)]);
    lock.release();
    const other = await lockedElsewhere(path);
    other.stdin.end();
    await once(other, 'exit');
    holdInstanceLock(path).release();
  });

  test('is one for all names of a database, and none for its readers', () => {
    const directory = tempDir();
    mkdirSync(join(directory, 'a'));
    symlinkSync('a', join(directory, 'b'));
    symlinkSync('a/banban.db', join(directory, 'c.db'));
    const path = join(directory, 'a/banban.db');
    openStore(path).close();
    const lock = holdInstanceLock(path);
    onTestFinished(() => lock.release());
    expect(() => holdInstanceLock(join(directory, 'b/banban.db'))).toThrow(StoreError);
    expect(() => holdInstanceLock(join(directory, 'c.db'))).toThrow(StoreError);
    expect(ask(['open', path])).toEqual([{ bans: 0 }]);
  });

  test('that can’t be made says why', () => {
    const directory = tempDir();
    openStore(join(directory, 'file')).close();
    expect(() => holdInstanceLock(join(directory, 'file/banban.db'))).toThrow(/a part of its path is a file/);
  });
});

test('what was acknowledged survives kill -9', async () => {
  const path = join(tempDir(), 'banban.db');
  const child = start('endless', path);
  let acknowledged = -1;
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged = Number(line);
    if (acknowledged === 300) child.kill('SIGKILL');
  }
  expect(acknowledged).toBeGreaterThanOrEqual(300);
  const store = openStore(path);
  onTestFinished(() => store.close());
  const bans = store.activeBans().length;
  // One more may have been written whose acknowledgement was not said any more.
  expect([acknowledged + 1, acknowledged + 2]).toContain(bans);
});

describeKernel('durability, seen in the system calls', ['strace'], () => {
  const syncs = (durability: string): number[] => {
    const path = join(tempDir(), 'banban.db');
    const trace = spawnSync('strace', ['-f', '-e', 'trace=fsync,fdatasync,access,faccessat', process.execPath, program.file, 'durable', path, durability], { env: program.env, encoding: 'utf8', timeout: 30_000 }).stderr;
    // What stands between one mark and the next.
    return [1, 2].map((n) => {
      const between = trace.slice(trace.indexOf(`"/mark-${n}"`), trace.indexOf(`"/mark-${n + 1}"`));
      expect(between).not.toBe('');
      return [...between.matchAll(/\b(?:fsync|fdatasync)\(/g)].length;
    });
  };
  test('`power` syncs the disk before each call returns', () => {
    for (const count of syncs('power')) expect(count).toBeGreaterThanOrEqual(1);
  });
  test('`process` never does, also right after `power`', () => {
    expect(syncs('process')).toEqual([0, 0]);
  });
});

describeKernel('a disk', ['mount'], () => {
  const inNamespace = (directory: string, mount: string): string[] => ['unshare', '--mount', 'sh', '-ec', `${mount}; exec "$@"`, 'sh'].map((word) => word.replaceAll('DIR', directory));

  test('that is full: nothing is half-written, and the store goes on when there is room', () => {
    const directory = tempDir();
    const [message, atFull, repeated, withRoom, reopened] = ask(['full', join(directory, 'banban.db')], inNamespace(directory, 'mount -t tmpfs -o size=1m tmpfs DIR')) as [
      string,
      ...Record<string, number>[],
    ];
    expect(message).toBe(`${directory}/banban.db can't grow because its disk is full; nothing was written: make room on that disk`);
    expect(atFull).toEqual({ acknowledged: atFull?.['bans'], bans: atFull?.['bans'], offences: 0 });
    expect(atFull?.['bans']).toBeGreaterThan(100);
    expect(repeated?.['refused']).toBeGreaterThan(0);
    expect((repeated?.['refused'] ?? 0) * 20 + (withRoom?.['acknowledged'] ?? 0)).toBe((atFull?.['acknowledged'] ?? 0) + 51 * 20);
    expect(withRoom?.['bans']).toBe(withRoom?.['acknowledged']);
    expect(reopened?.['bans']).toBe(withRoom?.['acknowledged']);
  });

  test('that is too full for an empty database refuses with a sentence', () => {
    const directory = tempDir();
    const [message] = ask(['open', join(directory, 'banban.db')], inNamespace(directory, 'mount -t tmpfs -o size=8k tmpfs DIR'));
    expect(message).toMatch(/banban\.db can't .*disk/);
  });

  test('that is read-only refuses with a sentence, for a new database and an old one', () => {
    const directory = tempDir();
    const readOnly = inNamespace(directory, 'mount --bind -o ro DIR DIR');
    expect(ask(['open', join(directory, 'banban.db')], readOnly)).toEqual([expect.stringMatching(/can't be written because its disk is mounted read-only: name a database on another disk/)]);
    openStore(join(directory, 'banban.db')).close();
    expect(ask(['open', join(directory, 'banban.db')], readOnly)).toEqual([expect.stringMatching(/mounted read-only/)]);
    expect(ask(['lock', join(directory, 'banban.db')], readOnly)).toEqual([expect.stringMatching(/mounted read-only/)]);
  });

  test('refuses a user who may not write the file or the directory', () => {
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    const directory = tempDir();
    chmodSync(directory, 0o755);
    const path = join(directory, 'banban.db');
    const refused = expect.stringMatching(/may not read and write it and its directory: give them to the user that runs banband, or run it as root/);
    expect(ask(['open', path], nobody)).toEqual([refused]);
    openStore(path).close();
    expect(ask(['open', path], nobody)).toEqual([refused]);
    chmodSync(path, 0o666);
    expect(ask(['open', path], nobody)).toEqual([refused]);
    chownSync(directory, 65534, 65534);
    expect(ask(['open', path], nobody)).toEqual([{ bans: 0 }]);
  });
});
