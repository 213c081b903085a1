/**
 * Ends connections in conntrack's table with the program conntrack (conntrack-tools), where there is no native part. Each call walks
 * the kernel's whole table (5 to 20 ms of kernel time, however much it deletes), so in a storm of bans one look at the table comes
 * first, to spend calls only on subjects that have a connection at all.
 */
import { familyOf, type Family, type Subject } from 'banban-shared';
import { addressOn, deletedCount, isOver, keysOf, type Side } from './conntrack-text.ts';
import { CUT_TIMEOUT, LOOK_TIMEOUT, problemOf, textFinder, type ProgramRunner } from './programs.ts';
import type { Sweep } from './sweep.ts';

const PROGRAM = 'conntrack';
/** Up to this many are deleted unseen (two calls each); for more a look at the table (one call for each family) pays. */
const FEW = 4;
/** Calls in a row, a second or two; then others have their turn. */
const MOST_CALLS = 100;

const FAMILY_NAME: Readonly<Record<Family, string>> = { 4: 'ipv4', 6: 'ipv6' };
const SIDE_OPTION: Readonly<Record<Side, string>> = { source: '-s', destination: '-d' };
const SIDES: ReadonlySet<Side> = new Set<Side>(['source', 'destination']);

/** A sweep of conntrack's table by the program. */
export function conntrackProgram(runner: ProgramRunner): Sweep {
  return {
    async run(subjects, died, signal) {
      const path = runner.missing(PROGRAM);
      if (path !== undefined) {
        return { kind: 'unavailable', message: `existing connections of banned addresses are not cut in conntrack because the program ${PROGRAM} is not installed (looked in ${path}): install conntrack-tools (Debian: conntrack)` };
      }
      let wrong: string | undefined;
      let wanted: ReadonlyMap<Subject, ReadonlySet<Side>> = new Map(subjects.map((subject) => [subject, SIDES]));
      if (subjects.length > FEW) ({ found: wanted, wrong } = await look(runner, subjects, signal));
      const left = new Set<Subject>();
      let calls = 0;
      for (const [subject, sides] of wanted) {
        if (calls >= MOST_CALLS) {
          left.add(subject);
          continue;
        }
        for (const side of sides) {
          calls++;
          const problem = await remove(runner, subject, side, signal, (keys) => died(subject, keys));
          wrong = problem ?? wrong;
        }
      }
      return wrong === undefined ? { kind: 'done', left } : { kind: 'failed', message: wrong, left };
    },
  };
}

/** One look at the table for each family. What was seen before it failed is still cut. */
async function look(runner: ProgramRunner, subjects: readonly Subject[], signal: AbortSignal): Promise<{ readonly found: ReadonlyMap<Subject, ReadonlySet<Side>>; readonly wrong: string | undefined }> {
  const find = textFinder(subjects);
  const seen = new Map<Subject, Set<Side>>();
  let wrong: string | undefined;
  for (const family of new Set(subjects.map(familyOf))) {
    const result = await runner.run(PROGRAM, ['-L', '-f', FAMILY_NAME[family]], LOOK_TIMEOUT, signal, (line) => {
      if (isOver(line)) return;
      for (const side of SIDES) {
        const subject = find(addressOn(line, side) ?? '');
        if (subject !== undefined) seen.set(subject, (seen.get(subject) ?? new Set()).add(side));
      }
    });
    if (result.kind !== 'ended' || result.code !== 0) wrong = problemOf(PROGRAM, '-L', result);
  }
  // In the order of the queue: who came last is not to wait for what is left of a storm.
  const found = new Map<Subject, Set<Side>>();
  for (const subject of subjects) {
    const sides = seen.get(subject);
    if (sides !== undefined) found.set(subject, sides);
  }
  return { found, wrong };
}

/** Deletes the connections that have the subject on one side. */
async function remove(runner: ProgramRunner, subject: Subject, side: Side, signal: AbortSignal, died: (keys: readonly string[]) => void): Promise<string | undefined> {
  const result = await runner.run(PROGRAM, ['-D', '-f', FAMILY_NAME[familyOf(subject)], SIDE_OPTION[side], subject], CUT_TIMEOUT, signal, (line) => {
    // What was deleted is printed as it was.
    if (addressOn(line, side) !== undefined && !isOver(line)) died(keysOf(line));
  });
  const count = result.kind === 'ended' ? deletedCount(result.stderr) : undefined;
  // Exit 1 with a count of 0: there was nothing to delete.
  const isWell = result.kind === 'ended' && count !== undefined && (result.code === 0 || count === 0);
  return isWell ? undefined : problemOf(PROGRAM, `-D ${SIDE_OPTION[side]} ${subject}`, result);
}
