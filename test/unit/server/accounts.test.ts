import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { idOf } from '../../../packages/server/src/accounts.ts';
import { tempDir } from '../../support/temp-dir.ts';

test('a name is looked up, a number is itself, and nothing is nobody', () => {
  expect(idOf('passwd', 'root')).toBe(0);
  expect(idOf('group', '54321')).toBe(54_321);
  expect(idOf('group', undefined)).toBeUndefined();
  expect(() => idOf('group', 'no-such-group')).toThrow('there is no group no-such-group; make it (groupadd --system no-such-group) or name another');
});

test.each(['.', '', 'bin'])('a getent that lies where banband is started is not run, with %o in PATH', (entry) => {
  const dir = tempDir();
  writeFileSync(join(dir, 'getent'), `#!/bin/sh\ntouch ${dir}/ran\necho x:x:0:0\n`, { mode: 0o755 });
  const before = { cwd: process.cwd(), path: process.env['PATH'] };
  onTestFinished(() => {
    process.chdir(before.cwd);
    process.env['PATH'] = before.path;
  });
  process.chdir(dir);
  process.env['PATH'] = `${entry}:${before.path ?? ''}`;
  expect(idOf('passwd', 'root')).toBe(0);
  expect(existsSync(join(dir, 'ran'))).toBe(false);
});
