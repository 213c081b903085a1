/** The cutter without the native part: programs of the test's own stand for conntrack and ss. */
import { parseSubject, type Subject } from 'banban-shared';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../../../packages/server/src/clock.ts';
import { connectionCutter } from '../../../../../packages/server/src/enforce/connections/cutter.ts';
import { nth } from '../../../../support/records.ts';
import { tempDir } from '../../../../support/temp-dir.ts';
import { waitFor } from '../../../../support/wait-for.ts';

const subject = (text: string): Subject => {
  const parsed = parseSubject(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
};
const entry = (from: string, port = 1): string => `tcp 6 9 ESTABLISHED src=${from} dst=10.9.9.9 sport=${port} dport=22 src=10.9.9.9 dst=${from} sport=22 dport=${port} [ASSURED] mark=0 use=1`;
const socket = (far: string, port = 1): string => `tcp   ESTAB 0      0      10.9.9.9:22    ${far}:${port}`;

/** What the two programs do, as shell; `log` has a line of name and arguments for each call. */
function fake(programs: { readonly conntrack?: string; readonly ss?: string }, capacity?: number) {
  const directory = tempDir();
  const log = join(directory, 'log');
  writeFileSync(log, '');
  for (const [name, text] of Object.entries(programs)) writeFileSync(join(directory, name), `#!/bin/sh\necho ${name} "$@" >> ${log}\n${text}\n`, { mode: 0o755 });
  const warnings: string[] = [];
  const reports: [Subject, number][] = [];
  const cutter = connectionCutter({ clock: systemClock, native: undefined, path: directory, warn: (message) => warnings.push(message), ...(capacity === undefined ? {} : { capacity }) });
  onTestFinished(() => cutter.stop());
  const cut = (...texts: string[]): void => cutter.cut(texts.map(subject), (one, connections) => reports.push([one, connections]));
  const calls = (): string[] => readFileSync(log, 'utf8').trim().split('\n').filter(Boolean);
  const idle = (): Promise<unknown> => waitFor('an idle cutter', () => cutter.stats().queued === 0);
  return { cutter, cut, warnings, reports, directory, calls, idle };
}

/** What conntrack prints for -D: the entries on standard output, and how many. */
const deleting = (...entries: string[]): string => `[ "$1" = -D ] || exit 0; ${entries.map((line) => `echo "${line}"`).join('; ') || ':'}; echo "conntrack v1.4.7 (conntrack-tools): ${entries.length} flow entries have been deleted." >&2; exit ${entries.length === 0 ? 1 : 0}`;
const NOTHING = deleting();

describe('a few subjects', () => {
  test('are closed by one ss, and deleted by conntrack as source and as destination, each in its family', async () => {
    const { cut, calls, idle, reports, cutter, warnings } = fake({ conntrack: NOTHING, ss: 'exit 0' });
    cut('192.0.2.1', '2001:db8::1', '203.0.113.0/24');
    await idle();
    expect(calls()).toEqual([
      'ss -H -n -t -u -K dst 192.0.2.1 or dst [2001:db8::1] or dst 203.0.113.0/24',
      'conntrack -D -f ipv4 -s 192.0.2.1',
      'conntrack -D -f ipv4 -d 192.0.2.1',
      'conntrack -D -f ipv6 -s 2001:db8::1',
      'conntrack -D -f ipv6 -d 2001:db8::1',
      'conntrack -D -f ipv4 -s 203.0.113.0/24',
      'conntrack -D -f ipv4 -d 203.0.113.0/24',
    ]);
    expect(reports).toEqual([['192.0.2.1', 0], ['2001:db8::1', 0], ['203.0.113.0/24', 0]]);
    expect(warnings).toEqual([]);
    expect(cutter.stats()).toEqual({ available: true, queued: 0, cut: 0, failed: 0, lastError: undefined, dropped: 0 });
  });

  test('have their connections counted once: by socket and entry, and not those that are over', async () => {
    const over = entry('192.0.2.1', 4).replace('ESTABLISHED', 'TIME_WAIT');
    const { cut, idle, reports, cutter } = fake({
      conntrack: deleting(entry('192.0.2.1', 1), entry('192.0.2.1', 3), over).replace('[ "$1" = -D ]', '[ "$4" = -s ]'),
      ss: [socket('192.0.2.1', 1), socket('[::ffff:192.0.2.1]', 2), 'Netid State', socket('192.0.2.9', 1)].map((line) => `echo "${line}"`).join('\n'),
    });
    cut('192.0.2.1');
    await idle();
    expect(reports).toEqual([['192.0.2.1', 3]]);
    expect(cutter.stats()).toMatchObject({ cut: 3 });
  });
});

describe('a storm', () => {
  const table = (...found: string[]): string => `if [ "$1" = -L ]; then ${found.map((from) => `echo "${entry(from)}"`).join('; ')}; exit 0; fi; ${deleting(entry('10.1.1.1'))}`;

  test('of 10,000 subjects costs one look at each of the two, and a call for each that has a connection', async () => {
    const { cut, calls, idle, cutter } = fake({ conntrack: table(nth(5000), nth(77_000)), ss: `case "$*" in *-K*) ;; *) echo "${socket(nth(6000))}" ;; esac` });
    cut(...Array.from({ length: 10_000 }, (_, i) => nth(i)));
    await idle();
    expect(calls()).toEqual(['ss -H -n -t -u', `ss -H -n -t -u -K dst ${nth(6000)}`, 'conntrack -L -f ipv4', `conntrack -D -f ipv4 -s ${nth(5000)}`]);
    expect(cutter.stats()).toMatchObject({ queued: 0, failed: 0, dropped: 0, cut: 1 });
  });

  test('looks at both families when it has both', async () => {
    const { cut, calls, idle } = fake({ conntrack: table(nth(1)), ss: 'exit 0' });
    cut(...Array.from({ length: 5 }, (_, i) => nth(i)), '2001:db8::1');
    await idle();
    expect(calls().filter((call) => call.includes('-L'))).toEqual(['conntrack -L -f ipv4', 'conntrack -L -f ipv6']);
  });

  test('with a connection of each is a hundred calls, and then others have their turn', async () => {
    const all = Array.from({ length: 130 }, (_, i) => nth(i));
    const { cut, calls, reports, directory } = fake({ conntrack: `if [ "$1" = -L ]; then /bin/cat "\${0%/*}/table"; exit 0; fi; ${NOTHING}`, ss: 'exit 0' });
    writeFileSync(join(directory, 'table'), all.map((from) => `${entry(from)}\n`).join(''));
    cut(...all);
    await waitFor('the first hundred', () => reports.length === 100);
    cut('203.0.113.1');
    await waitFor('all', () => reports.length === 131, { timeoutMs: 60_000 });
    const deleted = calls().filter((call) => call.startsWith('conntrack -D')).map((call) => call.split(' ').at(-1));
    expect([...deleted].sort()).toEqual([...all].sort());
    expect(calls().filter((call) => call.startsWith('conntrack -L')).length).toBeGreaterThan(1);
  });

  test('is cut as far as it was seen when the look at the table fails', async () => {
    const { cut, idle, cutter } = fake({ conntrack: table(nth(3)).replace('exit 0; fi', 'echo "Operation failed: table busy" >&2; exit 1; fi'), ss: 'exit 0' });
    cut(...Array.from({ length: 9 }, (_, i) => nth(i)));
    await idle();
    expect(cutter.stats()).toMatchObject({ cut: 1, failed: 1, lastError: 'conntrack -L failed (exit 1): Operation failed: table busy' });
  });
});

describe('a program', () => {
  test('that is missing is said once, counted, and used when it is installed', async () => {
    const { cutter, cut, warnings, directory, calls, idle, reports } = fake({ conntrack: NOTHING, ss: 'exit 0' });
    for (const name of ['conntrack', 'ss']) renameSync(join(directory, name), join(directory, `${name}.away`));
    for (let i = 0; i < 2; i++) {
      cut(nth(i));
      await idle();
    }
    expect(cutter.stats()).toMatchObject({ available: false, queued: 0, failed: 4 });
    expect(warnings).toEqual([expect.stringMatching(/program ss is not installed .+: install iproute2$/), expect.stringMatching(/program conntrack is not installed .+ \(Debian: conntrack\)$/)]);
    expect(reports).toEqual([[nth(0), 0], [nth(1), 0]]);
    renameSync(join(directory, 'ss.away'), join(directory, 'ss'));
    cut(nth(1));
    await idle();
    expect(calls()).toEqual([`ss -H -n -t -u -K dst ${nth(1)}`]);
    expect(cutter.stats()).toMatchObject({ available: true, failed: 5 });
    expect(warnings).toHaveLength(2);
  });

  test('that fails is counted, with its own words', async () => {
    const { cut, idle, cutter, reports } = fake({ conntrack: 'printf "Operation failed:\\033[31m not permitted\\n" >&2; exit 1', ss: 'exit 0' });
    cut(nth(1));
    await idle();
    expect(cutter.stats()).toMatchObject({ failed: 1, lastError: `conntrack -D -d ${nth(1)} failed (exit 1): Operation failed: [31m not permitted` });
    expect(reports).toEqual([[nth(1), 0]]);
  });

  test('that prints garbage is a failure, not a count', async () => {
    const { cut, idle, cutter } = fake({ conntrack: '/usr/bin/head -c 300000 /dev/urandom; /usr/bin/head -c 300000 /dev/urandom >&2', ss: '/usr/bin/head -c 300000 /dev/urandom' });
    cut(nth(1));
    await idle();
    expect(cutter.stats()).toMatchObject({ cut: 0, failed: 1 });
  });

  test('that hangs does not hold up the loop, and stop() ends it', async () => {
    const { cutter, cut, calls, directory } = fake({ conntrack: NOTHING, ss: 'echo $$ > "${0%/*}/pid"; exec /usr/bin/sleep 1000' });
    cut(nth(1), nth(2));
    await waitFor('the child', () => existsSync(join(directory, 'pid')) && readFileSync(join(directory, 'pid'), 'utf8') !== '');
    await cutter.stop();
    const pid = Number(readFileSync(join(directory, 'pid'), 'utf8'));
    await waitFor('its end', () => !existsSync(`/proc/${pid}`));
    cut(nth(9));
    expect(cutter.stats()).toMatchObject({ queued: 0, failed: 0 });
    expect(calls()).toHaveLength(1);
  });
});
