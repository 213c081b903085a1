/** Programs that run in a network namespace of the test's own, and a driver that is asked there. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ListChange, ListFailures } from '../../packages/server/src/enforce/firewall.ts';
import type { Found, ListDriver } from '../../packages/server/src/enforce/queued-list.ts';
import { kernelNamespace, type KernelNamespace } from './kernel-namespace.ts';
import { tempDir } from './temp-dir.ts';

export interface NamespacePrograms {
  readonly sh: KernelNamespace['sh'];
  /** A PATH with the programs, in there. */
  readonly path: string;
  /** The arguments of each call up to now, since it was asked last. */
  calls(): readonly string[];
}

/** A namespace, and `programs` as they run in it. */
export async function namespacePrograms(...programs: readonly string[]): Promise<NamespacePrograms> {
  const namespace = await kernelNamespace();
  const net = join(dirname(namespace.xtRecent), '..', 'ns', 'net');
  const directory = tempDir();
  const path = join(directory, 'bin');
  const log = join(directory, 'calls');
  const find = (program: string): string => execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim();
  mkdirSync(path);
  appendFileSync(log, '');
  for (const program of programs) writeFileSync(join(path, program), `#!/bin/sh\necho "$@" >> ${log}\nexec ${find('nsenter')} --net=${net} ${find(program)} "$@"\n`, { mode: 0o755 });
  return {
    sh: namespace.sh,
    path,
    calls() {
      const lines = readFileSync(log, 'utf8').split('\n').slice(0, -1);
      writeFileSync(log, '');
      return lines;
    },
  };
}

const NEVER_STOPPED = new AbortController().signal;

export const written = (driver: ListDriver, change: Partial<ListChange>): Promise<ListFailures> => driver.write({ remove: [], add: [], ...change }, NEVER_STOPPED);
export const found = (driver: ListDriver): Promise<Found> => driver.read(NEVER_STOPPED);

/** The subjects that a driver finds, sorted. @throws when it finds none */
export async function listed(driver: ListDriver): Promise<readonly string[]> {
  const state = await found(driver);
  if (state.state !== 'present') throw new Error(`the list is ${state.state}: ${state.message ?? ''}`);
  return [...state.subjects].sort();
}
