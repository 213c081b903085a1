/** The journal of a real systemd-journald, read by the real journalctl: restarts of both sides, hostile fields, entries that are gone. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ms } from 'banban-shared';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock, type Clock } from '../../packages/server/src/clock.ts';
import { journalSource, type JournalOptions } from '../../packages/server/src/ingest/journal.ts';
import type { Progress, Source } from '../../packages/server/src/ingest/source.ts';
import { describeKernel } from '../support/kernel-gate.ts';
import { journald, type Journald } from '../support/real-journald.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait-for.ts';

/** The machine's clock, on which what waits waits a tenth of a second at most. */
const hurried: Clock = { ...systemClock, after: (delay, action) => systemClock.after(ms(Math.min(delay, 100)), action) };

interface Reading {
  readonly source: Source;
  /** Messages with their tags, without time and host. */
  readonly lines: string[];
  readonly warned: string[];
  /** What would be in the store. */
  readonly positions: Map<string, string>;
  /** Works off what waits, where it was started with `hold`. */
  release(): void;
}

async function reading(journal: Journald, options: Partial<JournalOptions> & { readonly hold?: boolean } = {}, positions = new Map<string, string>()): Promise<Reading> {
  const warned: string[] = [];
  const lines: string[] = [];
  const waiting: (() => void)[] = [];
  const source = journalSource({ name: 'test', units: [], matches: ['SYSLOG_FACILITY=4'], program: journal.journalctl(), warn: (message) => void warned.push(message), ...options, positions }, hurried);
  const workOff = (bytes: Buffer, progress: Progress): void => {
    for (const line of bytes.toString().split('\n').filter(Boolean)) lines.push(line.replace(/^\S+Z \S+ /, ''));
    positions.set(progress.key, progress.after(bytes.length));
    progress.done?.();
  };
  await source.start((bytes, _at, progress) => {
    if (progress === undefined) throw new Error('without progress');
    if (options.hold === true) waiting.push(() => workOff(bytes, progress));
    else workOff(bytes, progress);
  });
  const release = (): void => waiting.splice(0).forEach((each) => each());
  onTestFinished(() => {
    release();
    return source.stop();
  });
  return { source, lines, warned, positions, release };
}

const say = (journal: Journald, ...messages: readonly string[]): Promise<void> => journal.syslog(...messages.map((message) => `<38>sshd[811]: ${message}`));

