import { lstatSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { bindWithMode, giveSocket, makeSocketDirectory } from '../../../packages/server/src/socket-file.ts';
import { tempDir } from '../../support/temp-dir.ts';

const underUmask = (mask: number): void => {
  const before = process.umask(mask);
  onTestFinished(() => void process.umask(before));
};

test('the directory of a socket can be passed through by everybody, also under a private umask', () => {
  underUmask(0o077);
  const dir = tempDir();
  makeSocketDirectory(join(dir, 'a/b/log.sock'));
  expect([statSync(join(dir, 'a')).mode & 0o777, statSync(join(dir, 'a/b')).mode & 0o777]).toEqual([0o755, 0o755]);
  expect(process.umask()).toBe(0o077);
});

test.each([0o660, 0o600, 0o666])('a socket has the mode %o from its first moment, and the umask is as it was', async (mode) => {
  underUmask(0o027);
  const path = join(tempDir(), 'control.sock');
  const server = createServer();
  onTestFinished(() => void server.close());
  const listening = new Promise<void>((resolve) => bindWithMode(mode, () => void server.listen(path, resolve)));
  expect(lstatSync(path).mode & 0o7777).toBe(mode);
  expect(process.umask()).toBe(0o027);
  await listening;
});

test.runIf(process.getuid?.() === 0)('a link that has taken the place of a socket is not followed: its target stays root’s', () => {
  const dir = tempDir();
  const shadow = join(dir, 'shadow');
  writeFileSync(shadow, '', { mode: 0o600 });
  mkdirSync(join(dir, 'run'));
  const path = join(dir, 'run/control.sock');
  symlinkSync(shadow, path);
  giveSocket(path, 65534, 65534);
  expect(statSync(shadow)).toMatchObject({ uid: 0, gid: 0 });
  expect(lstatSync(path)).toMatchObject({ uid: 65534, gid: 65534 });
});
