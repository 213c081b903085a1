/** The built banband under a service that logs 20,000 lines a second to a file: each address that it names has one ban and one offence, whatever happens. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { LocalBanban } from '../support/local-banban.ts';
import { startLogWriter, type Rotation } from '../support/log-writer.ts';
import { withRaw } from '../support/raw-sqlite.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait-for.ts';

const RATE = 20_000;
const TOTAL = 80_000;
/** Every tenth line names an attacker. */
const BANS = TOTAL / 10;

const policy = (log: string): string => `
sources:
  - { type: file, path: ${log}, from: start }
targets:
  BLOCKER: { ban: 1d }
breaker: { bans_a_minute: 1000000 }
rules:
  ssh:
    target: BLOCKER
    occurrences: 1
    badpatterns:
      - '^sshd\\[\\d+\\]: Failed password for .* from <ip> port \\d+ ssh2$'
`;

interface Tally {
  readonly bans: number;
  readonly offences: number;
  readonly addresses: number;
}

const tally = (database: string): Tally =>
  withRaw(database, (db) => {
    const one = (sql: string): number => Number(Object.values(db.prepare(sql).get() ?? {})[0]);
    return { bans: one('SELECT count(*) FROM bans'), offences: one('SELECT count(*) FROM offences'), addresses: one('SELECT count(DISTINCT address) FROM offences') };
  });

const ROTATIONS: readonly Rotation[] = ['none', 'rename', 'late', 'copytruncate', 'remove', 'symlink'];

describe('each line counts once', () => {
  test.each(ROTATIONS)('rotation: %s', async (rotation) => {
    const dir = tempDir();
    const log = join(dir, 'auth.log');
    writeFileSync(log, '');
    const banban = await LocalBanban.start({ policy: policy(log), dir });
    const writer = startLogWriter({ path: log, total: TOTAL, rate: RATE, rotation, everyMs: 700 });
    await writer.says(/done/);
    await waitFor('all lines', async () => ((await banban.status()).sources.find(({ type }) => type === 'file')?.lines ?? 0) >= TOTAL, {}, async () => (await banban.status()).sources);
    const { sources } = await banban.status();
    expect(sources.find(({ type }) => type === 'file')).toMatchObject({ lines: TOTAL, matched: BANS, dropped: 0, cut: 0, lagBytes: 0 });
    await banban.stop();
    expect(tally(banban.database)).toEqual({ bans: BANS, offences: BANS, addresses: BANS });
  });

  test.each(['none', 'rename', 'copytruncate'] as const)('also across kill -9, rotation: %s', async (rotation) => {
    const dir = tempDir();
    const log = join(dir, 'auth.log');
    writeFileSync(log, '');
    let banban = await LocalBanban.start({ policy: policy(log), dir });
    const writer = startLogWriter({ path: log, total: TOTAL * 2, rate: RATE, rotation, everyMs: 700 });
    for (let life = 1; life <= 3; life++) {
      await waitFor('some more lines', () => tally(banban.database).bans >= life * 4000, {}, async () => (await banban.status()).sources);
      banban.signal('SIGKILL');
      await banban.child.finished();
      banban = await banban.startAgain();
    }
    await writer.says(/done/);
    await waitFor('all bans', () => tally(banban.database).bans >= BANS * 2, {}, async () => [tally(banban.database), (await banban.status()).sources]);
    await banban.stop();
    expect(tally(banban.database)).toEqual({ bans: BANS * 2, offences: BANS * 2, addresses: BANS * 2 });
  });
});
