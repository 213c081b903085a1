import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, chmodSync, chownSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { instant, type Address, type Subject } from 'banban-shared';
import { describe, expect, onTestFinished, test } from 'vitest';
import { hostsDenyList } from '../../packages/server/src/enforce/hosts-deny.ts';
import { readText, replaceText } from '../../packages/server/src/enforce/hosts-deny-file.ts';
import { prefix, target } from '../support/policies.ts';
import { address, nth } from '../support/records.ts';
import { tempDir } from '../support/temp-dir.ts';

const BEGIN = '# banban X begin (do not edit; banban rewrites these lines)\n';
const END = '# banban X end\n';
const [A, B] = [nth(1), nth(2)];

function made(text?: string | Buffer, file = join(tempDir(), 'hosts.deny')) {
  if (text !== undefined) writeFileSync(file, text);
  const open = (name: string) => {
    const list = hostsDenyList(target(name), { file });
    const put = (add: readonly Subject[], remove: readonly Subject[] = []) => [...list.write({ remove, add: add.map((subject) => ({ subject, until: instant(0) })) })];
    const subjects = (): string[] => {
      const state = list.read();
      return state.state === 'present' ? [...state.subjects] : [JSON.stringify(state)];
    };
    return { ...list, put, subjects };
  };
  return { ...open('X'), open, file, text: () => readFileSync(file, 'latin1') };
}

