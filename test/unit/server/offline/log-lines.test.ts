import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { eachLine, UnreadableLog, type Progress } from '../../../../packages/server/src/offline/log-lines.ts';
import { run } from '../../../support/child.ts';
import { tempDir } from '../../../support/temp-dir.ts';

function file(bytes: string | Buffer): string {
  const path = join(tempDir(), 'log');
  writeFileSync(path, bytes);
  return path;
}
async function linesOf(path: string): Promise<string[]> {
  const lines: string[] = [];
  await eachLine(path, (bytes, from, to) => lines.push(bytes.toString('utf8', from, to)));
  return lines;
}
const problem = (path: string): Promise<unknown> => linesOf(path).then(
  () => undefined,
  (error: unknown) => error,
);

describe('the lines of a file', () => {
  test.each<[string, string, string[]]>([
    ['with a newline at the end', 'a\nb\n', ['a', 'b']],
    ['without one', 'a\nb', ['a', 'b']],
    ['with CRLF', 'a\r\nb\r\n', ['a', 'b']],
    ['with CRLF and no end', 'a\r\nb\r', ['a', 'b']],
    ['with empty ones', '\n\na\n\n', ['', '', 'a', '']],
    ['with a return in the middle', 'a\rb\n\r\n', ['a\rb', '']],
    ['that is empty', '', []],
    ['of one newline', '\n', ['']],
    ['with NUL bytes', 'a\0b\n', ['a\0b']],
  ])('%s', async (_, text, lines) => {
    expect(await linesOf(file(text))).toEqual(lines);
    expect(await linesOf(file(gzipSync(text)))).toEqual(lines);
  });

  test('are whole where a block ends in the middle of one', async () => {
    const lines = Array.from({ length: 30_000 }, (_, i) => `${i} ${'x'.repeat(i % 97)}ä`);
    const text = `${lines.join('\n')}\n`;
    expect(text.length).toBeGreaterThan(1_000_000);
    expect(await linesOf(file(text))).toEqual(lines);
    expect(await linesOf(file(gzipSync(text)))).toEqual(lines);
  });

  test('are cut at 64 KiB, and what follows of a long one is no line of its own', async () => {
    const long = (n: number): string => 'x'.repeat(n);
    for (const length of [65_535, 65_536, 65_537, 100_000, 262_144, 300_000, 1_000_000]) {
      for (const end of ['\n', '']) {
        const lines = await linesOf(file(`a\n${long(length)}\nb\n${long(length)}${end}`));
        expect(lines.map((l) => l.length), `${length} ${end}`).toEqual([1, Math.min(length, 65_536), 1, Math.min(length, 65_536)]);
      }
    }
    expect((await linesOf(file(`${long(1_000_000)}\r\nb`))).map((l) => l.length)).toEqual([65_536, 1]);
  });

  test('are read of a pipe, too', async () => {
    const path = join(tempDir(), 'pipe');
    spawnSync('mkfifo', [path]);
    const writer = run(['sh', '-c', `printf 'a\\nb' > '${path}'`]);
    expect(await linesOf(path)).toEqual(['a', 'b']);
    expect((await writer).code).toBe(0);
  });

  test('are of as many gzip members as were put behind each other', async () => {
    expect(await linesOf(file(Buffer.concat([gzipSync('a\nb'), gzipSync('c\nd\n')])))).toEqual(['a', 'bc', 'd']);
  });

  test('are those of a text, though its first byte is that of gzip', async () => {
    expect((await linesOf(file(Buffer.from([0x1f, 0x61, 0x0a])))).length).toBe(1);
    expect((await linesOf(file(Buffer.from([0x1f])))).length).toBe(1);
  });
});

describe('how far it is', () => {
  test('is told in bytes of the file, to its end', async () => {
    const text = 'x\n'.repeat(500_000);
    for (const bytes of [Buffer.from(text), gzipSync(text)]) {
      const seen: Progress[] = [];
      await eachLine(file(bytes), () => undefined, (progress) => seen.push({ ...progress }));
      expect(seen.at(-1)).toEqual({ bytes: bytes.length, of: bytes.length });
      expect(seen.every((p, i) => p.bytes >= (seen[i - 1]?.bytes ?? 0))).toBe(true);
    }
  });
});

describe('a file that can’t be read', () => {
  test.each([
    ['/nowhere/log', '/nowhere/log can\'t be read: there is no such file'],
    ['/tmp', '/tmp can\'t be read: it is a directory'],
  ])('%s', async (path, message) => {
    const error = await problem(path);
    expect(error).toBeInstanceOf(UnreadableLog);
    expect(error).toMatchObject({ message });
  });
  test('is gzip that was damaged, or that ends too early: what came before is given out', async () => {
    // What can't be packed well, so that there is much of it.
    const text = Array.from({ length: 40_000 }, (_, i) => `line ${i} ${Math.imul(i, 2_654_435_761) >>> 0}`).join('\n');
    const packed = gzipSync(text);
    const bent = Buffer.from(packed);
    bent.fill(0xff, packed.length - 2000, packed.length - 100);
    for (const bytes of [bent, packed.subarray(0, packed.length - 20)]) {
      const lines: string[] = [];
      const path = file(bytes);
      await expect(eachLine(path, (b, from, to) => lines.push(b.toString('utf8', from, to)))).rejects.toThrow(`${path} can't be read: it is gzip, but damaged`);
      expect(lines.length).toBeGreaterThan(1000);
      expect(lines.every((l, i) => l.startsWith(`line ${i} `))).toBe(true);
    }
  });
  test('is one of two bytes that say gzip', async () => {
    await expect(linesOf(file(Buffer.from([0x1f, 0x8b])))).rejects.toThrow(/it is gzip, but damaged/);
  });
});

test('what throws on a line is not hidden', async () => {
  await expect(eachLine(file('a\n'), () => {
    throw new Error('of the caller’s own');
  })).rejects.toThrow(/of the caller’s own/);
});
