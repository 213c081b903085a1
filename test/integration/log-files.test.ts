/** Log files as a source: real files, every kind of rotation, and not a line lost or counted twice. */
import { appendFileSync, copyFileSync, mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { follow } from '../support/followed-files.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait-for.ts';

let count = 0;
/** Lines that are long enough to tell files apart, each its own. */
const some = (n: number): string[] => Array.from({ length: n }, () => `2026-01-01T00:00:00Z line number ${++count} of a log that goes on`);
const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');

function room(): { readonly dir: string; readonly log: string; readonly write: (n: number, path?: string) => string[] } {
  const dir = tempDir();
  const log = join(dir, 'access.log');
  return {
    dir,
    log,
    write(n, path = log) {
      const lines = some(n);
      appendFileSync(path, text(lines));
      return lines;
    },
  };
}

describe('a file', () => {
  test('is read from its end where it was there before, and from its beginning where it was not', async () => {
    const { dir, log, write } = room();
    write(10);
    const followed = await follow(join(dir, '*.log'));
    const fresh = write(3);
    const other = write(4, join(dir, 'other.log'));
    await followed.has(7);
    expect([...followed.lines].sort()).toEqual([...fresh, ...other].sort());
    expect(log).toContain('access');
  });

  test('is read from its beginning with from: start', async () => {
    const { log, write } = room();
    const old = write(10);
    const followed = await follow(log, { from: 'start' });
    await followed.has(10);
    expect(followed.lines).toEqual(old);
  });

  test('is waited for where it is not there yet, and that is said', async () => {
    const { log, write } = room();
    const followed = await follow(log);
    expect(followed.source.stats().error).toMatch(/access\.log can't be read \(it is not there\)/);
    const lines = write(2);
    await followed.has(2);
    expect(followed.lines).toEqual(lines);
    await waitFor('the error to go', () => followed.source.stats().error === undefined);
  });

  test('gives its last line when that has its end', async () => {
    const { log, write } = room();
    write(1);
    const followed = await follow(log);
    appendFileSync(log, 'half a ');
    const before = followed.lines.length;
    appendFileSync(log, 'line\nand ');
    await followed.has(before + 1);
    expect(followed.lines).toEqual(['half a line']);
  });

  test('may have lines without end, which are cut at 64 KiB and counted', async () => {
    const { log } = room();
    writeFileSync(log, '');
    const followed = await follow(log);
    appendFileSync(log, `${'x '.repeat(100_000)}\nshort\n`);
    await followed.has(2);
    expect(followed.lines.map((line) => line.length)).toEqual([expect.toSatisfy((length: number) => length > 65_500 && length <= 65_536), 5]);
    expect(followed.source.stats()).toMatchObject({ cut: 1, lagBytes: 0 });
  });

  test('may have lines that are cut in an address, of which no half is delivered: it would be somebody else’s', async () => {
    const { log, write } = room();
    writeFileSync(log, '');
    const followed = await follow(log);
    appendFileSync(log, `${'x'.repeat(65_536 - 18)} from 203.0.113.123 port 1\n`);
    const after = write(1);
    await followed.has(2);
    expect(followed.lines.map((line) => line.slice(-20))).toEqual([`${'x'.repeat(9)} from [cut]`, after[0]?.slice(-20)]);
    expect(followed.source.stats().cut).toBe(1);
  });

  test('of which nothing was kept begins with a whole line', async () => {
    const { log } = room();
    writeFileSync(log, 'one\ntw');
    const followed = await follow(log);
    appendFileSync(log, 'o\nthree\n');
    await followed.has(1);
    expect(followed.lines).toEqual(['three']);
  });
});

describe('what is no log file is an error, and stalls nothing', () => {
  test('a directory', async () => {
    const { log } = room();
    mkdirSync(log);
    const followed = await follow(log);
    expect(followed.source.stats().error).toMatch(/is a directory; write .*\/\* for the files in it/);
  });

  test('a FIFO and a device, beside a log', async () => {
    const { dir, write } = room();
    execFileSync('mkfifo', [join(dir, 'pipe.log')]);
    symlinkSync('/dev/zero', join(dir, 'zero.log'));
    symlinkSync(join(dir, 'round.log'), join(dir, 'round.log'));
    const followed = await follow(join(dir, '*.log'));
    const lines = write(3);
    await followed.has(3);
    expect(followed.lines).toEqual(lines);
    expect(followed.source.stats().error).toMatch(/(pipe|zero)\.log is no regular file but a FIFO, socket or device, and is left alone \(and 1 more\)/);
  });

  test('compressed files, which are left out and said once', async () => {
    const { dir, write } = room();
    write(1, join(dir, 'access.log.2.gz'));
    const followed = await follow(join(dir, 'access*'), { from: 'start' });
    const lines = write(3);
    await followed.has(3);
    write(1, join(dir, 'access.log.3.xz'));
    await followed.has(3);
    expect(followed.lines).toEqual(lines);
    expect(followed.said).toEqual([expect.stringContaining('access.log.2.gz and what else of')]);
  });
});

describe('rotation: not a line is lost or counted twice when the file is', () => {
  test('renamed, and another made in its place', async () => {
    const { log, write } = room();
    const all = write(3);
    const followed = await follow(log, { from: 'start' });
    for (let turn = 3; turn > 0; turn--) {
      all.push(...write(50));
      renameSync(log, `${log}.${turn}`);
      // Its writer has not been told yet.
      all.push(...write(5, `${log}.${turn}`));
      all.push(...write(50));
      await followed.has(all.length);
      all.push(...write(1, `${log}.${turn}`));
      await followed.has(all.length);
    }
    expect([...followed.lines].sort()).toEqual([...all].sort());
  });

  test('rotated several times at once', async () => {
    const { log, write } = room();
    const all = write(3);
    const followed = await follow(log, { from: 'start' });
    await followed.has(3);
    for (let turn = 5; turn > 0; turn--) {
      all.push(...write(20));
      renameSync(log, `${log}.${turn}`);
    }
    all.push(...write(1));
    await followed.has(all.length);
    expect([...followed.lines].sort()).toEqual([...all].sort());
  });

  test('copied and truncated', async () => {
    const { log, write } = room();
    const all = write(3);
    const followed = await follow(log, { from: 'start' });
    for (let turn = 0; turn < 3; turn++) {
      // What came and went between two looks nobody has seen.
      all.push(...write(1));
      await followed.has(all.length);
      all.push(...write(200));
      copyFileSync(log, `${log}.1`);
      truncateSync(log);
      all.push(...write(turn * 300));
      await followed.has(all.length);
    }
    expect(followed.said).toEqual([]);
    expect([...followed.lines].sort()).toEqual([...all].sort());
  });

  test('copied and truncated, and the copy has a name of the pattern', async () => {
    const { log, write } = room();
    const all = write(3);
    const followed = await follow(`${log}*`, { from: 'start' });
    for (let turn = 0; turn < 3; turn++) {
      all.push(...write(200));
      copyFileSync(log, `${log}.${turn}`);
      truncateSync(log);
      all.push(...write(turn * 300 + 1));
      await followed.has(all.length);
    }
    expect([...followed.lines].sort()).toEqual([...all].sort());
  });

  test('removed, and another made', async () => {
    const { log, write } = room();
    const all = write(3);
    const followed = await follow(log, { from: 'start' });
    await followed.has(3);
    for (let turn = 0; turn < 3; turn++) {
      rmSync(log);
      all.push(...write(30));
      await followed.has(all.length);
    }
    expect([...followed.lines].sort()).toEqual([...all].sort());
  });

  test('a symbolic link that is set to another one', async () => {
    const { dir, log, write } = room();
    const all = write(3, join(dir, 'day-1'));
    symlinkSync('day-1', log);
    const followed = await follow(log, { from: 'start' });
    await followed.has(3);
    for (let day = 2; day < 5; day++) {
      all.push(...write(5, join(dir, `day-${day - 1}`)), ...write(7, join(dir, `day-${day}`)));
      symlinkSync(`day-${day}`, `${log}.new`);
      renameSync(`${log}.new`, log);
      await followed.has(all.length);
    }
    expect([...followed.lines].sort()).toEqual([...all].sort());
  });

  test('renamed to what the pattern has, too', async () => {
    const { log, write } = room();
    const all = write(3);
    const followed = await follow(`${log}*`, { from: 'start' });
    await followed.has(3);
    for (let turn = 3; turn > 0; turn--) {
      all.push(...write(10));
      renameSync(log, `${log}.${turn}`);
      all.push(...write(10));
      await followed.has(all.length);
    }
    expect([...followed.lines].sort()).toEqual([...all].sort());
  });
});

describe('after a crash it goes on at the very byte', () => {
  /** Crashes, does something, and begins again on what was stored. */
  async function around(pattern: string, log: string, write: (n: number, path?: string) => string[], meanwhile: () => readonly string[]): Promise<void> {
    const all = write(20);
    const first = await follow(pattern, { from: 'start' });
    await first.has(20);
    appendFileSync(log, 'begun ');
    await first.crash();
    appendFileSync(log, 'and ended\n');
    all.push('begun and ended', ...meanwhile());
    const second = await follow(pattern, { stored: first.stored });
    await second.has(all.length - 20);
    expect([...first.lines, ...second.lines].sort()).toEqual([...all].sort());
    all.push(...write(3));
    await second.has(all.length - 20);
    expect([...first.lines, ...second.lines].sort()).toEqual([...all].sort());
  }

  test('where nothing happened but writing', async () => {
    const { log, write } = room();
    await around(log, log, write, () => write(10));
  });

  test('where it was renamed', async () => {
    const { log, write } = room();
    await around(log, log, write, () => {
      const more = write(10);
      renameSync(log, `${log}.1`);
      return [...more, ...write(5)];
    });
  });

  test('where it was renamed, and the pattern has both', async () => {
    const { log, write } = room();
    await around(`${log}*`, log, write, () => {
      const more = write(10);
      renameSync(log, `${log}.1`);
      return [...more, ...write(5)];
    });
  });

  test('where it was rotated three times', async () => {
    const { log, write } = room();
    await around(log, log, write, () => {
      const more: string[] = [];
      for (let turn = 0; turn < 3; turn++) {
        more.push(...write(10));
        for (let old = 2; old >= 1; old--) if (turn >= old) renameSync(`${log}.${old}`, `${log}.${old + 1}`);
        renameSync(log, `${log}.1`);
      }
      return [...more, ...write(5)];
    });
  });

  test('where it was copied and truncated, and is longer again than it was', async () => {
    const { log, write } = room();
    await around(log, log, write, () => {
      const more = write(10);
      copyFileSync(log, `${log}.1`);
      truncateSync(log);
      return [...more, ...write(100)];
    });
  });

  test('where it was copied and truncated, and the pattern has both', async () => {
    const { log, write } = room();
    await around(`${log}*`, log, write, () => {
      const more = write(10);
      copyFileSync(log, `${log}.1`);
      truncateSync(log);
      return [...more, ...write(100)];
    });
  });

  test('and says what it can’t find', async () => {
    const { log, write } = room();
    write(20);
    const first = await follow(log, { from: 'start' });
    await first.has(20);
    await first.crash();
    rmSync(log);
    const fresh = write(2, `${log}.new`);
    renameSync(`${log}.new`, log);
    const second = await follow(log, { stored: first.stored });
    await second.has(2);
    expect(second.lines).toEqual(fresh);
    expect(second.said).toEqual([expect.stringMatching(/is (?:shorter or )?another file than before, and .* not beside it/)]);
  });

  test('and a file that came meanwhile is read from its beginning', async () => {
    const { dir, write } = room();
    write(20);
    const first = await follow(join(dir, '*.log'));
    await first.crash();
    const fresh = write(4, join(dir, 'new.log'));
    const second = await follow(join(dir, '*.log'), { stored: first.stored });
    await second.has(4);
    expect(second.lines).toEqual(fresh);
  });
});