describe('hosts.deny', () => {
  test('is an empty list where there is none, is made with the first ban, and readable by all', () => {
    const { read, put, subjects, identity, text, file, refuses } = made();
    expect(read()).toEqual({ state: 'present', subjects: new Set(), pending: new Set(), failures: new Map(), capacity: undefined });
    const missing = identity();
    expect(missing).toBeDefined();
    expect(put([], [A])).toEqual([]);
    expect(existsSync(file)).toBe(false);
    const all = [A, address('2001:db8::1'), prefix('203.0.113.0/24')];
    expect(all.map(refuses)).toEqual([undefined, undefined, undefined]);
    expect(put(all)).toEqual([]);
    expect(text()).toBe(`${BEGIN}ALL: 10.0.0.1\nALL: [2001:db8::1]/128\nALL: 203.0.113.0/255.255.255.0\n${END}`);
    expect(statSync(file).mode & 0o7777).toBe(0o644);
    expect(subjects()).toEqual(all);
    expect(identity()).not.toBe(missing);
  });

  test('keeps every other byte, its mode and its owner', () => {
    const other = Buffer.concat([Buffer.from('# Übel\r\nsshd: .example.org\r\n'), Buffer.from(Array.from({ length: 256 }, (_, i) => i)), Buffer.from('\nthe last line has no end')]);
    const { put, file, text } = made(other);
    chmodSync(file, 0o640);
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) chownSync(file, 0, 12_345);
    const before = statSync(file);
    expect(put([A, B])).toEqual([]);
    expect(text()).toBe(`${BEGIN}ALL: 10.0.0.1\nALL: 10.0.0.2\n${END}${other.toString('latin1')}`);
    put([], [A, B]);
    expect(readFileSync(file).equals(other)).toBe(true);
    const after = statSync(file);
    expect([after.mode, after.uid, after.gid]).toEqual([before.mode, before.uid, before.gid]);
    expect(readdirSync(join(file, '..'))).toEqual(['hosts.deny']);
  });

  test('is shared by targets, each with lines of its own', () => {
    const { put, open, subjects } = made('# mine\n');
    const other = open('Y');
    put([A]);
    other.put([A, B]);
    put([B], [A]);
    expect([subjects(), other.subjects()]).toEqual([[B], [A, B]]);
    other.put([], [A, B]);
    expect(subjects()).toEqual([B]);
  });

  test('is not written when nothing changes', () => {
    const { put, identity, file } = made('# mine\n');
    put([A]);
    utimesSync(file, 1, 1);
    const before = identity();
    expect(put([A], [B])).toEqual([]);
    expect(identity()).toBe(before);
  });

  test('has another identity after every change, even one of the same length', () => {
    const { put, identity, file, text } = made('# mine\n');
    const seen = [identity()];
    put([A]);
    seen.push(identity());
    put([B], [A]);
    seen.push(identity());
    const same = text().replace('10.0.0.2', '10.0.0.3');
    writeFileSync(file, same);
    seen.push(identity());
    rmSync(file);
    seen.push(identity());
    expect(new Set(seen).size).toBe(5);
    expect(seen).not.toContain(undefined);
  });

  test('is written where its symbolic link leads, and the link stays', () => {
    const directory = tempDir();
    mkdirSync(join(directory, 'real'));
    writeFileSync(join(directory, 'real/deny'), '# mine\n');
    const file = join(directory, 'hosts.deny');
    symlinkSync('real/deny', file);
    const { put, subjects } = made(undefined, file);
    put([A]);
    expect(lstatSync(file).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(directory, 'real/deny'), 'utf8')).toBe(`${BEGIN}ALL: 10.0.0.1\n${END}# mine\n`);
    expect(subjects()).toEqual([A]);
  });

  test('is written although a crash left a draft, of whatever kind', () => {
    const { put, subjects, file } = made('# mine\n');
    const elsewhere = join(tempDir(), 'victim');
    writeFileSync(elsewhere, 'precious');
    symlinkSync(elsewhere, `${file}.banban-new`);
    expect(put([A])).toEqual([]);
    expect(subjects()).toEqual([A]);
    expect(readFileSync(elsewhere, 'utf8')).toBe('precious');
    expect(lstatSync(file).isFile()).toBe(true);
  });

  test('never has anything in it but addresses', () => {
    const { put, text } = made('# mine\n');
    const bad = ['10.0.0.1: spawn /bin/true', '010.0.0.1', 'ALL', '10.0.0.1\nALL: ALL', '2001:DB8::1', '10.0.0.1/24'];
    for (const one of bad) expect(put([one as Address, A], [one as Address]).map(([subject]) => subject)).toEqual([one]);
    expect(text()).toBe(`${BEGIN}ALL: 10.0.0.1\n${END}# mine\n`);
  });

  test('of 100,000 bans is changed in less time than anybody notices', () => {
    const { put, subjects } = made('# mine\n');
    const all = Array.from({ length: 100_000 }, (_, i) => nth(i));
    put(all);
    expect(subjects()).toHaveLength(100_000);
    const before = process.cpuUsage();
    put([address('192.0.2.1')], [A]);
    const { user, system } = process.cpuUsage(before);
    // 50 ms where this was written. Of its own time, because other programs run beside this one.
    expect((user + system) / 1000).toBeLessThan(500);
    expect(subjects()).toHaveLength(100_000);
  });
});

