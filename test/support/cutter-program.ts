/**
 * A cutter as a program of its own, to be run inside a network namespace: `node bundle.cjs NATIVE [PATH]`, with NATIVE the file of the
 * native part, or `-` for none. Each line that it reads is a list of subjects to cut in one call, or `stats`; it answers with a line for
 * each: what was reported, in the order of the reports, or the stats.
 */
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { parseSubject, type Subject } from 'banban-shared';
import { systemClock } from '../../packages/server/src/clock.ts';
import { connectionCutter } from '../../packages/server/src/enforce/connections/cutter.ts';
import type { NativeNetlink } from '../../packages/server/src/netlink/native.ts';

const [native = '-', path] = process.argv.slice(2);
const say = (answer: unknown): void => void process.stdout.write(`${JSON.stringify(answer)}\n`);

const cutter = connectionCutter({
  clock: systemClock,
  native: native === '-' ? undefined : (createRequire('/')(native) as NativeNetlink),
  warn: (warning) => say({ warning }),
  ...(path === undefined ? {} : { path }),
});

createInterface({ input: process.stdin }).on('line', (line) => {
  const asked = JSON.parse(line) as readonly string[] | 'stats';
  if (asked === 'stats') return say({ stats: cutter.stats() });
  const subjects = asked.map((text) => parseSubject(text)).filter((subject): subject is Subject => subject !== undefined);
  const reports: (readonly [Subject, number])[] = [];
  cutter.cut(subjects, (subject, connections) => {
    reports.push([subject, connections]);
    if (reports.length === subjects.length) say({ reports });
  });
}).on('close', () => void cutter.stop());