describeKernel('the journal', ['mount', 'journald'], () => {
  test('is read from the start on: what was there before is not, and each entry is a line', async () => {
    const journal = await journald();
    await say(journal, 'before');
    await journal.has('before');
    const { source, lines } = await reading(journal);
    await say(journal, 'Invalid user x from 192.0.2.1 port 22', 'two\nsshd[1]: lines');
    await waitFor('both', () => lines.length === 2, {}, () => source.stats());
    expect(lines).toEqual(['sshd[811]: Invalid user x from 192.0.2.1 port 22', 'sshd[811]: two#012sshd[1]: lines']);
    expect(source.stats()).toMatchObject({ datagrams: 2, cut: 0, error: undefined });
    expect(source.stats().lagMs).toBeLessThan(20_000);
  });

  test('goes on after a restart where it was worked off, without loss or a second time, however much was written meanwhile', async () => {
    const journal = await journald();
    const first = await reading(journal);
    await say(journal, 'one');
    await waitFor('one', () => first.lines.length === 1, {}, () => first.source.stats());
    await first.source.stop();
    const missed = Array.from({ length: 3000 }, (_, i) => `missed ${i}`);
    await say(journal, ...missed);
    await journal.has('missed 2999');
    const second = await reading(journal, {}, first.positions);
    await waitFor('all', () => second.lines.length === missed.length, {}, () => second.source.stats());
    expect(second.lines).toEqual(missed.map((message) => `sshd[811]: ${message}`));
    expect(second.warned).toEqual([]);
  });

  test('what was delivered and not worked off before a crash comes again', async () => {
    const journal = await journald();
    const first = await reading(journal, { hold: true });
    first.release();
    await say(journal, 'one', 'two');
    await waitFor('both', () => first.source.stats().datagrams === 2, {}, () => first.source.stats());
    const second = await reading(journal, {}, new Map(first.positions));
    await waitFor('both again', () => second.lines.length === 2);
  });

  test('a run in which nothing was written has a place to go on from, too', async () => {
    const journal = await journald();
    const first = await reading(journal);
    await first.source.stop();
    await say(journal, 'meanwhile');
    const second = await reading(journal, {}, first.positions);
    await waitFor('it', () => second.lines.length === 1, {}, () => second.source.stats());
  });

  test('goes on when journalctl ends, from the entry after the last one', async () => {
    const journal = await journald();
    const pid = join(tempDir(), 'pid');
    const { source, lines } = await reading(journal, { program: journal.journalctl(`echo $$ > ${pid}`) });
    await say(journal, 'one');
    await waitFor('one', () => lines.length === 1, {}, () => source.stats());
    process.kill(Number(readFileSync(pid, 'utf8')), 'SIGKILL');
    await waitFor('the error', () => source.stats().error?.includes('ended with the signal SIGKILL'));
    await say(journal, 'two');
    await waitFor('two', () => lines.length === 2, {}, () => source.stats());
    expect(lines).toEqual(['sshd[811]: one', 'sshd[811]: two']);
    expect(source.stats().error).toBeUndefined();
  });

  test('an entry that is gone is told, and what is still there is read once', async () => {
    const journal = await journald();
    const first = await reading(journal);
    await say(journal, 'one');
    await waitFor('one', () => first.lines.length === 1, {}, () => first.source.stats());
    await first.source.stop();
    await say(journal, 'lost');
    await journal.has('lost');
    await journal.vacuum();
    await say(journal, 'kept');
    const second = await reading(journal, {}, first.positions);
    await waitFor('the kept one', () => second.lines.length === 1, {}, () => second.source.stats());
    expect(second.lines).toEqual(['sshd[811]: kept']);
    expect(second.warned).toEqual([expect.stringMatching(/^the journal no longer has the entry that was read last, of .*Z: what was written between it and .*Z may be missing$/)]);
    expect(second.source.stats().error).toBe(second.warned[0]);
  });

  test('a place that journalctl can’t look for is told, and the time stands for it', async () => {
    const journal = await journald();
    await say(journal, 'old');
    await journal.has('old');
    const at = systemClock.now() * 1000;
    await say(journal, 'new');
    const { source, lines, warned } = await reading(journal, {}, new Map([['journal test', JSON.stringify({ cursor: 'rubbish', at, of: 'SYSLOG_FACILITY=4' })]]));
    await waitFor('the new one', () => lines.length === 1, {}, () => source.stats());
    expect(lines).toEqual(['sshd[811]: new']);
    expect(warned).toEqual([expect.stringContaining('Failed to seek to cursor')]);
  });

  test('other matches than the last time begin at its time, and nothing is called missing', async () => {
    const journal = await journald();
    const first = await reading(journal);
    await say(journal, 'one');
    await waitFor('one', () => first.lines.length === 1);
    await first.source.stop();
    await journal.syslog('<38>cron[5]: two');
    const second = await reading(journal, { matches: ['SYSLOG_IDENTIFIER=cron'] }, first.positions);
    await waitFor('two', () => second.lines.length === 1, {}, () => second.source.stats());
    expect([second.lines, second.warned]).toEqual([['cron[5]: two'], []]);
  });

  test('fields that their sender chose make no other program, and the matches keep them out', async () => {
    const journal = await journald();
    const { lines } = await reading(journal, { matches: [] });
    await journal.native([['SYSLOG_IDENTIFIER', 'evil[1]: sshd'], ['MESSAGE', 'a\nsshd[811]: b']]);
    await journal.native([['MESSAGE', 'sshd[811]: c']]);
    await journal.native([['SYSLOG_IDENTIFIER', 'x'], ['SYSLOG_IDENTIFIER', 'sshd'], ['MESSAGE', Buffer.from([0x64, 0xff, 0x1b])]]);
    await journal.native([['_COMM', 'sshd'], ['MESSAGE', 'e']]);
    await waitFor('all', () => lines.filter((line) => !line.startsWith('systemd-journald')).length === 4, {}, () => lines);
    // This process is none that journald could see, so that it has no name but its own.
    expect(lines.filter((line) => !line.startsWith('systemd-journald'))).toEqual(['evil_1___sshd: a#012sshd[811]: b', 'unknown: sshd[811]: c', 'unknown: d\ufffd#033', 'unknown: e']);
  });

  test('units are those that the journal vouches for', async () => {
    const journal = await journald();
    const { lines } = await reading(journal, { units: ['ssh.service'], matches: [] });
    await journal.native([['SYSLOG_IDENTIFIER', 'sshd'], ['_SYSTEMD_UNIT', 'ssh.service'], ['MESSAGE', 'forged']]);
    // What root says of a unit counts as the unit's own (add_matches_for_unit of journalctl).
    await journal.asRoot({ SYSLOG_IDENTIFIER: 'sshd', OBJECT_SYSTEMD_UNIT: 'ssh.service', MESSAGE: 'real' });
    await waitFor('the real one', () => lines.length > 0);
    expect(lines.map((line) => line.replace(/^[^:]*: /, ''))).toEqual(['real']);
  });

  test('an entry as large as the journal takes costs no more than its line', async () => {
    const journal = await journald();
    const { source, lines } = await reading(journal, { matches: [] });
    await journal.native([['SYSLOG_IDENTIFIER', 'big'], ['MESSAGE', Buffer.alloc(150_000, 'x ')]]);
    await journal.native([['SYSLOG_IDENTIFIER', 'after'], ['MESSAGE', 'small']]);
    await waitFor('the small one', () => lines.some((line) => line.endsWith(': small')), {}, () => source.stats());
    expect(source.stats().cut).toBe(1);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(65_600);
  });

  test('journalctl is held up while entries wait to be worked off', async () => {
    const journal = await journald();
    const { source, lines, release } = await reading(journal, { hold: true });
    release();
    const count = 5000;
    await say(journal, ...Array.from({ length: count }, (_, i) => `${i} ${'x'.repeat(100)}`));
    await waitFor('a delivery', () => source.stats().datagrams > 0, {}, () => source.stats());
    expect(source.stats().datagrams).toBeLessThan(1000);
    await waitFor('all', () => {
      release();
      return lines.length === count;
    }, {}, () => source.stats());
    expect(lines.map((line) => parseInt(line.slice('sshd[811]: '.length)))).toEqual(Array.from({ length: count }, (_, i) => i));
  });
});

