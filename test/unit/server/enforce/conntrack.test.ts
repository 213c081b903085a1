import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../../packages/server/src/clock.ts';
import { conntrack } from '../../../../packages/server/src/enforce/conntrack.ts';
import type { ConnectionCutter } from '../../../../packages/server/src/enforce/firewall.ts';
import { address, nth } from '../../../support/records.ts';
import { tempDir } from '../../../support/temp-dir.ts';
import { waitFor } from '../../../support/wait-for.ts';

/** A conntrack of the given shell text; `log` has a line of arguments for each call. */
function fake(text: string, options: { capacity?: number } = {}) {
  const directory = tempDir();
  const log = join(directory, 'log');
  const file = join(directory, 'conntrack');
  writeFileSync(log, '');
  writeFileSync(file, `#!/bin/sh\nexec 9>>${log}; echo "$@" >&9; exec 9>&-\n${text}\n`, { mode: 0o755 });
  const warnings: string[] = [];
  const path = `${directory}:/usr/bin:/bin`;
  const cutter = conntrack({ clock: systemClock, path: directory, warn: (message) => warnings.push(message), ...options });
  onTestFinished(() => cutter.stop());
  return { cutter, warnings, file, path, directory, calls: () => readFileSync(log, 'utf8').trim().split('\n').filter(Boolean) };
}

const idle = (cutter: ConnectionCutter): Promise<unknown> => waitFor('an idle cutter', () => cutter.stats().queued === 0 && cutter.stats());
/** Idle, and the last child has ended. */
const done = async (cutter: ConnectionCutter, calls: () => string[], count: number): Promise<void> => {
  await idle(cutter);
  await waitFor(`${count} calls`, () => calls().length >= count);
};
const deleted = (count: number): string => `echo "conntrack v1.4.7 (conntrack-tools): ${count} flow entries have been deleted." >&2; exit ${count === 0 ? 1 : 0}`;

describe('a few addresses', () => {
  test('are deleted as source and as destination, each in its family', async () => {
    const { cutter, calls } = fake(deleted(2));
    cutter.cut([address('192.0.2.1'), address('2001:db8::1')]);
    await waitFor('8 connections', () => cutter.stats().cut === 8);
    expect(calls()).toEqual(['-D -f ipv4 -s 192.0.2.1', '-D -f ipv4 -d 192.0.2.1', '-D -f ipv6 -s 2001:db8::1', '-D -f ipv6 -d 2001:db8::1']);
    expect(cutter.stats()).toEqual({ available: true, queued: 0, cut: 8, failed: 0, lastError: undefined, dropped: 0 });
  });

  test('without connections are no failure', async () => {
    const { cutter, calls } = fake(deleted(0));
    cutter.cut([nth(1)]);
    await done(cutter, calls, 2);
    expect(cutter.stats()).toMatchObject({ cut: 0, failed: 0 });
  });

  test('given twice before their turn are looked at once', async () => {
    const { cutter, calls } = fake(deleted(1));
    cutter.cut([nth(1), nth(1)]);
    cutter.cut([nth(1)]);
    await waitFor('2 connections', () => cutter.stats().cut === 2);
    expect(calls()).toHaveLength(2);
  });
});

