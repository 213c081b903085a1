/**
 * Bans by an admin's own programs: one that bans, one that ends a ban, and perhaps one that ends all of them. What they have done can't be
 * read, so at the start everything is taken out, where there is a program for that, and put in anew.
 */
import type { Ms, Subject } from 'banban-shared';
import type { Clock } from '../clock.ts';
import type { TargetConfig } from '../config/config.ts';
import { exec, type ExecResult } from './exec.ts';
import type { KernelList, ListFailures } from './firewall.ts';
import { queuedList, type Found, type ListDriver, type QueueOptions } from './queued-list.ts';

/** Programs at once: more would be a load of their own, in a storm of bans. */
const MOST_AT_ONCE = 4;
/** So many that hung or could not be started, one after the other: the others of the same change would wait for the same, and new bans for them. */
const MOST_IN_VAIN = MOST_AT_ONCE;
/** Subjects that are remembered for that on which a program hung. */
const MOST_SLOW = 10_000;
/** Characters of a program's own words that are shown. */
const MOST_WORDS = 200;

/** Arguments with `{address}` and `{target}` filled in, each in one go: what is filled in is not looked at again. Other braces are the program's. */
export function filledIn(args: readonly string[], values: Readonly<Partial<Record<'address' | 'target', string>>>): string[] {
  return args.map((arg) => arg.replace(/\{(address|target)\}/g, (braces, name: string) => (name === 'address' ? values.address : values.target) ?? braces));
}

/** Why it has not done what it was to do, a sentence without control characters; undefined when it has. */
export function complaintOf(program: string, result: ExecResult): string | undefined {
  if (result.kind !== 'ended') return result.message;
  if (result.code === 0) return undefined;
  const [first = ''] = result.stderr.split('\n').map((line) => line.replace(/[\p{C}\s]+/gu, ' ').trim()).filter(Boolean);
  const words = Array.from(first).slice(0, MOST_WORDS).join('');
  const how = result.code === undefined ? `was ended by ${result.signal ?? 'a signal'}` : `ended with exit code ${result.code}`;
  return `${program} ${how}${words === '' ? '' : `: ${words}`}`;
}

/** Runs the jobs, a few at a time and in their order; ends when all of them have ended. */
async function eachOf<T>(jobs: readonly T[], run: (job: T) => Promise<void>): Promise<void> {
  let next = 0;
  const runner = async (): Promise<void> => {
    for (let job = jobs[next++]; job !== undefined; job = jobs[next++]) await run(job);
  };
  await Promise.all(Array.from({ length: MOST_AT_ONCE }, runner));
}

function commandDriver({ name, command }: TargetConfig, clock: Clock): ListDriver {
  /** Those on which a program hung the last time: they come last, so that they hold up nobody. */
  const slow = new Set<Subject>();
  const timeout: Ms | undefined = command?.timeout;

  async function run(words: readonly string[] | undefined, address: Subject | undefined, signal: AbortSignal): Promise<{ readonly result: ExecResult; readonly complaint: string | undefined }> {
    const [program, ...args] = words ?? [];
    if (program === undefined || timeout === undefined) {
      const message = `the target ${name} has no command`;
      return { result: { kind: 'failed', message }, complaint: message };
    }
    const result = await exec(program, filledIn(args, { address, target: name }), { clock, timeout, signal });
    return { result, complaint: complaintOf(program, result) };
  }

  async function each(subjects: readonly Subject[], words: readonly string[] | undefined, failures: Map<Subject, string>, signal: AbortSignal): Promise<void> {
    let inVain = 0;
    let reason = '';
    await eachOf([...subjects.filter((s) => !slow.has(s)), ...subjects.filter((s) => slow.has(s))], async (subject) => {
      if (inVain >= MOST_IN_VAIN) return void failures.set(subject, reason);
      const { result, complaint } = await run(words, subject, signal);
      if (result.kind !== 'timeout') slow.delete(subject);
      else if (slow.size < MOST_SLOW) slow.add(subject);
      if (result.kind === 'ended') inVain = 0;
      else {
        inVain++;
        reason = result.message;
      }
      if (complaint !== undefined) failures.set(subject, complaint);
    });
  }

  return {
    backend: 'command',
    canRead: false,
    // What it can't take its own exit code says.
    refuses: () => undefined,

    async read(signal): Promise<Found> {
      const { complaint } = command?.flush === undefined ? { complaint: undefined } : await run(command.flush, undefined, signal);
      return complaint === undefined ? { state: 'present', subjects: new Set(), capacity: undefined } : { state: 'failed', message: `the bans of ${name} could not be taken out before they are put in anew: ${complaint}` };
    },

    async write({ remove, add }, signal): Promise<ListFailures> {
      const failures = new Map<Subject, string>();
      await each(remove, command?.unban, failures, signal);
      await each(add.map((row) => row.subject), command?.ban, failures, signal);
      return failures;
    },
  };
}

/** The bans of a target whose programs are told of them. */
export function commandList(target: TargetConfig, options: QueueOptions): KernelList {
  return queuedList(commandDriver(target, options.clock), options);
}
