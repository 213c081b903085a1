/** Log files in a directory where others may write: a name that is another thing by the time it is opened. */
import { execFileSync } from 'node:child_process';
import { renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { identify } from '../../packages/server/src/ingest/find-files.ts';
import { openRegular } from '../../packages/server/src/ingest/open-regular.ts';
import { tempDir } from '../support/temp-dir.ts';

const made = async (): Promise<{ readonly dir: string; readonly log: string; readonly id: string }> => {
  const dir = tempDir();
  const log = join(dir, 'a.log');
  writeFileSync(log, 'text');
  return { dir, log, id: (await identify(log)).id };
};

test('a regular file is opened', async () => {
  const { log, id } = await made();
  const handle = await openRegular(log, id);
  expect(await handle?.readFile('utf8')).toBe('text');
  await handle?.close();
});

test('a FIFO in its place is not, and holds nobody up', async () => {
  const { dir, log, id } = await made();
  execFileSync('mkfifo', [join(dir, 'fifo')]);
  renameSync(join(dir, 'fifo'), log);
  expect(await openRegular(log, id)).toBeUndefined();
  expect(await openRegular(log, (await identify(log)).id)).toBeUndefined();
});

test('nor is another file, so that its locks stay', async () => {
  const { dir, log, id } = await made();
  writeFileSync(join(dir, 'database'), '');
  symlinkSync(join(dir, 'database'), join(dir, 'link'));
  renameSync(join(dir, 'link'), log);
  expect(await openRegular(log, id)).toBeUndefined();
});