describe('a storm', () => {
  const table = (n: number): string =>
    `if [ "$1" = -L ]; then echo "tcp 6 9 ESTABLISHED src=${nth(n)} dst=10.9.9.9 sport=1 dport=2 src=10.9.9.9 dst=${nth(n)} sport=2 dport=1"; exit 0; fi; ${deleted(1)}`;

  test('of 10,000 addresses costs one look at the table, and a call for each that has a connection', async () => {
    const { cutter, calls } = fake(table(5000));
    cutter.cut(Array.from({ length: 10_000 }, (_, i) => nth(i)));
    await waitFor('1 connection', () => cutter.stats().cut === 1);
    expect(calls()).toEqual(['-L -f ipv4', `-D -f ipv4 -s ${nth(5000)}`]);
    expect(cutter.stats()).toMatchObject({ queued: 0, failed: 0, dropped: 0 });
  });

  test('that comes one by one within a turn is a storm too', async () => {
    const { cutter, calls } = fake(table(7));
    for (let i = 0; i < 100; i++) cutter.cut([nth(i)]);
    await waitFor('1 connection', () => cutter.stats().cut === 1);
    expect(calls()).toHaveLength(2);
  });

  test('looks at both families when it has both', async () => {
    const { cutter, calls } = fake(table(1));
    cutter.cut([...Array.from({ length: 5 }, (_, i) => nth(i)), address('2001:db8::1')]);
    await waitFor('1 connection', () => cutter.stats().cut >= 1);
    expect(calls().slice(0, 2)).toEqual(['-L -f ipv4', '-L -f ipv6']);
  });

  test('beyond the capacity is dropped and counted, not kept', async () => {
    const { cutter } = fake(table(1), { capacity: 50 });
    cutter.cut(Array.from({ length: 80 }, (_, i) => nth(i)));
    expect(cutter.stats()).toMatchObject({ queued: 50, dropped: 30 });
    await idle(cutter);
  });

  test('whose look at the table fails says so, and still cuts what it saw before', async () => {
    const { cutter } = fake(`${table(3).replace('exit 0', 'echo "Operation failed: table busy" >&2; exit 1')}`);
    cutter.cut(Array.from({ length: 9 }, (_, i) => nth(i)));
    await waitFor('1 connection', () => cutter.stats().cut === 1);
    expect(cutter.stats()).toMatchObject({ failed: 1, lastError: 'conntrack -L failed (exit 1): Operation failed: table busy' });
  });
});

describe('a conntrack', () => {
  test('that is missing is said once, counted, and used when it is installed', async () => {
    const { cutter, warnings, file, calls } = fake(deleted(1));
    renameSync(file, `${file}.away`);
    for (let i = 0; i < 3; i++) cutter.cut([nth(i)]);
    expect(cutter.stats()).toMatchObject({ available: false, queued: 0, failed: 3, lastError: warnings[0] });
    expect(warnings).toEqual([expect.stringMatching(/^existing connections of banned addresses can't be cut because the program conntrack is not installed .+ \(Debian: conntrack\)$/)]);
    expect(conntrack({ clock: systemClock, path: '/nowhere' }).stats().available).toBe(false);
    renameSync(`${file}.away`, file);
    cutter.cut([nth(1)]);
    await done(cutter, calls, 2);
    expect(cutter.stats().available).toBe(true);
  });

  test('that fails is counted, with its own words', async () => {
    const { cutter, calls } = fake('printf "Operation failed:\\033[31m not permitted\\n" >&2; exit 1');
    cutter.cut([nth(1)]);
    await done(cutter, calls, 2);
    await waitFor('two failures', () => cutter.stats().failed === 2);
    expect(cutter.stats().lastError).toBe(`conntrack -D -d ${nth(1)} failed (exit 1): Operation failed: [31m not permitted`);
  });

  test('that prints garbage is a failure, not a count', async () => {
    const { cutter } = fake('head -c 300000 /dev/urandom; head -c 300000 /dev/urandom >&2'.replaceAll('head', '/usr/bin/head'));
    cutter.cut([nth(1)]);
    await waitFor('two failures', () => cutter.stats().failed === 2);
    expect(cutter.stats().cut).toBe(0);
  });

  test('that hangs does not hold up the loop, and stop() ends it', async () => {
    const { cutter, calls, directory } = fake('echo $$ > "${0%/*}/pid"; exec /usr/bin/sleep 1000');
    cutter.cut(Array.from({ length: 3 }, (_, i) => nth(i)));
    await waitFor('the child', () => existsSync(join(directory, 'pid')) && readFileSync(join(directory, 'pid'), 'utf8') !== '');
    await cutter.stop();
    const pid = Number(readFileSync(join(directory, 'pid'), 'utf8'));
    await waitFor('its end', () => !existsSync(`/proc/${pid}`));
    cutter.cut([nth(9)]);
    expect(cutter.stats()).toMatchObject({ queued: 0, failed: 0 });
    expect(calls()).toHaveLength(1);
  });

  test('runs one at a time', async () => {
    const { cutter, directory } = fake(`d="\${0%/*}/running"; /usr/bin/mkdir "$d" || echo twice >> "\${0%/*}/twice"; /usr/bin/rmdir "$d"; ${deleted(1)}`);
    for (let i = 0; i < 4; i++) {
      cutter.cut([nth(i)]);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await waitFor('8 connections', () => cutter.stats().cut === 8);
    expect(existsSync(join(directory, 'twice'))).toBe(false);
  });
});
