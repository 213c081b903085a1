/** Closes the sockets of programs on this machine whose far side is a subject with the program ss (iproute2), where there is no native part. */
import { familyOf, type Ms, type Subject } from 'banban-shared';
import { socketKey } from './conntrack-text.ts';
import { CUT_TIMEOUT, LOOK_TIMEOUT, problemOf, textFinder, type ProgramRunner } from './programs.ts';
import type { Sweep } from './sweep.ts';

const PROGRAM = 'ss';
/** Conditions of one call; each is tried on every socket. For more subjects than that a look at the sockets comes first. */
const MOST_CONDITIONS = 64;

/** `tcp ESTAB 0 0 198.51.100.1:22 [2001:db8::1]:5`: protocol, state, queues, this side, the far side. */
const LINE = /^(tcp|udp)\s+\S+\s+\d+\s+\d+\s+(\S+):(\d{1,5})\s+(\S+):(\d{1,5})(?:\s|$)/;

/** The far side of a socket in a line of ss, and its name (`socketKey`); undefined for any other line. */
export function socketIn(line: string): { readonly far: string; readonly key: string } | undefined {
  const [, protocol, near = '', nearPort = '', far = '', farPort = ''] = LINE.exec(line) ?? [];
  if (protocol === undefined) return undefined;
  // Brackets around IPv6, and behind a link-local address its interface.
  const bare = (text: string): string => text.replace(/^\[(.*)\]$/, '$1').replace(/%.*$/, '');
  return { far: bare(far), key: socketKey(protocol, bare(far), farPort, bare(near), nearPort) };
}

/** A sweep of the machine's sockets by the program. */
export function socketProgram(runner: ProgramRunner): Sweep {
  return {
    async run(subjects, died, signal) {
      const path = runner.missing(PROGRAM);
      if (path !== undefined) {
        return { kind: 'unavailable', message: `sockets of banned addresses are not closed because the program ${PROGRAM} is not installed (looked in ${path}): install iproute2` };
      }
      const find = textFinder(subjects);
      let wrong: string | undefined;
      const each = async (args: readonly string[], timeout: Ms, action: (subject: Subject, key: string) => void): Promise<void> => {
        const result = await runner.run(PROGRAM, ['-H', '-n', '-t', '-u', ...args], timeout, signal, (line) => {
          const socket = socketIn(line);
          const subject = socket === undefined ? undefined : find(socket.far);
          if (socket !== undefined && subject !== undefined) action(subject, socket.key);
        });
        if (result.kind !== 'ended' || result.code !== 0) wrong = problemOf(PROGRAM, args[0] ?? '-t -u', result) ?? wrong;
      };
      let wanted = subjects;
      if (subjects.length > MOST_CONDITIONS) {
        const seen = new Set<Subject>();
        await each([], LOOK_TIMEOUT, (subject) => seen.add(subject));
        wanted = [...seen];
      }
      for (let at = 0; at < wanted.length; at += MOST_CONDITIONS) {
        // It prints the sockets that it has closed.
        await each(['-K', ...wanted.slice(at, at + MOST_CONDITIONS).flatMap(condition)], CUT_TIMEOUT, (subject, key) => died(subject, [key]));
      }
      return wrong === undefined ? { kind: 'done' } : { kind: 'failed', message: wrong };
    },
  };
}

/** One alternative of ss's filter; `or` before all but the first. */
function condition(subject: Subject, index: number): readonly string[] {
  const words = ['dst', familyOf(subject) === 4 ? subject : `[${subject}]`];
  return index === 0 ? words : ['or', ...words];
}