test('without journalctl the source says so, and tries again', async () => {
  const source = journalSource({ name: 'test', units: [], matches: [], program: 'no-such-journalctl', warn: () => undefined, positions: new Map() }, hurried);
  await source.start(() => undefined);
  onTestFinished(() => source.stop());
  await waitFor('the error', () => source.stats().error?.includes('the program no-such-journalctl is not installed'), {}, () => source.stats());
});

test('what ends again and again is started less and less often, and what it says is shown without control characters', async () => {
  const directory = tempDir();
  const program = join(directory, 'journalctl');
  writeFileSync(program, `#!/bin/sh\nprintf '\\033[31mNo\\tjournal\\n' >&2; echo x >> ${directory}/starts; exit 3\n`, { mode: 0o755 });
  const delays: number[] = [];
  const noting: Clock = {
    ...systemClock,
    after(delay, action) {
      delays.push(delay);
      return systemClock.after(ms(delay >= 5000 && delay !== 8000 ? 60_000 : 10), action);
    },
  };
  const source = journalSource({ name: 'test', units: [], matches: [], program, warn: () => undefined, positions: new Map() }, noting);
  await source.start(() => undefined);
  await waitFor('five starts', () => readFileSync(join(directory, 'starts'), 'utf8').length >= 10, {}, () => source.stats());
  expect(source.stats().error).toMatch(/^the journal is not read: .*journalctl ended with exit code 3 \(\[31mNo journal\); it is started again/);
  await source.stop();
  expect(delays.filter((delay) => delay !== 5000).slice(0, 4)).toEqual([1000, 2000, 4000, 8000]);
});
