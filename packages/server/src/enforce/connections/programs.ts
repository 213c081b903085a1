/** What the two programs that stand in for netlink have in common: one child at a time, and how their text is taken apart. */
import { isNetwork, ms, parseAddress, prefixSet, type Ms, type Subject } from 'banban-shared';
import type { Clock } from '../../clock.ts';
import { exec, findProgram, searchPath, type ExecResult } from '../exec.ts';

/** Runs programs one after the other, whoever asks. */
export interface ProgramRunner {
  /** Where the program is not, for a sentence; undefined when it is there. */
  missing(program: string): string | undefined;
  /** As `exec`; `onLine` is given the lines of the standard output that are no longer than any of these programs is. */
  run(program: string, args: readonly string[], timeout: Ms, signal: AbortSignal, onLine: (line: string) => void): Promise<ExecResult>;
}

/** A table of 262,144 connections is 50 MB of text. */
export const LOOK_TIMEOUT = ms(60_000);
/** For a call that ends connections. */
export const CUT_TIMEOUT = ms(10_000);

/** `path` as in PATH; undefined for that and the system's directories, asked again on every use. */
export function oneByOne(clock: Clock, path: string | undefined): ProgramRunner {
  let last: Promise<unknown> = Promise.resolve();
  return {
    missing(program) {
      const directories = path ?? searchPath();
      return findProgram(program, directories) === undefined ? directories : undefined;
    },
    run(program, args, timeout, signal, onLine) {
      const result = last.then(() => exec(program, args, { clock, timeout, signal, onStdout: lines(onLine), ...(path === undefined ? {} : { path }) }));
      last = result;
      return result;
    },
  };
}

/** Longer than any line of conntrack or ss; what is longer is none and is not kept. */
const LONGEST_LINE = 4096;

/** Takes chunks of output and gives whole lines. */
export function lines(action: (line: string) => void): (chunk: Buffer) => void {
  let rest = '';
  let skipping = false;
  return (chunk) => {
    const parts = (rest + chunk.toString('latin1')).split('\n');
    rest = parts.pop() ?? '';
    for (const line of parts) {
      if (!skipping && line.length <= LONGEST_LINE) action(line);
      skipping = false;
    }
    if (rest.length > LONGEST_LINE) skipping = true;
    if (skipping) rest = '';
  };
}

/** Finds the subject of an address as a program prints it; of two that hold it the narrower one. */
export function textFinder(subjects: readonly Subject[]): (text: string) => Subject | undefined {
  const known = new Map<string, Subject>(subjects.map((subject) => [subject, subject]));
  const networks = prefixSet(subjects.filter(isNetwork));
  return (text) => {
    const found = known.get(text);
    // inet_ntop writes what RFC 5952 wants, but for IPv4 inside IPv6: only that is worth the price of parsing.
    if (found !== undefined || (networks.size === 0 && !(text.includes(':') && text.includes('.')))) return found;
    const address = parseAddress(text);
    return address === undefined ? undefined : (known.get(address) ?? networks.find(address));
  };
}

/** What a child that did not do its work means: nothing where it was stopped, because then all of it ends. */
export function problemOf(program: string, what: string, result: ExecResult): string | undefined {
  if (result.kind === 'stopped') return undefined;
  if (result.kind !== 'ended') return result.message;
  const how = result.signal === undefined ? `exit ${result.code}` : result.signal;
  const words = result.stderr.replace(/[^\x20-\x7e]+/g, ' ').trim().slice(0, 200);
  return `${program} ${what} failed (${how}): ${words === '' ? 'no message' : words}`;
}
