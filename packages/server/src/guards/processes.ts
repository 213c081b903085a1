/** What /proc tells of one process (proc(5)). Each is undefined, or nothing, where the process is gone. */
import { readdir, readlink } from 'node:fs/promises';
import { readFileStart, readNow } from './read-file.ts';

/** The name that it was started by, cut to 15 characters. */
export const nameOf = (proc: string, pid: number): string | undefined => readNow(`${proc}/${pid}/comm`)?.trimEnd();

/** When it began, in clock ticks after boot: with the pid a name that is never used again. One that has ended is gone, though its parent may not have noticed. */
export function startOf(proc: string, pid: number): string | undefined {
  const text = readNow(`${proc}/${pid}/stat`);
  // The name in parentheses may hold anything; the state is the 3rd, the first behind the name, and the start the 22nd.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields?.[0] === 'Z' || fields?.[0] === 'X' ? undefined : fields?.[19];
}

/** Its parent, and its user: undefined where real, effective, saved and file system user are not one. */
export function statusOf(proc: string, pid: number): { readonly parent: number; readonly user: number | undefined } | undefined {
  const text = readNow(`${proc}/${pid}/status`);
  const parent = /^PPid:\t(\d+)$/m.exec(text ?? '')?.[1];
  const users = /^Uid:\t(\d+)\t(\d+)\t(\d+)\t(\d+)$/m.exec(text ?? '')?.slice(1);
  if (parent === undefined || users === undefined) return undefined;
  return { parent: Number(parent), user: users.every((user) => user === users[0]) ? Number(users[0]) : undefined };
}

/** What it has put in the place of its arguments (setproctitle), without what is behind. In a thread: reading it waits for the process's memory lock. */
export async function titleOf(proc: string, pid: number): Promise<string> {
  const bytes = await readFileStart(`${proc}/${pid}/cmdline`, 1024);
  return (bytes?.toString('latin1') ?? '').replace(/[\0 ]+$/, '');
}

/** Descriptors that are looked at of one process: the connection that it was started for is among the first. */
const MOST_DESCRIPTORS = 256;

/** The inodes of the sockets that it has open, in the order of their descriptors. */
export async function socketsOf(proc: string, pid: number): Promise<string[]> {
  const folder = `${proc}/${pid}/fd`;
  let names: string[];
  try {
    names = await readdir(folder);
  } catch {
    return [];
  }
  const numbers = names.map(Number).filter(Number.isSafeInteger).sort((a, b) => a - b).slice(0, MOST_DESCRIPTORS);
  const links = await Promise.all(numbers.map((fd) => readlink(`${folder}/${fd}`).catch(() => '')));
  return links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []);
}