describe('what can’t be written is told, and nothing is touched', () => {
  test.each([
    ['a block without an end', `${BEGIN}ALL: 10.0.0.9\n`, /hosts\.deny:1: here begin banban's lines of X, and nothing says where they end; put "# banban X end"/],
    ['a backslash before the block', `sshd: ALL \\\n${BEGIN}${END}`, /hosts\.deny:1: this line ends with a backslash/],
  ])('%s', (_, text, message) => {
    const list = made(text);
    expect(list.read()).toEqual({ state: 'failed', message: expect.stringMatching(message) as string });
    expect(list.put([A], [B])).toEqual([[B, expect.stringMatching(message)], [A, expect.stringMatching(message)]]);
    expect(list.text()).toBe(text);
    expect(list.identity()).toBeDefined();
  });

  test('a file of more than 16 MB, and one that would become so', () => {
    const { read, put, file } = made('');
    truncateSync(file, 16 * 1024 * 1024 + 1);
    expect(read()).toMatchObject({ state: 'failed', message: expect.stringMatching(/can't be read: it has 16777217 bytes/) as string });
    truncateSync(file, 16 * 1024 * 1024 - 10);
    expect(put([A])).toEqual([[A, expect.stringMatching(/would have more than 16777216 bytes/)]]);
    expect(statSync(file).size).toBe(16 * 1024 * 1024 - 10);
  });

  test('a folder, a device, a link to nowhere, no folder', () => {
    const directory = tempDir();
    mkdirSync(join(directory, 'folder'));
    symlinkSync('/dev/null', join(directory, 'device'));
    symlinkSync('gone', join(directory, 'link'));
    for (const [name, message] of [['folder', /it is not a file/], ['device', /it is not a file/], ['link', /symbolic link to something that is not there/], ['no/hosts.deny', /there is no folder/]] as const) {
      const { read, put } = made(undefined, join(directory, name));
      expect(read()).toEqual({ state: 'failed', message: expect.stringMatching(message) as string });
      expect(put([A])).toEqual([[A, expect.stringMatching(message)]]);
    }
    expect(lstatSync('/dev/null').isCharacterDevice()).toBe(true);
    expect(readdirSync(directory).sort()).toEqual(['device', 'folder', 'link']);
  });

  test('a draft that can’t be made', () => {
    const { put, file, text } = made('# mine\n');
    mkdirSync(`${file}.banban-new`);
    expect(put([A])).toEqual([[A, expect.stringMatching(/hosts\.deny can't be written: /)]]);
    expect(text()).toBe('# mine\n');
  });
});

describe('what others write meanwhile', () => {
  test('is noticed before the file is replaced, and then nothing is done', () => {
    const { file, text } = made('# mine\n');
    const seen = readText(file);
    appendFileSync(file, '# more\n');
    expect(replaceText(seen, 'other')).toBe('changed');
    expect(text()).toBe('# mine\n# more\n');
    const gone = readText(file);
    rmSync(file);
    expect(replaceText(gone, 'other')).toBe('changed');
    const missing = readText(file);
    expect(missing.text).toBe('');
    writeFileSync(file, '# new\n');
    expect(replaceText(missing, 'other')).toBe('changed');
    expect(text()).toBe('# new\n');
    expect(replaceText(readText(file), 'other')).toBe('replaced');
    expect(text()).toBe('other');
    expect(readdirSync(join(file, '..'))).toEqual(['hosts.deny']);
  });

  test('is kept, and bans get in between', async () => {
    const { put, file, text, subjects } = made('');
    const stop = join(tempDir(), 'stop');
    // An editor that adds a line some five hundred times a second, until it is told to stop, and then says how many.
    const editor = spawn(process.execPath, ['-e', `
      const { appendFileSync, existsSync } = require('node:fs');
      const pause = new Int32Array(new SharedArrayBuffer(4));
      let lines = 0;
      for (; !existsSync(process.argv[2]); Atomics.wait(pause, 0, 0, 2)) {
        appendFileSync(process.argv[1], 'sshd: mine-' + lines++ + '\\n');
        if (lines === 1) console.log('begun');
      }
      console.log('lines ' + lines);
    `, file, stop], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void editor.kill('SIGKILL'));
    let said = '';
    editor.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const closed = once(editor, 'close');
    await once(editor.stdout, 'data');
    const wanted = new Set<Subject>();
    for (let i = 0; i < 200; i++) if (put([nth(i)]).length === 0) wanted.add(nth(i));
    writeFileSync(stop, '');
    await closed;
    // One that is said to have failed may be there: it was put, and then there was no end of others' changes.
    expect([...wanted].filter((subject) => !subjects().includes(subject))).toEqual([]);
    expect(wanted.size).toBeGreaterThan(100);
    const lines = new Set(text().split('\n'));
    const count = Number(/^lines (\d+)$/m.exec(said)?.[1]);
    expect(count).toBeGreaterThan(10);
    const lost = Array.from({ length: count }, (_, i) => `sshd: mine-${i}`).filter((line) => !lines.has(line));
    expect(lost.length, 'only who opened the file before a rename and wrote after it').toBeLessThanOrEqual(2 + count / 50);
  });
});
