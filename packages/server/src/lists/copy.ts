/** The last good copy of a list, on disk: what is banned by it outlives a restart, and a server that is down. */
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { instant, type Instant, type Prefix } from 'banban-shared';
import type { Clock } from '../clock.ts';
import { readListFile } from './read-file.ts';
import type { Validators } from './fetch.ts';

/** A list as it was last accepted. */
export interface Copy {
  /** Where it came from; a list that is elsewhere now is another list. */
  readonly from: string;
  readonly validators: Validators;
  /** When it was fetched, and when it was last known to be the same still. */
  readonly fetchedAt: Instant;
  readonly checkedAt: Instant;
  /** As the list has them, doubles left out. */
  readonly entries: readonly Prefix[];
}

/** Where copies are kept. */
export interface Copies {
  /** Undefined when there is none, or none that can be used. */
  load(name: string): Promise<Copy | undefined>;
  /** @throws an error of the file system; then the last one is still there */
  save(name: string, copy: Copy): Promise<void>;
  forget(name: string): Promise<void>;
}

/** Of the file's own first line. */
const FORM = 'banban list 1';
const LONGEST_HEAD = 16_384;

interface Head extends Omit<Copy, 'entries'> {
  readonly count: number;
}

/** What the first line says. */
function readHead(line: string): Head | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line.replace(/^# /, ''));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const of = (key: string): unknown => Reflect.get(value, key);
  const text = (key: string): string | undefined => {
    const one = of(key);
    return typeof one === 'string' ? one : undefined;
  };
  const whole = (key: string): number => {
    const one = of(key);
    return typeof one === 'number' && Number.isSafeInteger(one) && one >= 0 ? one : -1;
  };
  const from = text('from');
  const [fetchedAt, checkedAt, count] = [whole('fetchedAt'), whole('checkedAt'), whole('count')];
  if (of('form') !== FORM || from === undefined || fetchedAt < 0 || checkedAt < 0 || count < 0) return undefined;
  return { from, validators: { etag: text('etag'), modified: text('modified') }, fetchedAt: instant(fetchedAt), checkedAt: instant(checkedAt), count };
}

async function firstLine(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(LONGEST_HEAD), 0, LONGEST_HEAD, 0);
    return buffer.toString('utf8', 0, bytesRead).split('\n', 1)[0] ?? '';
  } finally {
    await file.close();
  }
}

/** Copies as files of `folder` (0600 in 0700), each replaced as a whole. */
export function copiesIn(folder: string, clock: Clock): Copies {
  // Names are made of letters, digits, dots, dashes and underscores, and begin with a letter or digit.
  const pathOf = (name: string): string => join(folder, `${name}.list`);
  return {
    async load(name) {
      try {
        const head = readHead(await firstLine(pathOf(name)));
        if (head === undefined) return undefined;
        const read = await readListFile(clock, pathOf(name), head.count);
        if (read.kind === 'failed' || read.list.entries.length !== head.count || read.list.badLines > 0) return undefined;
        const { count: _count, ...rest } = head;
        return { ...rest, entries: read.list.entries.map(({ prefix }) => prefix) };
      } catch {
        return undefined;
      }
    },
    async save(name, { from, validators, fetchedAt, checkedAt, entries }) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const fresh = `${pathOf(name)}.new`;
      await rm(fresh, { force: true });
      const file = await open(fresh, 'wx', 0o600);
      try {
        const head = { form: FORM, from, ...validators, fetchedAt, checkedAt, count: entries.length };
        await file.writeFile(`# ${JSON.stringify(head)}\n${entries.join('\n')}\n`);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(fresh, pathOf(name));
    },
    async forget(name) {
      await rm(pathOf(name), { force: true });
    },
  };
}
